"""What a picture of the world shows: labels, which of them go together, and what the models never saw together."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, fields
from functools import cache

from disco.world.words import COLOURS, PLACES, SKIES, STYLES, SUBJECTS

RELATIONS = ("over", "under", "beside", "in front of", "inside")
LIGHTS = ("left", "right")

#: The times and weathers of each place.
SKIES_AT: dict[str, tuple[str, ...]] = {
    "sea": ("day", "dusk", "night", "rain", "fog"),
    "desert": ("day", "dusk", "night"),
    "forest": SKIES,
    "mountains": SKIES,
    "city": SKIES,
    "snow": ("day", "dusk", "night", "fog", "snowfall"),
    "meadow": ("day", "dusk", "night", "rain", "fog"),
    "space": ("day",),
    "underwater": ("day",),
    "clouds": ("day", "dusk", "night"),
    "volcano": ("day", "dusk", "night"),
    "room": ("day", "dusk", "night"),
}
#: Places that look the same at all times: their pictures and captions tell nothing of the sky.
TIMELESS = tuple(place for place, skies in SKIES_AT.items() if len(skies) == 1)
#: What something else can be inside of.
HOLLOW = ("heart", "castle", "house", "balloon", "mushroom", "whale", "teapot", "pumpkin", "tent", "apple")

#: The label axes and their values, in the order of `Scene.labels`.
AXES = ("subject", "colour", "place", "sky", "style", "relation", "second", "second_colour")
AXIS_VALUES = (SUBJECTS, COLOURS, PLACES, SKIES, STYLES, RELATIONS, SUBJECTS, COLOURS)

PLAIN_STYLE, PLAIN_SHARE = "gouache", 0.25  # a quarter of the pictures in the plain style, the others in equal shares
SECOND_SHARE = 0.2  # one picture in five shows a second thing
MAX_SEED = 2**48


@dataclass(frozen=True)
class Scene:
    """What a picture shows: a subject in a colour, at a place, under a sky (a time of day or a weather), in a style.

    The subject may stand in a `relation` to a `second` thing in its own colour: "red cat, under, umbrella, blue".
    The three are given together or not at all. `light` is the side the light comes from. `seed` decides the rest:
    poses, the lie of the land, the grain of the paper. Raises ValueError for labels that do not go together.
    """

    subject: str
    colour: str
    place: str
    sky: str = "day"
    style: str = PLAIN_STYLE
    relation: str | None = None
    second: str | None = None
    second_colour: str | None = None
    light: str = "left"
    seed: int = 0

    def __post_init__(self) -> None:
        extra = (self.relation, self.second, self.second_colour)
        if None in extra and extra != (None, None, None):
            raise ValueError("a second thing needs a relation, a name and a colour")
        for field, known in zip(fields(self), (*AXIS_VALUES, LIGHTS), strict=False):
            value = getattr(self, field.name)
            if value not in known and value is not None:
                raise ValueError(f"a scene has no {field.name} {value!r}: it is one of {', '.join(known)}")
        if self.sky not in SKIES_AT[self.place]:
            raise ValueError(f"{self.place} has no {self.sky!r}: it is one of {', '.join(SKIES_AT[self.place])}")
        if self.relation == "inside" and self.second not in HOLLOW:
            raise ValueError(f"nothing fits inside a {self.second}: it is one of {', '.join(HOLLOW)}")

    def labels(self) -> tuple[str | None, ...]:
        """The value of each of `AXES`; None where there is nothing to tell (no second thing, a timeless place)."""
        sky = None if self.place in TIMELESS else self.sky
        extra = (self.relation, self.second, self.second_colour)
        return self.subject, self.colour, self.place, sky, self.style, *extra

    @staticmethod
    def sample(rng: random.Random, second_share: float = SECOND_SHARE, plain_share: float = PLAIN_SHARE) -> Scene:
        """A random scene: every axis uniform but for the plain style, which is commoner."""
        place = rng.choice(PLACES)
        relation = second = second_colour = None
        subject, colour = rng.choice(SUBJECTS), rng.choice(COLOURS)
        if rng.random() < second_share:
            relation = rng.choice(RELATIONS)
            second = rng.choice([s for s in (HOLLOW if relation == "inside" else SUBJECTS) if s != subject])
            second_colour = rng.choice([c for c in COLOURS if c != colour])
        return Scene(
            subject, colour, place, rng.choice(SKIES_AT[place]),
            PLAIN_STYLE if rng.random() < plain_share else rng.choice([s for s in STYLES if s != PLAIN_STYLE]),
            relation, second, second_colour, rng.choice(LIGHTS), rng.randrange(MAX_SEED),
        )  # fmt: skip


@cache
def held_out_triple(subject: str, colour: str, place: str) -> bool:
    """Whether no picture to train on shows this subject in this colour at this place: one triple in sixteen."""
    return zlib.crc32(f"{subject} {colour} {place}".encode()) % 16 == 0


@cache
def held_out_style(subject: str) -> str:
    """The one style, never the plain one, in which no picture to train on shows this subject."""
    others = [style for style in STYLES if style != PLAIN_STYLE]
    return others[zlib.crc32(subject.encode()) % len(others)]


def holdout(scene: Scene) -> bool:
    """Whether the models never see such a scene: its triple of subject, colour and place, or its pair of subject and
    style, is held out. A second thing counts as a subject too, so that no held-out combination slips in beside another.
    """
    things = [(scene.subject, scene.colour)]
    if scene.second is not None and scene.second_colour is not None:
        things.append((scene.second, scene.second_colour))
    return any(
        held_out_triple(subject, colour, scene.place) or held_out_style(subject) == scene.style
        for subject, colour in things
    )

"""Captions of scenes, in natural variation, and the vocabulary they are made of.

How a label is said stands in `disco.world.words`, where prompts are read by the same tables.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from disco.training.world.scene import TIMELESS, Scene
from disco.world.words import (
    COLOUR_WORDS,
    PLACE_PHRASES,
    SKY_PHRASES,
    STYLE_BACKS,
    STYLE_FRONTS,
    SUBJECT_WORDS,
    Words,
    a,
)

#: The most words a caption has.
WORD_LIMIT = 26

#: In a room the sky is seen through a window only.
ROOM_SKIES = ("by day", "at noon", "at dusk", "in the evening", "at night", "by night", "at midnight")
RELATION_WORDS: Words = {
    "over": ("over", "above"),
    "under": ("under", "below", "beneath"),
    "beside": ("beside", "next to"),
    "in front of": ("in front of",),
    "inside": ("inside", "within"),
}
OPENINGS = (
    *("a painting of", "a picture of", "an image of", "a beautiful painting of", "an illustration of", "a view of"),
    "art of",
)
ADJECTIVES = ("little", "lovely", "big", "pretty", "beautiful", "old", "small", "cheerful")
# Words of ordinary prompts that say nothing about a scene: known, so that nobody is told off for an "and".
FILLERS = (
    "and with to from its his her my our this that one some two very large bright dark light by on at in "
    "is are it colour color coloured colored style drawing painting picture photo art trending detailed standing"
)


@dataclass(frozen=True)
class Caption:
    """A sentence and which of the scene's labels it tells, in the order of `scene.AXES` (None: not said)."""

    text: str
    told: tuple[str | None, ...]


def with_article(phrase: str, rng: random.Random) -> str:
    if rng.random() < 0.2:
        return f"the {phrase}"
    return a(phrase)


def thing(subject: str, colour: str | None, rng: random.Random) -> str:
    """A noun with its article, perhaps a colour and an adjective."""
    words = [rng.choice(SUBJECT_WORDS[subject])]
    if colour is not None:
        words.insert(0, rng.choice(COLOUR_WORDS[colour]))
    if rng.random() < 0.08:
        words.insert(0, rng.choice(ADJECTIVES))
    return with_article(" ".join(words), rng)


def sky_phrase(scene: Scene, rng: random.Random) -> str:
    phrases = SKY_PHRASES[scene.sky]
    return rng.choice([p for p in phrases if p in ROOM_SKIES] if scene.place == "room" else phrases)


def describe(scene: Scene, rng: random.Random) -> Caption:
    """A caption and what it tells: a random choice of labels, of words and of their order."""
    full = rng.random() < 0.55  # most prompts name colour, subject and place
    tells_subject = full or rng.random() < 0.85
    tells_colour = full or (tells_subject and rng.random() < 0.6)
    tells_place = full or not tells_subject or rng.random() < 0.6
    tells_sky = scene.place not in TIMELESS and rng.random() < (0.25 if scene.sky == "day" else 0.5)
    tells_style = rng.random() < (0.15 if scene.style == "gouache" else 0.5)
    tells_second = tells_subject and scene.second is not None and rng.random() < 0.8
    tells_relation = tells_second and rng.random() < 0.85
    tells_second_colour = tells_second and rng.random() < 0.8
    told = (
        *(tells_subject, tells_colour, tells_place, tells_sky, tells_style),
        *(tells_relation, tells_second, tells_second_colour),
    )
    subject, colour, place, sky, style, relation, second, second_colour = (
        label if tells else None for label, tells in zip(scene.labels(), told, strict=True)
    )
    body = []
    if subject is not None:
        body.append(thing(subject, colour, rng))
    if second is not None:
        joint = "and" if relation is None else rng.choice(RELATION_WORDS[relation])
        body[-1] += f" {joint} {thing(second, second_colour, rng)}"
    where = [] if place is None else [rng.choice(PLACE_PHRASES[place])]
    when = [] if sky is None else [sky_phrase(scene, rng)]
    body += where + when if rng.random() < 0.85 else when + where
    if style is not None and rng.random() < 0.5:
        front, style_after = rng.choice(STYLE_FRONTS[style]), ""
    else:
        front = rng.choice(OPENINGS) if rng.random() < 0.3 else ""
        style_after = "" if style is None else rng.choice((", ", " ")) + rng.choice(STYLE_BACKS[style])
    if subject is None and (front or rng.random() < 0.5):
        body.insert(0, "a scene")
    text = f"{front} {(', ' if rng.random() < 0.2 else ' ').join(body)}{style_after}".strip()
    return Caption(text, (subject, colour, place, sky, style, relation, second, second_colour))


def caption(scene: Scene, rng: random.Random) -> str:
    """A sentence that describes the scene, in one of many ways."""
    return describe(scene, rng).text


def vocabulary() -> tuple[str, ...]:
    """Every word a caption can hold, and the fillers, sorted."""
    phrases: list[str] = ["a an the and scene", FILLERS, *OPENINGS, *ADJECTIVES]
    places = (PLACE_PHRASES, SKY_PHRASES)
    for table in (SUBJECT_WORDS, COLOUR_WORDS, *places, STYLE_FRONTS, STYLE_BACKS, RELATION_WORDS):
        for options in table.values():
            phrases += options
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))

"""Captions of scenes, in natural variation, and the vocabulary they are made of.

A word that stands twice in a list is chosen twice as often. The first one is the plain one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from disco.training.world.scene import COLOURS, SUBJECTS, TIMELESS, Scene

#: The most words a caption has.
WORD_LIMIT = 26

Words = dict[str, tuple[str, ...]]

SUBJECT_WORDS: Words = {
    **{name: (name,) for name in SUBJECTS},
    "moon": ("moon", "moon", "crescent moon", "crescent"),
    "castle": ("castle", "castle", "fortress"),
    "house": ("house", "house", "cottage"),
    "windmill": ("windmill", "windmill", "mill"),
    "boat": ("boat", "boat", "sailing boat", "sailboat", "ship"),
    "rocket": ("rocket", "rocket", "spaceship", "space rocket"),
    "balloon": ("balloon", "hot air balloon"),
    "umbrella": ("umbrella", "umbrella", "parasol"),
    "bird": ("bird", "bird", "songbird"),
    "cat": ("cat", "cat", "kitten"),
    "car": ("car", "car", "automobile"),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
    "flower": ("flower", "flower", "blossom"),
    "tree": ("tree", "tree", "leafy tree"),
    "teapot": ("teapot", "teapot", "pot of tea"),
    "bicycle": ("bicycle", "bicycle", "bike"),
    "train": ("train", "train", "steam train", "locomotive"),
    "dinosaur": ("dinosaur", "dinosaur", "brontosaurus"),
    "lantern": ("lantern", "lantern", "lamp"),
    "tent": ("tent", "tent", "camping tent"),
}
COLOUR_WORDS: Words = {
    **{name: (name,) for name in COLOURS},
    "red": ("red", "red", "red", "crimson", "scarlet"),
    "yellow": ("yellow", "yellow", "yellow", "golden"),
    "green": ("green", "green", "green", "emerald"),
    "turquoise": ("turquoise", "turquoise", "teal", "cyan"),
    "blue": ("blue", "blue", "blue", "azure"),
    "purple": ("purple", "purple", "violet"),
    "brown": ("brown", "brown", "brown", "chocolate"),
    "rainbow": ("rainbow", "rainbow", "rainbow coloured", "multicoloured"),
}
PLACE_PHRASES: Words = {
    "sea": (
        *("over the sea", "by the sea", "at sea", "on the sea", "near the sea", "above the sea", "in the sea"),
        *("by the ocean", "on the ocean", "on the waves"),
    ),
    "desert": ("in the desert", "in a desert", "over the desert", "in the dunes", "on the sand", "by the pyramids"),
    "forest": ("in the forest", "in a forest", "in the woods", "over the forest", "by the forest", "among fir trees"),
    "mountains": (
        *("in the mountains", "over the mountains", "before the mountains", "near the mountains", "by a mountain"),
        "among high peaks",
    ),
    "city": (
        *("in the city", "over the city", "in a city", "in a town", "in the street", "among skyscrapers"),
        "downtown",
    ),
    "snow": (
        *("in the snow", "in winter", "over the snow", "on the snow", "in a snowy land", "on the ice"),
        "in the arctic",
    ),
    "meadow": (
        *("in a meadow", "in the meadow", "over the meadow", "on a meadow", "in the grass", "on rolling hills"),
        "in a field of flowers",
    ),
    "space": ("in space", "in outer space", "in the cosmos", "among the planets", "in a galaxy"),
    "underwater": ("under water", "underwater", "under the sea", "under the waves", "on the sea floor"),
    "clouds": ("in the clouds", "above the clouds", "over the clouds", "on a cloud", "among the clouds", "in the sky"),
    "volcano": (
        *("by a volcano", "at the volcano", "near a volcano", "before a volcano", "by the lava", "over the lava"),
        "on a volcano",
    ),
    "room": ("in a room", "in the room", "indoors", "at home", "in a living room", "on the carpet"),
}
SKY_PHRASES: Words = {
    "day": ("by day", "on a sunny day", "at noon", "in daylight", "in the sunshine"),
    "dusk": ("at dusk", "at sunset", "in the evening", "at dawn", "at sunrise"),
    "night": ("at night", "by night", "under the stars", "at midnight", "in the moonlight"),
    "rain": ("in the rain", "on a rainy day", "in a rainstorm", "while it rains"),
    "fog": ("in the fog", "in the mist", "on a foggy day", "on a misty morning"),
    "snowfall": ("while it snows", "in a snowstorm", "in a blizzard", "among snowflakes"),
}
#: In a room the sky is seen through a window only.
ROOM_SKIES = ("by day", "at noon", "at dusk", "in the evening", "at night", "by night", "at midnight")
#: A style named before what is shown ...
STYLE_FRONTS: Words = {
    "gouache": ("a gouache of", "a gouache painting of"),
    "ink": ("an ink drawing of", "a drawing in ink of", "ink art of"),
    "watercolour": ("a watercolour of", "a watercolor painting of"),
    "pixel art": ("pixel art of", "a pixel picture of"),
    "pointillist": ("a pointillist painting of", "a pointillist picture of"),
    "stained glass": ("a stained glass window of", "stained glass of"),
    "neon": ("a neon sign of", "neon lights of", "neon art of"),
    "woodcut": ("a woodcut of", "a woodblock print of"),
    "pastel": ("a pastel of", "a pastel drawing of", "a chalk drawing of"),
    "blueprint": ("a blueprint of", "a blueprint drawing of"),
    "low poly": ("low poly art of", "a low poly picture of", "a low poly model of"),
}
#: ... or after it.
STYLE_BACKS: Words = {
    "gouache": ("in gouache", "gouache"),
    "ink": ("in ink", "drawn in ink", "ink drawing"),
    "watercolour": ("in watercolour", "watercolour", "in watercolors"),
    "pixel art": ("in pixels", "pixel art", "as pixel art"),
    "pointillist": ("pointillist", "in the pointillist style", "pointillism", "painted in dots"),
    "stained glass": ("in stained glass", "stained glass", "as a stained glass window"),
    "neon": ("in neon", "as a neon sign", "in neon lights", "neon"),
    "woodcut": ("as a woodcut", "woodcut", "woodblock print"),
    "pastel": ("in pastel", "in pastels", "drawn in chalk"),
    "blueprint": ("as a blueprint", "blueprint"),
    "low poly": ("in low poly", "low poly", "low poly style", "made of triangles"),
}
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
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


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

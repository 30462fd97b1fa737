"""The words of the embedded models' world: what a picture of it can show, and how captions say it.

A picture has a label on each of five axes. A phrase that stands twice in its list is said twice as often in the
captions that the models learned from (`disco.training.world`); the first one is the plain one.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache

AXES = ("subject", "colour", "place", "sky", "style")

SUBJECTS = (
    *("star", "heart", "moon", "castle", "lighthouse", "house", "windmill", "boat", "rocket", "balloon"),
    *("umbrella", "fish", "bird", "butterfly", "cat", "car", "mushroom", "flower", "tree", "snail"),
    *("whale", "owl", "fox", "teapot", "bicycle", "train", "dinosaur", "guitar", "cactus", "pumpkin"),
    *("lantern", "tent", "apple", "robot", "elephant", "octopus"),
)
COLOURS = (
    *("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "brown", "black", "white"),
    "rainbow",
)
PLACES = (
    *("sea", "desert", "forest", "mountains", "city", "snow", "meadow", "space", "underwater", "clouds"),
    *("volcano", "room"),
)
SKIES = ("day", "dusk", "night", "rain", "fog", "snowfall")
STYLES = (
    *("gouache", "ink", "watercolour", "pixel art", "pointillist", "stained glass", "neon", "woodcut", "pastel"),
    *("blueprint", "low poly"),
)

#: The labels of every axis, in the order of `AXES`.
LABELS = (SUBJECTS, COLOURS, PLACES, SKIES, STYLES)

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
#: How captions say a label, axis by axis.
PHRASES: tuple[Words, ...] = (
    SUBJECT_WORDS,
    COLOUR_WORDS,
    PLACE_PHRASES,
    SKY_PHRASES,
    {style: STYLE_FRONTS[style] + STYLE_BACKS[style] for style in STYLES},
)

#: Words at either end of a phrase that do not tell its label: "over the sea" and "a boat, the sea" name the same place.
SMALL_WORDS = frozenset("a an the of on in by at near over above before among as painting drawing picture art".split())


def a(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def words_of(text: str) -> list[str]:
    """All words of a text, known or not: compatibility forms folded, lower case, accents kept."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


#: The words of several things whose ending alone does not tell the word of one.
PLURALS = {"mice": "mouse", "geese": "goose", "children": "child", "people": "person", "feet": "foot", "oxen": "ox"}


def near_words(word: str, known: Collection[str], most: int = 3) -> list[str]:
    """Known words that may have been meant by another, the likeliest first; none where none is near.

    The same word of one thing or of several comes first ("foxes": fox; "mountain": mountains), then words that are
    spelt alike. word: in lower case, as `words_of` has it.
    """
    forms = [form for form in _other_numbers(word) if form in known]
    if forms:
        return forms[:most]
    # A word of thousands of letters is near to nothing, and comparing it would take long.
    return difflib.get_close_matches(word[:40], known, n=most, cutoff=0.7)


def _other_numbers(word: str) -> Iterator[str]:
    """What a word may be of one thing, or of several, by the rules of English."""
    if word in PLURALS:
        yield PLURALS[word]
    for ending, others in (("ies", ("y",)), ("ves", ("f", "fe")), ("men", ("man",)), ("es", ("",)), ("s", ("",))):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield from (word.removesuffix(ending) + other for other in others)
    yield from (word + "s", word + "es")
    if word.endswith("y"):
        yield word[:-1] + "ies"


def named(text: str) -> dict[str, tuple[str, ...]]:
    """The labels that a text names, by axis, in the order of its words; an axis that it does not name is left out.

    Where phrases overlap the longest counts: "under the sea" is under water, "under the stars" is at night, "a
    space rocket" is no place.
    """
    words, at = words_of(text), 0
    found: dict[str, tuple[str, ...]] = {}
    while at < len(words):
        for length in range(min(longest_phrase(), len(words) - at), 0, -1):
            meaning = meanings().get(tuple(words[at : at + length]))
            if meaning is not None:
                axis, label = meaning
                found[axis] = tuple(dict.fromkeys((*found.get(axis, ()), label)))
                break
        at += length
    return {axis: found[axis] for axis in AXES if axis in found}


@cache
def meanings() -> dict[tuple[str, ...], tuple[str, str]]:
    """Axis and label by the words that name it, small words before and after left out."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for axis, table in zip(AXES, PHRASES, strict=True):
        for label, phrases in table.items():
            for phrase in phrases:
                words = phrase.split()
                while words[0] in SMALL_WORDS:
                    words.pop(0)
                while words[-1] in SMALL_WORDS:
                    words.pop()
                found[tuple(words)] = (axis, label)
    return found


@cache
def longest_phrase() -> int:
    """Words of the longest phrase."""
    return max(map(len, meanings()))

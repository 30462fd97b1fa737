"""The words of the embedded models' world: what a picture of it can show, and how captions say it.

A picture has a label on each of five axes. A phrase that stands twice in its list is said twice as often in the
captions that the models learned from (`disco.training.world`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

AXES = ("subject", "colour", "place", "time", "style")

SUBJECTS = (
    *("star", "heart", "moon", "castle", "lighthouse", "house", "windmill", "boat", "rocket", "balloon"),
    *("umbrella", "fish", "bird", "butterfly", "cat", "car", "mushroom", "flower", "tree", "snail"),
)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
PLACES = ("sea", "desert", "forest", "mountains", "city", "snow", "meadow", "space", "underwater", "clouds")
TIMES = ("day", "dusk", "night")
STYLES = ("gouache", "ink", "pixel", "watercolour")

#: The labels of every axis, in the order of `AXES`.
LABELS = (SUBJECTS, COLOURS, PLACES, TIMES, STYLES)

SUBJECT_WORDS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in SUBJECTS},
    "boat": ("boat", "boat", "sailing boat", "ship"),
    "house": ("house", "house", "cottage"),
    "balloon": ("balloon", "hot air balloon"),
    "cat": ("cat", "cat", "kitten"),
    "moon": ("moon", "moon", "crescent moon"),
    "windmill": ("windmill", "windmill", "mill"),
    "umbrella": ("umbrella", "umbrella", "parasol"),
    "car": ("car", "car", "automobile"),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
    "rocket": ("rocket", "rocket", "spaceship"),
}
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in COLOURS},
    "red": ("red", "red", "red", "crimson"),
    "purple": ("purple", "purple", "violet"),
    "yellow": ("yellow", "yellow", "yellow", "golden"),
}
PLACE_PHRASES: dict[str, tuple[str, ...]] = {
    "sea": (
        "over the sea",
        "by the sea",
        "at sea",
        "on the sea",
        "near the sea",
        "above the sea",
        "in the sea",
        "by the ocean",
    ),
    "desert": ("in the desert", "in a desert", "over the desert", "in the dunes", "on the sand"),
    "forest": ("in the forest", "in a forest", "in the woods", "over the forest", "by the forest"),
    "mountains": (
        "in the mountains",
        "over the mountains",
        "before the mountains",
        "near the mountains",
        "by a mountain",
    ),
    "city": ("in the city", "over the city", "in a city", "in a town", "in the street"),
    "snow": ("in the snow", "in winter", "over the snow", "on the snow", "in a snowy land"),
    "meadow": ("in a meadow", "in the meadow", "over the meadow", "on a meadow", "in the grass", "on green hills"),
    "space": ("in space", "in outer space", "in the cosmos", "among the planets"),
    "underwater": ("under water", "underwater", "under the sea", "under the waves"),
    "clouds": ("in the clouds", "above the clouds", "over the clouds", "on a cloud", "among the clouds"),
}
TIME_PHRASES: dict[str, tuple[str, ...]] = {
    "day": ("by day", "on a sunny day", "at noon", "in daylight"),
    "dusk": ("at dusk", "dusk", "at sunset", "in the evening"),
    "night": ("at night", "by night", "night", "under the stars"),
}
STYLE_PHRASES: dict[str, tuple[str, ...]] = {
    "gouache": ("a gouache of", "a gouache painting of"),
    "ink": ("an ink drawing of", "a drawing in ink of", "ink art of"),
    "pixel": ("pixel art of", "a pixel picture of"),
    "watercolour": ("a watercolour of", "a watercolor painting of"),
}

#: How captions say a label, axis by axis.
PHRASES = (SUBJECT_WORDS, COLOUR_WORDS, PLACE_PHRASES, TIME_PHRASES, STYLE_PHRASES)

#: Words at either end of a phrase that do not tell its label: "over the sea" and "a boat, the sea" name the same place.
SMALL_WORDS = frozenset("a an the of on in by at near over above before among painting drawing picture art".split())


def words_of(text: str) -> list[str]:
    """All words of a text, known or not: compatibility forms folded, lower case, accents kept."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


def named(text: str) -> dict[str, tuple[str, ...]]:
    """The labels that a text names, by axis, in the order of its words; an axis that it does not name is left out.

    Where phrases overlap the longest counts: "under the sea" is under water, "under the stars" is at night, "on green
    hills" is a meadow and no colour.
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

"""Letters as they are seen: a letter with its accents, an emoji of several code points, which no cut may take apart.

After the rules of Unicode Standard Annex #29, as far as labels need them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

JOINER = "\u200d"


def graphemes(text: str) -> Iterator[str]:
    """The text in pieces that belong together."""
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not _belongs(text, place):
            yield text[start:place]
            start = place


def cut_at(text: str, count: int) -> str:
    """As much of the beginning of a text as fits into `count` code points without taking a letter apart."""
    while 0 < count < len(text) and _belongs(text, count):
        count -= 1
    return text[:count]


def is_invisible(letter: str) -> bool:
    """Whether a code point has no shape of its own: joiners, marks of direction, choices between two shapes."""
    return unicodedata.category(letter) in ("Cf", "Cc") or "\ufe00" <= letter <= "\ufe0f"


def _belongs(text: str, place: int) -> bool:
    """Whether the code point at a place belongs to what stands before it."""
    letter, before = text[place], text[place - 1]
    if unicodedata.category(letter) in ("Mn", "Me", "Mc") or letter == JOINER or before == JOINER:
        return True
    if "\U0001f3fb" <= letter <= "\U0001f3ff":  # a colour of skin
        return True
    # Flags are pairs of letters: the second one of a pair belongs to the first.
    first = place
    while first > 0 and _is_of_flag(text[first - 1]):
        first -= 1
    return _is_of_flag(letter) and (place - first) % 2 == 1


def _is_of_flag(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"

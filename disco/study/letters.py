"""Texts on a picture: a font that has their letters, how wide they are, where their lines end."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import cache

from PIL import ImageFont

#: Fonts of usual systems, for texts that Pillow's own has no letters for.
OTHER_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arialuni.ttf"),
    *("msyh.ttc", "PingFang.ttc", "arial.ttf"),
)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    """Pillow's own font for "", else one of the system; None where there is none of that name."""
    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)  # type: ignore[return-value]
    except OSError:
        return None


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, or where it lacks a letter of the text, the first usual font of the system that has them all.

    size: in pixels.
    """
    fonts = (font for name in ("", *OTHER_FONTS) if (font := _font(name, size)))
    own = next(fonts)
    return next((font for font in (own, *fonts) if all(_has(font, letter) for letter in set(text))), own)


@cache
def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether the font draws the letter, and not the box that stands for letters it lacks."""
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


def text_width(text: str, size: int) -> int:
    return math.ceil(font_for(text, size).getlength(text))


def shortened(text: str, size: int, width: int) -> str:
    """The text, cut at the end to `width` pixels."""
    if text_width(text, size) <= width:
        return text
    return text[: _fitting(text, size, width, "…")].rstrip() + "…"


def _fitting(text: str, size: int, width: int, end: str = "") -> int:
    """How many letters of the text, and `end` after them, are at most `width` pixels wide."""
    return max(0, bisect_right(range(len(text) + 1), width, key=lambda count: text_width(text[:count] + end, size)) - 1)


def wrapped(text: str, size: int, width: int, most: int = 12) -> list[str]:
    """The text in lines of at most `width` pixels, broken between words, or within one that is too long; `most` lines.

    The last line says with an ellipsis that there is more.
    """
    lines, rest = [], text.split()
    while rest:
        line, rest = _first_line(rest, size, width)
        lines.append(line)
        if len(lines) == most and rest:
            lines[-1] = shortened(f"{line} {' '.join(rest)}", size, width)
            break
    return lines


def _first_line(words: list[str], size: int, width: int) -> tuple[str, list[str]]:
    """As many words as fit (at least a letter), and the words left."""
    line = ""
    for number, word in enumerate(words):
        longer = f"{line} {word}".strip()
        if text_width(longer, size) <= width:
            line = longer
        elif line:
            return line, words[number:]
        else:
            fits = max(1, _fitting(word, size, width))
            return word[:fits], [*([word[fits:]] if word[fits:] else []), *words[1:]]
    return line, []

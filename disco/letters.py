"""Texts on a picture: fonts that have their letters, how wide they are, where their lines end.

A line is drawn in the first font that has all of its letters; where none has, in pieces, each in a font that has its
letters. Within a piece, text from right to left and joined letters are laid out by Pillow (Raqm). Letters that no font
has are boxes, and `missing_letters` names them.
"""

from __future__ import annotations

import math
import subprocess
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from PIL import ImageDraw, ImageFont

from disco.graphemes import cut_at, graphemes, is_invisible

#: Fonts of usual systems, for texts that Pillow's own has no letters for.
OTHER_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arialuni.ttf"),
    *("msyh.ttc", "PingFang.ttc", "arial.ttf", "segoeui.ttf", "YuGothR.ttc", "meiryo.ttc", "msgothic.ttc"),
    *("malgun.ttf", "Nirmala.ttf", "seguisym.ttf", "seguiemj.ttf", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc"),
    *("GeezaPro.ttc", "Apple Symbols.ttf", "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf"),
    *("NotoEmoji-Regular.ttf", "Symbola.ttf", "unifont.otf"),
)

#: How many letters fontconfig is asked for; each takes a moment.
MOST_ASKED = 64

#: What to install for letters by their Unicode names, as a package of Debian and Ubuntu.
PACKAGES = {
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "FULLWIDTH", "IDEOGRAPHIC"), "fonts-noto-cjk"),
    **dict.fromkeys(("ARABIC", "HEBREW", "CYRILLIC", "GREEK"), "fonts-dejavu-core"),
}
SYMBOLS, ANY = "fonts-symbola", "fonts-noto-core"


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    """Pillow's own font for "", else one of the system; None where there is none of that name."""
    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)  # type: ignore[return-value]
    except OSError:
        return None


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, or where it lacks a letter of the text, the first font of the system that has them all.

    Pillow's own where none has. size: in pixels.
    """
    own = _font("", size)
    assert own is not None
    return next((font for font in _fonts_for(text, size) if _has_all(font, text)), own)


def _fonts_for(text: str, size: int) -> Iterator[ImageFont.FreeTypeFont]:
    """Fonts that may have the letters of a text, the usual ones first; others are looked for when those are used up."""
    for name in ("", *OTHER_FONTS):
        if (font := _font(name, size)) is not None:
            yield font
    for letter in dict.fromkeys(text):
        for file in _files_with(letter) if not is_invisible(letter) else ():
            if (font := _font(file, size)) is not None:
                yield font


@cache
def _files_with(letter: str) -> tuple[str, ...]:
    """Files of fonts that have a letter no usual font has, as fontconfig knows them; none where it is not installed."""
    usual = (_font(name, 16) for name in ("", *OTHER_FONTS))
    if any(font is not None and _has(font, letter) for font in usual) or _files_with.cache_info().currsize > MOST_ASKED:
        return ()
    try:
        asked = ["fc-list", "--format=%{file}\n", f":charset={ord(letter):x}"]
        found = subprocess.run(asked, capture_output=True, text=True, timeout=30, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ()
    # Upright and of usual weight, as the shortest names mostly are; a file stands there once for each of its faces.
    return tuple(sorted(set(found.stdout.splitlines()), key=lambda file: ("Regular" not in file, len(file), file))[:4])


@cache
def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether the font draws the letter, and not the box that stands for letters it lacks."""
    if letter.isspace() or is_invisible(letter):
        return True
    plain = _plain(font)
    return bytes(plain.getmask(letter)) != bytes(plain.getmask("\uffff"))


@cache
def _plain(font: ImageFont.FreeTypeFont) -> ImageFont.FreeTypeFont:
    """The same font without the layout that sets a lone accent onto a dotted circle."""
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def _has_all(font: ImageFont.FreeTypeFont, text: str) -> bool:
    return all(_has(font, letter) for letter in set(text))


def missing_letters(text: str) -> list[str]:
    """The letters that no font has, in their order, each once."""
    seen = dict.fromkeys(letter for letter in as_drawn(text) if not is_invisible(letter))
    return [letter for letter in seen if not any(_has(font, letter) for font in _fonts_for(letter, 16))]


def note_on_letters(text: str) -> str | None:
    """What to do about letters that no font has; None where all are there."""
    missing = missing_letters(text)
    if not missing:
        return None
    shown = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in missing[:4])
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    packages = " ".join(dict.fromkeys(map(_package, missing)))
    return (
        f"no font of this system has {shown}{more}, which are boxes in grid.png; install one (Debian, Ubuntu: apt "
        f"install {packages}), then disco report FOLDER draws it anew"
    )


def _package(letter: str) -> str:
    if unicodedata.category(letter) in ("So", "Sk", "Sm"):
        return SYMBOLS
    return PACKAGES.get(unicodedata.name(letter, "").split(" ")[0].split("-")[0], ANY)


# Drawing


def as_drawn(text: str) -> str:
    """The text as fonts know it: letters composed with their accents, no line ends."""
    return unicodedata.normalize("NFC", text).translate({ord(sign): " " for sign in "\n\r\t\v\f\u2028\u2029"})


def pieces(text: str, size: int) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """The text as it is drawn, from left to right, with the font of each piece."""
    text = as_drawn(text)
    whole = font_for(text, size)
    if _has_all(whole, text):
        return [(text, whole)]
    found: list[tuple[str, ImageFont.FreeTypeFont]] = []
    for letter in graphemes(text):
        font = font_for(letter, size)
        if found and (found[-1][1] is font or letter.isspace()):
            found[-1] = (found[-1][0] + letter, found[-1][1])
        else:
            found.append((letter, font))
    return found[::-1] if _is_from_right(text) else found


def _is_from_right(text: str) -> bool:
    """Whether a text is written from right to left: by its first letter that has a direction (UAX #9, P2)."""
    directions = (unicodedata.bidirectional(letter) for letter in text)
    return next((direction for direction in directions if direction in ("L", "R", "AL")), "L") != "L"


def draw_text(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, ink: str) -> None:
    """Draw a line of text, its upper left corner at a place, all pieces on one baseline."""
    own = _font("", size)
    assert own is not None
    x, baseline = place[0], place[1] + own.getmetrics()[0]
    for piece, font in pieces(text, size):
        draw.text((x, baseline), piece, fill=ink, font=font, anchor="ls")
        x += math.ceil(font.getlength(piece))


def text_width(text: str, size: int) -> int:
    return sum(math.ceil(font.getlength(piece)) for piece, font in pieces(text, size))


def shortened(text: str, size: int, width: int) -> str:
    """The text, cut at the end to `width` pixels."""
    if text_width(text, size) <= width:
        return text
    return cut_at(text, _fitting(text, size, width, "…")).rstrip() + "…"


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
            fits = max(len(next(graphemes(word))), len(cut_at(word, _fitting(word, size, width))))
            return word[:fits], [*([word[fits:]] if word[fits:] else []), *words[1:]]
    return line, []

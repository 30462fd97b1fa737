"""Texts on pictures: their lines end where they should, in a font that has their letters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from disco import letters
from disco.letters import font_for, shortened, text_width, wrapped


@given(st.text("abc def", max_size=60), st.integers(30, 200), st.integers(1, 5))
def test_wrapped_lines_fit(text, width, most):
    lines = wrapped(text, 14, width, most)
    assert len(lines) <= most and all(text_width(line, 14) <= width for line in lines)
    if not lines or not lines[-1].endswith("…"):
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_text_of_any_length_is_wrapped():
    lines = wrapped("star " * 4000 + "x" * 20000, 14, 300, most=5)
    assert len(lines) == 5 and lines[-1].endswith("…") and all(text_width(line, 14) <= 300 for line in lines)
    assert len(wrapped("x" * 20000, 14, 300, most=3)) == 3


def test_a_cut_text_says_so():
    cut = shortened("a long text about a red star", 14, 80)
    assert cut.endswith("…") and text_width(cut, 14) <= 80
    assert shortened("short", 14, 80) == "short"


def test_letters_that_pillow_lacks_come_from_the_system():
    own = font_for("plain", 20)
    assert font_for("plain too", 20) is own
    other = font_for("Жук", 20)
    if other is own:
        pytest.skip("no other font is installed")
    assert all(letters._has(other, letter) and not letters._has(own, letter) for letter in "Жук")


# Any script

SCRIPTS = (
    "a red star",
    "Жук",
    "赤い星 over the 海",
    "نجمة حمراء",
    "כוכב red אדום",
    "e\u0301a\u0308",
    "😀 👩\u200d👧",
    "नि",
)


@pytest.mark.parametrize("text", SCRIPTS)
def test_pieces_hold_all_of_a_text_and_are_as_wide_as_it_is_drawn(text):
    found = letters.pieces(text, 24)
    assert sorted("".join(piece for piece, _ in found)) == sorted(letters.as_drawn(text))
    picture = Image.new("L", (800, 60), 255)
    letters.draw_text(ImageDraw.Draw(picture), (10, 10), text, 24, "#000")
    left, _, right, _ = ImageChops.invert(picture).getbbox() or (0, 0, 0, 0)
    assert 0 <= left and right <= 10 + text_width(text, 24) + 6


def test_a_line_of_one_font_is_drawn_as_pillow_draws_it():
    ours, pillows = (Image.new("L", (300, 50), 255) for _ in range(2))
    letters.draw_text(ImageDraw.Draw(ours), (5, 5), "a red star", 24, "#000")
    ImageDraw.Draw(pillows).text((5, 5), "a red star", "#000", font=font_for("a red star", 24))
    assert ImageChops.difference(ours, pillows).getbbox() is None


def test_letters_that_no_font_has_are_named_with_what_to_install():
    nowhere = "\U0003fffd"  # a code point that Unicode has given to no letter
    assert letters.missing_letters(f"a {nowhere}b{nowhere}\u200d") == [nowhere]
    note = letters.note_on_letters(f"a {nowhere}") or ""
    assert "U+3FFFD" in note and "apt install fonts-noto-core" in note and "disco report FOLDER" in note
    assert letters.note_on_letters("a red star, ÄÖÜ é 10%") is None


def a_font(path: Path, letter: str) -> None:
    """A font with one letter, a black square."""
    builder = pytest.importorskip("fontTools.fontBuilder").FontBuilder(1000)
    pen = pytest.importorskip("fontTools.pens.ttGlyphPen").TTGlyphPen(None)
    pen.moveTo((0, 0)), pen.lineTo((0, 900)), pen.lineTo((900, 900)), pen.lineTo((900, 0)), pen.closePath()
    empty = pytest.importorskip("fontTools.pens.ttGlyphPen").TTGlyphPen(None).glyph()
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(letter): "square"})
    builder.setupGlyf({".notdef": empty, "square": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Square", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=900)
    builder.setupPost()
    path.parent.mkdir(parents=True)
    builder.save(path)


@pytest.mark.slow
def test_a_font_that_only_the_system_knows_is_found_for_its_letter(tmp_path):
    if shutil.which("fc-list") is None:
        pytest.skip("fontconfig is not installed")
    letter = "\U0003fffd"
    a_font(tmp_path / "fonts" / "Square-Regular.ttf", letter)
    script = (
        "from disco.letters import pieces, missing_letters\n"
        f"text = 'star ' + {letter!r}\n"
        "print(missing_letters(text), [(piece, font.getname()[0]) for piece, font in pieces(text, 20)])"
    )
    own = {"XDG_DATA_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, **own}, capture_output=True, text=True)
    assert done.stdout.startswith("[] [('star ', '") and done.stdout.rstrip().endswith("'Square')]"), done.stderr

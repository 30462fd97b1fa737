"""Texts on pictures: their lines end where they should, in a font that has their letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.study import letters
from disco.study.letters import font_for, shortened, text_width, wrapped


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

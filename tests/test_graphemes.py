"""Letters as they are seen stay in one piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.graphemes import cut_at, graphemes


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("red", ["r", "e", "d"]),
        ("e\u0301a\u0308x", ["e\u0301", "a\u0308", "x"]),
        ("👩\u200d👩\u200d👧!", ["👩\u200d👩\u200d👧", "!"]),
        ("👍🏽a", ["👍🏽", "a"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("\u2764\ufe0f", ["\u2764\ufe0f"]),
        ("नि", ["नि"]),
        ("", []),
    ],
)
def test_what_belongs_together(text, pieces):
    assert list(graphemes(text)) == pieces


@given(st.text(max_size=20), st.integers(0, 25))
def test_a_cut_is_made_between_letters(text, count):
    pieces = list(graphemes(text))
    assert "".join(pieces) == text
    cut = cut_at(text, count)
    assert len(cut) <= count or count == 0
    assert cut in {"".join(pieces[:number]) for number in range(len(pieces) + 1)}
    assert len(cut) == max(
        len("".join(pieces[:n])) for n in range(len(pieces) + 1) if len("".join(pieces[:n])) <= count
    )

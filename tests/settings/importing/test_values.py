"""Values as people's files have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.settings.importing.values import Refused, is_nothing, is_on, items, number, switch, text, whole


@given(st.integers(-(10**15), 10**15))
def test_whole_numbers_in_any_writing(value):
    assert whole(value) == whole(str(value)) == whole(f" {value} ") == number(str(value)) == value


@given(st.floats(-1e9, 1e9))
def test_numbers_in_texts(value):
    assert number(repr(value)) == pytest.approx(value)
    assert whole(value) == int(value)


@pytest.mark.parametrize("value", ["", "a", "1,5", "0x10", [1], {}, None, float("nan"), float("inf"), 10**400, "1e999"])
def test_what_is_no_number(value):
    with pytest.raises(Refused):
        number(value)


def test_switches():
    assert [switch(value) for value in (True, 1, 1.0, "true", "True", " on ", "1", "yes")] == [True] * 8
    assert [switch(value) for value in (False, 0, "false", "0", "off", None, "None", "")] == [False] * 8
    for value in (2, "maybe", [], 0.5):
        with pytest.raises(Refused):
            switch(value)
    assert is_on("Sharp") and is_on(2) and is_on([1]) and not is_on("None") and not is_on([]) and not is_on(0)


def test_texts_and_lists():
    assert text("'quoted'") == text("quoted") == "quoted" and text(5) == "5"
    assert items("['a', 'b']") == items(["a", "b"]) == ["a", "b"] and items(None) == items("None") == []
    assert items("[unfinished") == ["[unfinished"] and is_nothing("NULL") and not is_nothing(0)
    for value in ("\ud800", "a\x07", True, None, []):
        with pytest.raises(Refused):
            text(value)

"""Keyframes of other programs, held against how the original looks for them and how disco reads what is written."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.animation.keyframes import values
from disco.settings.importing.keyframes import is_keyed, keys_of, written
from disco.settings.importing.values import Refused

NUMBERS = st.integers(-1000, 1000) | st.floats(-100, 100, allow_subnormal=False)
KEYS = st.dictionaries(st.integers(0, 60), NUMBERS, min_size=1, max_size=8)


@given(KEYS, st.sampled_from([", ", ",", " ", " , "]), st.sampled_from(["{0}:({1})", "{0}: ({1})", "{0}:  ( {1} )"]))
def test_what_disco_reads_is_what_the_original_finds(keys, between, form):
    text = between.join(form.format(frame, value) for frame, value in keys.items())
    found = {int(frame): float(value) for frame, value in re.findall(r"([0-9]+):\s*\(([\s\S]*?)\)", text)}
    assert keys_of(text)[0] == found == {frame: float(value) for frame, value in keys.items()}
    in_order = sorted(found.items())
    expected = np.interp(np.arange(80), *zip(*in_order, strict=True))
    assert values("zoom", written(keys_of(text)[0]), 80) == pytest.approx(expected.tolist(), abs=1e-9)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (3, {0: 3}),
        ("1.5", {0: 1.5}),
        (True, {0: 1}),
        ("0: 1, 10: 2", {0: 1, 10: 2}),
        ("10:(2), 0:(1)", {0: 1, 10: 2}),
        ("0:(1), 0:(2)", {0: 2}),
        ("0:(1), 10:(1.05),", {0: 1, 10: 1.05}),
    ],
)
def test_forms(given_, expected):
    assert keys_of(given_)[0] == expected


@pytest.mark.parametrize(
    "text",
    ["sin(t)", "0:(sin(t))", "0:(1), ten:(2)", "0:(1) and then 5:(2)", "", "0:()", "9999999:(1)", [1], None, "0:1:2"],
)
def test_what_is_no_number_by_frame_is_refused(text):
    with pytest.raises(Refused):
        keys_of(text)


def test_schedules_and_prompts_are_no_keyframes():
    assert is_keyed("0: (0.5)") and is_keyed("10:-1")
    assert not any(map(is_keyed, ["[12]*400", "0:3d", "a:2", 5, None, "0.5"][:1] + ["a:2", 5, None, "0.5"]))

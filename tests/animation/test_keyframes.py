"""Keyframes: against pandas' interpolation, which the original calls, and a plain reading of its texts."""

from __future__ import annotations

import random
import re

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.animation.keyframes import SPLINES, parse_keyframes, values
from disco.errors import SettingsError


def by_pandas(text: str, frames: int, spline: str) -> np.ndarray:
    """The original's way: keys by a pattern, a series with gaps that pandas fills, both ends held."""
    keys = {int(frame): float(value) for frame, value in re.findall(r"([0-9]+):\s*\((.*?)\)", text)}
    series = pandas.Series(np.nan, index=range(frames), dtype=float)
    for frame, value in keys.items():
        series[frame] = value
    series[0] = series[series.first_valid_index()]
    series[frames - 1] = series[series.last_valid_index()]
    if spline == "cubic" and len(keys) <= 3:
        spline = "quadratic"
    if spline == "quadratic" and len(keys) <= 2:
        spline = "linear"
    return series.interpolate(method=spline, limit_direction="both").to_numpy()


def text_of(keys: dict[int, float], chance: random.Random) -> str:
    """Keys in any order, with the spaces that people leave."""
    parts = [f"{frame}:{' ' * chance.randrange(2)}({value})" for frame, value in keys.items()]
    chance.shuffle(parts)
    return ("," + " " * chance.randrange(3)).join(parts) + "," * chance.randrange(2)


@pytest.mark.parametrize("number", range(200))
def test_the_values_are_the_originals(number):
    chance = random.Random(number)
    frames = chance.randint(2, 60)
    places = chance.sample(range(frames), min(frames, chance.randint(1, 8)))
    text = text_of({place: round(chance.uniform(-20, 20), 3) for place in places}, chance)
    spline = ("linear", "quadratic", "cubic")[number % 3]
    ours = values("zoom", text, frames, spline, pinned=True)
    np.testing.assert_allclose(ours, by_pandas(text, frames, spline), rtol=1e-9, atol=1e-9)


@given(
    st.dictionaries(st.integers(0, 40), st.floats(-5, 5), min_size=1, max_size=6),
    st.sampled_from(SPLINES),
    st.integers(1, 50),
    st.integers(0, 20),
)
def test_a_longer_film_begins_like_the_shorter(keys, spline, frames, more):
    longer = values("zoom", keys, frames + more, spline)
    assert longer[:frames] == values("zoom", keys, frames, spline)
    for frame, value in keys.items():
        if frame < frames:
            assert longer[frame] == pytest.approx(value, abs=1e-9)


def test_steps_hold():
    assert values("zoom", "2:(1), 4:(3)", 6, "steps") == (1, 1, 1, 1, 3, 3)


def test_an_expression_holds_from_its_key_to_the_next():
    assert values("angle", "0:(t*t), 3: 7, 5:(10 + t)", 7) == (0, 1, 4, 7, 11, 15, 16)


@pytest.mark.parametrize("given", ["t*2", "0:(t*2)", {0: "t*2"}])
def test_an_expression_may_stand_alone(given):
    assert values("angle", given, 3) == (0, 2, 4)


@pytest.mark.parametrize("given", [1.5, "1.5", "0:(1.5)", "7: 1.5", {3: 1.5}])
def test_one_number_holds_throughout(given):
    assert values("zoom", given, 3) == (1.5, 1.5, 1.5)


def test_commas_within_brackets_belong_to_the_value():
    assert [frame for frame, _ in parse_keyframes("zoom", "0:(min(1, 2)), 9:(max(t, 3))")] == [0, 9]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0:(1), x", "zoom has 'x' where a key such as"),
        ("0:(1), 0:(2)", "zoom has two keys at frame 0: (1) and (2)"),
        ("0:(1", "zoom cannot be read: '(1', character 3"),
        ("9999999:(1)", "frames are integers from 0 to"),
        ("", "zoom cannot be read"),
        ({}, "zoom has 0 keys"),
        ({-1: 2}, "zoom has a key at frame -1"),
        ([1], "zoom is [1], but must be a number, keyframes"),
        (True, "zoom is True"),
        (None, "zoom is None"),
    ],
)
def test_what_is_no_keyframe_is_one_line(given, said):
    with pytest.raises(SettingsError) as error:
        values("zoom", given, 10)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_splines_do_not_go_through_what_moves():
    with pytest.raises(SettingsError, match="interp_spline=cubic needs keys without t"):
        values("zoom", "0:(t), 5:(2)", 10, "cubic")


@given(st.text(alphabet="0123456789:(),.t+-*/ se", max_size=40), st.sampled_from(SPLINES))
def test_any_text_is_values_or_one_line(text, spline):
    try:
        found = values("zoom", text, 12, spline)
    except SettingsError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert len(found) == 12 and np.isfinite(found).all()

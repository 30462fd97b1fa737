"""Schedules as the programs write them, against Python's own lists, which the programs evaluate."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.settings.importing.schedules import in_text, runs_of, schedule, times
from disco.settings.importing.values import Refused
from disco.settings.schedule import ENTRIES, parse
from disco.settings.specs import specs

OVERVIEW, POWER, ETA, GREY, CLAMP = (
    specs()[name] for name in ("cut_overview", "cut_ic_pow", "eta", "cut_icgray_p", "clamp_grad")
)
PARTS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 2000)), min_size=1, max_size=8)


def entries(value):
    """The thousand values that disco reads a schedule as, entry 0 at pure noise."""
    read = parse(value, "cut_ic_pow")
    return [read.at(ENTRIES - 1 - place) for place in range(ENTRIES)]


@given(PARTS)
def test_every_entry_is_that_of_the_list(parts):
    listed = [value for value, count in parts for _ in range(count)]
    written = " + ".join(f"[{value}]*{count}" for value, count in parts)
    if not listed:
        with pytest.raises(Refused, match="without entries"):
            schedule(written, OVERVIEW)
        return
    found, notes = schedule(written, OVERVIEW)
    assert entries(found) == [float(value) for value in (listed + listed[-1:] * ENTRIES)[:ENTRIES]]
    assert bool(notes) == (len(listed) < ENTRIES) or len(listed) > ENTRIES


def test_counts_that_no_memory_holds():
    found, notes = schedule("[4]*1000000000", OVERVIEW)
    assert found == "[4]*1000" and "first 1000" in notes[0]
    found, _ = schedule("[1,2]*" + "9" * 30, OVERVIEW)
    assert entries(found) == [1.0, 2.0] * 500


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        ("0:(0.2)", ETA, 0.2),
        ("0: (0.2), 10: (0.9)", ETA, 0.2),
        (1.4, ETA, 1),
        ("[1.3]*500+[0.5]*500", ETA, "[1]*500+[0.5]*500"),
        (True, POWER, 1),
        (" 12 ", POWER, 12),
        ([5, 5, 7], POWER, "[5]*2+[7]*998"),
        ([[5, 500], [6, 500]], POWER, [[5, 500], [6, 500]]),
        ("[4.7]*1000", OVERVIEW, "[4]*1000"),
        ("[True]*500+[False]*500", CLAMP, "[True]*500+[False]*500"),
        (1, CLAMP, True),
        ("[1.5]*1000", GREY, "[1]*1000"),
    ],
)
def test_forms(value, spec, expected):
    assert schedule(value, spec)[0] == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", "[", "[]", "[1]*", "[1]+", "+[1]", "1+1", "[1]*1e3", "[a]*5", "[-3]*1000", "[1]*5;[2]", None, {}, []),
        *("os.system('ls')", "__import__('os')", "[1]*500+np.linspace(0,1,500)", "lambda: 1", "[x for x in y]"),
        *("dd_easing_int(start=1, end=5, steps=400, easing_fn=Unknown)", "dd_easing_int(a=1)", "easeint(1,2,99999)"),
        "[1]*1+" * 20_000,
    ],
)
def test_what_is_no_schedule_is_refused_and_never_run(value):
    with pytest.raises(Refused):
        schedule(value, OVERVIEW)


def eased(start, end, count, curve):
    """Visions of Chaos' function by its definition: a curve over 0 .. count - 1 of count, stretched to both ends."""
    raw = [start + (end - start) * curve(place / count) for place in range(count)]
    low, high = min(start, end), max(start, end)
    return [(each - min(raw)) * (high - low) / (max(raw) - min(raw)) + low for each in raw]


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("LinearInOut", lambda x: x),
        ("QuadEaseIn", lambda x: x * x),
        ("CubicEaseOut", lambda x: (x - 1) ** 3 + 1),
        ("CubicEaseInOut", lambda x: 4 * x**3 if x < 0.5 else 0.5 * (2 * x - 2) ** 3 + 1),
        ("SineEaseInOut", lambda x: 0.5 * (1 - math.cos(x * math.pi))),
        ("CircularEaseIn", lambda x: 1 - math.sqrt(1 - x * x)),
        ("BackEaseOut", lambda x: 1 - ((1 - x) ** 3 - (1 - x) * math.sin((1 - x) * math.pi))),
        ("ElasticEaseOut", lambda x: math.sin(-13 * math.pi / 2 * (x + 1)) * 2 ** (-10 * x) + 1),
        ("ExponentialEaseOut", lambda x: 1 - 2 ** (-10 * x)),
    ],
)
def test_easing_functions_that_are_known(name, curve):
    found, notes = schedule(f"[2]*500+dd_easing_float(start=10, end=1, steps=500, easing_fn={name})", POWER)
    assert entries(found) == pytest.approx([2.0] * 500 + eased(10, 1, 500, curve), rel=1e-5)
    assert "worked out" in notes[0]
    found, _ = schedule("easeint(1, 9, 1000, cut_easing_fn)", OVERVIEW, name)
    assert entries(found) == [round(each) for each in eased(1, 9, 1000, curve)]


def test_a_ball_that_bounces_touches_the_ground_at_its_known_places():
    found, _ = schedule("dd_easing_float(start=0, end=1, steps=1000, easing_fn=BounceEaseOut)", POWER)
    values = entries(found)
    turns = [
        place for place in range(1, 999) if values[place] > values[place - 1] and values[place] > values[place + 1]
    ]
    assert turns == pytest.approx([4000 / 11, 8000 / 11, 900], abs=1) and min(values) == 0
    assert max(abs(one - other) for one, other in zip(values, values[1:], strict=False)) < 0.01  # without a leap


@given(PARTS.filter(lambda parts: sum(count for _, count in parts) >= ENTRIES), st.floats(0.1, 10))
def test_a_factor_multiplies_every_entry(parts, factor):
    written = in_text([(float(value), count) for value, count in parts])
    assert entries(times(written, factor)) == pytest.approx([each * factor for each in entries(written)], rel=1e-5)
    assert times(3, factor) == pytest.approx(3 * factor, rel=1e-5) and runs_of(3) == [(3.0, ENTRIES)]


@pytest.mark.parametrize(
    "value", ["[1 " + " " * 50_000 + "x", "0:1" + " " * 50_000 + "x", "[1" + ",1" * 20_000, "[" * 50_000]
)
def test_long_texts_are_read_once(value):
    with pytest.raises(Refused):
        schedule(value, OVERVIEW)

"""Schedules: read as Disco reads them, and nothing but read."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.settings.schedule import Schedule, parse

NUMBERS = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.floats(-1e6, 1e6, allow_nan=False).map(repr),
    st.sampled_from(["0.05", ".5", "5.", "-.25", "1e-3", "2E2", "+7"]),
)
SPACES = st.sampled_from(["", " ", "  "])


@st.composite
def parts(draw: st.DrawFn) -> str:
    values = draw(st.lists(NUMBERS, min_size=1, max_size=4))
    space = draw(SPACES)
    times = draw(st.one_of(st.none(), st.integers(0, 700)))
    return f"{space}[{space}{f'{space},{space}'.join(values)}]" + ("" if times is None else f"{space}*{space}{times}")


def entries(schedule: Schedule) -> list[float]:
    return [schedule.at(999 - entry) for entry in range(1000)]


@given(st.lists(parts(), min_size=1, max_size=6).map("+".join))
def test_reads_what_python_would(text: str) -> None:
    expected = eval(text)  # an oracle for texts that are known to be harmless, here alone
    if len(expected) < 1000:
        with pytest.raises(SettingsError, match=f"has {len(expected)} entries, but needs 1000"):
            parse(text, "cut_ic_pow")
    else:
        assert entries(parse(text, "cut_ic_pow")) == expected[:1000]


@pytest.mark.parametrize(
    "given",
    [
        "[12]*400+[4]*600",
        " [ 12 ] * 400 + [4.0]*600 ",
        "[12]*100+[12]*300+[4,4]*300",
        [[12, 400], [4, 600]],
        ((12, 400), (4, 600)),
        [12] * 400 + [4] * 600,
    ],
)
def test_every_form_of_the_same_schedule(given: object) -> None:
    schedule = parse(given, "cut_overview", low=0, integer=True)
    assert schedule == Schedule((0, 400), (12.0, 4.0), length=1000, integer=True)
    assert hash(schedule) == hash(parse(given, "cut_overview", low=0, integer=True))


def test_entries_are_noise_levels() -> None:
    """Entry 999 - int(t): the first entry is pure noise, the last is the picture."""
    schedule = parse("[12]*400+[4]*600", "cut_overview")
    assert [schedule.at(t) for t in (999, 600, 599.99, 599, 0.5, 0)] == [12, 12, 4, 4, 4, 4]
    for t in (-1, 1000):
        with pytest.raises(ValueError, match="must be in"):
            schedule.at(t)


@pytest.mark.parametrize(("given", "value"), [(3, 3), (0.25, 0.25), ("0.05", 0.05), ("-1e-3", -0.001), (True, 1)])
def test_a_single_value_holds_everywhere(given: object, value: float) -> None:
    switch = {"low": 0, "high": 1, "integer": True} if given is True else {}
    assert entries(parse(given, "eta", **switch)) == [value] * 1000


def test_interpolated() -> None:
    """Every run's value is met at its first entry, and the last holds; equal neighbours are one run."""
    expected = np.interp(np.arange(1000), [0, 200, 700], [1, 5, -3])
    for form in (
        "interp([1]*200+[5]*500+[-3]*300)",
        "interp( [1]*200+[5]*250+[5]*250+[-3]*400 )",
        {"interp": [[1, 200], [5, 500], [-3, 300]]},
        {"interp": "[1]*200+[5]*500+[-3]*300"},
    ):
        np.testing.assert_allclose(entries(parse(form, "cut_ic_pow")), expected, rtol=1e-12)
    counts = entries(parse("interp([12]*500+[4]*500)", "cut_overview", integer=True))
    np.testing.assert_array_equal(counts, np.floor(np.interp(np.arange(1000), [0, 500], [12, 4]) + 0.5))


def test_longer_is_read_as_far_as_needed() -> None:
    schedule = parse("[1]*1000+[7]*500", "cut_ic_pow")
    assert (schedule.length, schedule.values) == (1500, (1.0,))
    assert parse("interp([1]*1000+[7]*500)", "cut_ic_pow").at(0) == 1


def test_switches() -> None:
    switch = {"low": 0, "high": 1, "integer": True}
    assert parse("[True]*400+[false]*600", "skip_augs", **switch).values == (1.0, 0.0)
    assert parse("[1]*400+[0]*600", "skip_augs", **switch).values == (1.0, 0.0)
    with pytest.raises(SettingsError, match="holds True, but every value must be a number"):
        parse(True, "clamp_max")


@pytest.mark.parametrize(
    ("given", "limits", "message"),
    [
        ("[1]*900", {}, r"has 900 entries, but needs 1000.*\+\[1\]\*100"),
        ([1, 2], {}, "has 2 entries"),
        ([], {}, "has 0 entries"),
        ("[12]*400+[4*600", {}, r"cannot be read at '\*600'"),
        ("[1]*1000]", {}, "cannot be read at ']'"),
        ("[1]*1000+", {}, "cannot be read at its end"),
        ("", {}, "cannot be read"),
        ("[]*1000", {}, "cannot be read"),
        ("[1]*-5", {}, "cannot be read"),
        ("[1]*2.5", {}, "cannot be read"),
        ("nan", {}, "cannot be read"),
        ("__import__('os').system('true')", {}, "cannot be read"),
        ("[1]*1000 if True else 0", {}, "cannot be read"),
        ("[x for x in range(1000)]", {}, "cannot be read"),
        ("[1e999]*1000", {}, "every value must be a number"),
        (float("nan"), {}, "but must be a number"),
        (10**400, {}, "but must be a number"),
        (None, {}, "but must be a number"),
        (b"abc", {}, "but must be a number"),
        ([[1, 500], [2]], {}, r"pairs \[value, count\]"),
        ([[1, 500], [2, 0.5]], {}, "count must be a whole number"),
        ([[1, 500], [2, -1]], {}, "count must be a whole number"),
        ({"interpolate": 1}, {}, "{interp: ...}"),
        ("[2]*1000", {"low": 0, "high": 1}, "holds 2, but every value must be a number from 0 to 1"),
        ("[0]*500+[-1]*500", {"low": 0}, "holds -1, .* of at least 0"),
        ("[1.5]*1000", {"integer": True}, "holds 1.5, .* a whole number"),
    ],
)
def test_refused(given: object, limits: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        parse(given, "cut_overview", **limits)
    assert str(error.value).startswith("cut_overview ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    ["[1]*1000000000", "[1]*" + "9" * 90_000, "[1,2,3]*99999999", "[1]*60000+[2]*60000", [[1, 10**15]], "[" * 10**6],
)
def test_no_bombs(given: object) -> None:
    started = time.perf_counter()
    with pytest.raises(SettingsError):
        parse(given, "cut_overview")
    assert time.perf_counter() - started < 1


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["interp", "a"]), inner)),
    max_leaves=8,
)


@given(st.one_of(st.text(), st.text("[]()*+,0123456789.eE- interpTrue", max_size=40), JSON))
def test_anything_is_a_value_or_that_error(given: object) -> None:
    try:
        schedule = parse(given, "cut_overview", low=0, high=1000)
    except SettingsError as error:
        assert "cut_overview" in str(error)
    else:
        assert 0 <= schedule.at(500) <= 1000


def test_code_is_not_run(tmp_path) -> None:
    target = tmp_path / "made"
    for text in (
        f"open({str(target)!r},'w')",
        f"[open({str(target)!r},'w')]*1000",
        f"interp(open({str(target)!r},'w'))",
    ):
        with pytest.raises(SettingsError):
            parse(text, "cut_overview")
    assert not target.exists()
    assert json.dumps(parse("[1]*1000", "cut_overview").values) == "[1.0]"

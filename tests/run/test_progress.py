"""The bar on the screen."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.run.progress import Pace, Progress, weight_of
from support.plans import plan


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch, stream: io.StringIO, quiet: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(2, quiet=quiet) as progress:
        progress.step(loss=0.123456)
        progress.step()
    return stream.getvalue()


def test_the_bar_shows_seconds_a_step_and_the_loss(monkeypatch):
    text = shown(monkeypatch, Terminal())
    assert "2/2" in text and "s/step" in text and "loss 0.1235" in text


def test_the_bar_is_silent_where_nobody_looks(monkeypatch):
    assert shown(monkeypatch, io.StringIO()) == ""
    assert shown(monkeypatch, Terminal(), quiet=True) == ""


def test_the_bar_says_what_comes_before_the_first_step(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(2) as progress:
        progress.begin("compiling")
        before = len(sys.stderr.getvalue())
        assert "compiling:   0%" in sys.stderr.getvalue()
        progress.step()
        progress.step()
    assert "compiling" not in sys.stderr.getvalue()[before:]


# How long the rest takes


def paced(weights: list[float], seconds: list[float], after: int) -> tuple[float, float]:
    """Seconds left as foretold after so many steps, and as they come."""
    now = [0.0]
    pace = Pace(weights, lambda: now[0])
    pace.begin()
    for each in seconds[:after]:
        now[0] += each
        pace.step()
    assert pace.seconds_left is not None
    return pace.seconds_left, sum(seconds[after:])


@given(st.lists(st.floats(0.1, 9), min_size=3, max_size=60), st.floats(0.01, 10), st.data())
def test_steps_that_take_what_they_weigh_are_foretold_exactly(weights, unit, data):
    after = data.draw(st.integers(1, len(weights)))
    left, true = paced(weights, [unit * weight for weight in weights], after)
    assert left == pytest.approx(true, rel=1e-6, abs=1e-6)


def test_a_first_step_that_warms_up_does_not_count():
    left, true = paced([1.0] * 50, [30.0] + [0.5] * 49, 5)
    assert left == pytest.approx(true)


def test_a_machine_that_becomes_busy_is_noticed():
    left, true = paced([1.0] * 100, [0.5] * 40 + [1.0] * 60, 55)
    assert left == pytest.approx(true)


@pytest.mark.parametrize("look", [0.25 / 16, 0.7 / 16])
@pytest.mark.parametrize(
    "cuts",
    [
        {"cut_overview": "[12]*400+[4]*600", "cut_innercut": "[4]*400+[12]*600"},
        {
            "cut_overview": "[15]*200+[12]*200+[6]*100+[4]*100+[2]*200+[0]*200",
            "cut_innercut": "[1]*200+[4]*200+[8]*600",
        },
        {"cut_overview": "[4]*500+[16]*500", "cut_innercut": 4},
        {"clip_guidance_scale": "[5000]*700+[0]*300", "range_scale": 0},
    ],
)
def test_a_tenth_of_a_run_tells_the_rest_within_15_percent_whatever_the_perceptors_take(cuts, look):
    steps = plan(steps=100, **cuts).steps
    seconds = [weight_of(step) for step in steps]
    at = [step.cuts.overview + step.cuts.inner for step in steps]
    guided = [bool(step.clip_guidance_scale) for step in steps]
    true = [1 + look * count if guides else 0.5 for count, guides in zip(at, guided, strict=True)]
    left, rest = paced(seconds, true, 10)
    assert left == pytest.approx(rest, rel=0.15)


def test_before_the_first_step_nothing_is_foretold(monkeypatch):
    assert Pace([1.0]).seconds_left is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(2):
        assert "<?" in sys.stderr.getvalue()


def test_steps_that_are_done_once_more_are_counted_once_more(monkeypatch):
    """Three of a second each and one of three; the last two are done again, and the rest takes what it weighs."""
    now = [0.0]
    pace = Pace([1.0, 1.0, 3.0, 1.0], lambda: now[0])
    pace.begin()
    for weight in (1.0, 1.0, 3.0):
        now[0] += weight
        pace.step()
    pace.go_back(2)
    assert pace.seconds_left == pytest.approx(1 + 3 + 1)
    for left, weight in ((4, 1.0), (1, 3.0), (0, 1.0)):
        now[0] += weight
        pace.step()
        assert pace.seconds_left == pytest.approx(left)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(2) as progress:
        progress.step()
        progress.go_back(1)
        progress.step()
        progress.step()
    assert "3/3" in terminal.getvalue()

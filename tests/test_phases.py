"""Seconds are counted for one phase at a time, and a run's record has them."""

from __future__ import annotations

import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import disco
from disco.phases import PHASES, Phases, phase, phases_taken, together

#: A phase, how long it takes before and after what is within it, and that.
NESTED = st.recursive(
    st.tuples(st.sampled_from(PHASES), st.integers(0, 9), st.integers(0, 9), st.just([])),
    lambda inner: st.tuples(st.sampled_from(PHASES), st.integers(0, 9), st.integers(0, 9), st.lists(inner, max_size=3)),
    max_leaves=8,
)


@given(st.lists(NESTED, max_size=4), st.integers(0, 9))
def test_every_second_is_counted_once(spans, idle):
    now, expected = [0.0], dict.fromkeys(PHASES, 0)
    phases = Phases(lambda: now[0])

    def go(span):
        name, before, after, inner = span
        with phases.of(name):
            now[0] += before
            for each in inner:
                go(each)
            now[0] += after
        expected[name] += before + after

    for span in spans:
        go(span)
        now[0] += idle  # which no phase takes
    taken = phases.taken()
    assert list(taken) == [name for name in PHASES if name in taken]
    assert {name: taken.get(name, 0) for name in PHASES} == expected
    assert phases.taken() == {}


def test_a_phase_that_fails_is_over():
    now = [0.0]
    phases = Phases(lambda: now[0])
    with pytest.raises(KeyError), phases.of("load"):
        now[0] += 2
        raise KeyError
    now[0] += 5
    assert phases.taken() == {"load": 2}


def test_a_decorator_counts_for_the_thread_that_calls():
    @phase("write")
    def write():
        time.sleep(0.01)

    phases_taken()
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert phases_taken() == {}
    write()
    assert phases_taken()["write"] >= 0.01


def test_what_a_run_took_before_it_stopped_is_added():
    assert together({"start": 1, "steps": 2}, {"steps": 3, "write": 4}) == {"start": 1, "steps": 5, "write": 4}


def test_a_record_has_the_seconds_of_its_run(tmp_path):
    quick = dict(steps=2, width=32, height=32, cut_overview=1, cut_innercut=1, metrics=["contrast"])
    for name in ("first", "second"):
        before = time.perf_counter()
        run = disco.render("a red star", folder=tmp_path / name, **quick)
        seconds = time.perf_counter() - before
        phases = json.loads((tmp_path / name / "run.json").read_text())["phases"]
        assert phases.keys() >= {"compose", "plan", "load", "steps", "write", "measure"}
        if name == "second":  # the first has what this process did before it, too
            assert sum(phases.values()) <= seconds
            assert phases["steps"] >= 0.9 * sum(line["seconds"] for line in run.steps)

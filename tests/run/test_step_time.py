"""How long a step takes: tried, or counted."""

from __future__ import annotations

import time

import pytest

from disco.arrangement import Arrangement
from disco.planning.plan import build_plan
from disco.resources import speed
from disco.resources.arrange import arrange
from disco.resources.device import choose_device
from disco.resources.estimate import Estimate
from disco.resources.ledger import Work
from disco.resources.speed import Speed
from disco.resources.torch_context import torch_context
from disco.run.api import render_settings
from disco.run.step_time import seconds_of_step, tried_step
from disco.settings.config import load
from disco.settings.overrides import from_python


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"cut_overview": "[1]*500+[20]*500"}, {"sampler": "plms"}, {"batch_size": 2}])
def test_steps_that_are_tried_take_what_a_run_takes(given, monkeypatch):
    """Within a factor of 1.5, in the processor time of this thread: others are at work here too."""
    monkeypatch.setattr("disco.run.api.time.perf_counter", time.thread_time)
    plan = build_plan(load(from_python({"prompt": "a red star", "steps": 10, "threads": 1, "metrics": False} | given)))
    device = choose_device("cpu")
    arrangement, _ = arrange(plan, device)
    with torch_context(plan):
        step = tried_step(plan, device, arrangement)
    run = render_settings(plan.settings, quiet=True)
    assert 1 / 1.5 < step.seconds * len(plan.steps) * len(plan.seeds) / run.seconds < 1.5


def test_long_steps_and_missing_files_are_counted(monkeypatch):
    plan = build_plan(load(from_python({"prompt": "a red star", "steps": 3, "threads": 1})))
    arrangement = Arrangement("float32")
    slow = Speed(flops=1e6, moved=1e6, calls=1e6)
    monkeypatch.setattr(speed, "measure_speed", lambda device, dtype: slow)
    work = Work(flops=10**7)
    found = Estimate({}, lambda: work)
    assert seconds_of_step(plan, arrangement, found) == (pytest.approx(10), 0.0, "counted")
    quick = Estimate({}, lambda: Work(flops=10**6))
    assert seconds_of_step(plan, arrangement, quick, try_some=False) == (pytest.approx(1), 0.0, "counted")
    monkeypatch.setattr("disco.models.files.store.find", lambda file: None)
    assert seconds_of_step(plan, arrangement, quick) == (pytest.approx(1), 0.0, "counted")

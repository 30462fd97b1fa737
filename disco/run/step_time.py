"""How long a step of a run takes, found out without rendering the run."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from disco.errors import SettingsError
from disco.planning.plan import Plan

if TYPE_CHECKING:
    import torch

    from disco.arrangement import Arrangement
    from disco.resources.estimate import Estimate

#: How many steps of a run are tried, and how long one of them may take, in seconds, as it is counted.
TRIED = 5
LONG_STEP = 2.0


class StepTime(NamedTuple):
    """Seconds of a picture's mean step, those of loading the networks for it, and how they were found out."""

    seconds: float
    loading: float
    way: str


def seconds_of_step(plan: Plan, arrangement: Arrangement, found: Estimate | None, try_some: bool = True) -> StepTime:
    """How long the mean step of a run takes: a few are tried, or their work is counted where that would take long.

    try_some: False where another process is at work here, whose memory and time the networks would take.
    """
    from disco.models.files.store import check_here
    from disco.resources.compile import choose_compile
    from disco.resources.device import choose_device
    from disco.resources.speed import measure_speed, run_seconds
    from disco.resources.torch_context import torch_context
    from disco.run.session import specs_of

    device = choose_device(plan.settings.machine.device)
    with torch_context(plan):
        if found is not None:
            counted = (
                run_seconds(plan, found, measure_speed(device, arrangement.dtype)) / len(plan.steps) / len(plan.seeds)
            )
            if not try_some or counted > LONG_STEP or choose_compile(plan, device).chosen != "off":
                return StepTime(counted, 0.0, "counted")
            try:
                check_here(specs_of(plan))
            except SettingsError:  # only the machine of the study needs to have the files
                return StepTime(counted, 0.0, "counted")
        return tried_step(plan, device, arrangement)


def tried_step(plan: Plan, device: torch.device, arrangement: Arrangement) -> StepTime:
    """The mean step of a run: each part of the run takes what its middle step does, which is computed here."""
    from disco.run.session import SESSION
    from disco.run.steps import render_batch

    started = time.perf_counter()
    networks = SESSION.networks(plan, device, arrangement)
    loading = time.perf_counter() - started
    count = len(plan.steps)
    parts = min(TRIED, count)
    middles = [count * (2 * part + 1) // (2 * parts) for part in range(parts)]
    # The first is there to warm up, and is the run's first, for PLMS evaluates twice where it begins.
    steps = tuple(plan.steps[number] for number in (0, *middles))
    results = list(render_batch(replace(plan, steps=steps), networks, plan.seeds[:1], device))
    seconds = statistics.mean(result.line["seconds"] for result in results[1:])
    return StepTime(seconds, loading, "from a few steps tried")

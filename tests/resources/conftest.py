"""Plans, and what torch's own allocator hands out, to hold the planning of memory against."""

from __future__ import annotations

import pytest
import torch

from disco.planning.plan import Plan
from support import plans


@pytest.fixture(autouse=True, scope="module")
def plain_processor():
    """All is planned for a processor without instructions for bfloat16, whichever this is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("disco.resources.candidates.multiplies_in_half", lambda: False)
        yield


@pytest.fixture(scope="session")
def plan_of():
    """A function: settings by their bare names -> the plan of a short run."""

    def plan(**given) -> Plan:
        return plans.plan(**{"steps": 20, **given})

    return plan


@pytest.fixture(scope="session")
def allocator_peak():
    """A function: a call -> the most bytes above the present that torch's allocator has out, by its profiler."""

    def peak_of(call) -> int:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            call()
        events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
        live = peak = 0
        for event in sorted(events, key=lambda event: event.start_ns()):
            live += event.nbytes()
            peak = max(peak, live)
        return peak

    return peak_of

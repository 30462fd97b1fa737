"""How long a run takes: its work by what the device does in a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from disco.planning.plan import Plan
from disco.resources.estimate import Estimate
from disco.resources.ledger import Work


@dataclass(frozen=True)
class Speed:
    """What a device does in a second: floating-point operations, bytes read or written, calls of an operation."""

    flops: float
    moved: float
    calls: float

    def seconds(self, work: Work) -> float:
        return work.flops / self.flops + work.moved / self.moved + work.calls / self.calls


def measure_speed(device: torch.device, dtype: torch.dtype = torch.float32) -> Speed:
    """Measure a device, in about a second, on as many threads as torch computes on now."""
    return _measured_speed(device, dtype, torch.get_num_threads())


@lru_cache(maxsize=8)
def _measured_speed(device: torch.device, dtype: torch.dtype, threads: int) -> Speed:
    """threads: those of the present, by which what was measured is known again."""
    a, b = (torch.randn(1024, 1024, device=device).to(dtype) for _ in range(2))
    large = torch.randn(2**23, device=device)
    out = torch.empty_like(large)
    small = torch.randn(16, device=device, requires_grad=True)
    return Speed(
        flops=2 * 1024**3 * calls_per_second(lambda: a @ b, device),
        moved=2 * large.nbytes * calls_per_second(lambda: torch.neg(large, out=out), device),
        calls=calls_per_second(lambda: small * small, device),
    )


def calls_per_second(call: Callable[[], object], device: torch.device, seconds: float = 0.3) -> float:
    """How often a second something can be done: the best of a few stretches, since others may be at work here too."""
    best, stretch = 0.0, 0
    call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not stretch:
        start, stretch = time.perf_counter(), stretch + 1
        for _ in range(10):
            call()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        best = max(best, 10 / (time.perf_counter() - start))
    return best


def run_seconds(plan: Plan, estimate: Estimate, speed: Speed) -> float:
    """How long a run takes, loading left out; see `disco doctor` for how far off this was here."""
    return speed.seconds(estimate.work) * len(plan.steps) * len(plan.seeds)

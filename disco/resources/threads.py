"""How the processor's cores are used, and why so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import torch

from disco.guidance.calls import CallAll, one_by_one
from disco.models import catalog
from disco.planning.plan import Plan
from disco.resources.compile import choose_compile

#: What says how threads wait for one another, where it is set before torch is loaded.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

#: Pixels of a picture, up to which the shipped networks have too little to do for threads that share every operation:
#: they would wait for one another some thousand times a step, and for whatever else takes a core from one of them.
#: Measured by `benchmarks/step.py --neighbour`; see docs/performance.md.
FEW_PIXELS = 128 * 128


@dataclass(frozen=True)
class Threads:
    """How the processor's cores are used.

    each: threads that share every operation. side_by_side: how many pictures of a batch, or perceptors of a picture
    that is alone, are computed at once, a thread each, which changes no bit. why: in a few words, for the record.
    """

    each: int
    side_by_side: int = 1
    why: str = ""


def choose_threads(plan: Plan, device: torch.device, cores: int | None = None) -> Threads:
    """How many threads compute the plan. cores: how many it may use; None = as many as torch does."""
    asked, cores = plan.settings.machine.threads, cores or torch.get_num_threads()
    if asked > 1 or device.type != "cpu":
        return Threads(asked or cores, 1, "as asked" if asked else f"{device.type} computes")
    if not asked and not has_short_operations(plan):
        return Threads(cores, 1, "every operation is long enough to be shared")
    compiling = choose_compile(plan, device).chosen != "off"  # torch.compile compiles in one thread at a time
    several = plan.settings.batch_size if plan.settings.batch_size > 1 else len(plan.perceptors)
    at_once = 1 if compiling or not has_short_operations(plan) else min(cores, several)
    return Threads(1, at_once, "as asked" if asked else "operations are too short to be shared")


def has_short_operations(plan: Plan) -> bool:
    """Whether every operation of the plan is so short that threads sharing it would mostly wait for one another."""
    return catalog.all_shipped(plan.settings.model, plan.perceptors) and plan.width * plan.height <= FEW_PIXELS


@contextmanager
def side_by_side(threads: int) -> Iterator[CallAll]:
    """Functions are called in so many threads meanwhile; in this one, where it is one."""
    if threads == 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(threads, "side by side") as pool:

        def call_all(calls: Iterable[Callable[[], Any]]) -> list[Any]:
            waiting = [pool.submit(copy_context().run, call) for call in calls]
            return [each.result() for each in waiting]

        yield call_all

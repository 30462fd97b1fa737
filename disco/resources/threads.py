"""How the processor's cores are used, and why so."""

from __future__ import annotations

from collections import deque
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

#: Threads that share the operations of a small UNet: two save a quarter of its time, so more would mostly wait.
MOST_FOR_UNET = 2

#: Steps from which that is worth the tenth of a second that it takes to see whether it changes no bit.
WORTH_SHARING = 20


@dataclass(frozen=True)
class Threads:
    """How the processor's cores are used.

    each: threads that share every operation. side_by_side: how many pictures of a batch, or perceptors of a picture
    that is alone, are computed at once, a thread each, which changes no bit. unet: threads that share the operations of
    the UNet, beside that, while this pays and where it changes no bit (`disco.resources.sharing`). why: in a few words,
    for the record.
    """

    each: int
    side_by_side: int = 1
    why: str = ""
    unet: int = 1


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
    if asked:
        return Threads(1, at_once, "as asked")
    if compiling or plan.settings.batch_size > 1 or len(plan.steps) * len(plan.seeds) < WORTH_SHARING:
        return Threads(1, at_once, "operations are too short to be shared")
    unet = min(cores, MOST_FOR_UNET)
    return Threads(1, at_once, "operations are too short to be shared, but for the UNet's while that pays", unet)


def has_short_operations(plan: Plan) -> bool:
    """Whether every operation of the plan is so short that threads sharing it would mostly wait for one another."""
    return (
        catalog.all_shipped(plan.settings.model, plan.perceptors, plan.critics)
        and plan.width * plan.height <= FEW_PIXELS
    )


def one_alone() -> None:
    """This thread computes by itself from here on."""
    torch.get_num_threads()  # before a thread has asked, it takes over whatever any of them sets
    torch.set_num_threads(1)


@contextmanager
def side_by_side(threads: int) -> Iterator[CallAll]:
    """Functions are called in so many threads meanwhile, this one among them, each by one alone."""
    if threads == 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(threads - 1, "side by side", one_alone) as pool:

        def call_all(calls: Iterable[Callable[[], Any]]) -> list[Any]:
            waiting = deque(enumerate(calls))
            results: dict[int, Any] = {}

            def work() -> None:
                while waiting:
                    try:
                        number, call = waiting.popleft()
                    except IndexError:  # another thread was quicker
                        return
                    results[number] = call()

            # This thread has the caches warm, and is spared being woken up.
            others = [pool.submit(copy_context().run, work) for _ in range(min(threads, len(waiting)) - 1)]
            work()
            for other in others:
                other.result()
            return [results[number] for number in sorted(results)]

        yield call_all

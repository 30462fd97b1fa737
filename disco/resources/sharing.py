"""A UNet's operations, shared between threads for as long as that pays, which changes no bit.

Threads that share an operation wait for one another, so whatever else takes a core can stop all of them. Here every
pass through the network is timed in some dozen places. Where several threads are later than one was, one goes on by
itself from there, and the others are tried again after a while.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco.arrangement import Arrangement
from disco.kernels.sharing import set_threads, shared
from disco.pipeline.build import Networks
from disco.planning.plan import Plan

#: Passes by one thread before several are tried; after so many by several, one by one thread again.
FIRST, RENEWED = 2, 32

#: Of so many passes by one thread the median counts.
REMEMBERED = 3

#: Seconds by which several threads may be later than one, and of what they have won the most to lose again.
LATE, MOST_WON = 0.008, 0.008

#: Seconds that one thread goes on by itself at least and at most; twice as long after each try in vain.
SHORTEST, LONGEST = 0.05, 6.4

#: After so many seconds without a pass of its kind, one takes longer than it will, and who else computes is not known.
STANDSTILL = 1.0


def free_cores() -> float:
    """Cores that nobody computes on at present but this thread; no end of them where the system does not say.

    Linux does: the threads that run or want to are the first of the pair in /proc/loadavg, this one among them.
    """
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return math.inf
    return (os.cpu_count() or 1) - running


@dataclass
class Single:
    """What passes of one kind took one thread: the latest of them, seconds up to each place, the last at the end.

    since: passes by several threads since the latest. ended: when the latest pass by any number of threads did.
    """

    passes: list[list[float]] = field(default_factory=list)
    since: int = 0
    ended: float = -math.inf

    def add(self, took: list[float]) -> None:
        """Another one."""
        self.passes = [*self.passes, took][-REMEMBERED:]
        self.since = 0

    def typical(self) -> list[float]:
        """The median of the passes, by what the whole took."""
        return sorted(self.passes, key=lambda took: took[-1])[(len(self.passes) - 1) // 2]


class Sharing:
    """Who computes a pass: so many threads, or one. Each kind of pass (forward, backward) is compared with its own.

    Several threads lose no more than they have won and some milliseconds a try.

    clock: seconds. set_threads: on how many this thread computes from here on. free_cores: how many nobody computes on,
    this thread's aside.

    same_bits: whether several threads have the bits of one; None before that was tried. together, single: passes by
    several threads and by one; given_up: those by several that one thread had to finish.
    """

    def __init__(
        self,
        threads: int,
        clock: Callable[[], float] = time.perf_counter,
        set_threads: Callable[[int], object] = set_threads,
        free_cores: Callable[[], float] = free_cores,
    ) -> None:
        self.threads, self._clock, self._set_threads, self._free_cores = threads, clock, set_threads, free_cores
        self.same_bits: bool | None = None
        self.together = self.single = self.given_up = 0
        self._known: dict[Hashable, Single] = {}
        self._won, self._not_before, self._pause = 0.0, 0.0, SHORTEST
        self._in_time = False
        # The present pass; expected: what a single one takes, where several threads compute it.
        self._kind: Hashable = None
        self._began, self._took = 0.0, list[float]()
        self._expected: list[float] | None = None
        self._late = self._warms_up = False

    def begin(self, kind: Hashable) -> None:
        """A pass of this kind begins."""
        self._kind, self._began, self._took, self._late = kind, self._clock(), [], False
        known = self._known.setdefault(kind, Single())
        self._warms_up = self._began - known.ended > STANDSTILL
        if self._warms_up:
            self._won, self._not_before, self._pause, self._in_time = 0.0, 0.0, SHORTEST, False
        may = len(known.passes) >= FIRST and known.since < RENEWED and self._began >= self._not_before
        self._expected = None
        if may and not self._warms_up and (self._in_time or self._free_cores() >= self.threads - 1):
            self._expected = known.typical()
            self._set_threads(self.threads)

    def passed(self) -> None:
        """The pass has come to the next place."""
        self._took.append(self._clock() - self._began)
        if self._expected is None or self._late or len(self._took) > len(self._expected):
            return
        if self._took[-1] > self._expected[len(self._took) - 1] + LATE + self._won:
            self._late = True
            self._set_threads(1)

    def end(self) -> None:
        """The pass is done."""
        self.passed()
        known = self._known[self._kind]
        known.ended = self._began + self._took[-1]
        if self._expected is None:
            self.single += 1
            if not self._warms_up:
                known.add(self._took)
            return
        self._set_threads(1)
        self.together += 1
        known.since += 1
        self._in_time = not self._late
        if self._late:
            self.given_up += 1
            self._won, self._not_before = 0.0, self._clock() + self._pause
            self._pause = min(2 * self._pause, LONGEST)
        else:
            won = self._expected[-1] - self._took[-1]
            self._won = min(self._won + won, MOST_WON)
            self._pause = SHORTEST if won > 0 else self._pause

    def used_by(self, networks: Networks, plan: Plan, arrangement: Arrangement) -> Networks:
        """The networks, the UNet shared where that was chosen and proves to have the same bits."""
        if self.threads == 1:
            return networks
        self.same_bits = has_same_bits(networks.unet, (plan.height, plan.width), arrangement, self.threads)
        return networks._replace(unet=self.share(networks.unet)) if self.same_bits else networks

    def share(self, network: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The network, its forward and backward passes by as many threads as pays. For one thread to call."""

        def called(x: Tensor, *given: Any) -> Tensor:
            guides = x.requires_grad and torch.is_grad_enabled()
            self.begin(("forward", guides))
            try:
                with shared(self.passed):
                    out = network(x, *given)
            finally:
                self.end()
            if guides:
                self._watch_backward(x, out)
            return out

        return called

    def _watch_backward(self, x: Tensor, out: Tensor) -> None:
        """The backward pass begins at out and ends when the gradient of x is whole, and that is told once.

        x itself, not a view of it, whose gradient would be added to others in another order.
        """

        def ends(_: Tensor) -> None:
            handle.remove()
            self.end()

        handle = x.register_hook(ends)
        out.register_hook(lambda _: self.begin("backward"))

    def record(self) -> dict[str, Any]:
        """What became of it, for the record of a run."""
        passes = {"together": self.together, "single": self.single, "given_up": self.given_up}
        return {"threads": self.threads, "same_bits": self.same_bits, "passes": passes}


@lru_cache(maxsize=4)
def has_same_bits(
    network: Callable[..., Tensor], size: tuple[int, int], arrangement: Arrangement, threads: int
) -> bool:
    """Whether an evaluation of the network and its gradient are the same on one thread and on several, `shared`.

    size: height and width. arrangement: how the network is laid out at present.
    """
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))

    def results(count: int) -> tuple[Tensor, Tensor]:
        set_threads(count)
        leaf = x.clone().requires_grad_()
        with shared(lambda: None):
            out = network(leaf, torch.full((1,), 500.0))
        return out.detach(), torch.autograd.grad(out, leaf, torch.ones_like(out))[0]

    before = torch.get_num_threads()
    try:
        return all(map(torch.equal, results(1), results(threads)))
    finally:
        set_threads(before)

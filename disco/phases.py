"""Where a run's seconds go, by phase, from the start of the process to its last picture.

start      Python itself, until this module is imported
import     torch and the rest of what a run is computed with
compose    Hydra's config, from conf/ and what was typed
plan       the values of every step, the checks, the arrangement of memory
load       networks and their weights
steps      from noise to picture
write      the run folder
measure    metrics, the judge among them

Networks that a process keeps are loaded once, so of its later runs most phases are short.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

#: When this module was imported, which the command does first of all, in seconds since the epoch.
BEGAN = time.time()

#: In the order in which a run goes through them.
PHASES = ("start", "import", "compose", "plan", "load", "steps", "write", "measure")


class Phases:
    """A clock that counts seconds for one phase at a time: within another, a phase stops the outer one."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._since = clock, clock()
        self._seconds: dict[str, float] = {}
        self._open: list[str] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what happens meanwhile for a phase."""
        self._count()
        self._open.append(name)
        try:
            yield
        finally:
            self._count()
            self._open.pop()

    def taken(self) -> dict[str, float]:
        """Seconds of each phase since this was asked last, in the order of `PHASES`, but for those that took none."""
        self._count()
        found, self._seconds = self._seconds, {}
        return {name: round(found[name], 6) for name in PHASES if name in found}

    def _count(self) -> None:
        now = self._clock()
        if self._open:
            self._seconds[self._open[-1]] = self._seconds.get(self._open[-1], 0.0) + now - self._since
        self._since = now


class _OfThread(threading.local):
    """A clock for each thread, because runs may go on side by side."""

    def __init__(self) -> None:
        self.phases = Phases()


_MINE, _TOLD = _OfThread(), threading.Event()


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Count what this thread does meanwhile for a phase, as `with phase("load"): ...` or as a decorator."""
    with _MINE.phases.of(name):
        yield


def phases_taken() -> dict[str, float]:
    """Seconds of each phase of this thread since this was asked last; the start of the process the first time."""
    first = {} if _TOLD.is_set() else {"start": round(max(0.0, BEGAN - _process_began()), 6)}
    _TOLD.set()
    return first | _MINE.phases.taken()


def together(some: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """The seconds of both, phase by phase."""
    return {name: some.get(name, 0.0) + more.get(name, 0.0) for name in PHASES if name in some or name in more}


def _process_began() -> float:
    import psutil

    return psutil.Process().create_time()

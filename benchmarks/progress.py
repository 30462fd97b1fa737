"""How far off the bar is: the seconds left that it tells after a tenth of a run, against those that came. Prints JSON.

    python benchmarks/progress.py [--size smoke|small|full]

error: the seconds left that were told over those that the rest took, less one, of every run of a schedule. mean,
largest: of the errors without their signs. within: the share of runs that are off by 15 % at most. What else begins or
ends on the machine during a run cannot be foreseen, and counts as an error here.

Schedules: even, as many cuts at each step; falling, as Disco's, many overview cuts and then few inner ones; skipped,
the first steps skipped; rising, few cuts and then many. small: one run of each, of 50 steps; full: four of each, of 100
steps.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from typing import Any

import disco
from disco.run import loop
from disco.run.progress import Progress

PROMPT = "a red star over the sea"
SCHEDULES: dict[str, dict[str, Any]] = {
    "even": {},
    "falling": {"cut_overview": "[24]*400+[4]*600", "cut_innercut": "[0]*400+[4]*600"},
    "skipped": {"skip_steps": 5, "cut_overview": "[12]*400+[4]*600"},
    "rising": {"cut_overview": "[1]*500+[8]*500", "cut_innercut": "[0]*500+[8]*500"},
}
SIZES = {"smoke": (1, 20), "small": (1, 50), "full": (4, 100)}
AFTER, LIMIT = 0.1, 0.15


class Watched(Progress):
    """The bar, which keeps when each step was done and what it told then."""

    last: Watched

    def __init__(self, steps: int | Sequence[float], quiet: bool = False) -> None:
        super().__init__(steps, quiet)
        self.moments: list[tuple[float, float]] = []
        Watched.last = self

    def step(self, loss: float | None = None) -> None:
        super().step(loss)
        left = self.pace.seconds_left
        assert left is not None
        self.moments.append((time.perf_counter(), left))


def error_of(moments: Sequence[tuple[float, float]]) -> float:
    """By how much the seconds left are off after a tenth of the steps.

    moments: when each was done, and the seconds that were told to be left then.
    """
    then, told = moments[max(round(AFTER * len(moments)), 1) - 1]
    return told / (moments[-1][0] - then) - 1


def measure(repeats: int, steps: int) -> dict[str, Any]:
    errors: dict[str, list[float]] = {name: [] for name in SCHEDULES}
    disco.render(PROMPT, steps=2, metrics=False)  # warms up
    loop.Progress = Watched  # type: ignore[misc]
    try:
        for number in range(repeats):
            for name, settings in SCHEDULES.items():
                disco.render(PROMPT, steps=steps, seed=number, metrics=False, **settings)
                errors[name].append(error_of(Watched.last.moments))
    finally:
        loop.Progress = Progress  # type: ignore[misc]
    sizes = [abs(error) for found in errors.values() for error in found]
    within = sum(size <= LIMIT for size in sizes) / len(sizes)
    return {"error": errors, "mean": statistics.mean(sizes), "largest": max(sizes), "within": within}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    options = parser.parse_args()
    about = {"machine": platform.machine(), "cores": os.cpu_count(), "size": options.size}
    print(json.dumps(about | measure(*SIZES[options.size]), indent=2))


if __name__ == "__main__":
    main()

"""Ways to use the processor's cores, measured in turns, alone and beside busy processes; for `step.py --neighbour`.

Threads that share an operation wait for one another, so whatever else takes a core can stop all of them. How they
wait is read when torch is loaded, so each way is a process of its own that has its networks loaded and waits for its
turn.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

#: What is tried: its environment, and whether all cores share every operation ("all"), none does ("one"), or disco
#: chooses ("default"). 300000 turns before it sleeps are GNU OpenMP's own; 0 is what it makes of a passive policy.
WAYS: dict[str, tuple[dict[str, str], str]] = {
    "default": ({}, "default"),
    "one thread": ({"OMP_NUM_THREADS": "1"}, "one"),
    "all cores, waiting as the library does": ({"GOMP_SPINCOUNT": "300000"}, "all"),
    "all cores, waiting awake for 10000 turns": ({"GOMP_SPINCOUNT": "10000"}, "all"),
    "all cores, waiting asleep": ({"OMP_WAIT_POLICY": "PASSIVE"}, "all"),
}
#: How the cores were used before disco chose.
FORMERLY = "all cores, waiting as the library does"
WAITING = ("OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")


class Worker:
    """A process that runs steps when it is asked to."""

    def __init__(self, way: str, settings: Sequence[str]) -> None:
        environment, threads = WAYS[way]
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        asked = {"one": ["--threads", "1"], "all": ["--threads", str(cores)], "default": []}[threads]
        inherited = {name: value for name, value in os.environ.items() if name not in WAITING}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("step.py")), "--serve", *asked, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=inherited | environment,
        )

    def seconds(self, steps: int) -> float:
        """The mean of so many steps, after one that is not counted. Raises RuntimeError where the process has died."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"a worker ended with {self._process.wait()}")
        return float(json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(step: Callable[[], object], lines: Iterable[str] = sys.stdin) -> None:
    """Run as many steps as each line says, after one that is not counted, and print their mean in seconds."""
    step()
    for line in lines:
        step()
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(json.dumps((time.perf_counter() - start) / int(line)), flush=True)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes compute meanwhile, as eagerly as anyone."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.2 * bool(count))
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def compare(
    settings: Sequence[str],
    neighbours: int,
    rounds: int,
    steps: int = 3,
    worker: Callable[[str, Sequence[str]], Worker] = Worker,
) -> dict[str, Any]:
    """Seconds a step by way, alone and beside `neighbours` busy processes: medians over rounds of means over steps.

    worst_ratio: the default's by the best way's, at its worst; idle_ratio: by what was done formerly, alone.
    """
    with ExitStack() as stack:
        workers = {}
        for way in WAYS:
            workers[way] = worker(way, settings)
            stack.callback(workers[way].close)
        found: dict[int, dict[str, list[float]]] = {count: {way: [] for way in WAYS} for count in {0, neighbours}}
        for turn in range(rounds):
            for count, seconds in found.items():
                ways = list(WAYS)[turn % len(WAYS) :] + list(WAYS)[: turn % len(WAYS)]
                with busy(count):
                    for way in ways:
                        seconds[way].append(workers[way].seconds(steps))
    medians = {count: {way: statistics.median(each) for way, each in ways.items()} for count, ways in found.items()}
    return {
        "seconds_beside": {str(count): ways for count, ways in medians.items()},
        "worst_ratio": max(ways["default"] / min(ways.values()) for ways in medians.values()),
        "idle_ratio": medians[0]["default"] / medians[0][FORMERLY],
    }

"""Two revisions measured in turns, and which of their figures differ by more than they vary.

A machine's own speed wanders by more than most changes bring, so neither is measured after the other: they take turns,
and what counts is the ratio of each turn. Turns are too few for a median to tell anything, so the interval is Student's
over the logarithms of the ratios, and the p-values hold the false discovery rate over all figures.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from scipy import stats

from disco.claims.statistics import adjusted

#: A figure has moved where it would seem to by chance in one of twenty that did not.
RATE = 0.05


class Moved(NamedTuple):
    """A figure of both revisions. ratio: now by then, with its 95 % interval. sure: whether chance is ruled out."""

    name: str
    ratio: float
    low: float
    high: float
    sure: bool


@contextmanager
def tree_of(repository: Path, revision: str) -> Iterator[Path]:
    """A revision's files in a folder of their own meanwhile, importable as they lie there.

    kernels/ and conf/ are linked to where an installation maps them, for this one is not installed.
    """
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(repository), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            for name in ("conf", "kernels"):
                if (tree / name).is_dir():
                    (tree / "disco" / name).symlink_to(tree / name, target_is_directory=True)
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def printed_by(tree: Path, name: str, arguments: Sequence[str]) -> str:
    """What a benchmark of a tree prints, run with the engine of that tree."""
    given = os.environ | {"PYTHONPATH": str(tree)}
    command = [sys.executable, str(tree / "benchmarks" / f"{name}.py"), *arguments]
    return subprocess.run(command, env=given, cwd=tree, check=True, stdout=subprocess.PIPE, text=True).stdout


def figures(tree: Any, name: str = "") -> dict[str, float]:
    """The positive numbers in what a benchmark printed, by where they stand in it: `warm.step`, `cases.0.seconds`."""
    if isinstance(tree, Mapping):
        below = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, list):
        below = [(str(key), value) for key, value in enumerate(tree)]
    else:
        return {name: tree} if isinstance(tree, float) and math.isfinite(tree) and tree > 0 else {}
    found: dict[str, float] = {}
    for key, value in below:
        found |= figures(value, f"{name}.{key}" if name else key)
    return found


def in_turns(measure: Callable[[Path], Any], now: Path, then: Path, rounds: int) -> list[tuple[Any, Any]]:
    """What is measured of both trees, round by round; who comes first alternates."""
    found = []
    for number in range(rounds):
        first, second = (now, then) if number % 2 == 0 else (then, now)
        measured = {first: measure(first)}
        measured[second] = measure(second)
        found.append((measured[now], measured[then]))
    return found


def moved(rounds: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> list[Moved]:
    """Every figure that both revisions gave in every round, the surest changes first.

    rounds: of both, figures by name; three at least, for fewer tell no spread. Raises ValueError otherwise.
    """
    if len(rounds) < 3:
        raise ValueError(f"{len(rounds)} rounds tell no change from noise; take 3 or more")
    names = [name for name in rounds[0][0] if all(name in each for pair in rounds for each in pair)]
    ratios = {name: [math.log(now[name] / then[name]) for now, then in rounds] for name in names}
    errors = {name: max(statistics.stdev(values), 1e-12) / math.sqrt(len(values)) for name, values in ratios.items()}
    means = {name: statistics.fmean(values) for name, values in ratios.items()}
    free = len(rounds) - 1
    chances = adjusted([float(2 * stats.t.sf(abs(means[name]) / errors[name], free)) for name in names])
    reach = float(stats.t.ppf(0.975, free))
    found = [
        Moved(name, *(math.exp(means[name] + side * reach * errors[name]) for side in (0, -1, 1)), chance < RATE)
        for name, chance in zip(names, chances, strict=True)
    ]
    return sorted(found, key=lambda each: (not each.sure, -abs(math.log(each.ratio))))


def lines(name: str, changes: Sequence[Moved]) -> list[str]:
    """For a reader: what moved, and how many figures did not."""
    told = [
        f"{name} {each.name}: {each.ratio:.3f} of what it was ({each.low:.3f} to {each.high:.3f})"
        for each in changes
        if each.sure
    ]
    still = sum(not each.sure for each in changes)
    return [*told, f"{name}: {still} of {len(changes)} figures did not move beyond their noise"]

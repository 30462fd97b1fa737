"""The benchmarks run and print JSON with positive figures; how large they are is the machine's business."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
QUICK = {
    "study": ["--steps", "1", "--cells", "2"],
    "run": ["a red star", "steps=2"],
    "step": ["--repeats", "1", "--threads", "1"],
    "cutouts": ["--repeats", "1"],
    "losses": ["--repeats", "1", "--sizes", "64x64"],
    "sphere": ["--repeats", "1", "--cases", "embedded"],
    "norm": ["--repeats", "1", "--cases", "embedded"],
    "memory": ["--cases", "smallest"],
    "precision": ["--prompts", "2", "--steps", "2"],
    "record": ["--only", "sphere"],
}


def figures(tree: dict[str, Any]) -> Iterator[float]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from figures(value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from figures(value[0])
        elif isinstance(value, float) and name != "difference":
            yield value


def test_every_benchmark_is_tested():
    assert {path.stem for path in BENCHMARKS.glob("*.py")} == set(QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_the_benchmark_runs(name, tmp_path):
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *QUICK[name]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = list(figures(json.loads(done.stdout)))
    assert len(found) >= 3 and min(found) >= 0
    assert list(tmp_path.iterdir()) == []

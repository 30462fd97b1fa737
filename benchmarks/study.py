"""What a study costs beside its rendering. Prints JSON; all figures but the shares are seconds.

    python benchmarks/study.py [--steps 50] [--cells 20]

wall: the command `disco -m ...`, from its start to its end, in a process of its own. Of that, rendering: the steps
themselves, as steps.jsonl has them. The rest is overhead: start (Python, and all that is not named here), import (the
engine and what it stands on), check (every cell composed and planned), load (networks), measure (the metrics of every
picture, and the judge's loading), report (table, sheet and page), and write (what is left of the cells' time). Then
again: the same command once more, when every cell is done, but for the report nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def timed(seconds: dict[str, float], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its time added to `seconds`."""

    def call(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start

    return call


def inside(arguments: list[str], times: Path) -> int:
    """The command, with a clock on each of its parts."""
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    import disco.cli.main
    import disco.run.api
    import disco.run.results
    import disco.run.session
    import disco.study.declare
    import disco.study.report

    seconds["import"] = time.perf_counter() - start
    for owner, function, name in (
        (disco.run.session.Session, "networks", "load"),
        (disco.run.results, "assess", "measure"),
        (disco.run.api, "render_settings", "cells"),
        (disco.study.declare, "declare", "check"),
        (disco.study.report, "write_report", "report"),
    ):
        setattr(owner, function, timed(seconds, name, getattr(owner, function)))
    code = disco.cli.main.main(arguments)
    times.write_text(json.dumps(seconds))
    return code


def study(arguments: list[str], folder: Path) -> dict[str, float]:
    """Run the study in a process of its own; seconds by part."""
    times = folder / "times.json"
    start = time.perf_counter()
    command = [sys.executable, __file__, "--inside", str(times), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    return {"wall": time.perf_counter() - start} | json.loads(times.read_text())


def steps_of(folder: Path) -> float:
    """The time of all steps below a folder."""
    lines = [line for path in folder.rglob("steps.jsonl") for line in path.read_text().splitlines()]
    return sum(json.loads(line)["seconds"] for line in lines)


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        raise SystemExit(inside(sys.argv[3:], Path(sys.argv[2])))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--cells", type=int, default=20)
    options = parser.parse_args()
    grid = ["clamp_max=0.05,0.1", f"seed=range({max(1, options.cells // 2)})"]
    arguments = ["-m", "a red star over the sea", f"steps={options.steps}", *grid]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found = study(arguments, folder)
        rendering = steps_of(folder)
        again = study(arguments, folder)
    wall = found.pop("wall")
    cells = found.pop("cells")
    parts = found | {"write": cells - rendering - found["load"] - found["measure"]}
    parts["start"] = wall - cells - found["import"] - found["check"] - found["report"]
    figures = {
        "cells": options.cells,
        "steps": options.steps,
        "wall": wall,
        "rendering": rendering,
        "overhead": parts,
        "share_of_overhead": (wall - rendering) / wall,
        "again": again["wall"],
    }
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    print(json.dumps(figures | machine, indent=2))


if __name__ == "__main__":
    main()

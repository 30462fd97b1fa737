"""How long a picture takes, from the start of the program on. Prints JSON; all figures are seconds.

    python benchmarks/run.py ["a red star over the sea" steps=50 ...]

process: the command `disco`, from its start to its end, pictures written. Then, measured inside one fresh process:
import: loading the engine and what it stands on. cold: the first picture, with its models loaded. warm: another
picture after it. Of both, load is what does not belong to a step, and step the median over the steps.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

PROMPT = "a red star over the sea"


def picture(arguments: list[str]) -> dict[str, float]:
    """Render once, into memory."""
    from disco.run.api import render_settings
    from disco.settings.config import load
    from disco.settings.overrides import from_arguments

    run = render_settings(load(from_arguments(arguments)), quiet=True)
    steps = [line["seconds"] for line in run.steps]
    return {"total": run.seconds, "load": run.seconds - sum(steps), "step": statistics.median(steps)}


def inside(arguments: list[str]) -> dict[str, Any]:
    """What the fresh process measures of itself."""
    start = time.perf_counter()
    import torch

    import disco.run.api  # noqa: F401

    imported = time.perf_counter() - start
    figures = {"import": imported, "cold": picture(arguments), "warm": picture(arguments)}
    return figures | {"torch": torch.__version__, "threads": threads(arguments)}


def threads(arguments: list[str]) -> int:
    """How many threads compute these settings."""
    import torch

    from disco.settings.config import load
    from disco.settings.overrides import from_arguments

    return load(from_arguments(arguments)).machine.threads or torch.get_num_threads()


def outside(arguments: list[str]) -> float:
    """The whole command, as somebody at a terminal waits for it."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "disco", *arguments, f"folder={folder}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        print(json.dumps(inside(sys.argv[2:])))
        return
    arguments = sys.argv[1:] or [PROMPT]
    process = outside(arguments)
    fresh = subprocess.run(
        [sys.executable, __file__, "--inside", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    print(json.dumps({"arguments": arguments, "process": process} | json.loads(fresh.stdout) | machine, indent=2))


if __name__ == "__main__":
    main()

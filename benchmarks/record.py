"""Run the benchmarks one after the other and gather what they print into one file, for the tables of the site.

    python benchmarks/record.py [--only step cutouts] [--write]
    python benchmarks/record.py --only run step --against REVISION [--rounds 5]

--write puts it into benchmarks/results/DATE-DEVICE.json, beside what was gathered on that day already; otherwise it is
printed. --against measures this tree and that revision in turns and says which figures moved by more than they vary.
Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from against import figures, in_turns, lines, moved, printed_by, tree_of

HERE = Path(__file__).parent
SIXTEEN = ["cut_overview=12", "cut_innercut=4"]

#: What is run of each benchmark, with which arguments: on a processor, and on a GPU.
ON_CPU: dict[str, list[list[str]]] = {
    "run": [["a red star over the sea"], ["a red star over the sea", "threads=1"]],
    "step": [
        ["--threads", "2"],
        ["--threads", "2", "precision=float32"],
        ["--threads", "2", "precision=float32", "compile=default"],
        ["--threads", "1"],
        ["--threads", "1", "precision=float32"],
        ["--threads", "2", *SIXTEEN],
        ["--threads", "2", *SIXTEEN, "precision=float32"],
        ["--threads", "1", *SIXTEEN],
    ],
    "cutouts": [["--threads", "1"]],
    "losses": [["--threads", "1"]],
    "sphere": [["--threads", "1"]],
    "norm": [["--threads", "1"]],
    "study": [[]],
    "precision": [["--jobs", "2"]],
    "drafts": [["--size", "full"]],
    "guidance": [["--size", "full", "--jobs", "2"]],
    "edits": [["--size", "full"]],
    "guards": [["--size", "full"]],
    "resume": [["--size", "full"]],
    "progress": [["--size", "full"]],
    "films": [["--size", "full"]],
    "concepts": [["--size", "full"]],
    "placement": [["--size", "full"]],
    "critics": [["--size", "full"]],
    "importing": [["--size", "full"]],
    "app": [["--size", "full"]],
    "memory": [["--cases", "embedded", "real", "large"]],
}
FOUR = "clip_models=[ViT-B/32,ViT-B/16,ViT-L/14,RN50]"
ON_CUDA: dict[str, list[list[str]]] = {
    "step": [
        ["--random", "preset=disco57", "use_secondary_model=false", "width=768", "height=512", "cutn_batches=1", FOUR],
        ["--random", "preset=disco57"],
        ["--random", "preset=disco57", "compile=default"],
    ],
    **{name: [["--device", "cuda"]] for name in ("cutouts", "losses", "sphere", "norm")},
    "run": [["a red star over the sea"]],
    "memory": [["--cases", "embedded", "real", "large", "--device", "cuda"]],
}


def gathered(names: list[str], plan: dict[str, list[list[str]]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name in names:
        for arguments in plan[name]:
            print(" ".join([name, *arguments]), file=sys.stderr)
            command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found.setdefault(name, []).append({"arguments": arguments} | json.loads(done.stdout))
    return found


def compared(
    names: list[str],
    plan: dict[str, list[list[str]]],
    then: Path,
    rounds: int,
    printed: Callable[[Path, str, list[str]], str] = printed_by,
) -> list[str]:
    """What moved between another revision's tree and the one that this file lies in, in lines."""
    told: list[str] = []
    for name in names:
        for arguments in plan[name]:
            what = " ".join([name, *arguments])
            print(what, file=sys.stderr)

            def measure(tree: Path, name: str = name, arguments: list[str] = arguments) -> dict[str, float]:
                return figures(json.loads(printed(tree, name, arguments)))

            told += lines(what, moved(in_turns(measure, HERE.parent, then, rounds)))
    return told


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(ON_CPU))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--against", metavar="REVISION")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    plan = ON_CUDA if on_gpu else ON_CPU
    names = [name for name in plan if not options.only or name in options.only]
    if options.against:
        with tree_of(HERE.parent, options.against) as then:
            print("\n".join(compared(names, plan, then, options.rounds)))
        return
    found = gathered(names, plan)
    if not options.write:
        print(json.dumps(found, indent=1))
        return
    device = torch.cuda.get_device_name().split()[-1].lower() if on_gpu else "cpu"
    path = HERE / "results" / f"{time.strftime('%Y-%m-%d')}-{device}.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(before | found, indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()

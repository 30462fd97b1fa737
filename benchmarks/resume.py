"""Runs and studies that are killed at random and gone on with, and what saving their states costs. Prints JSON.

    python benchmarks/resume.py [--size small|full] [--only KIND ...] [--seed N]

kills: each kind of run is rendered undisturbed once, as a process of its own. The same again is killed by SIGKILL, at a
random time after its first state, and gone on with: a run by `disco resume`, a study of four cells and two workers by
the same command once more. same: how many came to the undisturbed pictures, to the bit. mid: how many were killed in
the middle of a picture, which a state was there of.

damage: a killed run whose newest state was cut in half, emptied, or changed by a bit; whether the resumed run said so,
and came to the same bits from the state before.

cost: the time that writing states takes at the default interval, as a share of the run. worst: the largest of the runs.

small kills one of each kind; full four of each kind (24 in all).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROMPT = "a red star over the sea"
LIGHT = ["steps=40", "width=32", "height=32", "cut_overview=2", "cut_innercut=2", "metrics=false", "state_rate=1"]
INIT = "init.png"
TWO_WORKERS = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.workers=2"]
#: What is killed, by kind: the words after the prompt.
KINDS = {
    "ddim": ["eta=0.8"],
    "ddpm": ["sampler=ddpm"],
    "plms": ["sampler=plms", "ddim_switch=0.5", "eta=0.5"],
    "batch": ["batch_size=2", "n_batches=2", "steps=20"],
    "init": [f"init_image={INIT}", "skip_steps=5", "init_scale=300"],
    "study": ["-m", "clamp_max=0.1,0.4", "seed=0,1", *TWO_WORKERS],
}
#: What happens to the newest state: its bytes become these.
DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "a bit": lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
}
#: Whose states' cost is measured: runs on the embedded models, the interval as by default.
COSTS: dict[str, dict[str, Any]] = {
    "default": {},
    "250 steps": {"steps": 250, "cut_overview": 4, "cut_innercut": 0},
    "four at once": {"batch_size": 4},
    "no guidance": {"steps": 250, "clip_guidance_scale": 0, "sat_scale": 0, "range_scale": 0, "tv_scale": 0},
}
#: Kills of each kind, the kinds, the damages, the runs whose cost is measured and how often.
SIZES: dict[str, tuple[int, list[str], list[str], list[str], int]] = {
    "small": (1, [*KINDS], [*DAMAGES], [*COSTS], 1),
    "full": (4, [*KINDS], [*DAMAGES], [*COSTS], 3),
}
PATIENCE = 600  #: Seconds after which a process is given up.


@dataclass(frozen=True)
class Kind:
    """A run or a study that can be started again and again, in a folder below `place`."""

    name: str
    place: Path

    @property
    def is_study(self) -> bool:
        return "-m" in KINDS[self.name]

    def start(self, folder: Path) -> subprocess.Popen[str]:
        """The command, in a process group of its own."""
        where = f"hydra.sweep.dir={folder}" if self.is_study else f"hydra.run.dir={folder}"
        return self._process([PROMPT, *LIGHT, *KINDS[self.name], where])

    def go_on(self, folder: Path) -> str:
        """Take it up again; what it says on standard error. Raises RuntimeError where it fails."""
        process = self.start(folder) if self.is_study else self._process(["resume", str(folder)])
        said = process.communicate(timeout=PATIENCE)[1]
        if process.returncode:
            raise RuntimeError(f"{self.name} ended with {process.returncode}: {said}")
        return said

    def _process(self, words: Sequence[str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "disco", *words]
        return subprocess.Popen(
            command,
            cwd=self.place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def levels(folder: Path) -> Mapping[str, bytes]:
    """The pixels of every picture of a run or a study, by its path in the folder."""
    import numpy as np
    from PIL import Image

    found = {}
    for path in sorted([*folder.glob("image_*.png"), *folder.glob("*/image_*.png")]):
        with Image.open(path) as image:
            found[str(path.relative_to(folder))] = np.asarray(image).tobytes()
    return found


def states(folder: Path) -> list[Path]:
    return sorted([*folder.glob("state/*.safetensors"), *folder.glob("*/state/*.safetensors")])


def killed(kind: Kind, folder: Path, chance: random.Random, takes: float, least: int = 1) -> bool:
    """Start it and kill it, at random after so many states; whether that was in the middle of a picture.

    takes: seconds that it is at work undisturbed.
    """
    process = kind.start(folder)
    until = time.monotonic() + PATIENCE
    while len(states(folder)) < least and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.6) * takes)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return bool(states(folder))


def kills(kind: Kind, count: int, chance: random.Random) -> dict[str, int]:
    """How many of so many kills came to the same pictures in the end; told on standard error too, for it takes long."""
    whole, takes = undisturbed(kind)
    mid = same = 0
    for number in range(count):
        folder = kind.place / f"{kind.name}-{number}"
        mid += killed(kind, folder, chance, takes)
        kind.go_on(folder)
        same += levels(folder) == whole
    found = {"count": count, "mid": mid, "same": same}
    print(kind.name, found, file=sys.stderr, flush=True)
    return found


def undisturbed(kind: Kind) -> tuple[Mapping[str, bytes], float]:
    """The pictures of a run that nothing befalls, and the seconds from its first state to its end."""
    folder = kind.place / f"{kind.name}-whole"
    process = kind.start(folder)
    while not states(folder) and process.poll() is None:
        time.sleep(0.01)
    began = time.perf_counter()
    said = process.communicate(timeout=PATIENCE)[1]
    found = levels(folder)
    if process.returncode or not found:
        raise RuntimeError(f"{kind.name} ended with {process.returncode}: {said}")
    return found, time.perf_counter() - began


def damaged(kind: Kind, how: str, chance: random.Random) -> dict[str, bool]:
    """Whether a run whose newest state was damaged says so, and comes to the same pictures."""
    whole = levels(kind.place / f"{kind.name}-whole")
    folder = kind.place / f"{kind.name}-{how.replace(' ', '-')}"
    killed(kind, folder, chance, 0.0, least=2)
    newest = max(states(folder), key=lambda path: path.name)
    newest.write_bytes(DAMAGES[how](newest.read_bytes()))
    said = kind.go_on(folder)
    return {"said": f"{newest.name} is damaged" in " ".join(said.split()), "same": levels(folder) == whole}


def share_of_states(settings: Mapping[str, Any], folder: Path) -> tuple[float, int]:
    """The share of a run's seconds that writing its states took, and how many they were."""
    from disco.run.api import render
    from disco.run.loop import RunLoop

    spent: list[float] = []
    plain = RunLoop.save_state

    def timed(loop: RunLoop) -> None:
        began = time.perf_counter()
        plain(loop)
        spent.append(time.perf_counter() - began)

    RunLoop.save_state = timed  # type: ignore[method-assign]
    try:
        began = time.perf_counter()
        render(PROMPT, folder=folder, **settings)
        return sum(spent) / (time.perf_counter() - began), len(spent)
    finally:
        RunLoop.save_state = plain  # type: ignore[method-assign]


def costs(names: Sequence[str], repeats: int, place: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Each run's share, the median and the largest of so many times, after one that warms up."""
    share_of_states({"steps": 2}, place / "warm")
    for name in names:
        found = [share_of_states(COSTS[name], place / f"{name}-{number}") for number in range(repeats)]
        shares = [share for share, _ in found]
        yield name, {"share": statistics.median(shares), "worst": max(shares), "states": found[0][1]}


def measure(size: str, only: Sequence[str], seed: int, place: Path) -> dict[str, Any]:
    import numpy as np
    from PIL import Image

    count, names, damages, runs, repeats = SIZES[size]
    chance = random.Random(seed)
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / INIT)
    wanted = [name for name in only or names if name in KINDS]
    told: dict[str, Any] = {"kills": {name: kills(Kind(name, place), count, chance) for name in wanted}}
    told["total"] = {
        figure: sum(found[figure] for found in told["kills"].values()) for figure in ("count", "mid", "same")
    }
    if "ddim" in wanted:
        told["damage"] = {how: damaged(Kind("ddim", place), how, chance) for how in damages}
    if not only:
        told["cost"] = dict(costs(runs, repeats, place))
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--only", nargs="*", choices=KINDS, default=[])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.size, options.only, options.seed, Path(folder))
    about = {"machine": platform.machine(), "cores": os.cpu_count(), "size": options.size, "seed": options.seed}
    print(json.dumps(about | found, indent=2))


if __name__ == "__main__":
    main()

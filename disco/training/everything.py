"""Trains all embedded models within a time, some side by side: `python -m disco.training all --minutes 24`.

Lanes run beside one another, the trainings of a lane one after the other; each lane takes the whole time, shared out
by weights. A call may end before (`call_minutes`), and the next one goes on. What leaves the machine is small: the
averaged weights in half precision, a file a model, and one file of figures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from disco.training import pictures

#: How the time of a lane is shared out: the UNet draws the pictures, and takes the longest to learn it.
WEIGHTS = {
    "embedded64": 4.0,
    "embedded": 4.0,
    "embedded_secondary": 1.0,
    "embedded_vit": 2.0,
    "embedded_resnet": 1.5,
    "embedded_vit8": 1.5,
    "embedded_judge": 1.0,
    "embedded_judge2": 1.0,
}
GUIDES = ("embedded_vit", "embedded_resnet", "embedded_vit8")
JUDGES = ("embedded_judge", "embedded_judge2")
SECONDARY = "embedded_secondary"
#: On small pictures shapes are learned sooner; the larger UNet begins with them.
UNETS = ("embedded64", "embedded")


@dataclass(frozen=True)
class Job:
    name: str
    minutes: float


def lanes_of(minutes: float, lanes: int) -> tuple[tuple[Job, ...], ...]:
    """Who trains when: one, two or three lanes of `minutes` each.

    The guides look through the trained secondary model, and come after it in its own lane.
    """
    seeing = (SECONDARY, *GUIDES)
    names = {
        1: ((*seeing, *JUDGES, *UNETS),),
        2: (UNETS, (*seeing, *JUDGES)),
        3: (UNETS, seeing, JUDGES),
    }[lanes]
    return tuple(
        tuple(Job(name, minutes * WEIGHTS[name] / sum(WEIGHTS[other] for other in lane)) for name in lane)
        for lane in names
    )


@dataclass(frozen=True)
class Everything:
    """What `train_all` is asked for.

    runs: the folder of the runs; a file NAME.safetensors in it, from another machine, is where that run goes on.
    minutes: of training in each lane, over all calls. call_minutes: after which this call ends. words: further words
    for `python -m disco.training train`.
    """

    runs: Path
    minutes: float
    device: str
    lanes: int
    pictures: int
    call_minutes: float | None = None
    out: Path | None = None
    words: tuple[str, ...] = ()


#: Does a job of what is asked for, until a time of the clock or to its end, and tells of it as its command does.
Train = Callable[[Job, Everything, float | None], dict[str, Any]]


def run_job(job: Job, asked: Everything, until: float | None) -> dict[str, Any]:
    """One training in a process of its own; its last line of output is what it tells."""
    folder = asked.runs / job.name
    folder.mkdir(parents=True, exist_ok=True)
    threads = str(max(1, (os.cpu_count() or 1) // asked.lanes))
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        done = subprocess.run(
            [sys.executable, "-m", "disco.training", *words_of(job, asked, until)],
            stdout=log, stderr=subprocess.STDOUT, env={"OMP_NUM_THREADS": threads, **os.environ},
        )  # fmt: skip
    lines = (folder / "log.txt").read_text(encoding="utf-8").splitlines()
    if done.returncode:
        return {"error": "\n".join(lines[-5:])}
    return json.loads(lines[-1])


def words_of(job: Job, asked: Everything, until: float | None) -> list[str]:
    """The command of a job, behind `python -m disco.training`."""
    words = ["train", job.name, "--runs", str(asked.runs), "--minutes", str(job.minutes), "--device", asked.device]
    if job.name == UNETS[1]:
        words += ["--begin-from", UNETS[0]]
    words += ["--pictures", str(asked.pictures), *([] if until is None else ["--until", str(until)])]
    return [*words, *asked.words]


def train_all(asked: Everything, train: Train = run_job) -> dict[str, Any]:
    """Train, and tell how far it came: {"finished", "minutes", "jobs": {name: figures}, "errors": {name: text}}."""
    started = time.time()
    until = None if asked.call_minutes is None else started + 60 * asked.call_minutes
    lanes = lanes_of(asked.minutes, asked.lanes)
    jobs = [job for lane in lanes for job in lane]
    take_over(asked.runs, [job.name for job in jobs])
    draw(asked)
    with ThreadPoolExecutor(len(lanes)) as pool:
        ended = [
            result for lane in pool.map(lambda lane: run_lane(lane, asked, until, train), lanes) for result in lane
        ]
    errors = {name: result["error"] for name, result in ended if "error" in result}
    report = {
        "finished": len(ended) == len(jobs) and all(result.get("finished") for _, result in ended),
        "device": asked.device,
        "minutes": asked.minutes,
        "seconds_of_this_call": round(time.time() - started, 1),
        "jobs": {job.name: figures_of(asked.runs / job.name, job) for job in jobs},
        "errors": errors,
    }
    if asked.out is not None:
        carry(asked.runs, asked.out, [job.name for job in jobs], report)
    return report


def draw(asked: Everything) -> None:
    """Draw what the trainings learn from: once, by all cores, for all who share it."""
    from disco.models.catalog import embedded_networks
    from disco.training.perceptor import SCHOOLS, needs_covers
    from disco.training.unet import DATA_SEED, SHARES_OF

    cached = partial(pictures.cached, asked.runs / "cache")
    schools = [SCHOOLS[name] for name in (*GUIDES, *JUDGES)]
    for seed in sorted({school.data_seed for school in schools}):
        cached(seed, asked.pictures)
    for seed in sorted({school.data_seed for school in schools if needs_covers(school.view)}):
        cached(seed, asked.pictures, what="cover")
    for name in UNETS:
        side = embedded_networks.unet(name).image_size
        for what in pictures.DRAWERS:
            cached(DATA_SEED, asked.pictures, side, shares=SHARES_OF[side], what=what)


def run_lane(
    lane: Sequence[Job], asked: Everything, until: float | None, train: Train
) -> list[tuple[str, dict[str, Any]]]:
    """Train one after the other until one does not finish: what the trainings told of themselves."""
    ended = []
    for job in lane:
        told = train(job, asked, until)
        ended.append((job.name, told))
        if not told.get("finished"):
            break
    return ended


def figures_of(run: Path, job: Job) -> dict[str, Any]:
    """The last figures of a run, trained and held out."""
    figures: dict[str, Any] = {"minutes": round(job.minutes, 2)}
    if (run / "losses.jsonl").exists():
        for line in (run / "losses.jsonl").read_text(encoding="utf-8").splitlines():
            figures |= json.loads(line)
    if (run / "small.safetensors").exists():
        figures["bytes"] = (run / "small.safetensors").stat().st_size
    return figures


def take_over(runs: Path, names: Sequence[str]) -> None:
    """Put the small files of another machine where the trainings look for them."""
    for name in names:
        carried, run = runs / f"{name}.safetensors", runs / name
        if carried.exists() and not (run / "state.pt").exists() and not (run / "small.safetensors").exists():
            run.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(carried, run / "small.safetensors")


def carry(runs: Path, out: Path, names: Sequence[str], report: dict[str, Any]) -> None:
    """The small files and all figures, flat in one folder."""
    out.mkdir(parents=True, exist_ok=True)
    curves = {}
    for name in names:
        if (runs / name / "small.safetensors").exists():
            shutil.copyfile(runs / name / "small.safetensors", out / f"{name}.safetensors")
        if (runs / name / "losses.jsonl").exists():
            lines = (runs / name / "losses.jsonl").read_text(encoding="utf-8").splitlines()
            curves[name] = [json.loads(line) for line in lines]
    text = json.dumps({**report, "curves": curves}, indent=1)
    (out / "training.json").write_text(text + "\n", encoding="utf-8")

"""What a run, a film or a study that a page asks for would be, before it is rendered: quick, or with what it costs."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from disco.animation.disk import disk_use_of
from disco.animation.frames import is_film, plan_of, steps_of
from disco.app.asked import CHECKED, Asked, check_paths, read_asked
from disco.app.queue import RUNNING, Queue
from disco.app.refusal import Refusal, refused
from disco.app.spare import held_by_workers
from disco.errors import SettingsError
from disco.planning.plan import Plan
from disco.planning.schedules import schedule_of, schedules_of
from disco.settings.config import Settings, compose, load, specs
from disco.settings.names import name_in
from disco.settings.overrides import is_sweep
from disco.settings.schedule import ENTRIES, Schedule
from disco.study.declare import axes_of, declare
from disco.study.sweeps import check_number_of_cells, choices_of, length_of, parsed

#: Of how many layouts of a study's cells the costs are found out; others take what these take in the mean.
MOST_TRIED = 8


def planned(said: Any, folder: Path) -> tuple[Asked, list[Settings], list[Plan]]:
    """What a page asks for, the settings of its runs (one, or a study's cells), and a plan of each kind, all checked.

    Raises Refusal, or SettingsError, for what cannot be rendered here.
    """
    asked = read_asked(said)
    overrides = asked.overrides
    if not asked.axes:
        settings = load(overrides)
        check_paths(settings, folder)
        return asked, [settings], [plan_of(settings)]
    varied = {specs()[name].path for name in asked.axes}
    axes = [override for override in overrides if override.partition("=")[0] in varied]
    plain = [override for override in overrides if override not in axes]
    check_paths(load(plain), folder)
    check_number_of_cells([each for each in map(parsed, axes) if each.is_sweep_override()])
    for axis in axes:  # before anything opens what they name
        if name_in(axis).rpartition(".")[2] in CHECKED:
            for value in choices_of(parsed(axis)) if is_sweep(axis) else [axis]:
                check_paths(load([*plain, value]), folder)
    whole = compose(plain)
    sweep = declare(whole, axes_of(whole, overrides), "config")
    return asked, [job.settings for job in sweep.jobs], sweep.kinds()


def outlook(said: Any, folder: Path) -> dict[str, Any]:
    """The quick outlook; of what cannot be rendered, why, and nothing else."""
    try:
        asked, runs, plans = planned(said, folder)
    except (SettingsError, Refusal) as error:
        fault = error if isinstance(error, Refusal) else refused(error)
        return {"ok": False, "errors": [{"setting": fault.setting, "error": fault.line}], "notes": []}
    plan = plans[0]
    return {
        "ok": True,
        "errors": [],
        "notes": list(dict.fromkeys(note for each in plans for note in each.notes)),
        "size": [plan.width, plan.height],
        "steps": len(plan.steps),
        "pictures": runs[0].animation.max_frames if is_film(runs[0]) else len(plan.seeds),
        "cells": len(runs),
        "axes": lengths(asked),
        "film": is_film(runs[0]),
        "curves": {name: points_of(each) for name, each in schedules_of(runs[0], []).items()},
        "command": shlex.join(["disco", *asked.words]),
    }


def lengths(asked: Asked) -> dict[str, int]:
    """How many values each axis has, by bare name."""
    axes = {name_in(override).rpartition(".")[2]: override for override in asked.overrides}
    return {name: length_of(parsed(axes[name])) if is_sweep(axes[name]) else 1 for name in asked.axes}


def costs(said: Any, folder: Path) -> dict[str, Any]:
    """What it takes on this machine: seconds, bytes of memory and disk, and how that was found out. Loads torch.

    Steps are tried only while nothing is rendered, which would have to share the machine. What the workers hold is
    theirs to use again, and no reason to call a run too large.
    """
    from disco.resources.watch import baseline_memory
    from disco.run.outlook import Costs, costs_of
    from disco.study.outlook import layout_of

    _, runs, plans = planned(said, folder)
    alike = len(plans) < len(runs)  # then a plan stands for several
    idle = all(job.state != RUNNING for job in Queue(folder).jobs())
    tried: dict[Any, Costs] = {}
    with suppress(OSError):  # no Linux
        baseline_memory()  # before networks are loaded to try some steps
    seconds, disk = 0.0, 0
    for number, settings in enumerate(runs):
        plan = plan_of(settings) if alike else plans[number]
        layout = layout_of(plan)
        if layout not in tried and len(tried) < MOST_TRIED:
            tried[layout] = costs_of(plan, idle, _spare(settings))
        step = tried[layout].step if layout in tried else sum(each.step for each in tried.values()) / len(tried)
        seconds += step * steps_of(settings, plan)
        disk += disk_use_of(settings).most
    seconds += sum(each.loading for each in tried.values())
    return {
        "seconds": seconds,
        "memory": max(each.peak for each in tried.values()),
        "disk": disk,
        "way": " and ".join(sorted({each.way for each in tried.values()})),
    }


def _spare(settings: Settings) -> int:
    """The bytes that the workers hold where a run would be rendered."""
    from disco.resources.device import choose_device
    from disco.resources.watch import baseline_memory

    try:
        without = baseline_memory()
    except OSError:  # no Linux
        return 0
    return held_by_workers(os.getppid(), choose_device(settings.machine.device).type == "cuda", without)


def curve(said: Any) -> dict[str, Any]:
    """The points of a schedule as it is typed."""
    name = said.get("setting") if isinstance(said, dict) else None
    if name not in specs() or not specs()[name].timed:
        raise Refusal(422, f"{str(name)[:80]!r} is no setting that takes a schedule")
    return {"points": points_of(schedule_of(name, said.get("value")))}


def points_of(schedule: Schedule) -> list[list[float]]:
    """The corners of a schedule's curve, [level, value], from 0, the noisiest, to 1000."""
    starts = [*schedule.starts, schedule.count]
    points: list[list[float]] = []
    for at, value in enumerate(schedule.values):
        points.append([starts[at], value])
        if not schedule.interpolated or at + 1 == len(schedule.values):
            points.append([starts[at + 1], value])
    return [[level * ENTRIES / schedule.count, value] for level, value in points]

"""Run a study: hand its cells to the workers of one of Hydra's launchers, and say at the end what came of them.

Hydra's own sweepers start a job a cell, and every job composes its configuration and, with most launchers, loads its
models anew. Here a job is a worker, which goes on to the next cell with the models it has (`disco.study.worker`).
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.settings.config import compose, hydra_at_hand
from disco.settings.overrides import quoted
from disco.study.cells import Job, is_done
from disco.study.crew import commanding
from disco.study.declare import Sweep, sweeper_of
from disco.study.devices import gpus
from disco.study.live import kept_up
from disco.study.locks import GLANCE, held, lock_of
from disco.study.read import read_study
from disco.study.results import PAGE_FILE, RESULTS_FILE
from disco.study.study_file import write_declaration
from disco.study.worker import Worker, mark_dead, mark_interrupted, one_line

if TYPE_CHECKING:
    from omegaconf import DictConfig


def run_study(sweep: Sweep, overrides: Sequence[str], config_name: str, command: Sequence[str]) -> int:
    """Render what is missing of a study and write its report; the exit code, 1 if a cell failed.

    overrides: those that all cells share; they choose the launcher. command: as typed, for study.json.

    Ctrl-C leaves everything finished, the report too, and goes on as a KeyboardInterrupt that says so.
    """
    with lock_of(sweep.folder, "declaration"):
        write_declaration(sweep, command)
    jobs = [job for job in sweep.in_running_order() if not is_done(sweep.folder, job)]
    if len(jobs) < len(sweep.jobs):
        print(f"disco: {len(sweep.jobs) - len(jobs)} of {len(sweep.jobs)} cells are there already", file=sys.stderr)
    live = bool(jobs and (sweep.purpose.full or sweep.purpose.promoted))
    if live:
        print(f"disco: {sweep.folder / PAGE_FILE} shows the pictures as they come in", file=sys.stderr)
    try:
        with kept_up(sweep.folder) if live else nullcontext():
            _walk_all(sweep, jobs, overrides, config_name)
    except KeyboardInterrupt as interrupt:
        mark_interrupted(sweep.folder)
        page = report(sweep)
        done = sum(is_done(sweep.folder, job) for job in sweep.jobs)
        told = f"interrupted with {done} of {len(sweep.jobs)} cells done; the same command goes on. So far: {page}"
        interrupt.args = (told,)
        raise
    page = report(sweep)
    failed = _tell(sweep)
    print(sweep.folder / RESULTS_FILE)
    print(page)
    return int(failed)


def report(sweep: Sweep) -> Path:
    """Write the study's report, one command at a time, so that the last to come writes what all have rendered."""
    from disco.study.report import write_report

    with lock_of(sweep.folder, "report"):
        return write_report(sweep.folder)


def _tell(sweep: Sweep) -> bool:
    """Say what is not done; whether anything failed."""
    cells = {cell.key: cell for cell in read_study(sweep.folder).cells}
    missing = [job for job in sweep.jobs if not is_done(sweep.folder, job)]
    busy = [job for job in missing if not _is_free(sweep, job)]
    failed = [job for job in missing if job not in busy]
    if busy:
        print(f"disco: note: {len(busy)} cells are in the hands of another command", file=sys.stderr)
    if failed:
        first = cells.get(failed[0].key)  # None if someone spoilt study.json meanwhile
        reason = (first.error or first.status) if first else "missing"
        print(
            f"disco: {len(failed)} of {len(sweep.jobs)} cells failed, first {failed[0].key} ({failed[0].words()}): "
            f"{reason}; the others are done, the same command tries again",
            file=sys.stderr,
        )
    return bool(failed)


def _is_free(sweep: Sweep, job: Job) -> bool:
    with held(sweep.folder, job.key, GLANCE) as free:
        return free


def _walk_all(sweep: Sweep, jobs: Sequence[Job], overrides: Sequence[str], config_name: str) -> None:
    """Start workers until every job was tried; should some die, others go on, without the cells they died of."""
    session = secrets.token_hex(8)
    while jobs:
        worker = Worker(sweep.folder, tuple(jobs), session, directory=os.getcwd())
        deaths = launch(worker, overrides, config_name)
        left = [job for job in jobs if not worker.was_tried(job.key)]
        for job in jobs:
            with held(sweep.folder, job.key) as free:
                if deaths and free and job not in left:
                    mark_dead(sweep.folder / job.key, f"its worker died: {deaths[0]}")
        if not deaths or len(left) == len(jobs):
            for death in deaths:
                print(f"disco: a worker died: {death}", file=sys.stderr)
            return
        jobs = left


def launch(worker: Worker, overrides: Sequence[str], config_name: str) -> list[str]:
    """Let Hydra's launcher run workers to their end; what those died of that died."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext

    from disco.settings.hydra_private import Callbacks, error_of

    folder = quoted(str(worker.folder), "folder")
    own = [f"hydra.sweep.dir={folder}", "hydra.sweep.subdir=.", "hydra.output_subdir=null"]
    own.append(f"hydra.job.name={worker.folder.name}")
    with hydra_at_hand(overrides):
        config = compose([*overrides, *own], config_name=config_name)
        context = HydraContext(GlobalHydra.instance().config_loader(), Callbacks(config))
        own_gpu = _is(config, "JoblibLauncher") and on_gpus(worker.jobs)
        separate_process = not _is(config, "BasicLauncher")
        workers = workers_of(config, worker.jobs, worker.most())
        worker = replace(worker, workers=workers, own_gpu=own_gpu, separate_process=separate_process)
        launcher = Plugins.instance().instantiate_launcher(context, worker, config)
    if _is(config, "RayLauncher"):
        _start_ray(launcher)
    try:
        with commanding(worker.folder, worker.session) if separate_process else nullcontext():
            returns = launcher.launch([[]] * worker.workers, initial_job_idx=0)
    except Exception as error:  # a worker that is killed takes its launcher along
        return [one_line(error)]
    return [one_line(error) for error in map(error_of, returns) if error is not None]


def _start_ray(launcher: Any) -> None:
    """What Hydra's launcher does first, before our handlers: Ray puts its own for SIGTERM in the place of any."""
    from disco.settings.hydra_private import start_ray

    launcher.ray_cfg.init.setdefault("object_store_memory", 78643200)  # as the launcher has it
    start_ray(launcher.ray_cfg.init)


def workers_of(config: DictConfig, jobs: Sequence[Job], most: int) -> int:
    """How many workers these jobs are worth: as many as the launcher runs at once, where that is not given.

    config: Hydra's part included. most: how many would find something to do.

    Raises SettingsError for a number that is none.
    """
    given = sweeper_of(config).get("workers", "auto")
    if given != "auto" and not (isinstance(given, int) and given > 0):
        raise SettingsError(f"hydra.sweeper.workers is {given!r}, but must be auto or a number of at least 1")
    if given == "auto":
        cores = os.cpu_count() or 1
        given = len(gpus()) if on_gpus(jobs) else cores
        if _is(config, "BasicLauncher"):
            given = 1
        elif _is(config, "JoblibLauncher"):
            at_once = config.hydra.launcher.n_jobs  # -1 is all cores, -2 all but one
            given = min(given, at_once if at_once > 0 else max(1, cores + 1 + at_once))
    return max(1, min(given, most))


def on_gpus(jobs: Sequence[Job]) -> bool:
    """Whether each worker is to have one of this machine's GPUs to itself."""
    return all(job.settings.machine.device in ("auto", "cuda") for job in jobs) and bool(gpus())


def _is(config: DictConfig, launcher: str) -> bool:
    return str(config.hydra.launcher._target_).endswith(f".{launcher}")

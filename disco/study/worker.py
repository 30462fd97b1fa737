"""What a process of a study does: render cells that nobody else has rendered or is rendering, until none is left.

Workers share nothing but the study's folder. A lock keeps a cell to one worker, whichever command, launcher or machine
that belongs to (`disco.study.locks`).
"""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disco.animation.frames import is_film
from disco.errors import RenderError, SettingsError
from disco.run.folder.files import write_json
from disco.run.folder.reading import read_record, record_file
from disco.run.folder.run_folder import RunFolder
from disco.run.interrupts import Stopped
from disco.run.jobs import go_on_or_render
from disco.study.cells import Job, check_inputs, is_finished
from disco.study.crew import serving
from disco.study.devices import a_gpu_of_its_own
from disco.study.locks import GLANCE, WORK, held
from disco.version import version


@dataclass(frozen=True)
class Worker:
    """Render a study's cells; what Hydra's launchers call, once a worker.

    jobs: in the order to be rendered; every worker begins at another share of them. session: one name for all
    workers of one command: none of them tries again what another of them has tried. directory: where relative paths
    start. workers: how many there are. own_gpu: whether each takes a GPU for itself, because no scheduler gives it
    one. separate_process: whether they are processes of their own, and not the command.
    """

    folder: Path
    jobs: tuple[Job, ...]
    session: str
    directory: str
    workers: int = 1
    own_gpu: bool = False
    separate_process: bool = False

    def __call__(self, config: Any) -> int:
        """config: Hydra's, of this worker. Returns how many cells it has rendered.

        A worker that is stopped has kept what it had, and returns, for a launcher would take more for a failure.
        """
        from hydra.core.hydra_config import HydraConfig

        if os.path.isdir(self.directory):  # a scheduler may have started us elsewhere
            os.chdir(self.directory)
        number = int(HydraConfig.get().job.num)
        if not self.separate_process:
            return self.work(number)
        try:
            with serving(self.folder, self.session, number), a_gpu_of_its_own(self.own_gpu):
                return self.work(number)
        except Stopped:
            return 0

    def work(self, number: int) -> int:
        """What worker `number` does; how many cells it has rendered.

        What was in other hands it tries once more: they may only have looked.
        """
        first = {job.key: self.render(job) for job in self.share(number)}
        again = [self.render(job, GLANCE) for job in self.share(number) if first[job.key] is None]
        return sum(map(bool, [*first.values(), *again]))

    def most(self) -> int:
        """How many workers could find something to do at once."""
        return len(self.jobs)

    def share(self, number: int) -> list[Job]:
        """All jobs, those first that are this worker's."""
        first = len(self.jobs) * number // self.workers
        return [*self.jobs[first:], *self.jobs[:first]]

    def render(self, job: Job, patience: float = 0) -> bool | None:
        """Render a cell, unless it is done; whether it was rendered. A failure is recorded.

        None where it is in other hands for longer than `patience`, in seconds.
        """
        folder = self.folder / job.key
        with held(self.folder, job.key, patience) as free:
            if not free:
                return None
            if self.was_tried(job.key):
                return False
            try:
                if is_finished(folder, job.key):
                    return False
                self.try_once(job.key)
                self.say(job)
                check_inputs(job)
                self.render_into(job, folder)
            except Exception as error:  # whatever it is, the other cells go on
                record_failure(job, folder, error)
                print(f"disco: cell {job.key} ({job.words()}) failed: {one_line(error)}", file=sys.stderr)
                return False
            return True

    def render_into(self, job: Job, folder: Path) -> None:
        """Render a cell: the rest of it where a worker that stopped has left a state that can be gone on with."""

        def tell(note: str) -> None:
            print(f"disco: note: cell {job.key} ({job.words()}): {note}", file=sys.stderr)

        if is_film(job.settings):
            from disco.animation.film import render_film  # imports torch

            render_film(job.settings, folder, quiet=self.workers > 1, on_note=tell)
        else:
            go_on_or_render(folder, job.settings, quiet=self.workers > 1, on_note=tell)

    def say(self, job: Job) -> None:
        what = f": {job.words()}" if job.overrides else ""
        print(f"disco: cell {self.jobs.index(job) + 1} of {len(self.jobs)}{what}", file=sys.stderr)

    def was_tried(self, key: str) -> bool:
        mark = self.folder / WORK / key
        return mark.exists() and mark.read_text() == self.session

    def try_once(self, key: str) -> None:
        (self.folder / WORK / key).write_text(self.session)


def record_failure(job: Job, folder: Path, error: BaseException) -> None:
    """See to it that a cell's folder says that it failed; the engine has said so where it came that far."""
    try:
        if not record_file(folder).exists():
            out = RunFolder(folder)
            out.start({"version": version(), "settings": job.settings})
            out.finish("failed", error=one_line(error))
        if not isinstance(error, (SettingsError, RenderError, OSError)):
            (folder / "traceback.txt").write_text("".join(traceback.format_exception(error)))
    except (OSError, SettingsError) as reason:
        print(f"disco: cell {job.key}: its failure could not be recorded: {one_line(reason)}", file=sys.stderr)


def mark_interrupted(study: Path) -> None:
    """Mark the runs of a study as interrupted that nobody is at work on any more, and nobody has ended."""
    for folder in sorted(study.iterdir()):
        if record_file(folder).exists():
            with held(study, folder.name) as free:
                if free:
                    mark_dead(folder, "its worker ended before it was done", "interrupted")


def mark_dead(folder: Path, reason: str, status: str = "failed") -> None:
    """Mark a run that its process did not live to finish."""
    try:
        record = read_record(record_file(folder))
    except SettingsError:
        return  # it did not come so far
    if record.get("status") == "running":
        write_json(record_file(folder), record | {"status": status, "error": reason})


def one_line(error: BaseException) -> str:
    """An error as it is told: disco's own line, else its kind and the first line of what it says."""
    said = " ".join(str(error).split("\n")[0].split())
    return said if isinstance(error, (SettingsError, RenderError)) else f"{type(error).__name__}: {said}"

"""A sequence of runs, a folder each: the tiles of a picture, the frames of a film.

    jobs.json        what the sequence is, and how it ended
    NAME/            a run folder for every job

The runs share a process, so networks stay loaded from one to the next. What is finished is known by its settings and by
the content of the pictures that it took in; a run that was killed goes on from its last state. So a sequence that
stopped anywhere gives, taken up again, what it would have given.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from PIL import Image

from disco.errors import RenderError, SettingsError
from disco.planning.inputs import sha256_of
from disco.planning.plan import build_plan
from disco.planning.recorded import hashes_in
from disco.run.folder.files import plain, write_json
from disco.run.folder.pictures import is_whole
from disco.run.folder.reading import read_record
from disco.run.folder.run_folder import LOCK, clear_run
from disco.run.notes import kind_of
from disco.run.progress import Progress
from disco.settings.config import MachineConfig, Settings, from_dict

if TYPE_CHECKING:
    from disco.run.callbacks import StepEvent

#: What a sequence is, in its folder.
JOBS_FILE = "jobs.json"

#: The picture of a run folder that holds one.
PICTURE = "image_0.png"


@dataclass(frozen=True)
class Job:
    """One run of a sequence, of one picture.

    name: of its folder below the sequence's. settings: resolved, the seed a number and prompts drawn. pictures: the
    files of those that are handed over, by the names that the settings have for them.
    """

    name: str
    settings: Settings
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass
class Sequence:
    """A sequence at work in its folder; see `opened`.

    bar: shows the steps of all runs. on_note: told each note of a run once. on_step: called after every step.
    render_run: `go_on_or_render`. machine: how the first run was computed, which all others are held to, for a machine
    that has more or less free by then would give other last bits.
    """

    folder: Path
    bar: Progress
    on_note: Callable[[str], object]
    on_step: Callable[[StepEvent], object] | None = None
    render_run: Callable[..., None] = field(default_factory=lambda: go_on_or_render)
    machine: MachineConfig | None = None
    said: set[str] = field(default_factory=set)

    def render(self, job: Job) -> Image.Image:
        """The picture of a job: read where it is finished, else rendered, from its last state on if it left one.

        A picture of one colour is taken as it is, for a part of a picture may be flat.

        Raises RenderError for one that is not finite, and SettingsError where the run is refused.
        """
        folder = self.folder / job.name
        held = job if self.machine is None else replace(job, settings=replace(job.settings, machine=self.machine))
        if not is_done(folder, held):
            self._render(folder, held)
        if self.machine is None:
            from disco.run.resuming import pinned

            found = pinned(build_plan(job.settings, job.pictures), read_record(folder / "run.json"))
            self.machine = found.settings.machine
        with Image.open(folder / PICTURE) as picture:
            return picture.convert("RGB")

    def _render(self, folder: Path, job: Job) -> None:
        def tell(note: str) -> None:
            if (kind := kind_of(note)) not in self.said:  # what the guard finds in several runs is told of the first
                self.said.add(kind)
                self.on_note(note)

        def show(event: StepEvent) -> None:
            self.bar.step(event.line["loss"])
            if self.on_step is not None:
                self.on_step(event)

        try:
            self.render_run(folder, job.settings, job.pictures, quiet=True, on_note=tell, on_step=show)
        except RenderError as error:
            if not error.run.steps[-1]["finite"][0]:
                raise


@contextmanager
def opened(
    folder: Path,
    kind: str,
    declared: Mapping[str, Any],
    steps: int,
    *,
    quiet: bool,
    on_note: Callable[[str], object],
    on_step: Callable[[StepEvent], object] | None = None,
) -> Iterator[Sequence]:
    """A sequence in a folder, new or taken up again, kept to this process meanwhile; how it ended is written there.

    kind: the verb that takes it up. declared: what the sequence is, as JSON has it; two are the same where this is.
    steps: those of all runs that are not finished yet, for the bar. quiet: without one. on_note, on_step: as for
    `Sequence`.

    Raises SettingsError where the folder holds something else, or another process is at work in it.
    """
    declared = plain(declared)
    there = read_jobs(folder)
    if there is not None and (there.get("kind"), there.get("declared")) != (kind, declared):
        raise SettingsError(f"folder={str(folder)!r} holds another {there.get('kind')}; name another folder")
    if (folder / "run.json").exists():
        raise SettingsError(f"folder={str(folder)!r} already holds a run; name another, nothing is overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SettingsError(f"folder={str(folder)!r} is in use by another process; wait for its end") from error
    started, before = time.perf_counter(), float((there or {}).get("seconds", 0))
    record = {"kind": kind, "declared": declared, "status": "running"}
    status = "failed"
    try:
        write_json(folder / JOBS_FILE, record | {"seconds": before})
        with Progress(steps, quiet) as bar:
            yield Sequence(folder, bar, on_note, on_step)
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        with suppress(OSError):  # a full disk takes no record either; what filled it is to be told
            ended = {"status": status, "seconds": before + time.perf_counter() - started}
            write_json(folder / JOBS_FILE, record | ended)
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()


def read_jobs(folder: Path) -> dict[str, Any] | None:
    """What jobs.json in a folder says; None where there is none that can be read."""
    try:
        found = json.loads((folder / JOBS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def go_on_or_render(
    folder: Path,
    settings: Settings,
    pictures: Mapping[str, bytes] | None = None,
    *,
    quiet: bool,
    on_note: Callable[[str], object],
    on_step: Callable[[StepEvent], object] | None = None,
) -> None:
    """Render settings into a run folder: the rest of them, where a run that stopped left a state to go on from.

    Anything else that it left is cleared away. Raises what `disco.run.api.render_settings` does.
    """
    from disco.run.api import render_settings, resume
    from disco.run.state import states_in

    if states_in(folder):
        try:
            resume(folder, quiet=quiet, on_note=on_note, on_step=on_step)
            return
        except SettingsError as refusal:
            on_note(f"it begins anew: {refusal}")
    clear_run(folder)
    render_settings(settings, folder, quiet=quiet, on_note=on_note, on_step=on_step, pictures=pictures)


def is_done(folder: Path, job: Job) -> bool:
    """Whether a run folder holds the whole picture of a job: of its settings, and of the pictures that it takes in."""
    try:
        record = read_record(folder / "run.json")
        same = record.get("status") == "finished" and from_dict(record["settings"]) == job.settings
    except SettingsError:
        return False
    given = {sha256_of(data) for data in job.pictures.values()}
    return same and given <= set(hashes_in(record).values()) and is_whole(folder / PICTURE)

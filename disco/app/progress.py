"""How far a job has come, read from the folder that it renders into."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from disco.animation.places import JOBS, SHEET
from disco.app.cells import promoted_in
from disco.app.paths import address_of
from disco.app.queue import FINISHED, RUNNING, WAITING, Job
from disco.app.records import read_json
from disco.run.folder.reading import RUN_RECORD
from disco.run.jobs import JOBS_FILE, PICTURE

#: The pictures that stand for what was made: of a run, an enlargement, a film, a study.
MADE = (PICTURE, "enlarged.png", SHEET, "grid.png")
#: The last bytes of steps.jsonl that are read: a line has about a thousand.
TAIL = 1 << 16
#: The last steps that tell how fast it goes.
LINES = 12


class Progress:
    """Reads how far jobs have come; it remembers what it has counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._counted: dict[Path, tuple[int, int]] = {}
        self._over: dict[Path, tuple[int, float | None]] = {}
        self._ended: dict[tuple[str, float | None], dict[str, Any]] = {}

    def of(self, job: Job) -> dict[str, Any]:
        """A job as the page has it."""
        said: dict[str, Any] = {
            **{name: getattr(job, name) for name in ("id", "title", "kind", "state", "error", "created", "started")},
            **{"folder": job.folder, "command": job.shown, "steps": job.steps, "ended": job.ended},
            **{"done": 0, "cells": None, "seconds_left": None, "picture": None, "loss": None, "losses": {}},
        }
        if job.state == RUNNING:
            said |= self._run(job, self.place_of(job))
        elif job.state != WAITING:
            said |= self._how_it_ended(job)
        place = self.place_of(job)
        said |= {"folder": place.relative_to(self.folder).as_posix(), "made": place.is_dir()}
        return said

    def _how_it_ended(self, job: Job) -> dict[str, Any]:
        """How far a job had come; read once."""
        if (job.id, job.ended) not in self._ended:
            place = self.place_of(job)
            said = self._run(job, place) | {"seconds_left": None}
            made = next((place / name for name in MADE if (place / name).is_file()), None)
            if made is not None:
                said["picture"] = address_of("files", self.folder, made)
            if job.state == FINISHED:
                said |= {"done": job.steps, "cells": [job.cells, job.cells] if job.cells else None}
            self._ended[job.id, job.ended] = said
        return self._ended[job.id, job.ended]

    def place_of(self, job: Job) -> Path:
        """Where a job renders: an enlargement in the one folder of its own, full pictures of drafts in their scan's."""
        place = self.folder / job.folder
        if job.kind == "promote" and job.state != WAITING:
            studies = promoted_in(self.folder, job.folder)
            return max((self.folder / each for each in studies), key=_touched, default=place / "promoted")
        if job.kind == "enlarge":
            return next((child for child in subfolders(place)), place)
        return place

    def _run(self, job: Job, place: Path) -> dict[str, Any]:
        if (place / JOBS).is_dir():  # of a film
            return self._parts(job, place / JOBS)
        if job.cells or (place / JOBS_FILE).is_file():
            return self._parts(job, place)
        done, lines = self._steps(place)
        steps = max(job.steps, done)
        left = _left(steps - done, lines) if job.steps else None
        return self._line(lines, place) | {"done": done, "steps": steps, "seconds_left": left}

    def _parts(self, job: Job, place: Path) -> dict[str, Any]:
        """Of what consists of runs: how many are over, and the picture of the one at work."""
        runs = [child for child in subfolders(place) if (child / RUN_RECORD).exists()]
        over = {run: seconds for run in runs if (seconds := self._seconds_of(run / RUN_RECORD)) is not None}
        count = max(job.cells, len(runs))
        said: dict[str, Any] = {"cells": [len(over), count]}
        now = max(runs, key=_changed, default=None)
        if now is None:
            return said
        done, lines = self._steps(now)
        share = min(done / job.steps, 1.0) if job.steps and now not in over else 0.0
        left = count - len(over) - share
        if over and job.cells:
            said["seconds_left"] = left * sum(over.values()) / len(over)
        return said | self._line(lines, now) | {"done": done}

    def _seconds_of(self, record: Path) -> float | None:
        """What a run took that is over; None for one that is not."""
        try:
            stamp = record.stat().st_mtime_ns
            if self._over.get(record, (0, None))[0] != stamp:
                said = read_json(record)
                seconds, over = said.get("seconds"), said.get("status") not in ("running", None)
                self._over[record] = stamp, float(seconds if isinstance(seconds, int | float) else 0) if over else None
            return self._over[record][1]
        except OSError:
            return None

    def _line(self, lines: Sequence[dict[str, Any]], place: Path) -> dict[str, Any]:
        last = lines[-1] if lines else {}
        losses = losses_of(last)
        picture = next((place / name for name in ("progress.png", "image_0.png") if (place / name).is_file()), None)
        shown = None if picture is None else address_of("files", self.folder, picture)
        return {"loss": losses.get("loss"), "losses": losses, "picture": shown}

    def _steps(self, place: Path) -> tuple[int, list[dict[str, Any]]]:
        """How many steps a run has done, and the lines of the last ones."""
        file = place / "steps.jsonl"
        try:
            size = file.stat().st_size
            before, counted = self._counted.get(file, (0, 0))
            if size < before:
                before, counted = 0, 0
            with open(file, "rb") as opened:
                opened.seek(before)
                counted += opened.read(size - before).count(b"\n")
                self._counted[file] = size, counted
                opened.seek(max(size - TAIL, 0))
                lines = opened.read(TAIL).splitlines()
        except OSError:
            return 0, []
        return counted, [line for each in lines[-LINES:] if (line := _json(each)) is not None]


def _left(steps: int, lines: Sequence[dict[str, Any]]) -> float | None:
    """Seconds that so many steps take, by the last ones."""
    seconds = [float(line["seconds"]) for line in lines[1:] or lines if isinstance(line.get("seconds"), int | float)]
    return steps * sum(seconds) / len(seconds) if seconds else None


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def losses_of(line: Mapping[str, Any]) -> dict[str, float | None]:
    """The total loss of a step under "loss", and each of its parts, the mean over the pictures of a batch."""
    parts = line.get("losses")
    given = {"loss": [line.get("loss")], **(parts if isinstance(parts, dict) else {})}
    return {name: mean(values) for name, values in given.items()}


def mean(values: Any) -> float | None:
    """The mean of the numbers in a list; None where it holds none."""
    numbers = [value for value in values if isinstance(value, int | float)] if isinstance(values, list) else []
    return sum(numbers) / len(numbers) if numbers else None


def _changed(run: Path) -> int:
    """When a run's record was written."""
    return _touched(run / RUN_RECORD)


def _touched(place: Path) -> int:
    """When a file, or what lies in a folder, changed last; 0 where it is not there."""
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def subfolders(place: Path) -> list[Path]:
    """The folders in a folder that are not hidden, sorted; none where it is not there."""
    try:
        with os.scandir(place) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []

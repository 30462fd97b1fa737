"""How far a job has come, read from the folder that it renders into."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from disco.app.queue import FINISHED, RUNNING, Job
from disco.run.folder.reading import RUN_RECORD

#: The last bytes of steps.jsonl that are read: a line has about a thousand.
TAIL = 1 << 16
#: The last steps that tell how fast it goes.
LINES = 12


class Progress:
    """Reads how far jobs have come; it remembers what it has counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._counted: dict[Path, tuple[int, int]] = {}

    def of(self, job: Job) -> dict[str, Any]:
        """A job as the page has it."""
        said: dict[str, Any] = {
            **{name: getattr(job, name) for name in ("id", "title", "kind", "state", "error", "created", "started")},
            **{"folder": job.folder, "command": job.shown, "steps": job.steps, "ended": job.ended},
            **{"done": 0, "cells": None, "seconds_left": None, "picture": None, "loss": None, "losses": {}},
        }
        if job.state == RUNNING:
            said |= self._run(job, self.place_of(job))
        elif job.state == FINISHED:
            said |= {"done": job.steps, "cells": [job.cells, job.cells] if job.cells else None}
        said["folder"] = self.place_of(job).relative_to(self.folder).as_posix()
        return said

    def place_of(self, job: Job) -> Path:
        """Where a job renders: an enlargement in the one folder of its own."""
        place = self.folder / job.folder
        if job.kind == "enlarge":
            return next((child for child in _subfolders(place)), place)
        return place

    def _run(self, job: Job, place: Path) -> dict[str, Any]:
        if job.kind in ("study", "scan"):
            return self._parts(job, place, job.cells)
        if job.kind in ("film", "enlarge") or (place / "jobs").is_dir() or (place / "jobs.json").is_file():
            within = place / "jobs" if (place / "jobs").is_dir() else place
            return self._parts(job, within, job.cells)
        done, lines = self._steps(place)
        steps = max(job.steps, done)
        left = _left(steps - done, lines) if job.steps else None
        return self._line(lines, place) | {"done": done, "steps": steps, "seconds_left": left}

    def _parts(self, job: Job, place: Path, count: int) -> dict[str, Any]:
        """Of what consists of runs: how many are done, and the picture of the one at work."""
        runs = [child for child in _subfolders(place) if (child / RUN_RECORD).exists()]
        done = [run for run in runs if _is_over(run / RUN_RECORD)]
        now = max(runs, key=lambda run: (run / RUN_RECORD).stat().st_mtime_ns, default=None)
        said: dict[str, Any] = {"cells": [len(done), max(count, len(runs))]}
        if now is not None:
            steps, lines = self._steps(now)
            said |= self._line(lines, now) | {"done": steps}
        return said

    def _line(self, lines: Sequence[dict[str, Any]], place: Path) -> dict[str, Any]:
        last = lines[-1] if lines else {}
        losses = {name: _mean(values) for name, values in last.get("losses", {}).items()}
        picture = next((place / name for name in ("progress.png", "image_0.png") if (place / name).is_file()), None)
        shown = None
        if picture is not None:
            shown = f"/files/{picture.relative_to(self.folder).as_posix()}?t={picture.stat().st_mtime_ns}"
        return {"loss": last.get("loss"), "losses": losses, "picture": shown}

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
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _mean(values: Any) -> float | None:
    numbers = [value for value in values if isinstance(value, int | float)] if isinstance(values, list) else []
    return sum(numbers) / len(numbers) if numbers else None


def _is_over(record: Path) -> bool:
    try:
        return json.loads(record.read_text(encoding="utf-8"))["status"] != "running"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _subfolders(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []

"""One cell of a study read back from its run folder, whatever its state."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from disco.animation.places import SHEET
from disco.errors import SettingsError
from disco.run.folder.reading import FILM_RECORD, STATUSES, read_record, record_file
from disco.settings.config import groups
from disco.study.results import Cell, CellPicture, Value

PICTURE_FILE = re.compile(r"image_(\d{1,9})\.png", re.ASCII)


def read_cell(key: str, folder: Path, values: tuple[Value, ...]) -> Cell:
    """One run folder, whatever its state."""
    file = record_file(folder)
    try:
        record = read_record(file)
    except SettingsError as reason:
        there = file.exists()
        status, error = ("damaged", str(reason)) if there else ("missing", None)
        return Cell(key, folder, values, status, error, {}, (), None, None, {})
    status, error = str(record.get("status")), record.get("error")
    if status not in STATUSES:
        status, error = "damaged", f"{file.name} has the status {status}, which is none"
    return Cell(
        key=key,
        folder=folder,
        values=values,
        status=status,
        error=None if error is None else str(error),
        settings=dict(_by_full_name(record["settings"])),
        pictures=tuple(_pictures(folder, record, [SHEET] if file.name == FILM_RECORD else None)),
        seconds=_number(record.get("seconds")),
        memory=_peak(record.get("memory")),
        record=record,
    )


def _by_full_name(tree: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """Settings by their full names, as an older or newer version may have them too."""
    for name, value in tree.items():
        if name in groups() and isinstance(value, dict):
            yield from ((f"{name}.{inner}", item) for inner, item in value.items())
        else:
            yield name, value


def _pictures(folder: Path, record: Mapping[str, Any], names: Sequence[str] | None) -> Iterator[CellPicture]:
    """The finished pictures that are there, by their numbers. names: of their files, in order; None for a run's own."""
    seeds, measured = (
        entry if isinstance(entry, list) else [] for entry in (record.get("seeds"), record.get("metrics"))
    )
    there = os.listdir(folder)
    if names is None:
        numbers = sorted(int(match[1]) for name in there if (match := PICTURE_FILE.fullmatch(name)))
        found = [(number, f"image_{number}.png") for number in numbers]
    else:
        found = [(number, name) for number, name in enumerate(names) if name in there]
    for number, file in found:
        metrics = measured[number] if number < len(measured) and isinstance(measured[number], dict) else {}
        seed = seeds[number] if number < len(seeds) and isinstance(seeds[number], int) else None
        values = {
            name: value for name, value in metrics.items() if value is None or isinstance(value, int | float | str)
        }
        yield CellPicture(number, seed, folder / file, values)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _peak(memory: Any) -> int | None:
    """The measured peak of run.json's "memory", in bytes."""
    peak = memory.get("measured_peak") if isinstance(memory, dict) else None
    return peak if isinstance(peak, int) else None

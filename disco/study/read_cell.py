"""One cell of a study read back from its run folder, whatever its state."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.run.folder.reading import STATUSES, read_record
from disco.settings.config import groups
from disco.study.results import Cell, CellPicture, Value

PICTURE_FILE = re.compile(r"image_(\d{1,9})\.png", re.ASCII)


def read_cell(key: str, folder: Path, values: tuple[Value, ...]) -> Cell:
    """One run folder, whatever its state."""
    try:
        record = read_record(folder / "run.json")
    except SettingsError as reason:
        there = (folder / "run.json").exists()
        status, error = ("damaged", str(reason)) if there else ("missing", None)
        return Cell(key, folder, values, status, error, {}, (), None, None, {})
    status, error = str(record.get("status")), record.get("error")
    if status not in STATUSES:
        status, error = "damaged", f"run.json has the status {status}, which is none"
    return Cell(
        key=key,
        folder=folder,
        values=values,
        status=status,
        error=None if error is None else str(error),
        settings=dict(_by_full_name(record["settings"])),
        pictures=tuple(_pictures(folder, record)),
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


def _pictures(folder: Path, record: Mapping[str, Any]) -> Iterator[CellPicture]:
    """The finished pictures that are there, by their numbers."""
    seeds, measured = (
        entry if isinstance(entry, list) else [] for entry in (record.get("seeds"), record.get("metrics"))
    )
    for number in sorted(int(match[1]) for name in os.listdir(folder) if (match := PICTURE_FILE.fullmatch(name))):
        metrics = measured[number] if number < len(measured) and isinstance(measured[number], dict) else {}
        seed = seeds[number] if number < len(seeds) and isinstance(seeds[number], int) else None
        values = {
            name: value for name, value in metrics.items() if value is None or isinstance(value, int | float | str)
        }
        yield CellPicture(number, seed, folder / f"image_{number}.png", values)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _peak(memory: Any) -> int | None:
    """The measured peak of run.json's "memory", in bytes."""
    peak = memory.get("measured_peak") if isinstance(memory, dict) else None
    return peak if isinstance(peak, int) else None

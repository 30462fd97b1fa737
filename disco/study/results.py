"""A study as its folder has it: the axes, every cell's pictures and numbers.

A study folder holds a run folder a cell (see `disco.run.folder`). study.json says which axes and cells were meant;
where there is none, the run folders found are the cells, and the settings that differ are the axes
(`disco.study.read`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from disco.run.folder.reading import STATUSES

#: What a cell can be: as run.json says; "missing" where there is no run folder; "damaged" where run.json is unreadable.
CELL_STATUSES = (*STATUSES, "missing", "damaged")

RESULTS_FILE, PAGE_FILE = "results.csv", "index.html"

Value = Any  # what JSON can say


@dataclass(frozen=True)
class Axis:
    """What a study varies: a setting by its full name (or a group, such as sampler), and its values in their order."""

    setting: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class CellPicture:
    """A finished picture: its number in the run, its seed, where it lies, and what was measured of it.

    seed: None where the record is too damaged to say. metrics: by their names in `disco.critics.metrics`; None where a
    metric has no value for this picture.
    """

    number: int
    seed: int | None
    path: Path
    metrics: dict[str, float | str | None]


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    key: unique within the study; the name of its folder, seen from the study's. folder: may not be there. values: one
    for every axis of the study, in their order. status: one of `CELL_STATUSES`. error: what went wrong, if anything.
    settings: by full name; of a missing or damaged cell, as far as the study knows them. seconds: wall time of the run,
    None while it is not over. memory: its peak in bytes, None where it was not measured. record: run.json as it
    stands, {} where there is none.
    """

    key: str
    folder: Path
    values: tuple[Value, ...]
    status: str
    error: str | None
    settings: dict[str, Value]
    pictures: tuple[CellPicture, ...]
    seconds: float | None
    memory: int | None
    record: dict[str, Any]

    @property
    def is_film(self) -> bool:
        """Whether it is a film: its picture is a sheet of frames, and its metrics are the film's."""
        return self.settings.get("animation.animation_mode", "none") != "none"


@dataclass(frozen=True)
class Purpose:
    """What a study is for, beside comparing the values of its axes.

    full: of a scan, the settings by full name in which the full run differs from its drafts; {} for any other study.
    promoted: of full pictures of a scan's drafts, in a folder of its own in the scan's, digits that stand for all their
    settings but the seed; "" for any other study. rank: the metric that the pictures are ordered by, the greatest value
    first, or after a minus the smallest; "" for the order of the axes.
    """

    full: Mapping[str, Value] = field(default_factory=dict)
    promoted: str = ""
    rank: str = ""


@dataclass(frozen=True)
class Study:
    """A study folder, read.

    command: what was typed, () where unknown. held: the settings that are the same in every cell, by full name.
    notes: what of the folder could not be used, a line each. live: whether the command that asks is rendering it.
    """

    folder: Path
    name: str
    description: str
    command: tuple[str, ...]
    axes: tuple[Axis, ...]
    held: dict[str, Value]
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    purpose: Purpose = field(default_factory=Purpose)
    live: bool = False

"""A study read back from its folder: as study.json declares it, else inferred from the runs.

Nothing that lies in the folder can stop the reading: what is missing, damaged or foreign becomes a marked cell or a
note.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from disco.errors import SettingsError
from disco.planning.concepts import entries_in
from disco.planning.recorded import hashes_in, pictures_in, with_content
from disco.run.folder.reading import RECORD_LIMIT, STUDY_FILE, record_file
from disco.settings.config import specs
from disco.settings.paths import expanded
from disco.study.identity import BY_CONTENT, NOT_IN_KEY, identity, known_by, present_name
from disco.study.read_cell import read_cell
from disco.study.results import Axis, Cell, Purpose, Study, Value

#: How deep below the folder run folders are looked for; runs/disco/TIME_OF_STUDY/NUMBER is three.
DEPTH = 3

#: Folders in a scan's that hold full pictures of its drafts.
PROMOTED = re.compile(r"promoted(-\d+)?", re.ASCII)

#: A note names so many folders before it only counts them.
NAMED = 5


def read_study(folder: str | Path) -> Study:
    """The study in a folder: as its study.json declares it, else inferred from the run folders below it.

    Raises SettingsError where there is no such folder, or nothing of a study or run in it.
    """
    folder = expanded(folder)
    if not os.path.isdir(folder):
        raise SettingsError(f"{str(folder)!r} is no folder; name one that holds runs or a study")
    notes: list[str] = []
    declared = _declaration(folder, notes)
    study = _inferred(folder, notes) if declared is None else _declared(folder, declared, notes)
    if not study.cells:
        raise SettingsError("; ".join([f"{str(folder)!r} holds no run and no study", *notes]))
    return study


def _declaration(folder: Path, notes: list[str]) -> dict[str, Any] | None:
    """What study.json says; None, with a note, where it cannot be used."""
    path = folder / STUDY_FILE
    if not path.exists():
        return None
    try:
        if path.stat().st_size > RECORD_LIMIT:
            raise ValueError(f"larger than {RECORD_LIMIT // 2**20} MB")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
            raise ValueError("it lists no cells")
    except (OSError, ValueError, RecursionError) as error:
        notes.append(f"{STUDY_FILE} cannot be read ({error}); the study is inferred from its runs")
        return None
    return found


def _declared(folder: Path, declared: dict[str, Any], notes: list[str]) -> Study:
    axes = tuple(_axes_in(declared.get("axes"), notes))
    cells: dict[str, Cell] = {}
    for entry in declared["cells"]:
        given: dict[str, Any] = entry if isinstance(entry, dict) else {}
        key, values, place = given.get("key"), given.get("values"), given.get("folder", given.get("key"))
        if not (isinstance(key, str) and isinstance(values, list) and len(values) == len(axes) and _is_below(place)):
            notes.append(f"{STUDY_FILE} has an entry that is no cell: {str(entry)[:80]}")
        elif key in cells:
            notes.append(f"{STUDY_FILE} has the cell {key} twice; the first counts")
        else:
            cells[key] = read_cell(key, folder / str(place), tuple(values))
    purpose = _purpose_in(declared)
    others = [path for path in _subfolders(folder) if path not in {cell.folder for cell in cells.values()}]
    others = [path for path in others if not (purpose.full and PROMOTED.fullmatch(path.name))]
    if others:
        notes.append(f"not part of the study: {_named(folder, others)}")
    held, command = _held(cells.values(), axes), declared.get("command")
    complete = [_told(cell, axes, held) if not cell.settings else cell for cell in cells.values()]
    return Study(
        folder=folder,
        name=str(declared.get("name") or folder.resolve().name),
        description=str(declared.get("description") or ""),
        command=tuple(map(str, command if isinstance(command, list) else ())),
        axes=axes,
        held=held,
        cells=tuple(complete),
        notes=tuple(notes),
        purpose=purpose,
    )


def _purpose_in(declared: Mapping[str, Any]) -> Purpose:
    full, promoted, rank = (declared.get(name) for name in ("full", "promoted", "rank"))
    return Purpose(
        full if isinstance(full, dict) else {},
        promoted if isinstance(promoted, str) else "",
        rank if isinstance(rank, str) else "",
    )


def _axes_in(given: Any, notes: list[str]) -> Iterator[Axis]:
    for entry in given if isinstance(given, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("setting"), str) and isinstance(entry.get("values"), list):
            yield Axis(present_name(entry["setting"]), tuple(entry["values"]))
        else:
            notes.append(f"{STUDY_FILE} has an entry that is no axis: {str(entry)[:80]}")


def _is_below(place: Any) -> bool:
    """Whether a study.json that someone sent may name this folder: one below its own."""
    return (
        isinstance(place, str) and bool(place) and not PurePath(place).is_absolute() and ".." not in Path(place).parts
    )


def _told(cell: Cell, axes: Sequence[Axis], held: Mapping[str, Value]) -> Cell:
    """A cell without a record, with the settings that the study knows of it."""
    own = {axis.setting: value for axis, value in zip(axes, cell.values, strict=True)}
    return replace(cell, settings={**held, **own})


def _inferred(folder: Path, notes: list[str]) -> Study:
    runs, others = _run_folders(folder)
    if others and runs:
        notes.append(f"without a run: {_named(folder, others)}")
    cells: dict[str, Cell] = {}
    damaged, again = [], []
    for place in runs:
        cell = read_cell(place.relative_to(folder).as_posix() if place != folder else folder.resolve().name, place, ())
        alike = identity(known_by(cell.settings, hashes_in(cell.record)))
        if cell.status == "damaged":
            damaged.append(f"{cell.key} ({cell.error})")
        elif alike not in cells:
            cells[alike] = cell
        elif cells[alike].status != "finished" and cell.status == "finished":
            again.append(cells[alike].key)
            cells[alike] = cell
        else:
            again.append(cell.key)
    if damaged:
        notes.append(f"damaged, left out: {_shortened(damaged)}")
    if again:
        notes.append(f"the same settings as another run, left out: {_shortened(again)}")
    shown = _told_apart(list(cells.values()))
    axes = tuple(_differing(shown, _varied_concepts(cells.values())))
    return Study(
        folder=folder,
        name=folder.resolve().name,
        description="",
        command=(),
        axes=axes,
        held=_held(cells.values(), axes),
        cells=tuple(_placed(cell, axes, values) for cell, values in zip(cells.values(), shown, strict=True)),
        notes=tuple(notes),
    )


def _run_folders(folder: Path) -> tuple[list[Path], list[Path]]:
    """The run folders in and below a folder, and its own subfolders in and below which there is none."""
    if record_file(folder).exists():
        return [folder], []
    runs: list[Path] = []
    others: list[Path] = []
    for below in _subfolders(folder):
        found = list(_runs_below(below, DEPTH - 1))
        runs += found
        others += [] if found else [below]
    return runs, others


def _runs_below(folder: Path, depth: int) -> Iterator[Path]:
    if record_file(folder).exists():
        yield folder
    elif depth:
        for below in _subfolders(folder):
            yield from _runs_below(below, depth - 1)


def _subfolders(folder: Path) -> list[Path]:
    """Those that are not hidden, 2 before 10."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:  # not ours to read
        return []
    return [folder / name for name in sorted(found, key=_natural)]


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


def _named(folder: Path, places: Iterable[Path]) -> str:
    return _shortened([place.relative_to(folder).as_posix() for place in places])


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _told_apart(cells: Sequence[Cell]) -> list[dict[str, Value]]:
    """The settings of cells, where a path that was several pictures says which."""
    contents: dict[tuple[str, str], set[str | None]] = {}
    for cell in cells:
        for given in pictures_in(cell.settings):
            contents.setdefault(given, set()).add(hashes_in(cell.record).get(given))
    several = {given for given, found in contents.items() if len(found) > 1}
    return [
        with_content(cell.settings, {given: sha for given, sha in hashes_in(cell.record).items() if given in several})
        for cell in cells
    ]


def _varied_concepts(cells: Iterable[Cell]) -> bool:
    """Whether concepts of one name are several."""
    contents: dict[str, set[str]] = {}
    for cell in cells:
        for name, sha256 in entries_in(cell.record).items():
            contents.setdefault(name, set()).add(sha256)
    return any(len(found) > 1 for found in contents.values())


def _differing(runs: Sequence[Mapping[str, Value]], concepts: bool = False) -> Iterator[Axis]:
    """The settings that differ among runs, in the order of the schema: numbers ascending, others as they come.

    concepts: whether those of one name are several, so that it matters where they lie.
    """
    aside = [name for name in NOT_IN_KEY if not (concepts and name in BY_CONTENT)]
    in_order = [spec.path for spec in specs().values()]
    unknown = sorted({name for settings in runs for name in settings}.difference(in_order))
    for name in [*in_order, *unknown]:
        # A setting that an older version did not have yet differs only if those that have it differ.
        values = {identity(settings[name]): settings[name] for settings in runs if name in settings}
        if len(values) > 1 and name not in aside:
            if any(name not in settings for settings in runs):
                values.setdefault(identity(None), None)
            yield Axis(name, tuple(sorted(values.values(), key=_rank)))


def _rank(value: Value) -> tuple[bool, float]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return not is_number, value if is_number else 0


def _placed(cell: Cell, axes: Sequence[Axis], shown: Mapping[str, Value]) -> Cell:
    """The cell with its values of the axes."""
    return replace(cell, values=tuple(shown.get(axis.setting) for axis in axes))


def _held(cells: Iterable[Cell], axes: Sequence[Axis]) -> dict[str, Value]:
    """The settings on which all cells with a record agree."""
    with_record = [cell.settings for cell in cells if cell.settings]
    if not with_record:
        return {}
    first, *rest = with_record
    varied = {axis.setting for axis in axes}.union(NOT_IN_KEY)
    return {
        name: value
        for name, value in first.items()
        if name not in varied and all(name in other and identity(other[name]) == identity(value) for other in rest)
    }

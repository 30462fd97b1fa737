"""A study as its folder has it: the axes, every cell's pictures and numbers, and the table results.csv.

A study folder holds a run folder a cell (see `disco.run.folder`). study.json says which axes and cells were meant;
where there is none, the run folders found are the cells, and the settings that differ are the axes. Nothing that lies
in the
folder can stop the reading: what is missing, damaged or foreign becomes a marked cell or a note.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from disco.errors import SettingsError
from disco.planning.inputs import Hashes, by_content, hashes_in, pictures_in, with_content
from disco.run.folder.files import replace_file
from disco.run.folder.reading import RECORD_LIMIT, STATUSES, read_record
from disco.settings.config import groups, spec_of, specs
from disco.settings.paths import expanded

#: What a cell can be: as run.json says; "missing" where there is no run folder; "damaged" where run.json is unreadable.
CELL_STATUSES = (*STATUSES, "missing", "damaged")

#: Settings that say where a run goes and how it is followed. Runs that differ in nothing else are the same cell.
NO_AXES = tuple(
    f"output.{name}" for name in ("folder", "batch_name", "display_rate", "metrics", "tensorboard", "keep_inputs")
)

#: How deep below the folder run folders are looked for; runs/disco/TIME_OF_STUDY/NUMBER is three.
DEPTH = 3

#: A note names so many folders before it only counts them.
NAMED = 5

STUDY_FILE, RESULTS_FILE = "study.json", "results.csv"
PICTURE = re.compile(r"image_(\d{1,9})\.png", re.ASCII)

Value = Any  # what JSON can say


@dataclass(frozen=True)
class Axis:
    """What a study varies: a setting by its full name (or a group, such as sampler), and its values in their order."""

    setting: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Picture:
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
    pictures: tuple[Picture, ...]
    seconds: float | None
    memory: int | None
    record: dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A study folder, read.

    command: what was typed, () where unknown. held: the settings that are the same in every cell, by full name.
    notes: what of the folder could not be used, a line each.
    """

    folder: Path
    name: str
    description: str
    command: tuple[str, ...]
    axes: tuple[Axis, ...]
    held: dict[str, Value]
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]


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


def identity(value: Value) -> str:
    """A text that is equal for equal values, lists and mappings included; 1 and 1.0 are equal, 1 and true are not."""
    return json.dumps(_canonical(value), sort_keys=True)


def _canonical(value: Value) -> Value:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    return value


def known_by(settings: Mapping[str, Value], inputs: Hashes) -> dict[str, Value]:
    """What tells a run from others: its settings by full name, but for those that change nothing of it.

    inputs: the pictures that it takes in, which count by content. A setting that came later does not count at the value
    that leaves all as it was, so that runs of older versions are still known.
    """
    values = by_content(settings, inputs)
    return {name: value for name, value in values.items() if name not in NO_AXES and not _changes_nothing(name, value)}


def hashed_name(name: str) -> str:
    """The full name that a setting has in the keys of cells and the names of studies: the first that it had."""
    spec = spec_of(name)
    return name if spec is None else spec.older_path


def present_name(name: str) -> str:
    """The full name that a setting has by now, of one that study.json has of any version."""
    spec = spec_of(name)
    return name if spec is None else spec.path


def _changes_nothing(name: str, value: Value) -> bool:
    spec = specs().get(name.rpartition(".")[2])
    return spec is not None and spec.before is not MISSING and identity(value) == identity(spec.before)


# The study that study.json declares


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
            cells[key] = _cell(key, folder / str(place), tuple(values))
    others = [path for path in _subfolders(folder) if path not in {cell.folder for cell in cells.values()}]
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


# The study that run folders make


def _inferred(folder: Path, notes: list[str]) -> Study:
    runs, others = _run_folders(folder)
    if others and runs:
        notes.append(f"without a run: {_named(folder, others)}")
    cells: dict[str, Cell] = {}
    damaged, again = [], []
    for place in runs:
        cell = _cell(place.relative_to(folder).as_posix() if place != folder else folder.resolve().name, place, ())
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
    axes = tuple(_differing(shown))
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
    if (folder / "run.json").exists():
        return [folder], []
    runs: list[Path] = []
    others: list[Path] = []
    for below in _subfolders(folder):
        found = list(_runs_below(below, DEPTH - 1))
        runs += found
        others += [] if found else [below]
    return runs, others


def _runs_below(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "run.json").exists():
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


def _differing(runs: Sequence[Mapping[str, Value]]) -> Iterator[Axis]:
    """The settings that differ among runs, in the order of the schema: numbers ascending, others as they come."""
    in_order = [spec.path for spec in specs().values()]
    unknown = sorted({name for settings in runs for name in settings}.difference(in_order))
    for name in [*in_order, *unknown]:
        # A setting that an older version did not have yet differs only if those that have it differ.
        values = {identity(settings[name]): settings[name] for settings in runs if name in settings}
        if len(values) > 1 and name not in NO_AXES:
            if any(name not in settings for settings in runs):
                values.setdefault(identity(None), None)
            yield Axis(name, tuple(sorted(values.values(), key=_rank)))


def _rank(value: Value) -> tuple[bool, float]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return not is_number, value if is_number else 0


def _placed(cell: Cell, axes: Sequence[Axis], shown: Mapping[str, Value]) -> Cell:
    """The cell with its values of the axes."""
    return replace(cell, values=tuple(shown.get(axis.setting) for axis in axes))


# Cells


def _cell(key: str, folder: Path, values: tuple[Value, ...]) -> Cell:
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


def _pictures(folder: Path, record: Mapping[str, Any]) -> Iterator[Picture]:
    """The finished pictures that are there, by their numbers."""
    seeds, measured = (
        entry if isinstance(entry, list) else [] for entry in (record.get("seeds"), record.get("metrics"))
    )
    for number in sorted(int(match[1]) for name in os.listdir(folder) if (match := PICTURE.fullmatch(name))):
        metrics = measured[number] if number < len(measured) and isinstance(measured[number], dict) else {}
        seed = seeds[number] if number < len(seeds) and isinstance(seeds[number], int) else None
        values = {
            name: value for name, value in metrics.items() if value is None or isinstance(value, int | float | str)
        }
        yield Picture(number, seed, folder / f"image_{number}.png", values)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _peak(memory: Any) -> int | None:
    """The measured peak of run.json's "memory", in bytes."""
    peak = memory.get("measured_peak") if isinstance(memory, dict) else None
    return peak if isinstance(peak, int) else None


def _held(cells: Iterable[Cell], axes: Sequence[Axis]) -> dict[str, Value]:
    """The settings on which all cells with a record agree."""
    with_record = [cell.settings for cell in cells if cell.settings]
    if not with_record:
        return {}
    first, *rest = with_record
    varied = {axis.setting for axis in axes}.union(NO_AXES)
    return {
        name: value
        for name, value in first.items()
        if name not in varied and all(name in other and identity(other[name]) == identity(value) for other in rest)
    }


# The table


def write_results(study: Study) -> Path:
    """Write results.csv into the study's folder, a row a picture, and return its path.

    Columns: cell, folder (seen from the study's), status, error, picture (its number), seed (the picture's own, whether
    or not seed is an axis), every other axis by its full name, every metric, seconds and memory (of the whole run;
    bytes). A cell without a picture has a row with neither number nor metrics. UTF-8, RFC 4180; texts stand as they
    are, None is empty, switches are true and false, lists and mappings are JSON.
    """
    axes = [(place, axis.setting) for place, axis in enumerate(study.axes) if axis.setting != "seed"]
    metrics = list(dict.fromkeys(name for cell in study.cells for picture in cell.pictures for name in picture.metrics))
    text = io.StringIO(newline="")
    table = csv.writer(text)
    head = ["cell", "folder", "status", "error", "picture", "seed", *(name for _, name in axes), *metrics]
    table.writerow([*head, "seconds", "memory"])
    for cell in study.cells:
        place = Path(os.path.relpath(cell.folder, study.folder)).as_posix()
        values = [cell.values[index] for index, _ in axes]
        for picture in cell.pictures or (None,):
            number, seed = (None, cell.settings.get("seed")) if picture is None else (picture.number, picture.seed)
            numbers = [None if picture is None else picture.metrics.get(name) for name in metrics]
            row = [cell.key, place, cell.status, cell.error, number, seed, *values, *numbers]
            table.writerow(map(in_csv, [*row, cell.seconds, cell.memory]))
    path = study.folder / RESULTS_FILE
    replace_file(path, text.getvalue().encode("utf-8", "backslashreplace"))
    return path


def in_csv(value: Value) -> str:
    """A value as a field of results.csv has it, before quoting."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)

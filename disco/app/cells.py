"""The runs of a study as the page shows them: each with its values, its picture and, of a draft, what it became."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from disco.animation.places import SHEET
from disco.app.paths import address_of, below
from disco.app.records import read_json, settings_in
from disco.app.refusal import Refusal
from disco.run.folder.reading import RUN_RECORD, STUDY_FILE
from disco.run.jobs import PICTURE
from disco.study.read import PROMOTED

#: Of a larger study the page shows so many, and the study's own page all.
MOST = 1000


def cells_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """The cells of a study that have a picture, in their order. folder: the app's. name: the study's, seen from there.

    Each has "path", "values" in words, "picture", its address, and "seed"; "full" is the path of what a draft became.
    """
    record = read_json(folder / name / STUDY_FILE)
    became = {seed: path for each in promoted_in(folder, name) for seed, path in _by_seed(folder, each).items()}
    found = []
    for cell in _cells(record)[:MOST]:
        path = f"{name}/{cell.get('folder')}"
        picture = _picture(folder, path)
        if picture is not None:
            values = _values(record, cell)
            seed = values.get("seed")
            words = ", ".join(f"{axis} {value}" for axis, value in values.items())
            found.append({"path": path, "values": words, "picture": picture, "seed": seed, "full": became.get(seed)})
    return found


def is_scan(record: Mapping[str, Any]) -> bool:
    """Whether a study.json is that of drafts."""
    return isinstance(record.get("full"), dict) and bool(record["full"])


def steps_in_full(folder: Path, name: str) -> int | None:
    """The steps that the pictures of a scan take which are rendered in full, as the scan says; None before a draft."""
    record = read_json(folder / name / STUDY_FILE)
    steps = record.get("full", {}).get("sampler.steps")
    for cell in _cells(record) if steps is None else ():
        sampler = settings_in(read_json(folder / name / str(cell.get("folder")) / RUN_RECORD)).get("sampler")
        if isinstance(sampler, Mapping):
            steps = sampler.get("steps")
            break
    return steps if isinstance(steps, int) else None


def promoted_in(folder: Path, name: str) -> list[str]:
    """The studies in a scan's folder that hold full pictures of its drafts."""
    places = sorted(place for place in (folder / name).glob(f"promoted*/{STUDY_FILE}") if not place.is_symlink())
    return [f"{name}/{place.parent.name}" for place in places if PROMOTED.fullmatch(place.parent.name)]


def study_of(folder: Path, name: str) -> str | None:
    """The study that a run belongs to, or a scan that promoted pictures do."""
    above = name.rpartition("/")[0]
    return above if above and (folder / above / STUDY_FILE).is_file() else None


def draft_in(folder: Path, name: str) -> dict[str, Any] | None:
    """Of a run that is a draft of a scan, its "seed", and "full", what its full picture has otherwise by bare name.

    None for any other run.
    """
    above, _, own = name.rpartition("/")
    record = read_json(folder / above / STUDY_FILE)
    cells = _cells(record) if is_scan(record) else []
    seed = next((_values(record, cell).get("seed") for cell in cells if cell.get("folder") == own), None)
    full = {path.rpartition(".")[2]: value for path, value in record.get("full", {}).items()} if cells else {}
    return {"seed": seed, "full": full} if isinstance(seed, int) else None


def _cells(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = record.get("cells")
    return [cell for cell in given if isinstance(cell, dict)] if isinstance(given, list) else []


def _values(record: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a cell by the bare names of the axes."""
    axes, values = record.get("axes"), cell.get("values")
    if not (isinstance(axes, list) and isinstance(values, list)):
        return {}
    names = [str(axis.get("setting")).rpartition(".")[2] if isinstance(axis, dict) else "" for axis in axes]
    return {
        name: value if isinstance(value, int | float | str) else str(value)
        for name, value in zip(names, values, strict=False)
    }


def _by_seed(folder: Path, name: str) -> dict[Any, str]:
    record = read_json(folder / name / STUDY_FILE)
    places = ((_values(record, cell).get("seed"), f"{name}/{cell.get('folder')}") for cell in _cells(record))
    return {seed: path for seed, path in places if _picture(folder, path) is not None}


def _picture(folder: Path, name: str) -> str | None:
    """The address of a run's picture; None where it has none, or what is called so lies elsewhere."""
    for file in (PICTURE, SHEET):
        with suppress(Refusal):
            return address_of("files", folder.resolve(), below(folder, f"{name}/{file}"))
    return None

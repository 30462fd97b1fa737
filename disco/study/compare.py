"""Two runs beside each other: the settings that differ, what was measured, and how far their pictures are apart."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from disco.critics import metrics
from disco.errors import SettingsError
from disco.planning.images import open_image
from disco.planning.recorded import hashes_in, with_content
from disco.run.folder.files import replace_file
from disco.run.folder.reading import record_file
from disco.settings.paths import expanded
from disco.study.identity import identity, known_by
from disco.study.labels import format_value, label
from disco.study.pictures import read_picture
from disco.study.read import read_study
from disco.study.results import Cell, CellPicture

#: Pixels between the pictures of `write_difference`.
GAP = 8


@dataclass(frozen=True)
class Distance:
    """How far two pictures of one size are apart, over all pixels and their three values of 0 to 255.

    absolute: mean |a - b|. rms: sqrt(mean (a - b)^2). changed: share of the pixels that differ at all, 0 to 1.
    perceptual: as `disco.critics.metrics.distance` has it, 0 = the same; None for pictures too small for it.
    """

    absolute: float
    rms: float
    changed: float
    perceptual: float | None


@dataclass(frozen=True)
class Pair:
    """A picture of each run. distance: None where a picture cannot be read or their sizes differ; `reason` says it."""

    first: CellPicture
    second: CellPicture
    distance: Distance | None
    reason: str


@dataclass(frozen=True)
class Difference:
    """What differs between two runs.

    settings: by full name, the values of both that differ; pictures differ by content, and their hashes are said.
    metrics: by name, both values, of the first pair of pictures; "seconds" and "memory" are the runs'. pairs: their
    pictures by number.
    """

    first: Cell
    second: Cell
    settings: dict[str, tuple[Any, Any]]
    metrics: dict[str, tuple[Any, Any]]
    pairs: tuple[Pair, ...]


def read_run(path: str | Path) -> Cell:
    """The run in a folder, or that a picture or run.json belongs to. A picture's run has this one picture.

    Raises SettingsError where there is no such file or folder, no run, or several.
    """
    path = expanded(path)
    if os.path.isdir(path):
        study = read_study(path)
        if len(study.cells) > 1:
            raise SettingsError(f"{str(path)!r} holds {len(study.cells)} runs; name one of them, or a picture")
        return study.cells[0]
    if not os.path.exists(path):  # which, unlike Path's, takes a name that is too long for one that is missing
        raise SettingsError(
            f"{str(path)!r}: there is no such file or folder; name a run's folder or one of its pictures"
        )
    record = record_file(path.parent)
    if not record.exists():
        raise SettingsError(f"{str(path)!r} lies beside no run.json; name a run's folder or a picture in it")
    cell = read_study(path.parent).cells[0]
    own = tuple(picture for picture in cell.pictures if picture.path.name == path.name)
    if not own and path.name != record.name:
        raise SettingsError(f"{str(path)!r} is none of its run's finished pictures; name image_0.png or another")
    return Cell(**{**vars(cell), "pictures": own or cell.pictures})


def compare(first: Cell, second: Cell) -> Difference:
    """What differs between two runs, pictures paired in their order."""
    names = dict.fromkeys([*first.settings, *second.settings])
    known = [known_by(cell.settings, hashes_in(cell.record)) for cell in (first, second)]
    shown = [with_content(cell.settings, hashes_in(cell.record)) for cell in (first, second)]
    return Difference(
        first,
        second,
        {
            name: (shown[0].get(name), shown[1].get(name))
            for name in names
            if identity(known[0].get(name)) != identity(known[1].get(name))
        },
        _beside(_measured(first), _measured(second)),
        tuple(_pair(a, b) for a, b in zip(first.pictures, second.pictures, strict=False)),
    )


def _measured(cell: Cell) -> dict[str, Any]:
    found = dict(cell.pictures[0].metrics) if cell.pictures else {}
    runs = {"seconds": cell.seconds, "memory": cell.memory}
    return found | {name: value for name, value in runs.items() if name not in found and value is not None}


def _beside(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])}


def _pair(first: CellPicture, second: CellPicture) -> Pair:
    a, b = read_picture(first.path), read_picture(second.path)
    if a is None or b is None:
        return Pair(first, second, None, f"{str((first if a is None else second).path)!r} cannot be read")
    if a.size != b.size:
        return Pair(first, second, None, f"their sizes differ: {a.width} x {a.height} and {b.width} x {b.height}")
    return Pair(first, second, distance(a, b), "")


def distance(a: Image.Image, b: Image.Image) -> Distance:
    """Of two RGB pictures of one size."""
    apart = np.asarray(a).astype(np.float64) - np.asarray(b)
    return Distance(
        absolute=float(np.abs(apart).mean()),
        rms=float(np.sqrt((apart**2).mean())),
        changed=float((apart != 0).any(axis=2).mean()),
        perceptual=metrics.distance(a, b),
    )


# Showing


def in_text(found: Difference) -> str:
    """The difference as lines of text."""
    lines = [f"A  {found.first.folder}", f"B  {found.second.folder}", ""]
    for cell, name in ((found.first, "A"), (found.second, "B")):
        if cell.status != "finished":
            lines += [f"{name} is {cell.status}{f': {cell.error}' if cell.error else ''}", ""]
    lines += _table("settings that differ", {label(name): pair for name, pair in found.settings.items()})
    lines += _table("measured", found.metrics)
    for pair in found.pairs:
        lines += [f"{pair.first.path.name} and {pair.second.path.name}", *_distance_in_text(pair)]
    return "\n".join(lines if found.pairs else [*lines, "no pictures to compare"])


def _table(title: str, rows: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Three columns under a title, and an empty line."""
    if not rows:
        return [f"{title}: none", ""]
    texts = [(name, format_value(a), format_value(b)) for name, (a, b) in rows.items()]
    wide = [max(len(row[column]) for row in texts) for column in (0, 1)]
    return [title, *(f"  {name:<{wide[0]}}  {a:<{min(wide[1], 60)}}  {b}" for name, a, b in texts), ""]


def _distance_in_text(pair: Pair) -> list[str]:
    found = pair.distance
    if found is None:
        return [f"  not compared: {pair.reason}"]
    if not found.changed:
        return ["  the same, pixel by pixel"]
    lines = [
        f"  mean difference      {found.absolute:.4g} of 255 (RMS {found.rms:.4g})",
        f"  pixels that differ   {100 * found.changed:.4g} %",
    ]
    far = found.perceptual
    return (
        lines if far is None else [*lines, f"  perceptual distance  {far:.4g} (0 = the same, 0.5 = nothing in common)"]
    )


def write_difference(found: Difference, path: str | Path) -> Path:
    """Write a PNG of the first pair: A, B and |A - B|, the largest difference made white, side by side.

    Raises SettingsError where the pictures cannot be laid over each other, or the file cannot be written.
    """
    if not found.pairs or found.pairs[0].distance is None:
        reason = found.pairs[0].reason if found.pairs else "there are none"
        raise SettingsError(f"the pictures cannot be laid over each other: {reason}")
    a, b = (open_image(picture.path, "picture") for picture in (found.pairs[0].first, found.pairs[0].second))
    apart = np.abs(np.asarray(a).astype(np.int32) - np.asarray(b))
    bright = Image.fromarray((apart * 255 // max(1, apart.max())).astype(np.uint8))
    sheet = Image.new("RGB", (3 * a.width + 2 * GAP, a.height), "white")
    for number, picture in enumerate((a, b, bright)):
        sheet.paste(picture, (number * (a.width + GAP), 0))
    path = expanded(path)
    if os.path.exists(path):
        raise SettingsError(f"picture={str(path)!r} is there already; name another, nothing is overwritten")
    packed = io.BytesIO()
    sheet.save(packed, "PNG")
    try:
        replace_file(path, packed.getvalue())
    except OSError as error:
        raise SettingsError(f"picture={str(path)!r} cannot be written: {error.strerror or error}") from error
    return path

"""Full pictures beside the drafts that they were promoted from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from disco.errors import SettingsError
from disco.run.folder.reading import STUDY_FILE
from disco.study.identity import identity
from disco.study.measure import with_distances
from disco.study.read import read_study
from disco.study.results import Axis, Cell, Study
from disco.study.study_file import read_declaration

PAIRS_FILE = "pairs.png"

#: The axis that tells a draft from its picture, and its values.
STAGE, DRAFT, PICTURE = "stage", "draft", "picture"


def beside_drafts(study: Study) -> Study:
    """The promoted study with the draft of every picture, on a further axis, "stage".

    The metric "distance" then says how far a picture is from its draft. Where the scan above cannot be read, the study
    as it is, with a note.
    """
    try:
        scan = read_study(study.folder.parent)
    except SettingsError as error:
        return replace(study, notes=(*study.notes, f"without its drafts: {error}"))
    if not scan.purpose.full:
        return replace(study, notes=(*study.notes, "without its drafts: the folder above holds no scan"))
    drafts = {_seed_of(scan, cell): cell for cell in scan.cells}
    cells = []
    for cell in study.cells:
        draft = drafts.get(_seed_of(study, cell))
        if draft is not None:
            cells.append(replace(draft, key=f"{DRAFT} {draft.key}", values=(DRAFT, *cell.values)))
        cells.append(replace(cell, values=(PICTURE, *cell.values)))
    held = {
        name: value
        for name, value in study.held.items()
        if all(identity(cell.settings.get(name)) == identity(value) for cell in cells if cell.settings)
    }
    axes = (Axis(STAGE, (DRAFT, PICTURE)), *study.axes)
    told = "Drafts, and the pictures that they became."
    return with_distances(replace(study, axes=axes, cells=tuple(cells), held=held, description=told))


def _seed_of(study: Study, cell: Cell) -> str:
    """The seed of a cell, as its axis has it."""
    values = {axis.setting: value for axis, value in zip(study.axes, cell.values, strict=True)}
    return identity(values.get("seed"))


def place_for(scan: Path, digits: str) -> Path:
    """The folder in a scan's for its full pictures of these settings: "promoted", or where that has others, the next.

    digits: they stand for all settings but the seed (see `Purpose.promoted`).
    """
    number = 1
    while True:
        place = scan / ("promoted" if number == 1 else f"promoted-{number}")
        declared = read_declaration(place / STUDY_FILE)
        if declared is None and not place.exists():
            return place
        if declared is not None and declared.get("promoted") == digits:
            return place
        number += 1

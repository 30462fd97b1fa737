"""Measuring what runs left unmeasured: older folders, runs without metrics, and distances between cells."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from disco.critics.metrics import METRICS, distance, measure
from disco.errors import SettingsError
from disco.planning.images import open_image
from disco.planning.prompts import Prompt, parse_stages
from disco.run.folder.files import write_json
from disco.run.folder.reading import read_record, record_file
from disco.settings.config import METRIC_NAMES
from disco.study.identity import identity
from disco.study.locks import WORK, held
from disco.study.read import read_study
from disco.study.results import Cell, CellPicture, Study


def complete(folder: str | Path) -> Study:
    """The study in a folder (see `read_study`), every finished picture with every metric, and its distance.

    What is missing is measured and written into the cell's run.json, so that it is measured once; a run that is still
    going on is left alone, and so is a film that has any metrics. distance: see `with_distances`. A picture or folder
    that cannot be read or written becomes a note. Torch is loaded only where the judge has something to say, and for
    films.

    Raises SettingsError as `read_study` does.
    """
    study = read_study(folder)
    notes: list[str] = []
    cells = tuple(_completed(cell, notes) for cell in study.cells)
    return with_distances(replace(study, cells=cells, notes=(*study.notes, *notes)))


def _completed(cell: Cell, notes: list[str]) -> Cell:
    """The cell with all metrics, its run.json brought up to date."""
    if cell.status in ("running", "missing", "damaged"):
        return cell
    if cell.is_film:
        return _measured_film(cell, notes)
    pictures = tuple(_measured(picture, cell, notes) for picture in cell.pictures)
    if pictures == cell.pictures:
        return cell
    by_number = {picture.number: picture.metrics for picture in pictures}
    record = cell.record | {"metrics": [by_number.get(number, {}) for number in range(max(by_number) + 1)]}
    return _kept(replace(cell, pictures=pictures), record, notes)


def _measured_film(cell: Cell, notes: list[str]) -> Cell:
    """A film with its metrics; measured here if it was not at all while it was rendered."""
    if cell.status != "finished" or not cell.pictures or any(picture.metrics for picture in cell.pictures):
        return cell
    from disco.animation.measuring import measure_film

    try:
        metrics: dict[str, Any] = dict(measure_film(cell.folder))
    except (SettingsError, OSError) as error:
        notes.append(f"{cell.key}: not measured, {error}")
        return cell
    pictures = tuple(replace(picture, metrics=metrics) for picture in cell.pictures)
    return _kept(replace(cell, pictures=pictures), cell.record | {"metrics": [metrics]}, notes)


def _kept(cell: Cell, record: dict[str, Any], notes: list[str]) -> Cell:
    """The cell with another record, which is written into its folder."""
    try:
        _write(cell, record)
    except OSError as error:
        name = record_file(cell.folder).name
        notes.append(f"{cell.key}: its metrics could not be written into {name}: {error.strerror or error}")
    return replace(cell, record=record)


def _write(cell: Cell, record: dict[str, Any]) -> None:
    """Write the record, unless another is there by now: a worker may be rendering the cell again, or have done.

    Raises OSError where it cannot be written.
    """
    study, key = cell.folder.parent, cell.folder.name
    with held(study, key) if (study / WORK).is_dir() else nullcontext(True) as free:
        try:
            file = record_file(cell.folder)
            if free and read_record(file) == cell.record:
                write_json(file, record)
        except SettingsError:  # it is gone, or another
            pass


def _measured(picture: CellPicture, cell: Cell, notes: list[str]) -> CellPicture:
    """The picture with the metrics that it lacked."""
    lacking = [name for name in METRIC_NAMES if name not in picture.metrics]
    if not lacking:
        return picture
    try:
        image = open_image(picture.path, "picture")
    except SettingsError as error:
        notes.append(f"{cell.key}: not measured, {error}")
        return picture
    found: dict[str, Any] = dict(measure(image, [name for name in lacking if name in METRICS]))
    if "judge" in lacking:
        from disco.critics.judge import assess

        found |= assess(
            image,
            ["judge"],
            _last_prompts(cell.settings, picture.number),
            str(cell.settings.get("model.diffusion_model")),
        )
    return replace(picture, metrics={**picture.metrics, **found})


def _last_prompts(settings: Mapping[str, Any], number: int) -> tuple[Prompt, ...]:
    """The texts that held at the end of a picture; none where the settings are not to be understood."""
    given = settings.get("prompts") if settings.get("prompt") is None else [settings["prompt"]]
    drawn = settings.get("expanded_prompts")
    if isinstance(drawn, list) and drawn:
        given = drawn[number if number < len(drawn) else 0]
    try:
        return parse_stages(given)[-1].prompts if given else ()
    except SettingsError:
        return ()


# Distances


def with_distances(study: Study) -> Study:
    """The study with the metric "distance" for every picture: how far it is from that of its seed in the reference.

    The reference are the cells with the first value of every axis but seed; they have 0. None where the reference has
    no picture of that seed or size. A study without such an axis has no distances.
    """
    axes = [(place, axis) for place, axis in enumerate(study.axes) if axis.setting != "seed" and axis.values]
    if not axes:
        return study
    first = [identity(axis.values[0]) for _, axis in axes]

    def is_reference(cell: Cell) -> bool:
        return [identity(cell.values[place]) for place, _ in axes] == first

    references = {picture.seed: picture for cell in study.cells if is_reference(cell) for picture in cell.pictures}
    images = {seed: _opened(picture) for seed, picture in references.items()}

    def compared(picture: CellPicture) -> CellPicture:
        reference, image = images.get(picture.seed), _opened(picture)
        apart = None if reference is None or image is None else distance(image, reference)
        return replace(picture, metrics={**picture.metrics, "distance": apart})

    cells = [replace(cell, pictures=tuple(map(compared, cell.pictures))) for cell in study.cells]
    return replace(study, cells=tuple(cells))


def _opened(picture: CellPicture) -> Image.Image | None:
    try:
        return open_image(picture.path, "picture")
    except SettingsError:  # said where it was measured
        return None

"""Studies made to order, whose pictures and numbers are what a test says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disco.study.results import Axis, Cell, CellPicture, Study

Measure = Callable[[Mapping[str, Any]], Mapping[str, float]]


def study_of(
    axes: Mapping[str, Sequence[Any]], measure: Measure, folder: Path | None = None, paint: Any = None
) -> Study:
    """A study with a finished picture in every cell.

    measure: the metrics of a cell, by its values. paint: its picture as uint8 [H, W, 3], written into `folder`.
    """
    cells = []
    for number, values in enumerate(itertools.product(*axes.values())):
        where = dict(zip(axes, values, strict=True))
        own = (folder or Path("nowhere")) / f"{number:04d}"
        path = own / "image_0.png"
        if paint is not None:
            own.mkdir(parents=True)
            Image.fromarray(paint(where)).save(path)
        metrics = dict(measure(where))
        picture = CellPicture(0, where.get("seed", 0), path, metrics)
        memory = int(metrics["memory"]) if "memory" in metrics else None
        cells.append(Cell(f"{number:04d}", own, values, "finished", None, {}, (picture,), 1.0, memory, {}))
    own_axes = tuple(Axis(name, tuple(values)) for name, values in axes.items())
    return Study(folder or Path("nowhere"), "made", "", (), own_axes, {}, tuple(cells), ())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)

"""Contact sheets show every value of their axis."""

import sys

import numpy as np
import pytest
from PIL import Image

from disco.training import world
from disco.training.world import sheets
from support import processes


@pytest.mark.parametrize(
    ("name", "values"),
    [("subjects", world.SUBJECTS), ("styles", world.STYLES), ("places", world.PLACES), ("relations", world.RELATIONS)],
)
def test_a_sheet_has_a_row_a_value(name, values):
    rows = list(sheets.SHEETS[name]())
    assert tuple(label for label, _ in rows) == values
    axis = {"subjects": 0, "places": 2, "styles": 4, "relations": 5}[name]
    for label, scenes in rows:
        assert len(scenes) == sheets.COLUMNS
        assert {scene.labels()[axis] for scene in scenes if scene is not None} == {label}
    paper = sheets.sheet(name, 16)
    assert paper.size == (sheets.LABEL + 16 * sheets.COLUMNS, 16 * len(values))
    first = next(scene for scene in rows[0][1] if scene is not None)
    shown = np.asarray(paper.crop((sheets.LABEL, 0, sheets.LABEL + 16, 16)))
    assert np.array_equal(shown, world.draw(first, 16))


def test_the_command_writes_a_sheet(tmp_path):
    out = tmp_path / "world.png"
    command = [sys.executable, "-m", "disco.training", "world", "--sheet", "styles", "--side", "16", "--out", str(out)]
    processes.run(command, check=True)
    with Image.open(out) as paper:
        assert paper.size == (sheets.LABEL + 16 * sheets.COLUMNS, 16 * len(world.STYLES))


def test_sheets_stand_below_one_another():
    both = sheets.below_one_another([Image.new("RGB", (30, 10), "red"), Image.new("RGB", (20, 5), "blue")], gap=2)
    assert both.size == (30, 17)
    assert both.getpixel((5, 14)) == (0, 0, 255)

"""Curves lie where their values are."""

import numpy as np
from PIL import Image

from disco.training import curves


def rows_of(path, ink):
    """The mean row of an ink's pixels at the first and the last column of the plot that have it."""
    pixels = np.asarray(Image.open(path))[:, : curves.SIZE[0] - curves.MARGIN[2]]
    there = (pixels == tuple(int(ink[i : i + 2], 16) for i in (1, 3, 5))).all(-1)
    columns = np.flatnonzero(there.any(0))
    return [np.flatnonzero(there[:, column]).mean() for column in (columns[0], columns[-1])]


def test_a_curve_falls_by_decades(tmp_path):
    lines = [{"step": step, "seconds": 0.1, "loss": 10.0 ** (-step / 50)} for step in range(0, 101, 10)]
    lines += [{"step": step, "seconds": 0.1, "other": 0.1, "never": 0.0} for step in (1, 100)]
    curves.draw_curves(lines, tmp_path / "a.png")
    first, last = rows_of(tmp_path / "a.png", curves.INKS[0])
    assert last - first > 0.95 * (curves.SIZE[1] - curves.MARGIN[1] - curves.MARGIN[3])
    middle = rows_of(tmp_path / "a.png", curves.INKS[1])  # 0.1 is halfway from 1 to 0.01
    assert np.allclose(middle, (first + last) / 2, atol=3)


def test_nothing_is_drawn_of_nothing(tmp_path):
    curves.draw_curves([{"step": 1, "seconds": 1, "loss": 0.5}], tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_marks_are_round_numbers_between_the_ends():
    assert np.allclose(curves.marks(-1, 0.4), [0.1, 0.2, 0.5, 1, 2])

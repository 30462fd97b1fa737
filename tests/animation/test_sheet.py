"""Frames on one sheet: which, and where."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from disco.animation.sheet import SIDE, sheet_of


def frames(folder, count: int, size: tuple[int, int] = (8, 6)) -> list:
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", size, (10 * number, 0, 0)).save(path)
    return paths


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, [[0]]), (3, [[0, 2]]), (5, [[0, 1], [3, 4]]), (24, [[0, 3, 6], [9, 12, 14], [17, 20, 23]])],
)
def test_frames_are_spread_from_the_first_to_the_last(tmp_path, count, shown):
    sheet = np.asarray(sheet_of(frames(tmp_path, count)))
    assert (sheet[3::6, 4::8, 0] // 10).tolist() == shown
    assert sheet[3, 4, 0] == 0 and sheet[-3, -4, 0] == 10 * (count - 1)


def test_large_frames_are_shrunk(tmp_path):
    assert sheet_of(frames(tmp_path, 9, (1024, 600))).size == (SIDE, 3 * 300)

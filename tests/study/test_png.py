"""PNG files written strip by strip, read again by Pillow."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.study.png import filtered, write_png


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_pillow_reads_what_is_written(tmp_path_factory, width, height, rows, seed):
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(0, 256, (height, width, 3)) >> rng.integers(0, 8)).astype(np.uint8)
    path = tmp_path_factory.mktemp("png") / "x.png"
    write_png(path, width, height, (pixels[top : top + rows] for top in range(0, height, rows)))
    assert np.array_equal(np.asarray(Image.open(path)), pixels)
    assert [entry.name for entry in path.parent.iterdir()] == ["x.png"]


def test_even_surfaces_are_filtered_to_nothing():
    flat = np.full((4, 5, 3), 200, np.uint8)
    rows = np.frombuffer(filtered(flat, flat[:1]), np.uint8).reshape(4, 16)
    assert (rows[:, 0] == 2).all() and not rows[:, 1:].any()

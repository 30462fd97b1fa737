"""Parts of a picture that is scaled up are those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.enlarge.stages import Box, lanczos, nothing, within


def noise(height, width):
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def whole_of(picture, by, way):
    size = (picture.shape[1] * by, picture.shape[0] * by)
    return np.asarray(Image.fromarray(picture).resize(size, way))


@pytest.mark.parametrize(("stage", "way"), [(lanczos, Image.Resampling.LANCZOS), (nothing, Image.Resampling.NEAREST)])
@given(st.integers(1, 20), st.integers(1, 20), st.integers(2, 5), st.data())
def test_parts_are_those_of_the_whole_to_the_bit(stage, way, height, width, by, data):
    picture = noise(height, width)
    top, left = (data.draw(st.integers(0, side * by - 1)) for side in (height, width))
    rows, columns = (data.draw(st.integers(1, 70)) for _ in range(2))
    # What reaches beyond the picture shows its last pixels.
    wanted = np.pad(whole_of(picture, by, way), ((0, 70), (0, 70), (0, 0)), "edge")
    found = stage(picture, by)(Box(top, left, rows, columns))
    assert found.dtype == np.uint8
    assert np.array_equal(found, wanted[top : top + rows, left : left + columns])


def test_no_more_is_read_than_the_part_needs():
    read = []

    class Rows(np.ndarray):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    picture = noise(1000, 900).view(Rows)
    within(picture, 4, 3, lambda part: part.repeat(4, 0).repeat(4, 1))(Box(2000, 400, 64, 32))
    (rows, columns), *_ = read
    assert (rows.start, rows.stop) == (497, 519) and (columns.start, columns.stop) == (97, 111)

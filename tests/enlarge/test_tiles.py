"""Tiles cover a picture, and their weights are those of one picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.enlarge.tiles import blend, grid, spans

LENGTHS = st.tuples(st.integers(1, 400), st.integers(2, 80)).flatmap(
    lambda pair: st.tuples(*map(st.just, pair), st.integers(0, pair[1] // 2))
)


def weights_of(found, length):
    """What each tile counts at each pixel after all were laid over one another, by laying them: [tiles, length]."""
    end = max(length, found[0].size)
    weights = np.zeros((len(found), end))
    for number, span in enumerate(found):
        own = slice(span.start, span.end)
        weights[:, own] *= 1 - span.fade()
        weights[number, own] += span.fade()
    return weights[:, :length]


@given(LENGTHS)
def test_tiles_cover_the_length_and_share_enough(drawn):
    length, side, overlap = drawn
    found = spans(length, side, overlap)
    assert found[0].start == 0 and found[-1].end == max(length, side) and all(span.size == side for span in found)
    for before, span in zip(found, found[1:], strict=False):
        assert before.start < span.start and overlap <= before.end - span.start == span.shared
    assert len(found) == 1 or (len(found) - 1) * (side - overlap) + overlap < length  # one tile less covers less


@given(LENGTHS)
def test_weights_are_shares_and_go_without_a_leap(drawn):
    length, side, overlap = drawn
    found = spans(length, side, overlap)
    weights = weights_of(found, length)
    assert weights.min() >= 0 and np.allclose(weights.sum(0), 1, atol=1e-6)
    if overlap:  # from pixel to pixel no more than the steepest fade rises, twice where three lie over one another
        steepest = 1 / min(span.shared for span in found[1:]) if len(found) > 1 else 0
        assert np.abs(np.diff(weights, axis=1)).max(initial=0) <= 2 * steepest + 1e-6


@given(LENGTHS, LENGTHS, st.integers(0, 255))
def test_equal_tiles_and_ramps_come_out_as_they_went_in(down, along, level):
    (height, rows, one), (width, columns, other) = down, along
    overlap = min(one, other, rows // 2, columns // 2)
    found = grid((height, width), (rows, columns), overlap)
    ramp = np.linspace(0, 255, max(width, columns)) + np.zeros((max(height, rows), 1))
    for wanted, off in ((np.full_like(ramp, level), 0), (ramp, 1)):
        picture = np.repeat(np.rint(wanted).astype(np.uint8)[..., None], 3, 2)
        whole = np.zeros_like(picture)
        for rows_of in found.rows:
            row = np.zeros((rows_of.size, *picture.shape[1:]), np.uint8)
            for columns_of in found.columns:
                place = (slice(None), slice(columns_of.start, columns_of.end))
                tile = picture[rows_of.start : rows_of.end][place]
                row[place] = blend(row[place], tile, columns_of.fade()[None, :, None])
            own = slice(rows_of.start, rows_of.end)
            whole[own] = blend(whole[own], row, rows_of.fade()[:, None, None])
        assert np.abs(whole.astype(int) - picture).max() <= off


def test_the_order_is_row_by_row():
    found = grid((128, 100), (64, 64), 16)
    assert [(tile.row, tile.column) for tile in found] == [(r, c) for r in range(3) for c in range(2)]
    assert len(found) == 6 and [span.start for span in found.rows] == [0, 32, 64]


@pytest.mark.parametrize("overlap", [-1, 64])
def test_tiles_that_share_all_are_refused(overlap):
    with pytest.raises(ValueError, match="cannot share"):
        spans(100, 64, overlap)

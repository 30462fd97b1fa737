"""Cells share out a picture, and their means are means."""

import random

import numpy as np
import pytest

from disco.training.world import patterns

CELLS = {
    "dots": lambda variant: patterns.dots(0.055, variant, 64, 48),
    "panes": lambda variant: patterns.panes(0.13, variant, 64, 48),
    "facets": lambda variant: patterns.facets(0.125, variant, 64, 48),
}


@pytest.mark.parametrize("kind", CELLS)
def test_every_pixel_has_a_cell_near_its_middle(kind):
    cells = CELLS[kind](0)
    assert cells.number.shape == cells.inside.shape == (48, 64)
    assert 0 <= cells.number.min() <= cells.number.max() < len(cells.middle)
    assert 0.4 < cells.inside.mean() <= 1
    ys, xs = np.divmod(cells.middle[cells.number], 64)
    y, x = np.mgrid[0:48, 0:64]
    assert np.hypot(xs - x, ys - y).max() < 12
    assert not np.array_equal(cells.number, CELLS[kind](1).number)


def test_cell_means_against_a_loop():
    cells = CELLS["panes"](2)
    rng = np.random.default_rng(0)
    picture, weight = rng.random((3, 48, 64)).astype(np.float32), rng.random((48, 64)).astype(np.float32)
    means = cells.means(picture, weight)
    for number in range(0, len(cells.middle), 7):
        here = cells.number == number
        if here.any():
            expected = (picture[:, here] * weight[here]).sum(1) / weight[here].sum()
            assert means[:, number] == pytest.approx(expected, rel=1e-4)


def test_grains_have_their_range_and_windows_their_size():
    grain = patterns.noise(7, 2, 64, 48)
    assert grain.shape == (96, 128)
    assert np.abs(grain).max() < 1.7
    assert 0 <= patterns.strokes(5, 64, 48).min() <= patterns.strokes(5, 64, 48).max() <= 1
    assert 0 <= patterns.hatching(64, 48).min() <= patterns.hatching(64, 48).max() <= 1
    shown = [patterns.window(grain, 64, 48, random.Random(seed)) for seed in range(3)]
    assert {part.shape for part in shown} == {(48, 64)}
    assert not np.array_equal(shown[0], shown[1])

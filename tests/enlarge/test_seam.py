"""A tile is fitted by a harmonic change, which takes a difference of brightness away and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from disco.enlarge.seam import fitted, harmonic


def laplacian_of(u, left, top):
    """The five-point Laplacian with `left` and `top` beside the grid, and mirrored where it is free."""
    beside = np.pad(u, ((1, 1), (1, 1), (0, 0)), "edge")
    if left is not None:
        beside[1:-1, 0] = left
    if top is not None:
        beside[0, 1:-1] = top
    return beside[:-2, 1:-1] + beside[2:, 1:-1] + beside[1:-1, :-2] + beside[1:-1, 2:] - 4 * beside[1:-1, 1:-1]


@pytest.mark.parametrize("sides", ["left", "top", "left and top"])
def test_the_change_is_harmonic_and_meets_the_sides(sides):
    chance = np.random.default_rng(0)
    left = chance.normal(size=(9, 3)) if "left" in sides else None
    top = chance.normal(size=(12, 3)) if "top" in sides else None
    found = harmonic(9, 12, left, top)
    assert np.allclose(laplacian_of(found, left, top), 0, atol=1e-9)


def test_a_difference_of_brightness_goes_altogether():
    tile = np.random.default_rng(1).integers(40, 200, (16, 20, 3), dtype=np.uint8)
    brighter = tile + np.uint8(30)
    for left, top in ((True, False), (False, True), (True, True)):
        assert np.array_equal(fitted(tile, brighter, left, top), brighter)
    assert np.array_equal(fitted(tile, brighter, False, False), tile)


def test_levels_stay_levels():
    dark, light = (np.full((8, 8, 3), level, np.uint8) for level in (10, 250))
    tile = np.where(np.arange(8)[:, None, None] < 4, dark, light)
    assert fitted(tile, light, True, False).max() == 255 and fitted(tile, dark, True, False).min() == 0

"""Shadows lie away from the light, mirror images below their things."""

import numpy as np
import pytest

from disco.training.world import light
from disco.training.world.things import Layer


def pole() -> Layer:
    """A white pole from row 10 to row 39, columns 30 to 33."""
    return Layer(np.full((3, 30, 4), 255, np.float32), np.ones((30, 4), np.float32), 30, 10)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_shadow_falls_on_the_ground_away_from_the_light(side):
    picture = np.full((3, 64, 64), 100, np.float32)
    light.cast_shadow(picture, pole(), 40, "day", side)
    ys, xs = np.nonzero(picture[0] < 100)
    assert ys.min() >= 39
    assert picture.min() == pytest.approx(100 * (1 - light.SHADOWS["day"]))
    assert -side * (xs[ys == ys.max()].mean() - xs[ys == ys.min()].mean()) > 3


def test_a_mirror_image_stands_on_its_head():
    layer = pole()
    layer.rgb[:, :15] = 0  # black above, white below
    picture = np.full((3, 64, 64), 100, np.float32)
    light.mirror(picture, layer, 40)
    assert (picture[:, :40] == 100).all()
    assert picture[0, 42, 28:37].max() > 110  # the white end is nearest to the waterline
    assert picture[0, 58, 28:37].min() < 90
    assert (picture[:, :, :24] == 100).all()


def test_what_hangs_in_the_air_darkens_the_ground_below():
    picture = np.full((3, 64, 64), 100, np.float32)
    light.drop_shadow(picture, 20, 50, 20, "day")
    ys, xs = np.nonzero(picture[0] == picture.min())
    assert ys.mean() + 0.5 == pytest.approx(50, abs=1)
    assert xs.mean() + 0.5 == pytest.approx(20, abs=1)
    assert (picture[:, :44] == 100).all()


def test_beyond_the_edge_nothing_happens():
    picture = np.full((3, 64, 64), 100, np.float32)
    light.cast_shadow(picture, pole(), 70, "day", 1)
    light.mirror(picture, pole(), 70)
    light.drop_shadow(picture, 20, 90, 20, "day")
    assert (picture == 100).all()

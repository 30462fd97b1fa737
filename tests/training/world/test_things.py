"""A thing is where its pose says, in its colours, brighter towards the light."""

import numpy as np
import pytest

from disco.training.world.shapes import ellipse, rectangle
from disco.training.world.subjects import figure, figure_of
from disco.training.world.things import Layer, Pose, lit, paint, tinted_cover

SQUARE = figure_of([rectangle("base", -1, -1, 1, 1)])
TONES = {"base": (200, 100, 50), "rim": (0, 0, 0)}


def test_a_pose_turns_and_mirrors():
    points = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert Pose(10, 20, 4).place(points) == pytest.approx(np.array([[14, 20], [10, 24]]))
    assert Pose(10, 20, 4, -1).place(points) == pytest.approx(np.array([[6, 20], [10, 24]]))
    assert Pose(10, 20, 4, 1, 90).place(points) == pytest.approx(np.array([[10, 24], [6, 20]]), abs=1e-5)


@pytest.mark.parametrize("side", [64, 128])
def test_a_square_covers_its_area_in_its_colour(side):
    layer = paint(SQUARE, TONES, Pose(side / 2, side / 2, side / 4), side, side, rims=False)
    assert layer.cover.sum() == pytest.approx(side * side / 4, rel=0.04)
    inside = layer.cover == 1
    assert (layer.rgb[:, inside].T == TONES["base"]).all()
    with_rim = paint(SQUARE, TONES, Pose(side / 2, side / 2, side / 4), side, side)
    assert with_rim.cover.sum() > layer.cover.sum()


def test_what_lies_outside_is_cut_off():
    assert paint(SQUARE, TONES, Pose(-40, 32, 8), 64, 64) is None
    layer = paint(SQUARE, TONES, Pose(0, 0, 16), 64, 64)
    assert (layer.left, layer.top) == (0, 0)
    assert layer.cover.sum() == pytest.approx(17 * 17, rel=0.08)


def test_layers_blend_by_their_cover():
    picture = np.full((3, 4, 4), 100, np.float32)
    Layer(np.full((3, 2, 2), 30, np.float32), np.full((2, 2), 0.25, np.float32), 1, 2).over(picture)
    assert (picture[:, 2:, 1:3] == 105).all()  # 0.75 of 100, and 30 already multiplied
    assert picture.sum() == pytest.approx(3 * (16 * 100 + 4 * 5))


@pytest.mark.parametrize("side", [-1, 1])
def test_light_falls_from_its_side(side):
    ball = figure_of([ellipse("base", 0, 0, 0.9)])
    layer = lit(paint(ball, TONES, Pose(32, 32, 24), 64, 64, rims=False), side, 1.0)
    grey, (_, w) = layer.rgb.sum(0), layer.cover.shape
    left, right = grey[:, : w // 2].sum(), grey[:, w // 2 :].sum()
    assert side * (right - left) > 0
    half = len(grey) // 2
    assert grey[:half].sum() > grey[half:].sum()
    assert (layer.rgb <= 255 * layer.cover + 1e-2).all()


def test_the_tinted_cover_leaves_out_what_has_colours_of_its_own():
    mask = tinted_cover("mushroom", Pose(32, 32, 28), 64, 64)
    cap, stem = mask[20, 22:42], mask[52, 28:36]
    assert cap.mean() > 0.5
    assert stem.max() == 0
    assert figure("mushroom").rims > 0

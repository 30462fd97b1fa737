"""Outlines have the areas and the places that geometry gives them."""

import math

import pytest

from disco.training.world import shapes
from disco.training.world.shapes import Shape


def area(points) -> float:
    """The shoelace formula, unsigned."""
    turned = [*points[1:], points[0]]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, turned, strict=True))) / 2


SQUARE = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))


@pytest.mark.parametrize("points", [SQUARE, SQUARE[::-1]])
def test_a_widened_square_grows_by_the_width_on_every_side(points):
    grown = shapes.widened(points, 0.1)
    assert area(grown) == pytest.approx(1.2**2)
    assert max(x for x, _ in grown) == pytest.approx(0.6)


def test_a_widened_circle_is_a_larger_circle():
    circle = tuple(shapes.arc(0, 0, 0.5, 0.5, 0, 357, 120))
    for x, y in shapes.widened(circle, 0.1):
        assert math.hypot(x, y) == pytest.approx(0.6, abs=0.002)


def test_bands_share_out_a_polygon():
    star = shapes.blob("base", (0, -1), (0.3, -0.2), (1, 0), (0.3, 0.4), (0, 1), (-0.6, 0.2)).points
    edges = [-2.0, -0.5, 0.0, 0.3, 2.0]
    parts = [shapes.band(star, top, bottom) for top, bottom in zip(edges, edges[1:], strict=False)]
    assert sum(map(area, parts)) == pytest.approx(area(star))
    for part, top, bottom in zip(parts, edges, edges[1:], strict=False):
        assert all(top - 1e-9 <= y <= bottom + 1e-9 for _, y in part)
    assert shapes.band(star, 1.5, 2.0) == ()


def test_a_curve_passes_through_its_points():
    points = [(0.0, 0.0), (1.0, 0.5), (0.5, 1.0), (-0.3, 0.4)]
    assert set(points) <= set(shapes.curve(points, closed=True))
    assert set(points) <= set(shapes.curve(points, closed=False))


def test_a_straight_tube_has_its_width_and_length():
    tube = shapes.tube("base", 0.2, (0.0, 0.0), (0.5, 0.0), (1.0, 0.0))
    ys = [y for _, y in tube.points]
    assert max(ys) - min(ys) == pytest.approx(0.2)
    assert area(tube.points) == pytest.approx(0.2, abs=0.02)  # round ends add a little
    tapered = shapes.tube("base", 0.2, (0.0, 0.0), (0.5, 0.0), (1.0, 0.0), tip=0.0001)
    assert area(tapered.points) < 0.13


def test_a_ring_is_hollow():
    ring = shapes.ring("base", 0, 0, 0.5, 0.1)
    assert area(ring.points) == pytest.approx(math.pi * (0.55**2 - 0.45**2), rel=0.05)


def test_turning_and_mirroring_keep_the_area():
    shape = Shape(SQUARE, "base")
    assert area(shapes.tilted(shape, 33, 0.2, 0.1).points) == pytest.approx(1)
    one, other = shapes.mirrored(shapes.polygon("base", (0.1, 0), (0.5, 0.2), (0.3, 0.6)))
    assert [(-x, y) for x, y in one.points] == list(other.points)

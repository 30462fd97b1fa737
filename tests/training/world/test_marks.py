"""Fine marks have the areas and the places that geometry gives them, and cast no contour."""

import math

import pytest

from disco.training.world import marks
from disco.training.world.shapes import Shape


def area(shape: Shape) -> float:
    """The shoelace formula, unsigned."""
    turned = [*shape.points[1:], shape.points[0]]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(shape.points, turned, strict=True))) / 2


def test_a_line_has_its_width_along_its_whole_length():
    assert area(marks.line("ink", 0.04, (0.1, 0.2), (0.4, 0.6))) == pytest.approx(0.04 * 0.5)
    assert area(marks.line("ink", 0.1, (-1, 0), (0, 0), (1, 0))) == pytest.approx(0.2)


def test_a_hair_is_a_triangle_from_its_root_to_its_tip():
    hair = marks.hair("ink", 0.06, 0.2, 0.1, 0.3, -0.4)
    assert area(hair) == pytest.approx(0.06 * 0.5 / 2)
    assert hair.points[1] == pytest.approx((0.5, -0.3))


def test_a_bow_lies_between_two_ellipses():
    for x, y in marks.bow("ink", 0.05, 0.2, -0.1, 0.4, 0.3, 20, 200).points:
        outer = math.hypot((x - 0.2) / 0.4, (y + 0.1) / 0.3)
        inner = math.hypot((x - 0.2) / 0.35, (y + 0.1) / 0.25)
        assert outer <= 1 + 1e-9 <= inner + 2e-9


@pytest.mark.parametrize(("rows", "across"), [(1, 1), (3, 2), (6, 5)])
def test_a_wall_has_a_joint_between_any_two_bricks(rows, across):
    joints = marks.bricks("rim", -0.5, 0.0, 0.7, 0.6, rows, across)
    lying = [j for j in joints if math.isclose(max(x for x, _ in j.points), 0.7)]
    assert len(lying) == rows - 1
    # Even rows are cut into `across` bricks, odd ones, which begin and end with half a brick, into one more.
    assert len(joints) - len(lying) == sum(across - 1 + row % 2 for row in range(rows))
    assert all(-0.5 <= x <= 0.7 + 1e-9 and -0.02 <= y <= 0.62 for j in joints for x, y in j.points)


def test_spokes_run_from_the_hub_to_the_rim():
    found = marks.spokes("steel", 0.02, 0.3, 0.1, 0.1, 0.4, 7)
    assert len(found) == 7
    for spoke in found:
        distances = [math.hypot(x - 0.3, y - 0.1) for x, y in spoke.points]
        assert min(distances) == pytest.approx(0.1, abs=0.002) and max(distances) == pytest.approx(0.4, abs=0.002)
        assert area(spoke) == pytest.approx(0.02 * 0.3)


def test_marks_cast_no_contour():
    made = [
        *marks.hairs("ink", 0.05, 0.1, 0.1, (0, 0), (0.2, 0)),
        *marks.bows("ink", 0.05, 0.1, 0, 90, (0, 0)),
        *marks.spots("ink", 0.05, (0, 0)),
        *marks.bricks("rim", 0, 0, 1, 1, 2, 2),
        *marks.pane("wood", 0, 0, 1, 1),
        *marks.glint(0, 0, 0.2),
        *marks.spokes("steel", 0.02, 0, 0, 0, 1, 3),
        marks.line("ink", 0.1, (0, 0), (1, 1)),
    ]
    assert all(mark.inner for mark in made)

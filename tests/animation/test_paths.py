"""The camera's way: against moves whose end is known."""

from __future__ import annotations

import torch

from disco.animation.motion import Motion2D, Motion3D
from disco.animation.paths import places, views


def close(found: torch.Tensor, wanted: list) -> None:
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-9)


def test_zooming_in_sees_the_middle_and_shifting_sees_what_was_beside():
    found = views([Motion2D(zoom=2), Motion2D(zoom=2), Motion2D(translation_x=8)], 32, 64)
    close(found[0], [[-0.5, -0.5], [63.5, -0.5], [63.5, 31.5], [-0.5, 31.5]])
    close(found[1], [[15.5, 7.5], [47.5, 7.5], [47.5, 23.5], [15.5, 23.5]])
    close(found[2], [[23.5, 11.5], [39.5, 11.5], [39.5, 19.5], [23.5, 19.5]])
    # A shift by 8 pixels to the right at four times the size: the view goes 2 pixels to the left.
    close(found[3] - found[2], [[-2, 0]] * 4)


def test_four_quarter_turns_come_back():
    found = views([Motion2D(angle=90)] * 4, 40, 40)
    close(found[4] - found[0], [[0, 0]] * 4)
    # Pictures turn anticlockwise, so the view turns clockwise: its upper left corner goes to the upper right.
    close(found[1][0], [39.5, -0.5])


def test_a_camera_that_goes_ahead_and_to_the_right():
    where, looks = places([Motion3D(translation_z=10), Motion3D(translation_x=4), Motion3D(translation_y=3)])
    close(where, [[0, 0, 0], [0, 0, 10], [4, 0, 10], [4, -3, 10]])
    close(looks, [[0, 0, 1]] * 4)


def test_a_camera_that_goes_around_a_square_comes_back():
    side = [Motion3D(rotation_3d_y=90), Motion3D(translation_z=10)]
    where, looks = places(side * 4)
    close(where[-1], [0, 0, 0])
    close(looks[-1], [0, 0, 1])
    assert abs(float(where[2, 0])) == 10 and float(where[2, 0]) * float(looks[2, 0]) == 10  # it goes where it looks


def test_standing_still_is_no_path():
    where, looks = places([Motion3D()] * 3)
    assert not where.any() and bool((looks[:, 2] == 1).all())

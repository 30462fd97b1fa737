"""The camera: against OpenCV, SciPy, the homography of a plane, and the original's formulas written plainly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation

from disco.animation.camera import fisheye, matrix_2d, moved_2d, moved_3d, plane, rotation, through
from disco.animation.motion import Motion2D, Motion3D, eye
from disco.animation.sampling import pixels, sample

MOVES_2D = [Motion2D(), Motion2D(angle=30), Motion2D(zoom=1.05), Motion2D(-8, 0.9, 3.5, -2), Motion2D(100, 1.7, -11, 6)]
MOVES_3D = [
    Motion3D(translation_z=10),
    Motion3D(translation_x=7, translation_y=-4),
    Motion3D(rotation_3d_x=3),
    Motion3D(rotation_3d_y=-5),
    Motion3D(rotation_3d_z=40),
    Motion3D(rotation_3d_z=170),
    Motion3D(5, -3, 12, 1, 2, -3),
]


def smooth(height: int, width: int) -> torch.Tensor:
    """A picture without sharp edges, [1, 3, H, W] in [0, 1], which goes on at its other side."""
    y, x = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    waves = [torch.sin(6.2832 * (x + k * y)) * torch.cos(6.2832 * y * k) for k in (1, 2, 3)]
    return (torch.stack(waves)[None].double() + 1) / 2


# In the plane


@pytest.mark.parametrize("motion", MOVES_2D)
@pytest.mark.parametrize("size", [(64, 64), (48, 81)])
def test_a_move_in_the_plane_is_opencvs(motion, size):
    height, width = size
    turn = cv2.getRotationMatrix2D((width // 2, height // 2), motion.angle, motion.zoom)
    shift = [[1, 0, motion.translation_x], [0, 1, motion.translation_y], [0, 0, 1]]
    matrix = np.vstack([turn, [0, 0, 1]]) @ shift
    np.testing.assert_allclose(matrix_2d(motion, height, width, original=True).numpy(), matrix, atol=1e-9)
    picture = smooth(height, width)
    ours = sample(picture, moved_2d(motion, height, width, original=True).where, "bilinear", "wrap")
    array = picture[0].permute(1, 2, 0).numpy().astype(np.float32)
    theirs = cv2.warpPerspective(array, matrix, (width, height), borderMode=cv2.BORDER_WRAP)
    # OpenCV counts places between pixels in steps of 1/32.
    np.testing.assert_allclose(ours[0].permute(1, 2, 0).numpy(), theirs, atol=0.02)


@pytest.mark.parametrize("size", [(8, 8), (9, 12)])
def test_a_full_turn_comes_back(size):
    step = matrix_2d(Motion2D(angle=45), *size)
    np.testing.assert_allclose(torch.linalg.matrix_power(step, 8).numpy(), np.eye(3), atol=1e-12)


def test_a_quarter_turn_of_a_square_picture_moves_whole_pixels():
    picture = torch.rand(1, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turned = sample(picture, moved_2d(Motion2D(angle=90), 6, 6).where, "bilinear", "border")
    torch.testing.assert_close(turned, torch.rot90(picture, 1, (-2, -1)))


def test_zoom_grows_from_the_centre_and_says_how_much():
    origin = moved_2d(Motion2D(zoom=2), 8, 8)
    torch.testing.assert_close(origin.where, (pixels(8, 8) - 3.5) / 2 + 3.5)
    torch.testing.assert_close(origin.stretched, torch.full((8, 8), 4.0, dtype=torch.float64))
    assert not origin.holes.any()


def test_what_comes_into_view_is_a_hole():
    assert moved_2d(Motion2D(translation_x=3), 8, 8).holes.nonzero()[:, 1].unique().tolist() == [0, 1, 2]
    assert moved_2d(Motion2D(zoom=0.5), 8, 8).holes.sum() == 64 - 16


def test_a_zoom_of_nothing_is_refused():
    with pytest.raises(ValueError, match="zoom is 0"):
        moved_2d(Motion2D(zoom=0), 8, 8)


# In space


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (0, 30, 0), (0, 0, 30), (10, -20, 140)])
def test_rotations_are_scipys(angles):
    expected = Rotation.from_euler("XYZ", angles, degrees=True).as_matrix()
    np.testing.assert_allclose(rotation(*angles).numpy(), expected, atol=1e-12)


def homography(motion: Motion3D, depth: float, fov: float) -> np.ndarray:
    """What a plane across the view at this depth does: (R' + T n' / depth) between the two views, on places as seen."""
    turn = Rotation.from_euler(
        "XYZ", [motion.rotation_3d_x, motion.rotation_3d_y, motion.rotation_3d_z], degrees=True
    ).as_matrix()
    shift = np.array([-motion.translation_x, motion.translation_y, -motion.translation_z]) / 200
    camera = np.diag([plane(fov), plane(fov), 1])
    return camera @ (turn.T + np.outer(shift, [0, 0, 1 / depth])) @ np.linalg.inv(camera)


@pytest.mark.parametrize("motion", MOVES_3D)
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_a_plane_moves_by_its_homography(motion, size):
    height, width = size
    depth, fov = plane(40), 40
    origin = moved_3d(motion, torch.full(size, depth, dtype=torch.float64), fov)
    sides = np.array([width / height, 1])
    counts = np.array([width, height])
    places = ((2 * origin.where.numpy() + 1) / counts - 1) * sides
    moved = np.concatenate([places, np.ones((*size, 1))], -1) @ homography(motion, depth, fov).T
    seen = (moved[..., :2] / moved[..., 2:] / sides + 1) * counts / 2 - 0.5
    inside = ~origin.holes.numpy()
    assert inside.mean() > 0.5
    np.testing.assert_allclose(seen[inside], pixels(*size).numpy()[inside], atol=1e-9)


def test_a_plane_that_comes_nearer_is_zoomed():
    depth = plane(40)
    origin = moved_3d(Motion3D(translation_z=10), torch.full((32, 48), depth), 40)
    zoom = depth / (depth - 10 / 200)
    expected = moved_2d(Motion2D(zoom=zoom), 32, 48)
    np.testing.assert_allclose(origin.where.numpy(), expected.where.numpy(), atol=1e-6)


def test_a_roll_turns_pictures_that_are_not_square_without_shear():
    origin = moved_3d(Motion3D(rotation_3d_z=30), torch.full((32, 48), plane(40)), 40)
    turned = moved_2d(Motion2D(angle=30), 32, 48)
    agree = min(
        (origin.where - other.where)[~origin.holes].abs().max()
        for other in (turned, moved_2d(Motion2D(angle=-30), 32, 48))
    )
    assert agree < 1e-5


def test_a_motion_and_its_opposite_cancel():
    depth = torch.full((32, 32), plane(60))
    picture = smooth(32, 32)
    there = sample(picture, moved_3d(Motion3D(translation_x=6), depth, 60).where, "bicubic", "reflection")
    back = sample(there, moved_3d(Motion3D(translation_x=-6), depth, 60).where, "bicubic", "reflection")
    assert (back - picture)[..., 4:-4, 4:-4].abs().max() < 0.02


def test_behind_a_near_thing_that_moves_aside_is_a_hole():
    depth = torch.full((64, 64), 8.0)
    depth[16:48, 24:40] = 2.0
    origin = moved_3d(Motion3D(translation_x=40), depth, 60)
    focal = plane(60)
    aside = {z: focal * 40 / 200 / z * 32 for z in (2.0, 8.0)}  # pixels, to the left
    columns = origin.holes[32].nonzero().flatten()
    gap = [column for column in columns.tolist() if column < 60]  # the right edge comes into view too
    assert len(gap) == pytest.approx(aside[2.0] - aside[8.0], abs=2)
    assert min(gap) == pytest.approx(40 - aside[2.0], abs=2)
    assert not origin.holes[8, :60].any()


def test_what_comes_behind_the_camera_is_a_hole():
    assert moved_3d(Motion3D(translation_z=1000), torch.full((8, 8), 2.0), 40).holes.all()


def as_the_original(picture, motion, depth, fov):
    """transform_image_3d by its formulas, with grid_sample, in double precision."""
    height, width = depth.shape
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, dtype=torch.float64),
        torch.linspace(-1, 1, width, dtype=torch.float64),
        indexing="ij",
    )
    points = torch.stack([x.flatten(), y.flatten(), depth.flatten()], 1).numpy()
    angles = [motion.rotation_3d_x, motion.rotation_3d_y, motion.rotation_3d_z]
    shift = np.array([-motion.translation_x, motion.translation_y, -motion.translation_z]) / 200
    after = points @ Rotation.from_euler("XYZ", angles, degrees=True).as_matrix() + shift
    scale = 1 / np.tan(np.radians(fov) / 2)
    moved = scale * (after[:, :2] / after[:, 2:] - points[:, :2] / points[:, 2:])
    identity = F.affine_grid(torch.eye(2, 3, dtype=torch.float64)[None], [1, 1, height, width], align_corners=False)
    grid = identity - torch.from_numpy(moved).reshape(1, height, width, 2)
    return F.grid_sample(picture, grid, "bicubic", "border", align_corners=False)


@pytest.mark.parametrize("motion", MOVES_3D)
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_the_originals_way_is_the_originals(motion, size):
    depth = 1.5 + torch.rand(size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    picture = smooth(*size)
    origin = moved_3d(motion, depth, 40, original=True)
    ours = sample(picture, origin.where, "bicubic", "border")
    torch.testing.assert_close(ours, as_the_original(picture, motion, depth, 40), rtol=0, atol=1e-9)


# For two eyes


def test_the_eyes_stand_apart_and_look_inwards():
    left, right = eye("left", 0.5, 5), eye("right", 0.5, 5)
    assert right.translation_x - left.translation_x == pytest.approx(5 * np.cos(np.radians(0.5)))
    assert (left.rotation_3d_y, right.rotation_3d_y) == (0.5, -0.5)


def test_the_fisheye_keeps_the_centre_and_reads_beyond_the_corners():
    where = fisheye(9, 9)
    assert where[4, 4].tolist() == [4, 4]
    # From the middle of an edge, |g| = 1: 0.4 of half the picture further out.
    np.testing.assert_allclose(where[4, 8].numpy(), [8 + 0.4 * 4, 4])


# Several moves at once


def test_moves_in_the_plane_one_after_another_are_their_matrices_product():
    first, second = Motion2D(angle=20, zoom=1.2, translation_x=3), Motion2D(angle=-5, zoom=0.9, translation_y=-2)
    both = through([lambda at, motion=motion: moved_2d(motion, 24, 32, at=at) for motion in (first, second)])
    matrix = matrix_2d(second, 24, 32) @ matrix_2d(first, 24, 32)
    inverse = torch.linalg.inv(matrix)
    places = pixels(24, 32) @ inverse[:2, :2].T + inverse[:2, 2]
    torch.testing.assert_close(both.where, places, rtol=0, atol=1e-9)
    alone = moved_2d(second, 24, 32)
    assert bool((both.holes | ~alone.holes).all())  # what the picture between does not show stays a hole


@pytest.mark.parametrize("original", [False, True])
def test_going_ahead_twice_to_a_plane_zooms_twice(original):
    # A plane at depth d is d / (d - 0.1) times larger when the camera is 0.1 nearer; each frame has its plane there.
    depth = torch.full((20, 28), plane(40), dtype=torch.float64)
    moves = [lambda at: moved_3d(Motion3D(translation_z=20), depth, 40, original=original, at=at)] * 2
    both, once = through(moves).where, moves[0](None).where
    centre = torch.tensor([13.5, 9.5], dtype=torch.float64)
    by = (once - centre)[0, 0] / (pixels(20, 28)[0, 0] - centre)
    assert not original or float(by[0]) != pytest.approx(1 - 0.1 / plane(40), abs=1e-6)  # one step of an approximation
    if not original:
        torch.testing.assert_close(
            both - centre, (pixels(20, 28) - centre) * (1 - 0.1 / plane(40)) ** 2, rtol=0, atol=1e-9
        )
    assert not through(moves).holes.any()


def test_a_way_out_of_the_picture_and_back_is_a_hole():
    there, back = Motion2D(translation_x=10), Motion2D(translation_x=-10)
    origin = through([lambda at, motion=motion: moved_2d(motion, 8, 30, at=at) for motion in (there, back)])
    torch.testing.assert_close(origin.where, pixels(8, 30), rtol=0, atol=1e-9)
    assert origin.holes[:, 20:].all() and not origin.holes[:, :20].any()

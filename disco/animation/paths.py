"""Where the camera is over a film: its views in the plane, its places in space, seen from the first frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from disco.animation.camera import TRANSLATION_SCALE, matrix_2d, rotation
from disco.animation.motion import Motion2D, Motion3D


def views(motions: Sequence[Motion2D], height: int, width: int) -> Tensor:
    """The corners of each frame, where they lie in the first one: [n + 1, 4 (around), 2], x and y in its pixels.

    motions: from each frame to the next.
    """
    x, y = width - 0.5, height - 0.5
    corners = torch.tensor([[-0.5, -0.5, 1], [x, -0.5, 1], [x, y, 1], [-0.5, y, 1]], dtype=torch.float64)
    moved = torch.eye(3, dtype=torch.float64)
    found = [corners]
    for motion in motions:
        moved = matrix_2d(motion, height, width) @ moved
        found.append(corners @ torch.linalg.inv(moved).T)
    return torch.stack(found)[..., :2]


def places(motions: Sequence[Motion3D]) -> tuple[Tensor, Tensor]:
    """Where the camera is and where it looks, in each frame: [n + 1, 3] each, in the axes of the first frame.

    x to the right, y down, z into the picture. Places are in the units of the translations, 200 of which are the
    scene's; directions have length 1. motions: from each frame to the next.
    """
    # A point p of the first frame is at p turn + shift in the present one.
    turn, shift = torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    ahead = torch.tensor([0, 0, 1], dtype=torch.float64)
    where, looks = [shift], [ahead]
    for motion in motions:
        step = rotation(motion.rotation_3d_x, motion.rotation_3d_y, motion.rotation_3d_z)
        move = shift.new_tensor([-motion.translation_x, motion.translation_y, -motion.translation_z])
        turn, shift = turn @ step, shift @ step + move * TRANSLATION_SCALE
        where.append(-shift @ turn.T / TRANSLATION_SCALE)
        looks.append(ahead @ turn.T)
    return torch.stack(where), torch.stack(looks)

"""The original's warps and its loop over frames, written plainly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation

#: Bytes [H, W, 3].
Levels = np.ndarray


def moved_in_plane(picture: Levels, angle: float, zoom: float, shift: tuple[float, float]) -> Levels:
    """OpenCV's warpPerspective with wrapped borders, but for its rounding of places to 1/32 of a pixel."""
    height, width = picture.shape[:2]
    cos, sin = zoom * np.cos(np.radians(angle)), zoom * np.sin(np.radians(angle))
    x, y = width // 2, height // 2
    turn = np.array([[cos, sin, (1 - cos) * x - sin * y], [-sin, cos, sin * x + (1 - cos) * y], [0, 0, 1]])
    matrix = turn @ np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    rows, columns = np.mgrid[:height, :width]
    where = np.linalg.inv(matrix) @ np.stack([columns, rows, np.ones_like(rows)]).reshape(3, -1)
    x0, y0 = np.floor(where[0]).astype(int), np.floor(where[1]).astype(int)
    fx, fy = (where[0] - x0)[:, None], (where[1] - y0)[:, None]

    def at(down: int, across: int) -> np.ndarray:
        return picture[(y0 + down) % height, (x0 + across) % width].astype(float)

    mixed = (at(0, 0) * (1 - fx) + at(0, 1) * fx) * (1 - fy) + (at(1, 0) * (1 - fx) + at(1, 1) * fx) * fy
    return np.rint(mixed).clip(0, 255).astype(np.uint8).reshape(picture.shape)


def moved_in_space(picture: Levels, motion: Mapping[str, float], fov: float) -> Levels:
    """transform_image_3d over a plane, and back to bytes."""
    height, width = picture.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    focal = 1 / np.tan(np.radians(fov) / 2)
    points = np.stack([x, y, np.full_like(x, focal)], -1).reshape(-1, 3)
    turn = Rotation.from_euler("XYZ", [motion["rotation_3d_x"], motion["rotation_3d_y"], 0], degrees=True).as_matrix()
    after = points @ turn + np.array([-motion["translation_x"], 0, -motion["translation_z"]]) / 200
    offset = focal * (after[:, :2] / after[:, 2:] - points[:, :2] / points[:, 2:])
    grid = F.affine_grid(torch.eye(2, 3, dtype=torch.float64)[None], [1, 1, height, width], align_corners=False)
    grid = grid - torch.from_numpy(offset).reshape(1, height, width, 2)
    values = torch.from_numpy(picture).double().permute(2, 0, 1)[None] / 255
    moved = F.grid_sample(values, grid, "bicubic", "border", align_corners=False)[0].clamp(0, 1)
    return (moved * 255).round().byte().permute(1, 2, 0).numpy()


def film(
    count: int,
    render: Callable[[int, Levels | None], Levels],
    move: Callable[[Levels], Levels],
    turbo: tuple[int, int] | None = None,
) -> list[Levels]:
    """The frames that are shown. render: of a frame's number and its start. turbo: its steps and preroll."""

    def blend(new: Levels, share: float, old: Levels) -> Levels:
        return np.rint(new * share + old * (1 - share)).astype(np.uint8)

    previous = old = render(0, None)
    shown = [previous]
    for number in range(1, count):
        scaled = move(previous)
        if turbo is not None and number == turbo[1]:
            old = scaled
        elif turbo is not None and number > turbo[1]:
            old = move(old)
            if number % turbo[0]:
                shown.append(blend(scaled, (number % turbo[0] + 1) / turbo[0], old))
                previous = scaled
                continue
            old = scaled
        previous = render(number, scaled)
        shown.append(previous if turbo is None else blend(previous, 1 / turbo[0], scaled))
    return shown

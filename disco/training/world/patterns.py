"""Grains, dots, cells and facets that styles lay over a picture: made once for a size, then shifted or mirrored.

NumPy keeps the stream of `RandomState` as it is for good, so the patterns are the same everywhere.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

VARIANTS = 4


@cache
def noise(cells: int, seed: int, width: int, height: int) -> np.ndarray:
    """float32 [2 height, 2 width], about -1 to 1: smooth hills and hollows, `cells` to the smaller side."""
    unit = min(width, height)
    shape = max(2, round(2 * height * cells / unit)), max(2, round(2 * width * cells / unit))
    coarse = np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((2 * width, 2 * height), Image.Resampling.BICUBIC))


@cache
def strokes(seed: int, width: int, height: int) -> np.ndarray:
    """float32 [2 height, 2 width], 0 to 1: the grain of chalk drawn from the lower left to the upper right."""
    scale = min(width, height) / 64
    rough = np.random.RandomState(seed).uniform(0, 1, (2 * height, 2 * width)).astype(np.float32)
    if scale > 1:
        small = Image.fromarray(rough[: round(2 * height / scale), : round(2 * width / scale)])
        rough = np.asarray(small.resize((2 * width, 2 * height), Image.Resampling.BILINEAR))
    step = max(1, round(scale))
    drawn = sum(np.roll(rough, (-i * step, i * step), (0, 1)) for i in range(5)) / 5
    return np.clip((drawn - 0.5) * 2.6 + 0.5, 0, 1).astype(np.float32)


def window(field: np.ndarray, width: int, height: int, rng: random.Random) -> np.ndarray:
    """A random part of a field twice as large as the picture."""
    top, left = int(rng.random() * height), int(rng.random() * width)
    return field[top : top + height, left : left + width]


@cache
def hatching(width: int, height: int) -> np.ndarray:
    """float32 [height, width], 0 to 1: wavy stripes across the picture, a woodcut's."""
    scale = 64 / min(width, height)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * scale
    return (0.5 + 0.5 * np.sin(2 * np.pi * (y + 1.3 * np.sin(x / 7) + 0.12 * x) / 3.6)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Cells:
    """A picture cut into cells: the number of each pixel's cell, int64 [H, W]; how much of a pixel is no joint, float32
    [H, W]; each cell's middle as the position of a pixel in the flattened picture, int64 [cells]."""

    number: np.ndarray
    inside: np.ndarray
    middle: np.ndarray

    def means(self, picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """The weighted mean colour of every cell, float32 [3, cells], of a picture float32 [3, H, W]."""
        flat, count = self.number.ravel(), len(self.middle)
        total = np.bincount(flat, weight.ravel(), count) + 1e-6
        return np.stack([np.bincount(flat, (plane * weight).ravel(), count) / total for plane in picture]).astype(
            np.float32
        )


def grid(spacing: float, jitter: float, seed: int, width: int, height: int) -> np.ndarray:
    """float [rows, columns, 2]: x and y of points on a shaken grid that reaches over the picture's edges."""
    columns, rows = round(width / spacing) + 3, round(height / spacing) + 3
    y, x = np.mgrid[0:rows, 0:columns].astype(float)
    shake = np.random.RandomState(seed).uniform(-jitter, jitter, (2, rows, columns))
    x += 0.5 * (np.arange(rows) % 2)[:, None]
    return np.stack([(x + shake[0] - 1) * width / (columns - 3), (y + shake[1] - 1) * height / (rows - 3)], -1)


def cells_of(points: np.ndarray, number: np.ndarray, inside: np.ndarray) -> Cells:
    height, width = number.shape
    x, y = (np.clip(points[:, i].astype(int), 0, side - 1) for i, side in ((0, width), (1, height)))
    return Cells(number, inside.astype(np.float32), y * width + x)


@cache
def dots(share: float, variant: int, width: int, height: int) -> Cells:
    """Round dots, `share` of the smaller side apart; their joints are what lies between."""
    return nearest(share, 0.3, 0.56, None, variant, width, height)


@cache
def panes(share: float, variant: int, width: int, height: int) -> Cells:
    """Angular panes, `share` of the smaller side across; their joints are thin."""
    return nearest(share, 0.36, None, 0.02, variant, width, height)


def nearest(
    share: float, jitter: float, radius: float | None, joint: float | None, variant: int, width: int, height: int
) -> Cells:
    """Cells of the pixels nearest to the points of a grid, cut off at a radius (in spacings) or parted by joints (in
    shares of the smaller side)."""
    unit, fine = min(width, height), 3
    spacing = share * unit
    points = grid(spacing, jitter, 7 * variant + 1, width, height).reshape(-1, 2)
    y, x = (np.mgrid[0 : height * fine, 0 : width * fine].astype(np.float32) + 0.5) / fine
    first, second = np.full(x.shape, np.inf, np.float32), np.full(x.shape, np.inf, np.float32)
    number = np.zeros(x.shape, np.int64)
    for i, (px, py) in enumerate(points):
        x0, x1 = (int(np.clip((px + side * 2.2 * spacing) * fine, 0, width * fine)) for side in (-1, 1))
        y0, y1 = (int(np.clip((py + side * 2.2 * spacing) * fine, 0, height * fine)) for side in (-1, 1))
        part = slice(y0, y1), slice(x0, x1)
        distance = np.hypot(x[part] - px, y[part] - py)
        closer = distance < first[part]
        second[part] = np.where(closer, first[part], np.minimum(second[part], distance))
        number[part] = np.where(closer, i, number[part])
        first[part] = np.minimum(first[part], distance)
    if radius is not None:
        free = first < radius * spacing
    else:
        assert joint is not None
        free = second - first > joint * unit
    inside = free.reshape(height, fine, width, fine).mean((1, 3))
    return cells_of(points, number[1::fine, 1::fine].copy(), inside)


@cache
def facets(share: float, variant: int, width: int, height: int) -> Cells:
    """Triangles with sides of about a `share` of the smaller side."""
    points = grid(share * min(width, height), 0.3, 7 * variant + 3, width, height)
    image = Image.new("I", (width, height))
    pen = ImageDraw.Draw(image)
    middles: list[Any] = []
    rows, columns, _ = points.shape
    for r in range(rows - 1):
        for c in range(columns - 1):
            a, b, d, e = points[r, c], points[r, c + 1], points[r + 1, c], points[r + 1, c + 1]
            falling = np.hypot(*(a - e)) < np.hypot(*(b - d))  # cut along the shorter way: no slivers
            for corners in ((a, b, e), (a, e, d)) if falling else ((a, b, d), (b, e, d)):
                pen.polygon([tuple(p) for p in corners], fill=len(middles))
                middles.append(np.mean(corners, 0))
    number = np.asarray(image).astype(np.int64)
    return cells_of(np.array(middles), number, np.ones(number.shape))

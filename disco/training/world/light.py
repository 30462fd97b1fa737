"""Shadows on the ground and mirror images in the water."""

from __future__ import annotations

import math

import numpy as np

from disco.training.world.things import Layer

#: Which way it is to the light.
SIDES = {"left": -1, "right": 1}
#: How dark a shadow is under each sky.
SHADOWS = {"day": 0.42, "dusk": 0.44, "night": 0.34, "rain": 0.18, "fog": 0.16, "snowfall": 0.18}


def thrown(layer: Layer, rows: np.ndarray, shifts: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The indices to read a layer at, for a picture `width` wide: its `rows` int [n], each moved right by `shifts` int
    [n]; and where they lie inside, bool [n, width]."""
    columns = np.arange(width)[None] - layer.left - shifts[:, None]
    h, w = layer.cover.shape
    inside = (columns >= 0) & (columns < w) & ((rows >= 0) & (rows < h))[:, None]
    return rows.clip(0, h - 1)[:, None], columns.clip(0, w - 1), inside


def cast_shadow(picture: np.ndarray, layer: Layer, floor: float, sky: str, side: int) -> None:
    """Darkens the ground of a picture float32 [3, H, W] where a standing thing keeps the light off, which comes from
    behind it and from the left (side -1) or right (1)."""
    _, height, width = picture.shape
    start = max(round(floor) - 1, 0)
    count = min(height - start, max(2, round(0.28 * layer.cover.shape[0])))
    if count <= 0:
        return
    above = (np.arange(count) + 0.5) * 3.4  # the ground is seen at a flat angle
    rows = np.round(floor - layer.top - above).astype(int)
    ys, xs, inside = thrown(layer, rows, np.round(-side * 0.42 * above).astype(int), width)
    shade = np.where(inside, layer.cover[ys, xs], 0) * SHADOWS[sky]
    picture[:, start : start + count] *= 1 - shade


def drop_shadow(picture: np.ndarray, x: float, floor: float, half: float, sky: str) -> None:
    """The faint round shadow of something in the air."""
    _, height, width = picture.shape
    top, bottom = max(math.floor(floor - 0.2 * half), 0), min(math.ceil(floor + 0.2 * half), height)
    if bottom <= top:
        return
    rows, columns = np.arange(top, bottom) + 0.5, np.arange(width) + 0.5
    distance = ((rows - floor) / (0.16 * half))[:, None] ** 2 + ((columns - x) / (0.75 * half))[None] ** 2
    picture[:, top:bottom] *= 1 - 0.8 * SHADOWS[sky] * np.clip(1.2 - distance, 0, 1).astype(np.float32)


def mirror(picture: np.ndarray, layer: Layer, line: float) -> None:
    """A thing's mirror image in the water below a line, broken by ripples."""
    _, height, width = picture.shape
    start = max(round(line), 0)
    if start >= height:
        return
    below = np.arange(height - start)
    scale = 64 / min(width, height)
    ripple = np.round(1.3 / scale * np.sin(2.1 * below * scale + 1)).astype(int)
    ys, xs, inside = thrown(layer, np.round(line - layer.top - 1 - 1.25 * below).astype(int), ripple, width)
    share = np.where(inside, 0.42, 0).astype(np.float32)
    part = picture[:, start:]
    part *= 1 - share * layer.cover[ys, xs]
    part += 0.92 * share * layer.rgb[:, ys, xs]

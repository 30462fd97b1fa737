"""Perlin noise: the cloudy start of Disco Diffusion, drawn from an image's own stream."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from disco.diffusion.streams import ImageStreams
from disco.errors import SettingsError

PERLIN_MODES = ("mixed", "color", "gray")


def perlin_init(
    streams: ImageStreams,
    height: int,
    width: int,
    mode: str = "mixed",
    wrap: tuple[int, ...] = (),
    compat: bool = False,
) -> Tensor:
    """The cloudy start of Disco Diffusion: float32 [3, height, width] in [-1, 1], from the stream "perlin".

    Two fields of fractal noise are averaged: twelve octaves from one cell over the whole picture, and eight from a
    grid of 4 x 4. `mode` says which of them have colour: both ("color"), neither ("gray"), the first ("mixed"). The
    fields have no size of their own: another height or width shows the same clouds, as finely as its pixels can. Along
    the dimensions `wrap`, of -1 and -2, they go on at their other edge.

    compat: the original works its fields out as pictures of 4096 and 1024 pixels squared and resizes these
    (`gridded_noise`), which at 1280 x 768 takes a tenth of the grain from pixel to pixel.

    Raises SettingsError for another mode.
    """
    if mode not in PERLIN_MODES:
        raise SettingsError(f"perlin_mode={mode!r} is unknown; choose one of {', '.join(PERLIN_MODES)}")
    generator = streams.generator("perlin")
    field = gridded_noise if compat else fractal_noise
    broad = field(1 if mode == "gray" else 3, 12, 1, height, width, generator, wrap)
    fine = field(3 if mode == "color" else 1, 8, 4, height, width, generator, wrap)
    return (broad + fine).expand(3, height, width) - 1


def fractal_noise(
    channels: int,
    octaves: int,
    cells: int,
    height: int,
    width: int,
    generator: torch.Generator,
    wrap: tuple[int, ...] = (),
) -> Tensor:
    """Octaves of gradient noise, each of cells half as large and 1.5 times weaker: [channels, height, width].

    The first octave has `cells` x `cells` cells and weight 1/2; their sum is laid around 1/2, cut to [0, 1] and
    stretched, channel by channel, to all of [0, 1]. Along the dimensions `wrap` the last corners are the first again.
    """
    total = _octaves(channels, octaves, cells, _centres(height), _centres(width), generator, wrap)
    return autocontrast(total.clamp(0, 1))


def gridded_noise(
    channels: int,
    octaves: int,
    cells: int,
    height: int,
    width: int,
    generator: torch.Generator,
    wrap: tuple[int, ...] = (),
) -> Tensor:
    """`fractal_noise` as the original has it, from the same draws: float32 [channels, height, width].

    It is worked out at the upper left corners of cells * 2**octaves squared pixels, of which each pixel of the picture
    blends the four nearest (torch's bilinear resizing, not antialiased); only these are worked out here. Then it is
    cut off to 8 bits, and stretched by Pillow's autocontrast.
    """
    (down, below), (across, beside) = (_between(pixels, cells * 2**octaves) for pixels in (height, width))
    total = _octaves(channels, octaves, cells, down, across, generator, wrap).view(channels, height, 2, width, 2)
    rows = torch.lerp(total[:, :, 0], total[:, :, 1], below[:, None, None])
    levels = (torch.lerp(rows[..., 0], rows[..., 1], beside).clamp(0, 1) * 255).byte()
    stretched = [ImageOps.autocontrast(Image.fromarray(level.numpy())) for level in levels]
    return torch.stack([torch.from_numpy(np.array(level)) for level in stretched]).float() / 255


def _octaves(
    channels: int,
    octaves: int,
    cells: int,
    down: Points,
    across: Points,
    generator: torch.Generator,
    wrap: tuple[int, ...],
) -> Tensor:
    """The sum of `fractal_noise`, around 1/2, at these points: [channels, down, across]."""
    total = torch.full((channels, len(down.at), len(across.at)), 0.5)
    for octave in range(octaves):
        corners = cells * 2**octave + 1
        gradients = torch.randn(channels, 2, corners, corners, generator=generator)
        for dim in wrap:
            gradients.select(dim, -1).copy_(gradients.select(dim, 0))
        total += 0.5 * 1.5**-octave * _noise_at(gradients, down, across)
    return total


class Points(NamedTuple):
    """Points along one side of a picture: `at`, float64, of `of` (0 <= at < of)."""

    at: Tensor
    of: int


def _centres(pixels: int) -> Points:
    return Points(torch.arange(pixels, dtype=torch.float64) + 0.5, pixels)


def _between(pixels: int, grid: int) -> tuple[Points, Tensor]:
    """For each pixel the two points of a grid that bilinear resizing reads, in pairs; and the second's share, [pixels].

    The share is float32.
    """
    at = (_centres(pixels).at * grid / pixels - 0.5).clamp_min(0)
    first = at.floor()
    pairs = torch.stack([first, (first + 1).clamp_max(grid - 1)], dim=-1)
    return Points(pairs.flatten(), grid), (at - first).float()


def gradient_noise(gradients: Tensor, height: int, width: int) -> Tensor:
    """Perlin's noise (1985, "An Image Synthesizer"), read at the centres of height x width pixels.

    gradients: [..., 2, R + 1, C + 1], a slope down and a slope across for each corner of R x C cells, which together
    cover the picture. Each corner is a plane through zero; the four around a point are blended by `fade`, so the
    noise is 0 at the corners. Returns [..., height, width].
    """
    return _noise_at(gradients, _centres(height), _centres(width))


def _noise_at(gradients: Tensor, rows: Points, columns: Points) -> Tensor:
    """`gradient_noise` at other points: [..., rows, columns]."""
    y, down = _cells(gradients.shape[-2] - 1, rows)
    x, across = _cells(gradients.shape[-1] - 1, columns)
    y, down = y[:, None], down[:, None]
    noise = gradients.new_zeros(len(y), len(x))
    for dy, dx in product((0, 1), (0, 1)):
        slope_down, slope_across = gradients[..., y + dy, x + dx].unbind(-3)
        weight = fade(1 - (down - dy).abs()) * fade(1 - (across - dx).abs())
        noise = noise + weight * (slope_down * (down - dy) + slope_across * (across - dx))
    return noise


def _cells(cells: int, points: Points) -> tuple[Tensor, Tensor]:
    """For each point along one side: its cell (int64), and where it is in that cell (float32, [0, 1))."""
    position = points.at * cells / points.of
    cell = position.floor()
    return cell.long(), (position - cell).float()


def fade(share: Tensor) -> Tensor:
    """3 s^2 - 2 s^3: from 0 to 1, flat at both ends."""
    return share * share * (3 - 2 * share)


def autocontrast(picture: Tensor) -> Tensor:
    """Stretch each channel of [C, H, W] so that its darkest value is 0 and its brightest 1; a flat one stays."""
    darkest, brightest = picture.amin((1, 2), keepdim=True), picture.amax((1, 2), keepdim=True)
    stretched = (picture - darkest) / (brightest - darkest)
    return torch.where(brightest > darkest, stretched, picture)

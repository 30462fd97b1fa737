"""A picture read at other places: what every warp comes to."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: What padding_mode takes: how a picture goes on beyond its edge.
BORDERS = ("wrap", "reflection", "border", "zeros")
#: What sampling_mode takes: how values between pixels are had.
MODES = ("bilinear", "bicubic", "nearest")

#: Pixels on each side of a place that a bicubic value is made of.
REACH = 2


def sample(picture: Tensor, where: Tensor, mode: str = "bilinear", border: str = "border") -> Tensor:
    """The values [B, C, h, w] of pictures [B, C, H, W] at the places `where`; gradients flow into both.

    where: [h, w, 2] or [B, h, w, 2], x and y in pixels: 0 is the centre of the first pixel, W - 1 that of the last.
    mode: one of MODES; bicubic values may lie beyond those of the pixels. border: wrap (the picture is repeated),
    reflection (mirrored at the outer edge of its last pixels), border (they go on) or zeros.
    """
    height, width = picture.shape[-2:]
    where = where.expand(len(picture), *where.shape[-3:]).to(picture)
    if border == "wrap":
        sides = where.new_tensor([width, height])
        where = torch.remainder(where, sides) + REACH
        picture = _repeated(picture)
        border = "border"
        height, width = picture.shape[-2:]
    # grid_sample counts from -1 at the outer edge of the first pixel to 1 at that of the last.
    grid = (2 * where + 1) / where.new_tensor([width, height]) - 1
    return F.grid_sample(picture, grid, mode, border, align_corners=False)


def _repeated(picture: Tensor) -> Tensor:
    """The picture with the REACH pixels that a repetition has around it; any size."""
    for dim in (-2, -1):
        size = picture.shape[dim]
        places = torch.arange(-REACH, size + REACH, device=picture.device) % size
        picture = picture.index_select(dim, places)
    return picture


def pixels(height: int, width: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float64) -> Tensor:
    """Every pixel's own place, [H, W, 2] as x and y."""
    rows = torch.arange(height, device=device, dtype=dtype)
    columns = torch.arange(width, device=device, dtype=dtype)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], -1)


def outside(where: Tensor, height: int, width: int) -> Tensor:
    """Which places, [..., 2], lie beyond the outer edge of a picture: bool [...]."""
    x, y = where.unbind(-1)
    return (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5) | ~(x + y).isfinite()

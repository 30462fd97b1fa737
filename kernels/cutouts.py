"""Crops and warps of many cutouts at once: differentiable, and the same bits each time.

Cutting a picture the usual way, one crop and one resize after the other, spends its time on calls. Here all crops of
a picture are two matrix products, and all warps one sampling; or one kernel each.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from disco.kernels.backend import by_triton
from torch import Tensor

CUBIC_REACH = 2.0
"""The cubic is zero beyond two pixels (of the coarser of the two grids)."""


def cubic(x: Tensor) -> Tensor:
    r"""The interpolating cubic of Keys with a = -1/2, the resizing filter of Pillow, ResizeRight and torch.

        k(x) =  3/2 |x|^3 - 5/2 |x|^2         + 1      |x| <= 1
               -1/2 |x|^3 + 5/2 |x|^2 - 4 |x| + 2      1 < |x| < 2
                0                                      otherwise

    Args: ``x``, any shape, any float dtype. Returns the same shape and dtype.
    Source: R. Keys, Cubic convolution interpolation for digital image processing, 1981, eq. 15.
    """
    x = x.abs().clamp_max(CUBIC_REACH)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, far)


def resize_weights(
    start: Tensor, length: Tensor, size: int, out: int, dtype: torch.dtype, device: torch.device, dark: bool = False
) -> Tensor:
    r"""How much each pixel of a line counts for each pixel of the line's resized pieces.

    Piece n covers pixels start[n] .. start[n] + length[n] - 1 of a line of `size` pixels. With the scale
    s = length / out, pixel o of the result looks at the point (o + 1/2) s - 1/2 of its piece, whose pixels j count

        w[n, o, j]  =  k((j - (o + 1/2) s + 1/2) / max(s, 1)),    normalised to  sum_j w = 1

    so that the filter widens where the piece shrinks (antialiasing). A piece may reach over the ends of the line: the
    pixels missing there count in the sum, and so are seen as zeros. With `dark` those beyond the piece's own ends count
    in it too, which darkens its edges, as ResizeRight does: normally, a piece knows nothing of what is beyond it.

    Args: start, length (at least 1): [N], integers on the CPU. Returns [N, out, size] in `dtype`, on `device`.
    """
    taps = int(2 * CUBIC_REACH * max([1.0, *(length / out).tolist()])) + 1
    start, length = (line.to(device, non_blocking=True)[:, None, None] for line in (start, length))
    scale = length.to(dtype) / out
    reach = scale.clamp_min(1)
    centre = (torch.arange(out, device=device, dtype=dtype)[:, None] + 0.5) * scale - 0.5
    pixel = (centre - CUBIC_REACH * reach).ceil().long() + torch.arange(taps, device=device)
    weights, inside = cubic((pixel.to(dtype) - centre) / reach), (pixel >= 0) & (pixel < length)
    weights = weights / (weights if dark else weights * inside).sum(dim=-1, keepdim=True) * inside
    pixel = pixel + start
    weights = weights * ((pixel >= 0) & (pixel < size))
    # Each row has a few weights among `size` pixels. What fell off the line's ends adds nothing to the outermost.
    row = torch.zeros(len(start), out, size, device=device, dtype=dtype)
    return row.scatter_add_(-1, pixel.clamp(0, size - 1), weights)


@lru_cache(maxsize=512)
def _piece_weights(length: int, out: int, dtype: torch.dtype, dark: bool) -> Tensor:
    """The weights [out, length] of a whole piece, wherever it lies; on the CPU."""
    start = torch.tensor([0])
    return resize_weights(start, start + length, length, out, dtype, start.device, dark)[0]


def _placed_weights(lines: list[tuple[int, int]], size: int, out: int, dtype: torch.dtype, dark: bool) -> Tensor:
    """`resize_weights` of a few short pieces on the CPU, whose lengths recur: quicker put in their places."""
    weights = [
        # What reaches over an end is cut off.
        F.pad(_piece_weights(length, out, dtype, dark), (start, size - start - length))
        if -length < start < size
        else torch.zeros(out, size, dtype=dtype)
        for start, length in lines
    ]
    return torch.stack(weights) if weights else torch.zeros(0, out, size, dtype=dtype)


def crop_resize(
    picture: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, out: int, dark: bool = False
) -> Tensor:
    r"""Cut N boxes out of one picture and resize each to `out` x `out` pixels, antialiased.

        cut[n, c]  =  Wy[n] picture[c] Wx[n]^T

    Each is `F.interpolate(crop, (out, out), mode="bicubic", antialias=True)` of its crop; with `dark` it is
    ResizeRight's `resize`, which takes what is beyond the crop for zeros. A box may reach over the picture's edges and
    sees zeros there.

    Args:
        picture: [C, H, W], floating point, any strides.
        top, left, height, width: [N], integers on the CPU; height and width at least 1.
        out: side of the results, at least 1.

    Returns [N, C, out, out], dtype and device of `picture`; the gradient flows to `picture`. Weights are worked out
    in float64 for a float64 picture, in float32 otherwise.
    """
    if len(top) and picture.numel() and by_triton("crop_resize", picture):
        from disco.kernels.cutouts_triton import crop_resize as kernel

        return kernel(picture, top, left, height, width, out, dark)
    channels, rows, columns = picture.shape
    exact = torch.promote_types(picture.dtype, torch.float32)
    if picture.device.type == "cpu":
        lines_y, lines_x = _lines(top, height), _lines(left, width)
        if 2 * channels * rows * columns * out * len(top) > DENSE_PRODUCTS:
            down = resize_weights(top, height, rows, out, exact, picture.device, dark).to(picture.dtype)
            across = resize_weights(left, width, columns, out, exact, picture.device, dark).to(picture.dtype)
            bands = [
                (_bands(*line_y, out, rows), _bands(*line_x, out, columns))
                for line_y, line_x in zip(lines_y, lines_x, strict=True)
            ]
            return _BandedCrops.apply(picture, down, across, bands)
        down = _placed_weights(lines_y, rows, out, exact, dark).to(picture.dtype)
        across = _placed_weights(lines_x, columns, out, exact, dark).to(picture.dtype)
    else:
        down = resize_weights(top, height, rows, out, exact, picture.device, dark).to(picture.dtype)
        across = resize_weights(left, width, columns, out, exact, picture.device, dark).to(picture.dtype)
    # The rows of all cuts in one product with the whole picture; then each cut's columns, all its channels at once.
    seen = down.flatten(0, 1) @ picture.movedim(1, 0).flatten(1)
    cuts = seen.view(-1, out * channels, columns) @ across.mT
    return cuts.view(-1, out, channels, out).movedim(2, 1)


DENSE_PRODUCTS = 5e7
"""Products from which a processor is faster without those with zeros: tens of milliseconds, against as many calls."""

BAND = 32
"""Pixels of a resized line that are worked out together."""


def _lines(start: Tensor, length: Tensor) -> list[tuple[int, int]]:
    return list(zip(start.tolist(), length.tolist(), strict=True))


def _bands(start: int, length: int, out: int, size: int) -> list[tuple[slice, slice]]:
    """Pieces of a resized line, and which pixels of the line each sees; those that see none are left out."""
    scale = length / out
    reach = CUBIC_REACH * max(scale, 1)
    found = []
    for first in range(0, out, BAND):
        last = min(first + BAND, out)
        low = start + math.floor((first + 0.5) * scale - 0.5 - reach)
        high = start + math.ceil((last - 0.5) * scale - 0.5 + reach) + 1
        low, high = max(low, start, 0), min(high, start + length, size)
        if low < high:
            found.append((slice(first, last), slice(low, high)))
    return found


class _BandedCrops(torch.autograd.Function):
    """`crop_resize` where most of the weights are zero: products of the bands alone, into one gradient."""

    @staticmethod
    def forward(ctx: Any, picture: Tensor, down: Tensor, across: Tensor, bands: list) -> Tensor:
        ctx.save_for_backward(down, across)
        ctx.shape, ctx.bands = picture.shape, bands
        out = down.shape[1]
        cuts = picture.new_zeros(len(down), len(picture), out, out)
        for cut, y, x, (in_rows, in_columns) in zip(cuts, down, across, bands, strict=True):
            if not in_rows:
                continue
            rows = slice(in_rows[0][1].start, in_rows[-1][1].stop)
            narrow = picture.new_zeros(len(picture), rows.stop - rows.start, out)
            for to, seen in in_columns:
                narrow[:, :, to] = picture[:, rows, seen] @ x[to, seen].T
            for to, seen in in_rows:
                cut[:, to] = y[to, seen] @ narrow[:, seen.start - rows.start : seen.stop - rows.start]
        return cuts

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        down, across = ctx.saved_tensors
        out = down.shape[1]
        picture = down.new_zeros(ctx.shape)
        for cut, y, x, (in_rows, in_columns) in zip(gradients[0], down, across, ctx.bands, strict=True):
            if not in_rows:
                continue
            rows = slice(in_rows[0][1].start, in_rows[-1][1].stop)
            narrow = picture.new_zeros(len(picture), rows.stop - rows.start, out)
            for to, seen in in_rows:
                narrow[:, seen.start - rows.start : seen.stop - rows.start] += y[to, seen].T @ cut[:, to]
            for to, seen in in_columns:
                picture[:, rows, seen] += narrow[:, :, to] @ x[to, seen]
        return picture, None, None, None


@lru_cache(maxsize=64)
def _axes(
    height: int, width: int, of_units: torch.dtype, at: torch.device, of_points: torch.dtype, place: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """grid_sample's units, half a cut's width and half its height, [3, 1]; its columns [W] and rows [H, 1], in pixels.

    The latter from its centre.
    """
    units = torch.tensor([2 / width, 2 / height, 1], dtype=of_units, device=at)[:, None]
    x, y = (torch.arange(side, device=place, dtype=of_points) - (side - 1) / 2 for side in (width, height))
    return units, x, y[:, None]


def warp(cuts: Tensor, matrix: Tensor, nearest: bool = False) -> Tensor:
    r"""Look at each cut through an affine or projective map of its own: bilinear (or `nearest`), zeros outside.

        warped[n](p)  =  cuts[n](q),    q = matrix[n] (p, 1)  or  (q, 1) ~ matrix[n] (p, 1)

    with p and q as (x, y) in pixels from the cut's centre.

    Args:
        cuts: [N, C, H, W], floating point.
        matrix: [N, 2, 3] or [N, 3, 3], floating point, any device; from points of the result to points of the cut,
            the inverse of how the content moves.

    Returns [N, C, H, W], dtype and device of `cuts`; the gradient flows to `cuts`. Source: torchvision's `affine` and
    `perspective` on tensors, which this equals for the same map. The kernel is for affine maps and bilinear.
    """
    if matrix.shape[1] == 2 and not nearest and cuts.numel() and by_triton("warp", cuts):
        from disco.kernels.cutouts_triton import warp as kernel

        return kernel(cuts, matrix)
    height, width = cuts.shape[-2:]
    units, x, y = _axes(height, width, matrix.dtype, matrix.device, cuts.dtype, cuts.device)
    matrix = (matrix * units[: matrix.shape[1]]).to(cuts.device, cuts.dtype, non_blocking=True)
    by_x, by_y, still = matrix[..., None, None].unbind(2)
    # What each column and each row adds to the points: planes of x and of y.
    grid = (by_x * x + still) + by_y * y
    if matrix.shape[1] == 3:
        grid = grid[:, :2] / grid[:, 2:]
    mode = "nearest" if nearest else "bilinear"
    return F.grid_sample(cuts, grid.movedim(1, 3), mode=mode, padding_mode="zeros", align_corners=False)

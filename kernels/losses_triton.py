"""The kernel of `disco.kernels.losses`: four losses of a picture and their gradient, in one read."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Lines and columns of a tile: eight pixels a thread, in lines of four times 128 bytes. Chosen for GPUs of the A100's
#: and H100's kind, on which only the memory's speed should count, and not measured there. A narrower tile would fetch
#: more of its neighbours' pixels.
LINES, COLUMNS = 8, 128
WARPS = 4


@triton.jit
def _square(x):
    return x * x


@triton.jit
def picture_losses_kernel(
    x_ptr,
    gradient_ptr,
    partial_ptr,  # [4, B, tiles], float32
    channels,
    height,
    width,
    stride_b,
    stride_c,
    stride_h,
    stride_w,
    gradient_b,
    gradient_c,
    gradient_h,
    gradient_w,
    tv,
    sat,
    range_,
    across,
    down,
    TV: tl.constexpr,
    EXCESS: tl.constexpr,
    ACROSS: tl.constexpr,
    DOWN: tl.constexpr,
    LINES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """One tile of one channel of one picture. What the factors `tv` ... multiply is a sum over all pixels.

    Neighbours and mirrored pixels are loaded anew: other threads have just read them, or will.
    """
    tile, image = tl.program_id(0), tl.program_id(1)
    tiles = tl.num_programs(0)
    tiles_w = tl.cdiv(width, COLUMNS)
    tiles_h = tl.cdiv(height, LINES)
    channel = tile // (tiles_h * tiles_w)
    i = (tile // tiles_w % tiles_h) * LINES + tl.arange(0, LINES)[:, None]
    j = (tile % tiles_w) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (i < height) & (j < width)

    plane = x_ptr + image.to(tl.int64) * stride_b + channel.to(tl.int64) * stride_c
    line = i.to(tl.int64) * stride_h
    column = j.to(tl.int64) * stride_w
    x = tl.load(plane + line + column, mask=inside, other=0.0).to(tl.float32)
    gradient = tl.zeros([LINES, COLUMNS], tl.float32)
    of_tv, of_sat, of_range, of_symmetry = 0.0, 0.0, 0.0, 0.0

    if TV:
        # A pixel beyond the border repeats the border's. Each step is counted by the pixel it starts from.
        left = tl.maximum(j - 1, 0).to(tl.int64) * stride_w
        right = tl.minimum(j + 1, width - 1).to(tl.int64) * stride_w
        above = tl.maximum(i - 1, 0).to(tl.int64) * stride_h
        below = tl.minimum(i + 1, height - 1).to(tl.int64) * stride_h
        from_left = x - tl.load(plane + line + left, mask=inside, other=0.0).to(tl.float32)
        from_right = x - tl.load(plane + line + right, mask=inside, other=0.0).to(tl.float32)
        from_above = x - tl.load(plane + above + column, mask=inside, other=0.0).to(tl.float32)
        from_below = x - tl.load(plane + below + column, mask=inside, other=0.0).to(tl.float32)
        gradient += 2 * tv * ((from_left + from_right) + (from_above + from_below))
        of_tv = tv * tl.sum(_square(from_right) + _square(from_below))
    if EXCESS:
        # A NaN stays one: what the clamp makes of it is taken from it.
        excess = x - tl.minimum(tl.maximum(x, -1.0), 1.0)
        sign = (excess > 0).to(tl.float32) - (excess < 0).to(tl.float32)
        gradient += 2 * range_ * excess + sat * sign
        of_sat = sat * tl.sum(tl.abs(excess))
        of_range = range_ * tl.sum(_square(excess))
    # Both halves of a picture see the same differences, but for their signs: half of them count.
    if ACROSS:
        mirrored = (width - 1 - j).to(tl.int64) * stride_w
        apart = x - tl.load(plane + line + mirrored, mask=inside, other=0.0).to(tl.float32)
        gradient += 2 * across * apart
        of_symmetry += 0.5 * across * tl.sum(_square(apart))
    if DOWN:
        mirrored = (height - 1 - i).to(tl.int64) * stride_h
        apart = x - tl.load(plane + mirrored + column, mask=inside, other=0.0).to(tl.float32)
        gradient += 2 * down * apart
        of_symmetry += 0.5 * down * tl.sum(_square(apart))

    to = gradient_ptr + image.to(tl.int64) * gradient_b + channel.to(tl.int64) * gradient_c
    to += i.to(tl.int64) * gradient_h + j.to(tl.int64) * gradient_w
    tl.store(to, gradient.to(gradient_ptr.dtype.element_ty), mask=inside)
    images = tl.num_programs(1)
    partial = partial_ptr + image.to(tl.int64) * tiles + tile
    step = images.to(tl.int64) * tiles
    tl.store(partial, of_tv)
    tl.store(partial + step, of_sat)
    tl.store(partial + 2 * step, of_range)
    tl.store(partial + 3 * step, of_symmetry)


def picture_losses_triton(
    x: Tensor, tv: float, sat: float, range_: float, across: float, down: float
) -> tuple[Tensor, Tensor]:
    """`disco.kernels.losses.picture_losses` by the factors of its sums over pixels.

    The tiles' shares are added in one order whatever finishes first, so that the bits are the same again.
    """
    images, channels, height, width = x.shape
    gradient = torch.empty_like(x)
    tiles = channels * triton.cdiv(height, LINES) * triton.cdiv(width, COLUMNS)
    partial = torch.empty(4, images, tiles, dtype=torch.float32, device=x.device)
    if not x.numel():
        return partial.sum(-1), gradient
    with torch.cuda.device_of(x):
        picture_losses_kernel[(tiles, images)](
            x,
            gradient,
            partial,
            channels,
            height,
            width,
            *x.stride(),
            *gradient.stride(),
            tv,
            sat,
            range_,
            across,
            down,
            TV=tv != 0,
            EXCESS=sat != 0 or range_ != 0,
            ACROSS=across != 0,
            DOWN=down != 0,
            LINES=LINES,
            COLUMNS=COLUMNS,
            num_warps=WARPS,
        )
    return partial.sum(-1), gradient


def examples() -> list[tuple[Any, dict[str, str], dict[str, Any], dict[str, int]]]:
    """What `disco.kernels.offline` compiles: all losses at once, and the range loss alone."""
    sizes = ("channels", "height", "width", "stride_b", "stride_c", "stride_h")
    factors = ("tv", "sat", "range_", "across", "down")
    found = []
    for kind in ("fp32", "bf16"):
        for everything in (True, False):
            constants: dict[str, Any] = dict(TV=everything, EXCESS=True, ACROSS=everything, DOWN=everything)
            # A step from column to column of 1 is a constant, as in a launch.
            constants |= dict(LINES=LINES, COLUMNS=COLUMNS, stride_w=1, gradient_w=1)
            signature = {"x_ptr": f"*{kind}", "gradient_ptr": f"*{kind}", "partial_ptr": "*fp32"}
            signature |= dict.fromkeys((*sizes, "gradient_b", "gradient_c", "gradient_h"), "i32")
            signature |= dict.fromkeys(factors, "fp32") | dict.fromkeys(constants, "constexpr")
            ordered = {name: signature[name] for name in picture_losses_kernel.arg_names}
            found.append((picture_losses_kernel, ordered, constants, {"num_warps": WARPS}))
    return found

"""The Triton kernels of `disco.kernels.norm`.

A picture is [C, S]: channels by positions, either of which may lie next to one another in memory. Every kernel works on
tiles of BLOCK_C channels by BLOCK_S positions. A small group is one tile, and one program does everything for it. A
large one takes three launches: moments of each channel over a stretch of positions, the group's moments from those,
and the result. How a picture is cut into stretches depends on its own size alone, and sums are taken in a fixed order,
so that its bits depend neither on the batch nor on chance.

The sizes of tiles were chosen for GPUs of the A100's and H100's kind, by what compiles without spilling registers: a
thread holds 16 elements of a tile, and a large picture makes about a thousand programs. They were not measured on one.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Elements of a group that one program holds, and of the tile of a program that walks along its stretch.
WHOLE, TILE = 8192, 2048

#: Programs that a picture's walks are divided among, about.
PROGRAMS = 1024

#: Channels of a tile where channels lie next to one another.
ACROSS = 64


@triton.jit
def tile(pointer, picture, picture_stride, channel_stride, position_stride, channels, positions):
    """Addresses [BLOCK_C, BLOCK_S] of a picture's tile; a tensor may have more elements than an int32 counts."""
    return (
        pointer
        + picture.to(tl.int64) * picture_stride
        + (channels.to(tl.int64) * channel_stride)[:, None]
        + (positions.to(tl.int64) * position_stride)[None, :]
    )


@triton.jit
def affine(weight, bias, scale, shift, scale_stride, shift_stride, picture, channels, inside, SCALE, SHIFT):
    """What multiplies and what is added to the normalised channels: both float32 [BLOCK_C]."""
    factor = tl.load(weight + channels, mask=inside, other=0.0).to(tl.float32)
    term = tl.load(bias + channels, mask=inside, other=0.0).to(tl.float32)
    if SCALE:
        by = 1 + tl.load(scale + picture * scale_stride + channels, mask=inside, other=0.0).to(tl.float32)
        factor *= by
        term *= by
    if SHIFT:
        term += tl.load(shift + picture * shift_stride + channels, mask=inside, other=0.0).to(tl.float32)
    return factor, term


@triton.jit
def through_silu(gradient, h, SILU):
    """The gradient of h, from that of silu(h)."""
    if SILU:
        sigmoid = 1 / (1 + tl.exp(-h))
        gradient = gradient * sigmoid * (1 + h * (1 - sigmoid))
    return gradient


@triton.jit
def whole_forward(
    x, y, mean, rstd, weight, bias, scale, shift,
    x_n, x_c, x_s, y_n, y_c, y_s, scale_n, shift_n,
    group_channels, size, eps,
    SCALE: tl.constexpr, SHIFT: tl.constexpr, SILU: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_S: tl.constexpr,
):  # fmt: skip
    """Program (group, picture): a whole group."""
    group, picture = tl.program_id(0), tl.program_id(1)
    rows, positions = tl.arange(0, BLOCK_C), tl.arange(0, BLOCK_S)
    channels, inside = group * group_channels + rows, rows < group_channels
    mask = inside[:, None] & (positions < size)[None, :]
    v = tl.load(tile(x, picture, x_n, x_c, x_s, channels, positions), mask=mask, other=0.0).to(tl.float32)

    count = group_channels * size
    centre = tl.sum(tl.sum(v, 1), 0) / count
    apart = tl.where(mask, v - centre, 0.0)
    scaling = 1 / tl.sqrt(tl.sum(tl.sum(apart * apart, 1), 0) / count + eps)
    factor, term = affine(weight, bias, scale, shift, scale_n, shift_n, picture, channels, inside, SCALE, SHIFT)
    h = apart * scaling * factor[:, None] + term[:, None]
    if SILU:
        h = h / (1 + tl.exp(-h))
    tl.store(tile(y, picture, y_n, y_c, y_s, channels, positions), h.to(y.dtype.element_ty), mask=mask)
    tl.store(mean + picture * tl.num_programs(0) + group, centre)
    tl.store(rstd + picture * tl.num_programs(0) + group, scaling)


@triton.jit
def whole_backward(
    x, g, dx, mean, rstd, weight, bias, scale, shift,
    x_n, x_c, x_s, g_n, g_c, g_s, dx_n, dx_c, dx_s, scale_n, shift_n,
    group_channels, size,
    SCALE: tl.constexpr, SHIFT: tl.constexpr, SILU: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_S: tl.constexpr,
):  # fmt: skip
    """Program (group, picture): the gradient of a whole group."""
    group, picture = tl.program_id(0), tl.program_id(1)
    rows, positions = tl.arange(0, BLOCK_C), tl.arange(0, BLOCK_S)
    channels, inside = group * group_channels + rows, rows < group_channels
    mask = inside[:, None] & (positions < size)[None, :]
    v = tl.load(tile(x, picture, x_n, x_c, x_s, channels, positions), mask=mask, other=0.0).to(tl.float32)
    gradient = tl.load(tile(g, picture, g_n, g_c, g_s, channels, positions), mask=mask, other=0.0).to(tl.float32)

    centre = tl.load(mean + picture * tl.num_programs(0) + group)
    scaling = tl.load(rstd + picture * tl.num_programs(0) + group)
    factor, term = affine(weight, bias, scale, shift, scale_n, shift_n, picture, channels, inside, SCALE, SHIFT)
    u = tl.where(mask, (v - centre) * scaling, 0.0)
    to_u = through_silu(gradient, u * factor[:, None] + term[:, None], SILU) * factor[:, None]
    count = group_channels * size
    along_one = tl.sum(tl.sum(to_u, 1), 0) / count
    along_u = tl.sum(tl.sum(to_u * u, 1), 0) / count
    out = scaling * (to_u - along_one - u * along_u)
    tl.store(tile(dx, picture, dx_n, dx_c, dx_s, channels, positions), out.to(dx.dtype.element_ty), mask=mask)


@triton.jit
def moments(
    x, means, squares,
    x_n, x_c, x_s,
    all_channels, size, stretch,
    BLOCK_C: tl.constexpr, BLOCK_S: tl.constexpr,
):  # fmt: skip
    """Program (stretch, tile of channels, picture): each channel's mean and sum of squares about it, over a stretch.

    Those of a tile join those of the tiles before it by Chan's formula, which cancels nothing large.
    means, squares: float32 [N, C, stretches].
    """
    part, picture = tl.program_id(0), tl.program_id(2)
    channels, steps = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C), tl.arange(0, BLOCK_S)
    inside = channels < all_channels
    start, end = part * stretch, tl.minimum((part + 1) * stretch, size)
    mean, square = tl.zeros([BLOCK_C], tl.float32), tl.zeros([BLOCK_C], tl.float32)
    for first in range(start, end, BLOCK_S):
        positions = first + steps
        mask = inside[:, None] & (positions < end)[None, :]
        v = tl.load(tile(x, picture, x_n, x_c, x_s, channels, positions), mask=mask, other=0.0).to(tl.float32)
        before, count = (first - start).to(tl.float32), tl.minimum(end - first, BLOCK_S).to(tl.float32)
        centre = tl.sum(v, 1) / count
        apart = tl.where(mask, v - centre[:, None], 0.0)
        away = centre - mean
        square += tl.sum(apart * apart, 1) + away * away * (before * count / (before + count))
        mean += away * (count / (before + count))
    at = (picture.to(tl.int64) * all_channels + channels) * tl.num_programs(0) + part
    tl.store(means + at, mean, mask=inside)
    tl.store(squares + at, square, mask=inside)


@triton.jit
def joined(
    means, squares, mean, rstd,
    group_channels, size, stretch, parts, eps,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (group, picture): the group's mean and 1 / deviation, from the moments of its channels' stretches."""
    group, picture = tl.program_id(0), tl.program_id(1)
    at = picture * tl.num_programs(0) + group
    entries, count = group_channels * parts, group_channels * size
    start, steps = at.to(tl.int64) * entries, tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for first in range(0, entries, BLOCK):
        entry = first + steps
        length = tl.minimum(size - entry % parts * stretch, stretch).to(tl.float32)
        total += tl.load(means + start + entry, mask=entry < entries, other=0.0) * (length / count)
    centre = tl.sum(total, 0)
    total = tl.zeros([BLOCK], tl.float32)
    for first in range(0, entries, BLOCK):
        entry = first + steps
        length = tl.minimum(size - entry % parts * stretch, stretch).to(tl.float32)
        away = tl.load(means + start + entry, mask=entry < entries, other=0.0) - centre
        about = tl.load(squares + start + entry, mask=entry < entries, other=0.0)
        total += tl.where(entry < entries, about + away * away * length, 0.0)
    tl.store(mean + at, centre)
    tl.store(rstd + at, 1 / tl.sqrt(tl.sum(total, 0) / count + eps))


@triton.jit
def apply(
    x, y, mean, rstd, weight, bias, scale, shift,
    x_n, x_c, x_s, y_n, y_c, y_s, scale_n, shift_n,
    all_channels, group_channels, size,
    SCALE: tl.constexpr, SHIFT: tl.constexpr, SILU: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_S: tl.constexpr,
):  # fmt: skip
    """Program (tile of positions, tile of channels, picture): the result, once the groups' moments are known."""
    picture = tl.program_id(2)
    channels = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    positions = tl.program_id(0) * BLOCK_S + tl.arange(0, BLOCK_S)
    inside = channels < all_channels
    mask = inside[:, None] & (positions < size)[None, :]
    v = tl.load(tile(x, picture, x_n, x_c, x_s, channels, positions), mask=mask, other=0.0).to(tl.float32)
    group = picture * (all_channels // group_channels) + channels // group_channels
    centre, scaling = tl.load(mean + group, mask=inside, other=0.0), tl.load(rstd + group, mask=inside, other=0.0)
    factor, term = affine(weight, bias, scale, shift, scale_n, shift_n, picture, channels, inside, SCALE, SHIFT)
    h = (v - centre[:, None]) * scaling[:, None] * factor[:, None] + term[:, None]
    if SILU:
        h = h / (1 + tl.exp(-h))
    tl.store(tile(y, picture, y_n, y_c, y_s, channels, positions), h.to(y.dtype.element_ty), mask=mask)


@triton.jit
def slopes(
    x, g, ones, us, mean, rstd, weight, bias, scale, shift,
    x_n, x_c, x_s, g_n, g_c, g_s, scale_n, shift_n,
    all_channels, group_channels, size, stretch,
    SCALE: tl.constexpr, SHIFT: tl.constexpr, SILU: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_S: tl.constexpr,
):  # fmt: skip
    """Program (stretch, tile of channels, picture): sums of u's gradient, and of its product with u, over a stretch.

    ones, us: float32 [N, C, stretches].
    """
    part, picture = tl.program_id(0), tl.program_id(2)
    channels, steps = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C), tl.arange(0, BLOCK_S)
    inside = channels < all_channels
    start, end = part * stretch, tl.minimum((part + 1) * stretch, size)
    group = picture * (all_channels // group_channels) + channels // group_channels
    centre, scaling = tl.load(mean + group, mask=inside, other=0.0), tl.load(rstd + group, mask=inside, other=0.0)
    factor, term = affine(weight, bias, scale, shift, scale_n, shift_n, picture, channels, inside, SCALE, SHIFT)
    along_one, along_u = tl.zeros([BLOCK_C], tl.float32), tl.zeros([BLOCK_C], tl.float32)
    for first in range(start, end, BLOCK_S):
        positions = first + steps
        mask = inside[:, None] & (positions < end)[None, :]
        v = tl.load(tile(x, picture, x_n, x_c, x_s, channels, positions), mask=mask, other=0.0).to(tl.float32)
        gradient = tl.load(tile(g, picture, g_n, g_c, g_s, channels, positions), mask=mask, other=0.0).to(tl.float32)
        u = (v - centre[:, None]) * scaling[:, None]
        to_h = through_silu(gradient, u * factor[:, None] + term[:, None], SILU)
        along_one += tl.sum(to_h, 1)  # the gradient is 0 where the mask is
        along_u += tl.sum(to_h * u, 1)
    at = (picture.to(tl.int64) * all_channels + channels) * tl.num_programs(0) + part
    tl.store(ones + at, along_one * factor, mask=inside)
    tl.store(us + at, along_u * factor, mask=inside)


@triton.jit
def summed(ones, us, one, u, group_channels, size, parts, BLOCK: tl.constexpr):
    """Program (group, picture): the means over a group, from the sums of its channels' stretches."""
    at = tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)
    entries, count = group_channels * parts, group_channels * size
    start, steps = at.to(tl.int64) * entries, tl.arange(0, BLOCK)
    along_one, along_u = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    for first in range(0, entries, BLOCK):
        entry = first + steps
        along_one += tl.load(ones + start + entry, mask=entry < entries, other=0.0)
        along_u += tl.load(us + start + entry, mask=entry < entries, other=0.0)
    tl.store(one + at, tl.sum(along_one, 0) / count)
    tl.store(u + at, tl.sum(along_u, 0) / count)


@triton.jit
def apply_backward(
    x, g, dx, one, us, mean, rstd, weight, bias, scale, shift,
    x_n, x_c, x_s, g_n, g_c, g_s, dx_n, dx_c, dx_s, scale_n, shift_n,
    all_channels, group_channels, size,
    SCALE: tl.constexpr, SHIFT: tl.constexpr, SILU: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_S: tl.constexpr,
):  # fmt: skip
    """Program (tile of positions, tile of channels, picture): the gradient, once the groups' two means are known."""
    picture = tl.program_id(2)
    channels = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    positions = tl.program_id(0) * BLOCK_S + tl.arange(0, BLOCK_S)
    inside = channels < all_channels
    mask = inside[:, None] & (positions < size)[None, :]
    v = tl.load(tile(x, picture, x_n, x_c, x_s, channels, positions), mask=mask, other=0.0).to(tl.float32)
    gradient = tl.load(tile(g, picture, g_n, g_c, g_s, channels, positions), mask=mask, other=0.0).to(tl.float32)
    group = picture * (all_channels // group_channels) + channels // group_channels
    centre, scaling = tl.load(mean + group, mask=inside, other=0.0), tl.load(rstd + group, mask=inside, other=0.0)
    along_one, along_u = tl.load(one + group, mask=inside, other=0.0), tl.load(us + group, mask=inside, other=0.0)
    factor, term = affine(weight, bias, scale, shift, scale_n, shift_n, picture, channels, inside, SCALE, SHIFT)
    u = (v - centre[:, None]) * scaling[:, None]
    to_u = through_silu(gradient, u * factor[:, None] + term[:, None], SILU) * factor[:, None]
    out = scaling[:, None] * (to_u - along_one[:, None] - u * along_u[:, None])
    tl.store(tile(dx, picture, dx_n, dx_c, dx_s, channels, positions), out.to(dx.dtype.element_ty), mask=mask)


def power(n: int) -> int:
    """The smallest power of two that is not less."""
    return 1 << max(n - 1, 0).bit_length()


def blocks(channels: int, size: int, across: bool) -> dict[str, int]:
    """The sides of a tile of a picture [channels, size]; across: channels lie next to one another."""
    if across:
        block_c = min(power(channels), ACROSS)
        return {"BLOCK_C": block_c, "BLOCK_S": min(power(size), TILE // block_c)}
    block_s = min(power(size), TILE)
    return {"BLOCK_C": min(power(channels), TILE // block_s), "BLOCK_S": block_s}


def stretches(channels: int, size: int, block: dict[str, int]) -> tuple[int, int]:
    """How many positions make a stretch, and how many stretches a channel."""
    tiles = -(-size // block["BLOCK_S"])
    parts = min(tiles, max(1, PROGRAMS // -(-channels // block["BLOCK_C"])))
    stretch = -(-tiles // parts) * block["BLOCK_S"]
    return stretch, -(-size // stretch)


def warps(BLOCK_C: int, BLOCK_S: int) -> dict[str, int]:
    """As many as give each thread 16 elements of a tile."""
    return {"num_warps": min(16, max(1, BLOCK_C * BLOCK_S // 512))}


class Shape:
    """How the kernels are launched for [N, C, S] with these groups."""

    def __init__(self, x: Tensor, groups: int) -> None:
        self.n, self.channels, self.size = x.shape
        self.groups, self.group_channels = groups, self.channels // groups
        block_c, block_s = power(self.group_channels), power(self.size)
        self.whole = block_c * block_s <= WHOLE
        if self.whole:
            self.block = {"BLOCK_C": block_c, "BLOCK_S": block_s}
        else:
            self.block = blocks(self.channels, self.size, x.stride(1) == 1 and x.stride(2) != 1)
            self.stretch, self.parts = stretches(self.channels, self.size, self.block)
            self.join = {"BLOCK": min(1024, power(self.group_channels * self.parts))}
        self.warps = warps(**self.block)

    @property
    def walks(self) -> tuple[int, int, int]:
        return self.parts, -(-self.channels // self.block["BLOCK_C"]), self.n

    @property
    def tiles(self) -> tuple[int, int, int]:
        return -(-self.size // self.block["BLOCK_S"]), -(-self.channels // self.block["BLOCK_C"]), self.n

    def partial(self, like: Tensor) -> Tensor:
        return torch.empty(2, self.n, self.channels, self.parts, dtype=torch.float32, device=like.device)


def flat(x: Tensor) -> Tensor:
    """[N, C, *spatial] as [N, C, S], copied only where the positions cannot be counted through by one stride."""
    return x.reshape(*x.shape[:2], -1)


class GroupNormSilu(torch.autograd.Function):
    """`disco.kernels.norm.group_norm_silu` by kernels; it saves x and, of each group, mean and 1 / deviation.

    With u, h and y as there, h = W u + B, and means over the group:

        dy/dh  =  s (1 + h (1 - s)),    s = 1 / (1 + e^-h)
        dx     =  (du - mean(du) - u mean(du u)) / deviation,    du = W dh
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        groups: int,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        scale: Tensor | None,
        shift: Tensor | None,
        silu: bool,
    ) -> Tensor:
        weight, bias = weight.contiguous(), bias.contiguous()
        scale, shift = (rows if rows is None or rows.stride(1) == 1 else rows.contiguous() for rows in (scale, shift))
        v = flat(x)
        shape = Shape(v, groups)
        y = torch.empty_like(v)
        mean, rstd = torch.empty(2, shape.n, groups, dtype=torch.float32, device=x.device)
        ctx.shape, ctx.silu, ctx.spatial = shape, silu, x.shape
        ctx.save_for_backward(v, mean, rstd, weight, bias, scale, shift)
        given, strides, flags = looks(weight, bias, scale, shift, silu)
        options = flags | shape.block | shape.warps
        where = (*v.stride(), *y.stride(), *strides)
        if not y.numel():
            return y.view(x.shape)
        if shape.whole:
            whole_forward[groups, shape.n](
                v, y, mean, rstd, *given, *where, shape.group_channels, shape.size, eps, **options
            )
            return y.view(x.shape)
        parts = shape.partial(x)
        moments[shape.walks](
            v, *parts, *v.stride(), shape.channels, shape.size, shape.stretch, **shape.block, **shape.warps
        )
        joined[groups, shape.n](
            *parts, mean, rstd, shape.group_channels, shape.size, shape.stretch, shape.parts, eps, **shape.join
        )
        apply[shape.tiles](
            v, y, mean, rstd, *given, *where, shape.channels, shape.group_channels, shape.size, **options
        )
        return y.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        v, mean, rstd, weight, bias, scale, shift = ctx.saved_tensors
        shape, g = ctx.shape, flat(gradients[0])
        dx = torch.empty_like(v)
        given, strides, flags = looks(weight, bias, scale, shift, ctx.silu)
        options = flags | shape.block | shape.warps
        where = (*v.stride(), *g.stride(), *dx.stride(), *strides)
        out = dx.view(ctx.spatial), None, None, None, None, None, None, None
        if not dx.numel():
            return out
        if shape.whole:
            whole_backward[shape.groups, shape.n](
                v, g, dx, mean, rstd, *given, *where, shape.group_channels, shape.size, **options
            )
            return out
        parts = shape.partial(v)
        along = torch.empty_like(mean), torch.empty_like(mean)
        sizes = shape.channels, shape.group_channels, shape.size
        slopes[shape.walks](
            v, g, *parts, mean, rstd, *given, *v.stride(), *g.stride(), *strides, *sizes, shape.stretch, **options
        )
        summed[shape.groups, shape.n](*parts, *along, shape.group_channels, shape.size, shape.parts, **shape.join)
        apply_backward[shape.tiles](v, g, dx, *along, mean, rstd, *given, *where, *sizes, **options)
        return out


def looks(
    weight: Tensor, bias: Tensor, scale: Tensor | None, shift: Tensor | None, silu: bool
) -> tuple[tuple[Tensor, ...], tuple[int, int], dict[str, bool]]:
    """Tensors, strides and constants that stand for them in a launch; what is not given is not read."""
    given = (weight, bias, weight if scale is None else scale, weight if shift is None else shift)
    strides = (0 if scale is None else scale.stride(0), 0 if shift is None else shift.stride(0))
    return given, strides, {"SCALE": scale is not None, "SHIFT": shift is not None, "SILU": silu}


def examples() -> list[tuple[Any, dict[str, str], dict[str, Any], dict[str, int]]]:
    """Kernels with types of arguments, constants and options, to compile where there is no GPU.

    Where positions, or channels, lie next to one another, a launch takes that stride of 1 for a constant too.
    """
    found = []
    flags = {"SCALE": True, "SHIFT": True, "SILU": True}
    along = dict.fromkeys(("x_s", "y_s", "g_s", "dx_s"), 1)
    across = dict.fromkeys(("x_c", "y_c", "g_c", "dx_c"), 1)
    whole, rows, columns = (
        {"BLOCK_C": 32, "BLOCK_S": 256},
        {"BLOCK_C": 1, "BLOCK_S": 2048},
        {"BLOCK_C": 64, "BLOCK_S": 32},
    )
    for kind in ("fp32", "bf16"):
        types = dict.fromkeys(("x", "y", "g", "dx"), f"*{kind}") | {"eps": "fp32"}
        float32 = "mean rstd weight bias scale shift means squares ones us one u".split()
        types |= dict.fromkeys(float32, "*fp32")
        for kernel, block, unit in (
            *((kernel, whole, along) for kernel in (whole_forward, whole_backward)),
            *((kernel, rows, along) for kernel in (moments, apply, slopes, apply_backward)),
            *((kernel, columns, across) for kernel in (moments, apply, slopes, apply_backward)),
            *((kernel, {"BLOCK": 1024}, {}) for kernel in (joined, summed)),
        ):
            names = kernel.arg_names
            constants = {name: value for name, value in (flags | block | unit).items() if name in names}
            signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in names}
            options = warps(**block) if "BLOCK_C" in block else {}
            found.append((kernel, signature, constants, options))
    return found

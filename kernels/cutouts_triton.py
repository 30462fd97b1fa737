"""The Triton kernels of `disco.kernels.cutouts`.

One launch works out the weights of all boxes, as many a result as the box's own scale asks for; a second resizes all
boxes. A program holds a tile of one cut and walks over the pixels that its tile looks at, (4 s)^2 a result of a box
shrunk s times. Rows first and columns after would be about 4 s + 4 s^2, but the half-resized picture would have to be
written and read again, which for the s of 1 to 3 of most cuts costs as much as it saves; only the one overview of a
picture is shrunk further.

Gradients are gathered: a program holds a tile of the source, goes over all results that looked at it in a fixed order,
and writes each pixel once. No two programs add to one place, so that the bits are the same each time.

The sizes of tiles were chosen for GPUs of the A100's and H100's kind, without measuring on one.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Pixels of a tile of a cut, and of the picture.
CUT_TILE, PICTURE_TILE = (8, 32), (8, 64)

#: Results of a line whose weights one program works out.
POINTS = 64

#: Pixels, in the order of memory, that one program warps.
WARPED = 512


@triton.jit
def cubic_weight(pixel, centre, reach, length, DARK: tl.constexpr):
    """What pixels of a piece count before they are normalised: `cubic`, and beyond the piece nothing unless DARK."""
    x = tl.minimum(tl.abs((pixel.to(tl.float32) - centre) / reach), 2.0)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return tl.where(DARK | ((pixel >= 0) & (pixel < length)), tl.where(x <= 1, near, far), 0.0)


@triton.jit
def side_of(boxes, box, axis):
    """Start, length and scale of a box along the rows (0) or the columns (1), and how many pixels a result sees."""
    at = boxes + 6 * box + 3 * axis
    scale = tl.load(at + 2).to(tl.float32, bitcast=True)
    return tl.load(at), tl.load(at + 1), scale, (4 * tl.maximum(scale, 1.0)).to(tl.int32) + 1


@triton.jit
def line_weights(
    boxes, first, weights,
    out, most,
    BLOCK: tl.constexpr, DARK: tl.constexpr,
):  # fmt: skip
    """Program (results, axis, box): what `resize_weights` has, without the zeros between.

    boxes: int32 [N, 2, 3]. first: int32 [N, 2, out], the first pixel that a result sees, counted from the box's start.
    weights: float32 [N, 2, most, out], of that pixel and those after it, as many as the box asks for.
    """
    axis, box = tl.program_id(1), tl.program_id(2)
    points = tl.minimum(tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), out - 1)  # the last one again beyond the end
    start, length, scale, taps = side_of(boxes, box, axis)
    reach = tl.maximum(scale, 1.0)
    centre = (points.to(tl.float32) + 0.5) * scale - 0.5
    pixel = tl.ceil(centre - 2 * reach).to(tl.int32)
    total = tl.zeros([BLOCK], tl.float32)
    for tap in range(taps):
        total += cubic_weight(pixel + tap, centre, reach, length, DARK)
    line = 2 * box.to(tl.int64) + axis
    tl.store(first + line * out + points, pixel)
    for tap in range(taps):
        weight = cubic_weight(pixel + tap, centre, reach, length, False) / total
        tl.store(weights + (line * most + tap) * out + points, weight)


@triton.jit
def crop_forward(
    picture, boxes, first, weights, cuts,
    picture_c, picture_y, picture_x, rows, columns, out, most,
    BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr,
):  # fmt: skip
    """Program (tile, channel, box)."""
    tile, channel, box = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    across = tl.cdiv(out, BLOCK_X)
    ys = tile // across * BLOCK_Y + tl.arange(0, BLOCK_Y)
    xs = tile % across * BLOCK_X + tl.arange(0, BLOCK_X)
    top, height, scale_y, taps_y = side_of(boxes, box, 0)
    left, width, scale_x, taps_x = side_of(boxes, box, 1)
    in_y, in_x = ys < out, xs < out
    first_y = tl.load(first + 2 * box * out + ys, mask=in_y, other=0) + top
    first_x = tl.load(first + (2 * box + 1) * out + xs, mask=in_x, other=0) + left
    line_y, line_x = weights + 2 * box * most * out + ys, weights + (2 * box + 1) * most * out + xs
    seen = picture + channel.to(tl.int64) * picture_c
    cut = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
    for tap_x in range(taps_x):
        x = first_x + tap_x
        weight_x = tl.load(line_x + tap_x * out, mask=in_x & (x >= 0) & (x < columns), other=0.0)
        at_x, counts_x = seen + (x.to(tl.int64) * picture_x)[None, :], (weight_x != 0)[None, :]
        column = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
        for tap_y in range(taps_y):
            y = first_y + tap_y
            weight_y = tl.load(line_y + tap_y * out, mask=in_y & (y >= 0) & (y < rows), other=0.0)
            mask = (weight_y != 0)[:, None] & counts_x
            pixel = tl.load(at_x + (y.to(tl.int64) * picture_y)[:, None], mask=mask, other=0.0)
            column += weight_y[:, None] * pixel.to(tl.float32)
        cut += weight_x[None, :] * column
    at = cuts + ((box * tl.num_programs(1) + channel) * out + ys[:, None]) * out + xs[None, :]
    tl.store(at, cut.to(cuts.dtype.element_ty), mask=in_y[:, None] & in_x[None, :])


@triton.jit
def lookers_of(pixels, length, scale, out):
    """For pixels of a piece: the first result that looks at each, and how many may.

    Those do whose centre is less than 2 max(scale, 1) away: 4 of them where the piece shrinks.
    """
    first = tl.ceil((pixels.to(tl.float32) + 0.5 - 2 * tl.maximum(scale, 1.0)) / scale - 0.5).to(tl.int32)
    return first, tl.where(length >= out, 4, (4 * out + length - 1) // length)


@triton.jit
def crop_backward(
    upstream, boxes, first, weights, gradient,
    count, rows, columns, out, most,
    BLOCK_Y: tl.constexpr, BLOCK_X: tl.constexpr,
):  # fmt: skip
    """Program (tile, channel): a tile of the picture, which sums over all boxes in their order."""
    tile, channel = tl.program_id(0), tl.program_id(1).to(tl.int64)
    across = tl.cdiv(columns, BLOCK_X)
    first_row, first_column = tile // across * BLOCK_Y, tile % across * BLOCK_X
    ys, xs = first_row + tl.arange(0, BLOCK_Y), first_column + tl.arange(0, BLOCK_X)
    found = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
    for box in range(count):
        top, height, scale_y, taps_y = side_of(boxes, box, 0)
        left, width, scale_x, taps_x = side_of(boxes, box, 1)
        meet_y = (first_row < top + height) & (first_row + BLOCK_Y > top)
        meet_x = (first_column < left + width) & (first_column + BLOCK_X > left)
        if meet_y & meet_x:
            line = 2 * tl.cast(box, tl.int64)
            cut = upstream + (tl.cast(box, tl.int64) * tl.num_programs(1) + channel) * out * out
            looker_y, lookers_y = lookers_of(ys - top, height, scale_y, out)
            looker_x, lookers_x = lookers_of(xs - left, width, scale_x, out)
            for _ in range(lookers_x):
                in_x = (looker_x >= 0) & (looker_x < out)
                tap_x = xs - left - tl.load(first + (line + 1) * out + looker_x, mask=in_x, other=0)
                in_x = in_x & (tap_x >= 0) & (tap_x < taps_x)
                weight_x = tl.load(weights + ((line + 1) * most + tap_x) * out + looker_x, mask=in_x, other=0.0)
                at_x, counts_x = (cut + looker_x)[None, :], (weight_x != 0)[None, :]
                column = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
                for step in range(lookers_y):
                    y = looker_y + step
                    in_y = (y >= 0) & (y < out)
                    tap_y = ys - top - tl.load(first + line * out + y, mask=in_y, other=0)
                    in_y = in_y & (tap_y >= 0) & (tap_y < taps_y)
                    weight_y = tl.load(weights + (line * most + tap_y) * out + y, mask=in_y, other=0.0)
                    mask = (weight_y != 0)[:, None] & counts_x
                    value = tl.load(at_x + (y * out)[:, None], mask=mask, other=0.0)
                    column += weight_y[:, None] * value.to(tl.float32)
                found += weight_x[None, :] * column
                looker_x += 1
    at = gradient + (channel * rows + ys[:, None]) * columns + xs[None, :]
    mask = (ys < rows)[:, None] & (xs < columns)[None, :]
    tl.store(at, found.to(gradient.dtype.element_ty), mask=mask)


class CropResize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, boxes: Tensor, most: int, out: int, dark: bool) -> Tensor:
        channels, rows, columns = picture.shape
        n = len(boxes)
        first = torch.empty(n, 2, out, dtype=torch.int32, device=picture.device)
        weights = torch.empty(n, 2, most, out, dtype=torch.float32, device=picture.device)
        cuts = picture.new_empty(n, channels, out, out)
        down, across = CUT_TILE
        with torch.cuda.device_of(picture):
            line_weights[triton.cdiv(out, POINTS), 2, n](
                boxes, first, weights, out, most, BLOCK=POINTS, DARK=dark, num_warps=2
            )
            crop_forward[triton.cdiv(out, down) * triton.cdiv(out, across), channels, n](
                picture, boxes, first, weights, cuts, *picture.stride(), rows, columns, out, most,
                BLOCK_Y=down, BLOCK_X=across, num_warps=4,
            )  # fmt: skip
        ctx.save_for_backward(boxes, first, weights)
        ctx.shape = picture.shape
        return cuts

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        boxes, first, weights = ctx.saved_tensors
        channels, rows, columns = ctx.shape
        most, out = weights.shape[2:]
        upstream = gradients[0].contiguous()
        gradient = upstream.new_empty(ctx.shape)
        down, across = PICTURE_TILE
        with torch.cuda.device_of(upstream):
            crop_backward[triton.cdiv(rows, down) * triton.cdiv(columns, across), channels](
                upstream, boxes, first, weights, gradient, len(boxes), rows, columns, out, most,
                BLOCK_Y=down, BLOCK_X=across, num_warps=4,
            )  # fmt: skip
        return gradient, None, None, None, None


def crop_resize(
    picture: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, out: int, dark: bool
) -> Tensor:
    """See `disco.kernels.cutouts.crop_resize`."""
    # All that a kernel has to know of a box goes to its device in one piece; the scale as the bits of a float32.
    scale = [(length / out).float() for length in (height, width)]
    sides = [top, height, scale[0].view(torch.int32), left, width, scale[1].view(torch.int32)]
    boxes = torch.stack([side.int() for side in sides], -1).to(picture.device, non_blocking=True)
    most = int(4 * max(1.0, scale[0].max().item(), scale[1].max().item())) + 1
    return CropResize.apply(picture, boxes, most, out, dark)


@triton.jit
def map_of(matrix, cut, height, width):
    """The affine map of a cut, from its result's pixels to its own: x = a x' + b y' + c, y = d x' + e y' + f."""
    at = matrix + 6 * cut
    a, b, d, e = tl.load(at), tl.load(at + 1), tl.load(at + 3), tl.load(at + 4)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    c = tl.load(at + 2) + middle_x - a * middle_x - b * middle_y
    f = tl.load(at + 5) + middle_y - d * middle_x - e * middle_y
    return a, b, c, d, e, f


@triton.jit
def warp_forward(
    cuts, matrix, warped,
    cuts_n, cuts_c, cuts_y, cuts_x, height, width,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (stretch of pixels, channel, cut). matrix: float32 [N, 2, 3]."""
    channel, cut = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a, b, c, d, e, f = map_of(matrix, cut, height, width)
    to_x, to_y = (pixel % width).to(tl.float32), (pixel // width).to(tl.float32)
    # What is far outside is as dark as what is just outside.
    from_x = tl.minimum(tl.maximum(a * to_x + b * to_y + c, -2.0), width + 1.0)
    from_y = tl.minimum(tl.maximum(d * to_x + e * to_y + f, -2.0), height + 1.0)
    left, top = tl.floor(from_x), tl.floor(from_y)
    right_share, lower_share = from_x - left, from_y - top
    seen = cuts + cut * cuts_n + channel * cuts_c
    value = tl.zeros([BLOCK], tl.float32)
    for corner in tl.static_range(4):
        x, y = left.to(tl.int32) + corner % 2, top.to(tl.int32) + corner // 2
        share = (right_share if corner % 2 else 1 - right_share) * (lower_share if corner // 2 else 1 - lower_share)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        at = seen + y.to(tl.int64) * cuts_y + x.to(tl.int64) * cuts_x
        value += share * tl.load(at, mask=inside, other=0.0).to(tl.float32)
    at = warped + (cut * tl.num_programs(1) + channel) * height * width + pixel
    tl.store(at, value.to(warped.dtype.element_ty), mask=pixel < height * width)


@triton.jit
def window(point, reach, size, regular):
    """The pixels less than `reach` from a point: the first for each point, how many. All, where that is no bound."""
    bounded = regular & (reach < size)
    first = tl.ceil(tl.where(bounded, point - reach, 0.0)).to(tl.int32)
    return first, tl.where(bounded, (2 * tl.where(bounded, reach, 0.0)).to(tl.int32) + 1, size)


@triton.jit
def warp_backward(
    upstream, matrix, gradient,
    height, width,
    BLOCK: tl.constexpr,
):  # fmt: skip
    r"""Program (stretch of pixels, channel, cut): each pixel q gathers from the results that looked at it.

    These are the p with |M p - q| < 1 in x and in y, and so within |M^-1| (1, 1) of M^-1 q.
    """
    channel, cut = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a, b, c, d, e, f = map_of(matrix, cut, height, width)
    from_x, from_y = (pixel % width).to(tl.float32), (pixel // width).to(tl.float32)
    area = a * e - b * d
    regular = area != 0  # a singular map has no inverse
    part = 1 / tl.where(regular, area, 1.0)
    at_x, at_y = part * (e * (from_x - c) - b * (from_y - f)), part * (a * (from_y - f) - d * (from_x - c))
    first_x, count_x = window(at_x, tl.abs(part) * (tl.abs(e) + tl.abs(b)), width, regular)
    first_y, count_y = window(at_y, tl.abs(part) * (tl.abs(a) + tl.abs(d)), height, regular)
    seen = upstream + (cut * tl.num_programs(1) + channel) * height * width
    found = tl.zeros([BLOCK], tl.float32)
    for step_y in range(count_y):
        y = first_y + step_y
        for step_x in range(count_x):
            x = first_x + step_x
            away_x = tl.abs(a * x.to(tl.float32) + b * y.to(tl.float32) + c - from_x)
            away_y = tl.abs(d * x.to(tl.float32) + e * y.to(tl.float32) + f - from_y)
            share = tl.maximum(1 - away_x, 0.0) * tl.maximum(1 - away_y, 0.0)
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (share > 0) & (pixel < height * width)
            found += share * tl.load(seen + y * width + x, mask=inside, other=0.0).to(tl.float32)
    at = gradient + (cut * tl.num_programs(1) + channel) * height * width + pixel
    tl.store(at, found.to(gradient.dtype.element_ty), mask=pixel < height * width)


class Warp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cuts: Tensor, matrix: Tensor) -> Tensor:
        n, channels, height, width = cuts.shape
        warped = torch.empty_like(cuts, memory_format=torch.contiguous_format)
        with torch.cuda.device_of(cuts):
            warp_forward[triton.cdiv(height * width, WARPED), channels, n](
                cuts, matrix, warped, *cuts.stride(), height, width, BLOCK=WARPED, num_warps=4
            )
        ctx.save_for_backward(matrix)
        return warped

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (matrix,) = ctx.saved_tensors
        upstream = gradients[0].contiguous()
        n, channels, height, width = upstream.shape
        gradient = torch.empty_like(upstream)
        with torch.cuda.device_of(upstream):
            warp_backward[triton.cdiv(height * width, WARPED), channels, n](
                upstream, matrix, gradient, height, width, BLOCK=WARPED, num_warps=4
            )
        return gradient, None


def warp(cuts: Tensor, matrix: Tensor) -> Tensor:
    """See `disco.kernels.cutouts.warp`; for affine maps, which it takes to float32."""
    return Warp.apply(cuts, matrix.to(cuts.device, torch.float32, non_blocking=True).contiguous())


def examples() -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """What to compile ahead: see `disco.kernels.offline`."""
    found: list[tuple[Any, dict[str, str], dict[str, Any]]] = []
    for dtype in ("fp32", "bf16"):
        types = {"boxes": "*i32", "first": "*i32", "weights": "*fp32", "matrix": "*fp32"}
        for kernel, block in (
            (line_weights, {"BLOCK": POINTS, "DARK": False}),
            (line_weights, {"BLOCK": POINTS, "DARK": True}),
            (crop_forward, {"BLOCK_Y": CUT_TILE[0], "BLOCK_X": CUT_TILE[1]}),
            (crop_backward, {"BLOCK_Y": PICTURE_TILE[0], "BLOCK_X": PICTURE_TILE[1]}),
            (warp_forward, {"BLOCK": WARPED}),
            (warp_backward, {"BLOCK": WARPED}),
        ):
            pictures = {name: f"*{dtype}" for name in ("picture", "cuts", "upstream", "gradient", "warped")}
            known = {**pictures, **types, **dict.fromkeys(block, "constexpr")}
            found.append((kernel, {name: known.get(name, "i32") for name in kernel.arg_names}, block))
    return found

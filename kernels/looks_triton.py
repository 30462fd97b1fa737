"""The Triton kernels of `disco.kernels.looks`.

The contrast needs the mean of its whole cut, and its gradient the sum of the gradients of a whole cut. Either takes two
launches: one works through stretches of pixels and leaves a partial sum for each, the next adds these in a fixed order
and does the rest. The first passes on the brightened cut, which is all that the gradient needs kept, too.

Stretches were chosen for GPUs of the A100's and H100's kind, without measuring on one.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from disco.kernels.colour import LUMA
from torch import Tensor

#: Pixels that one program recolours.
STRETCH = 512

#: Numbers of a cut's own: two matrices, and contrast, saturation and hue.
OWN = 21

RED, GREEN, BLUE = (tl.constexpr(share) for share in LUMA)


@triton.jit
def load_pixels(pointer, cut, size, pixel):
    """The three channels of a stretch of a cut, float32; zeros beyond its end."""
    at = pointer + cut * 3 * size + pixel
    inside = pixel < size
    red = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    green = tl.load(at + size, mask=inside, other=0.0).to(tl.float32)
    blue = tl.load(at + 2 * size, mask=inside, other=0.0).to(tl.float32)
    return red, green, blue


@triton.jit
def store_pixels(pointer, cut, size, pixel, red, green, blue):
    at = pointer + cut * 3 * size + pixel
    inside = pixel < size
    tl.store(at, red.to(pointer.dtype.element_ty), mask=inside)
    tl.store(at + size, green.to(pointer.dtype.element_ty), mask=inside)
    tl.store(at + 2 * size, blue.to(pointer.dtype.element_ty), mask=inside)


@triton.jit
def unit(x):
    return tl.minimum(tl.maximum(x, 0.0), 1.0)


@triton.jit
def inside_unit(gradient, x):
    """The gradient where the clamp of x lets it through."""
    return tl.where((x > 0) & (x < 1), gradient, 0.0)


@triton.jit
def mixed(at, red, green, blue):
    """A row of a matrix times the channels."""
    return tl.load(at) * red + tl.load(at + 1) * green + tl.load(at + 2) * blue


@triton.jit
def total(parts, cut, count, PARTS: tl.constexpr):
    """The sum of a cut's partial sums."""
    which = tl.arange(0, PARTS)
    return tl.sum(tl.load(parts + cut * count + which, mask=which < count, other=0.0), 0)


@triton.jit
def contrasted(red, green, blue, keep, mean):
    """Before its clamp."""
    term = (1 - keep) * mean
    return keep * red + term, keep * green + term, keep * blue + term


@triton.jit
def saturated(red, green, blue, share):
    """Before its clamp."""
    luma = (1 - share) * (RED * red + GREEN * green + BLUE * blue)
    return share * red + luma, share * green + luma, share * blue + luma


@triton.jit
def colour_of(red, green, blue):
    """Value, chroma, the largest channel's number, and the lead of the channel after it over the one before it."""
    both = tl.maximum(red, green)
    value = tl.maximum(both, blue)
    chroma = value - tl.minimum(tl.minimum(red, green), blue)
    largest = tl.where(blue > both, 2, tl.where(green > red, 1, 0))
    lead = tl.where(largest == 2, red - green, tl.where(largest == 1, blue - red, green - blue))
    return value, chroma, largest, lead


@triton.jit
def away_of(largest, share, turn, channel):
    """How far the turned hue is from a channel, in sixths of the circle: -6..6."""
    place = 2 * largest.to(tl.float32) + share + 6 * turn
    return place - 6 * tl.floor(place / 6) - 2 * channel


@triton.jit
def drop_of(away):
    return unit(2 - tl.abs(tl.abs(away) - 3))


@triton.jit
def slope_of(away):
    """Of `drop_of`."""
    far = tl.abs(away) - 3
    falls = (far > 0) == (away > 0)
    bends = (tl.abs(far) > 1) & (tl.abs(far) < 2)
    return tl.where(bends, tl.where(falls, -1.0, 1.0), 0.0)


@triton.jit
def brighten(
    x, noise, own, z, lumas,
    size, count,
    BLOCK: tl.constexpr, OWN: tl.constexpr,
):  # fmt: skip
    """Program (stretch, cut): mixed, noisy and brightened. own: float32 [n, OWN]; lumas: float32 [n, count]."""
    stretch, cut = tl.program_id(0), tl.program_id(1).to(tl.int64)
    pixel = stretch * BLOCK + tl.arange(0, BLOCK)
    red, green, blue = load_pixels(x, cut, size, pixel)
    n_red, n_green, n_blue = load_pixels(noise, cut, size, pixel)
    at = own + cut * OWN
    new_red = unit(mixed(at, red, green, blue) + mixed(at + 9, n_red, n_green, n_blue))
    new_green = unit(mixed(at + 3, red, green, blue) + mixed(at + 12, n_red, n_green, n_blue))
    new_blue = unit(mixed(at + 6, red, green, blue) + mixed(at + 15, n_red, n_green, n_blue))
    store_pixels(z, cut, size, pixel, new_red, new_green, new_blue)
    luma = RED * new_red + GREEN * new_green + BLUE * new_blue  # zero beyond the end, where all is zero
    tl.store(lumas + cut * count + stretch, tl.sum(luma, 0))


@triton.jit
def jitter_forward(
    z, own, lumas, out,
    size, count,
    BLOCK: tl.constexpr, OWN: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Program (stretch, cut): contrast, saturation and hue."""
    cut = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    keep, share, turn = tl.load(own + cut * OWN + 18), tl.load(own + cut * OWN + 19), tl.load(own + cut * OWN + 20)
    red, green, blue = load_pixels(z, cut, size, pixel)
    red, green, blue = contrasted(red, green, blue, keep, total(lumas, cut, count, PARTS) / size)
    red, green, blue = saturated(unit(red), unit(green), unit(blue), share)
    value, chroma, largest, lead = colour_of(unit(red), unit(green), unit(blue))
    hue = lead / tl.maximum(chroma, 1.1754944e-38)
    store_pixels(
        out, cut, size, pixel,
        value - chroma * drop_of(away_of(largest, hue, turn, 0)),
        value - chroma * drop_of(away_of(largest, hue, turn, 1)),
        value - chroma * drop_of(away_of(largest, hue, turn, 2)),
    )  # fmt: skip


@triton.jit
def jitter_backward(
    upstream, z, own, lumas, gradient, sums,
    size, count,
    BLOCK: tl.constexpr, OWN: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Program (stretch, cut): the gradient of the contrast before its clamp, and its sum over the stretch.

    Through the hue as `disco.kernels.colour.hue_gradient` has it.
    """
    stretch, cut = tl.program_id(0), tl.program_id(1).to(tl.int64)
    pixel = stretch * BLOCK + tl.arange(0, BLOCK)
    keep, share, turn = tl.load(own + cut * OWN + 18), tl.load(own + cut * OWN + 19), tl.load(own + cut * OWN + 20)
    red, green, blue = load_pixels(z, cut, size, pixel)
    c_red, c_green, c_blue = contrasted(red, green, blue, keep, total(lumas, cut, count, PARTS) / size)
    s_red, s_green, s_blue = saturated(unit(c_red), unit(c_green), unit(c_blue), share)
    value, chroma, largest, lead = colour_of(unit(s_red), unit(s_green), unit(s_blue))

    g_red, g_green, g_blue = load_pixels(upstream, cut, size, pixel)
    hue = lead / tl.maximum(chroma, 1.1754944e-38)
    from_red = away_of(largest, hue, turn, 0)
    from_green = away_of(largest, hue, turn, 1)
    from_blue = away_of(largest, hue, turn, 2)
    q = g_red * slope_of(from_red) + g_green * slope_of(from_green) + g_blue * slope_of(from_blue)
    to_least = g_red * drop_of(from_red) + g_green * drop_of(from_green) + g_blue * drop_of(from_blue) - q * hue
    to_value = g_red + g_green + g_blue - to_least
    to_before = tl.where(lead > 0, to_least, 0.0) + q
    to_after = to_least - to_before
    g_red = tl.where(largest == 0, to_value, tl.where(largest == 1, to_before, to_after))
    g_green = tl.where(largest == 1, to_value, tl.where(largest == 2, to_before, to_after))
    g_blue = tl.where(largest == 2, to_value, tl.where(largest == 0, to_before, to_after))

    g_red, g_green, g_blue = inside_unit(g_red, s_red), inside_unit(g_green, s_green), inside_unit(g_blue, s_blue)
    through_luma = (1 - share) * (g_red + g_green + g_blue)
    g_red = inside_unit(share * g_red + RED * through_luma, c_red)
    g_green = inside_unit(share * g_green + GREEN * through_luma, c_green)
    g_blue = inside_unit(share * g_blue + BLUE * through_luma, c_blue)
    store_pixels(gradient, cut, size, pixel, g_red, g_green, g_blue)
    tl.store(sums + cut * count + stretch, tl.sum(g_red + g_green + g_blue, 0))  # zeros beyond the end add nothing


@triton.jit
def brighten_backward(
    gradient, z, own, sums,
    size, count,
    BLOCK: tl.constexpr, OWN: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Program (stretch, cut): through the contrast, its mean, the brightness and the mixing, in place."""
    cut = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    keep = tl.load(own + cut * OWN + 18)
    through_mean = (1 - keep) * total(sums, cut, count, PARTS) / size
    red, green, blue = load_pixels(z, cut, size, pixel)
    g_red, g_green, g_blue = load_pixels(gradient, cut, size, pixel)
    g_red = inside_unit(keep * g_red + RED * through_mean, red)
    g_green = inside_unit(keep * g_green + GREEN * through_mean, green)
    g_blue = inside_unit(keep * g_blue + BLUE * through_mean, blue)
    at = own + cut * OWN
    store_pixels(
        gradient, cut, size, pixel,
        tl.load(at) * g_red + tl.load(at + 3) * g_green + tl.load(at + 6) * g_blue,
        tl.load(at + 1) * g_red + tl.load(at + 4) * g_green + tl.load(at + 7) * g_blue,
        tl.load(at + 2) * g_red + tl.load(at + 5) * g_green + tl.load(at + 8) * g_blue,
    )  # fmt: skip


class Recolour(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, noise: Tensor, own: Tensor) -> Tensor:
        n, size = len(x), x[0, 0].numel()
        count = triton.cdiv(size, STRETCH)
        z, out = torch.empty_like(x), torch.empty_like(x)
        lumas = torch.empty(n, count, dtype=torch.float32, device=x.device)
        parts = triton.next_power_of_2(count)
        sizes = {"BLOCK": STRETCH, "OWN": OWN, "num_warps": 4}
        with torch.cuda.device_of(x):
            brighten[count, n](x, noise, own, z, lumas, size, count, **sizes)
            jitter_forward[count, n](z, own, lumas, out, size, count, PARTS=parts, **sizes)
        ctx.save_for_backward(z, own, lumas)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        z, own, lumas = ctx.saved_tensors
        n, size, count = len(z), z[0, 0].numel(), lumas.shape[1]
        upstream = gradients[0].contiguous()
        gradient, sums = torch.empty_like(z), torch.empty_like(lumas)
        sizes = {"BLOCK": STRETCH, "OWN": OWN, "PARTS": triton.next_power_of_2(count), "num_warps": 4}
        with torch.cuda.device_of(z):
            jitter_backward[count, n](upstream, z, own, lumas, gradient, sums, size, count, **sizes)
            brighten_backward[count, n](gradient, z, own, sums, size, count, **sizes)
        return gradient, None, None


def recolour(x: Tensor, noise: Tensor, own: Tensor) -> Tensor:
    """See `disco.kernels.looks.recolour`. own: [n, OWN], the two matrices times the brightness, and what is left."""
    own = own.to(x.device, torch.float32, non_blocking=True)
    return Recolour.apply(x.contiguous(), noise.contiguous(), own)


def examples() -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """What to compile ahead: see `disco.kernels.offline`."""
    found: list[tuple[Any, dict[str, str], dict[str, Any]]] = []
    for dtype in ("fp32", "bf16"):
        known = {name: f"*{dtype}" for name in ("x", "noise", "z", "out", "upstream", "gradient")}
        known |= {name: "*fp32" for name in ("own", "lumas", "sums")}
        for kernel in (brighten, jitter_forward, jitter_backward, brighten_backward):
            sizes = {"BLOCK": STRETCH, "OWN": OWN, "PARTS": 128}
            sizes = {name: size for name, size in sizes.items() if name in kernel.arg_names}
            types = {**known, **dict.fromkeys(sizes, "constexpr")}
            found.append((kernel, {name: types.get(name, "i32") for name in kernel.arg_names}, sizes))
    return found

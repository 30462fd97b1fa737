"""Colour changes of many pictures at once, in plain torch: each picture its own, few passes over the pixels.

A picture of an ordinary size is larger than the processor's nearest memory, so that a pass costs more than its
arithmetic. Linear changes are therefore one product with a 3 x 3 matrix, and the turn of the hue has its gradient
written by hand: autograd would go back through thirty passes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

#: Luma of ITU-R BT.601, to torchvision's digits.
LUMA = (0.2989, 0.587, 0.114)


def grey(x: Tensor) -> Tensor:
    """Pictures [..., 3, h, w] without their colour, in three equal channels: luma."""
    red, green, blue = x.unbind(-3)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return luma.unsqueeze(-3).expand_as(x)


def greyness(share: Tensor) -> Tensor:
    """Matrices [n, 3, 3] for `mix` that blend pictures with their luma, `share` [n] of their own colour left."""
    luma = torch.tensor(LUMA, dtype=share.dtype, device=share.device).expand(3, 3)
    return torch.lerp(luma, torch.eye(3, dtype=share.dtype, device=share.device), share[:, None, None])


def mix(x: Tensor, matrix: Tensor) -> Tensor:
    """Each pixel's channels through its picture's matrix: x [n, 3, h, w], matrix [n, 3, 3] -> [n, 3, h, w]."""
    return torch.bmm(matrix, x.flatten(2)).view(x.shape)


def hue(x: Tensor, turn: Tensor) -> Tensor:
    r"""Turn the hue of [n, 3, h, w] by `turn` [n, 1, 1, 1] circles; value and chroma stay.

        m   =  the channel of the maximum V,   C  =  V - minimum,   H  =  2 m + (x[m + 1] - x[m + 2]) / C
        x'[c]  =  V - C w(H + 6 turn - 2 c),      w(D)  =  clamp(2 - ||D| - 3|, 0, 1)    for D in -6..6

    Channels count round the circle; H is the hue in sixths of it, and D how far that then is from channel c, which is
    full up to one sixth away and gone from two on. C cancels the division by C: x' is linear in x between its bends,
    and greys have a gradient as all colours have. The gradient flows to `x` alone.

    Source: A. R. Smith, Color gamut transform pairs (1978). In 0..1 this equals torchvision's `adjust_hue`, which
    outside clamps all channels but the largest.
    """
    return _Hue.apply(x, turn)


class _Hue(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, turn: Tensor) -> Tensor:
        out, kept = turned(x.flatten(2), turn.flatten(1), ctx.needs_input_grad[0])
        ctx.save_for_backward(*kept)
        return out.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (g,) = gradients
        return hue_gradient(g.flatten(2), *ctx.saved_tensors).view(g.shape), None


def turned(x: Tensor, turn: Tensor, differentiable: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    """`hue` of x [n, 3, p] by turn [n, 1], and what its gradient needs, if there is to be one.

    Masks are numbers, not booleans: multiplying by them is vectorised everywhere, choosing by them is not.
    """
    red, green, blue = x.unbind(1)
    both = torch.maximum(red, green)
    value = torch.maximum(both, blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    is_blue = torch.gt(blue, both, out=torch.empty_like(both))
    is_green = torch.gt(green, red, out=torch.empty_like(both))
    is_green.addcmul_(is_green, is_blue, value=-1)
    is_red = (1 - is_blue).sub_(is_green)
    lead = (green - blue).mul_(is_red).addcmul_(blue - red, is_green).addcmul_(red - green, is_blue)
    share = lead / chroma.clamp_min(torch.finfo(x.dtype).tiny)

    place = torch.add(share, is_green, alpha=2).add_(is_blue, alpha=4).add_(6 * turn)
    place -= (place / 6).floor_().mul_(6)
    away = torch.empty_like(x, memory_format=torch.contiguous_format)
    for channel, apart in enumerate(away.unbind(1)):
        torch.sub(place, 2 * channel, out=apart)
    far = away.abs().sub_(3)
    drop = (2 - far.abs()).clamp_(0, 1)
    out = torch.addcmul(value[:, None], chroma[:, None], drop, value=-1)
    if not differentiable:
        return out, ()
    slope = inside(away.mul_(far).sign_(), drop)
    return out, (is_red, is_green, is_blue, lead, share, drop, slope)


def hue_gradient(g: Tensor, *kept: Tensor) -> Tensor:
    r"""The gradient of `turned` [n, 3, p], from that of its result and what it kept.

    With q[c] = w'(D[c]) g[c] and h = (x[m + 1] - x[m + 2]) / C, the gradient g[c] of x'[c] goes

        to the minimum       T  =  sum_c w(D[c]) g[c] - h sum_c q[c]
        to the maximum       sum_c g[c] - T
        to x[m + 1]          - sum_c q[c]
        to x[m + 2]            sum_c q[c]
    """
    is_red, is_green, is_blue, lead, share, drop, slope = kept
    q = _dot(g, slope)  # slope is -w'
    to_least = _dot(g, drop).addcmul_(q, share)
    red, green, blue = g.unbind(1)
    to_value = (red + green).add_(blue).sub_(to_least)
    # The minimum is the channel before the maximum or the one after it.
    to_before = torch.gt(lead, 0, out=torch.empty_like(lead)).mul_(to_least).sub_(q)
    to_after = to_least - to_before
    out = torch.empty_like(g, memory_format=torch.contiguous_format)
    turns = ((is_red, is_green, is_blue), (is_green, is_blue, is_red), (is_blue, is_red, is_green))
    for channel, (own, next_, last) in zip(out.unbind(1), turns, strict=True):
        torch.mul(own, to_value, out=channel).addcmul_(next_, to_before).addcmul_(last, to_after)
    return out


def inside(gradient: Tensor, clamped: Tensor) -> Tensor:
    """The gradient where a clamp to 0..1 let it through, in place: `F.hardtanh`'s, which stops it at the bounds."""
    return torch.ops.aten.hardtanh_backward.grad_input(gradient, clamped, 0.0, 1.0, grad_input=gradient)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Over the channels of [n, 3, p]: [n, p]. A product and its sum would take three times as long."""
    (first, *others), (with_first, *with_others) = a.unbind(1), b.unbind(1)
    out = first * with_first
    for one, other in zip(others, with_others, strict=True):
        out.addcmul_(one, other)
    return out

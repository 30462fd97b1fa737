"""The colours of many cuts at once: greyed, noisy and jittered, each cut its own way, in few passes over the pixels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from disco.kernels.backend import by_triton
from disco.kernels.colour import LUMA, grey, greyness, hue, hue_gradient, inside, mix, turned
from torch import Tensor

#: Brightness, contrast, saturation, hue, as `JITTERS` numbers them: the order that is worked out in one go.
USUAL_ORDER = (0, 1, 2, 3)


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Blend [n, 3, h, w] with black; factor [n, 1, 1, 1], 1 for no change. Clamped to 0..1, as all blends here."""
    return _clamped(factor * x)


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with the cut's mean luma."""
    return _clamped(torch.lerp(grey(x.mean((-2, -1), keepdim=True)), x, factor))


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with the cut's luma."""
    return _clamped(mix(x, greyness(factor.flatten())))


def _clamped(x: Tensor) -> Tensor:
    return F.hardtanh(x, 0.0, 1.0)  # `clamp` has the slower gradient


#: In torchvision's order, which numbers them so.
JITTERS = (brightness, contrast, saturation, hue)


def recolour(
    x: Tensor,
    noise: Tensor,
    colours: Tensor,
    noise_colours: Tensor,
    jitter: Tensor | None,
    order: tuple[int, ...] = USUAL_ORDER,
) -> Tensor:
    r"""Mix each cut's channels, lay noise of mixed channels over it, and jitter it.

        y  =  colours x + noise_colours noise,        then the four jitters in their order, in the usual one
        z  =  clamp(b y)                              brightness
        c  =  clamp(k z + (1 - k) mean of luma(z))    contrast
        s  =  clamp(f c + (1 - f) luma(c))            saturation
        r  =  hue(s, turn)

    with clamps to 0..1. Each is torchvision's `adjust_...` of that name.

    Args:
        x, noise: [n, 3, h, w], of one floating dtype, on one device.
        colours, noise_colours: [n, 3, 3], floating point, any device.
        jitter: [n, 4], b, k, f and turn, on the same device; or None for none.
        order: in which the jitters follow one another, as `JITTERS` numbers them.

    Returns [n, 3, h, w], dtype and device of `x`; the gradient flows to `x` alone. The kernel is for the usual order.
    """
    if jitter is None or order != USUAL_ORDER:
        colours, noise_colours = (each.to(x.device, x.dtype, non_blocking=True) for each in (colours, noise_colours))
        y = torch.baddbmm(torch.bmm(noise_colours, noise.flatten(2)), colours, x.flatten(2)).view(x.shape)
        if jitter is not None:
            factors = jitter.to(x.device, x.dtype, non_blocking=True)[:, :, None, None, None]
            for step in order:
                y = JITTERS[step](y, factors[:, step])
        return y
    # The brightness is part of the mixing. All that is a cut's own goes to its device in one piece.
    bright = jitter[:, :1, None]
    own = torch.cat([(bright * colours).flatten(1), (bright * noise_colours).flatten(1), jitter[:, 1:]], 1)
    if x.numel() and by_triton("recolour", x, noise):
        from disco.kernels.looks_triton import recolour as kernel

        return kernel(x, noise, own)
    own = own.to(x.device, x.dtype, non_blocking=True)
    return _Recolour.apply(x.flatten(2), noise.flatten(2), own).view(x.shape)


class _Recolour(torch.autograd.Function):
    """`recolour` in the usual order, without what autograd would keep and pass over again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, noise: Tensor, own: Tensor) -> Tensor:
        colours, noise_colours, jitter = own.split([9, 9, 3], 1)
        colours = colours.view(-1, 3, 3)
        keep, share, turn = jitter[:, :, None].unbind(1)
        saturate = greyness(share.flatten())
        z = torch.bmm(noise_colours.view(-1, 3, 3), noise).baddbmm_(colours, x).clamp_(0, 1)
        luma = z.new_tensor(LUMA)
        mean = (z.mean(-1) @ luma)[:, None]
        # A factor for each cut: as `addcmul` it would be three times as slow.
        c = (z * keep[:, None]).add_(((1 - keep) * mean)[:, None]).clamp_(0, 1)
        s = torch.bmm(saturate, c).clamp_(0, 1)
        out, kept = turned(s, turn, ctx.needs_input_grad[0])
        ctx.save_for_backward(colours, saturate, keep, luma, z, c, s, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        colours, saturate, keep, luma, z, c, s, *kept = ctx.saved_tensors
        g = inside(hue_gradient(gradients[0], *kept), s)
        g = inside(torch.bmm(saturate.mT, g), c)
        through_mean = (1 - keep) * g.sum((1, 2))[:, None] / z.shape[-1] * luma
        g = inside(g.mul_(keep[:, None]).add_(through_mean[:, :, None]), z)
        return torch.bmm(colours.mT, g), None, None

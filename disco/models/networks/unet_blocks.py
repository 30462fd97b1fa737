"""guided-diffusion's blocks written for speed: fewer passes over the activations, and attention in one operation.

They take the place of its own blocks where nothing is trained, with the same weights under the same names; those that
follow an enlargement are summed up for it. Importing this module imports guided-diffusion, which is slow.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from guided_diffusion import unet
from guided_diffusion.nn import GroupNorm32
from torch import Tensor, nn

from disco.kernels.norm import group_norm_silu
from disco.models.networks.attention import attend


def optimize_unet(network: nn.Module) -> None:
    """Let the blocks of a `UNetModel` compute what they did, as it is written here.

    Modules change their class and keep their parameters' names, so that keys, copies and moves are as before.
    """
    for module in network.modules():
        kind: type = type(module)
        if kind is unet.AttentionBlock:
            module.__class__ = AttentionBlock
        elif kind is unet.ResBlock:
            module.__class__ = ResBlock
            if isinstance(module.h_upd, unet.Upsample):
                in_layers = cast(nn.Sequential, module.in_layers)
                in_layers[2] = in_quarters(cast(nn.Conv2d, in_layers[2]))
        elif kind is unet.Upsample and module.use_conv:
            module.__class__ = Upsample
            module.conv = in_quarters(cast(nn.Conv2d, module.conv))
    network.out.__class__ = Head


def normalised(norm: nn.Module, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    """x [N, C, ...] through a GroupNorm32, scaled and shifted by [N, C], through SiLU."""
    norm = cast(GroupNorm32, norm)
    return group_norm_silu(x, norm.num_groups, norm.weight, norm.bias, norm.eps, scale, shift)


class Head(nn.Sequential):
    """The last normalisation, SiLU and convolution."""

    def forward(self, x: Tensor) -> Tensor:
        norm, _, conv = self
        return conv(normalised(norm, x))


class ResBlock(unet.ResBlock):
    """A residual block: x [N, C, H, W] and the time's embedding [N, E] -> [N, C', H', W']."""

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        norm, _, conv = self.in_layers
        h = normalised(norm, x)
        # What scales is the identity where nothing is scaled.
        h = interleave(conv(h)) if isinstance(self.h_upd, unet.Upsample) else conv(self.h_upd(h))
        x = self.x_upd(x)
        time = self.emb_layers(emb)
        norm, _, dropout, conv = self.out_layers
        if self.use_scale_shift_norm:
            h = normalised(norm, h, *time.chunk(2, dim=1))
        else:
            h = normalised(norm, h + time.to(h.dtype)[..., None, None])
        return self.skip_connection(x) + conv(dropout(h))


class AttentionBlock(unet.AttentionBlock):
    """Attention of all positions [N, C, H, W] to one another.

    A position is a row, as attention's fast kernels want queries, keys and values, and nothing is copied in between.
    """

    def forward(self, x: Tensor) -> Tensor:
        n, channels = x.shape[:2]
        norm = cast(GroupNorm32, self.norm)
        h = x.reshape(n, channels, -1)
        rows = group_norm_silu(h, norm.num_groups, norm.weight, norm.bias, norm.eps, silu=False).mT
        rows = F.linear(rows, self.qkv.weight[..., 0], self.qkv.bias)
        # The channels of q, k and v of a head lie together in the older order, those of q of all heads in the newer.
        older = isinstance(self.attention, unet.QKVAttentionLegacy)
        parts = (self.num_heads, 3) if older else (3, self.num_heads)
        qkv = rows.view(n, -1, *parts, channels // self.num_heads).unbind(-2 if older else -3)
        q, k, v = (each.transpose(1, 2) for each in qkv)
        rows = attend(q, k, v).transpose(1, 2).flatten(2)
        rows = F.linear(rows, self.proj_out.weight[..., 0], self.proj_out.bias)
        return x + rows.mT.reshape(x.shape)


# Enlarging


class Upsample(unet.Upsample):
    """Twice the size, each pixel four times, and a convolution of 3 x 3: [N, C, H, W] -> [N, C', 2 H, 2 W]."""

    def forward(self, x: Tensor) -> Tensor:
        return interleave(self.conv(x))


def in_quarters(conv: nn.Conv2d) -> nn.Conv2d:
    r"""What a convolution of 3 x 3 does with a picture twice enlarged, done with the small one: for `interleave`.

    Of the nine pixels that an enlarged one sees, those that are the same small one count together. What is left is a
    convolution of 2 x 2, another for each of the four pixels that were one: 16 products for four, not 36.

        rows that an even row sees, i - 1 and i:  w[0],         w[1] + w[2]
        rows that an odd row sees,  i and i + 1:  w[0] + w[1],  w[2]                     columns likewise

    The convolution has 4 C' channels, [2 rows, 2 columns, C'], and one row and one column of positions more.
    """

    def halves(weight: Tensor, dim: int) -> list[Tensor]:
        first, middle, last = weight.unbind(dim)
        return [torch.stack([first, middle + last], dim), torch.stack([first + middle, last], dim)]

    with torch.device("meta"):  # which draws no numbers to begin with
        small = nn.Conv2d(conv.in_channels, 4 * conv.out_channels, 2, padding=1)
    quarters = [part for half in halves(conv.weight.detach(), 2) for part in halves(half, 3)]
    small.weight = nn.Parameter(torch.cat(quarters), requires_grad=False)
    small.bias = nn.Parameter(cast(Tensor, conv.bias).detach().repeat(4), requires_grad=False)
    return small


def interleave(quarters: Tensor) -> Tensor:
    """The four pixels of each position side by side: [N, 4 C, H + 1, W + 1] of `in_quarters` -> [N, C, 2 H, 2 W]."""
    return _Interleave.apply(quarters)


class _Interleave(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, quarters: Tensor) -> Tensor:
        ctx.shape = n, channels, rows, columns = quarters.shape
        whole = _empty((n, channels // 4, 2 * rows - 2, 2 * columns - 2), quarters)
        for quarter, place in _places(quarters, whole):
            place.copy_(quarter)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        quarters = _empty(ctx.shape, gradient).zero_()
        for quarter, place in _places(quarters, gradient):
            quarter.copy_(place)
        return quarters


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Of the same kind, and with its channels last where the other has them so."""
    last = like.is_contiguous(memory_format=torch.channels_last) and not like.is_contiguous()
    order = torch.channels_last if last else torch.contiguous_format
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=order)


def _places(quarters: Tensor, whole: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Where in the convolution's result, and where in the whole, the pixels of each quarter are."""
    parts = quarters.unflatten(1, (2, 2, -1))
    rows, columns = (side - 1 for side in quarters.shape[2:])
    return [(parts[:, y, x, :, y : y + rows, x : x + columns], whole[:, :, y::2, x::2]) for y in (0, 1) for x in (0, 1)]

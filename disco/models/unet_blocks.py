"""guided-diffusion's blocks written for speed: fewer passes over the activations, and attention in one operation.

They take the place of its own blocks where nothing is trained, with the same weights under the same names. Importing
this module imports guided-diffusion, which is slow.
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from guided_diffusion import unet
from guided_diffusion.nn import GroupNorm32
from torch import Tensor, nn

from disco.kernels.norm import group_norm_silu
from disco.models.attention import attend


def quicken(network: nn.Module) -> None:
    """Let the blocks of a `UNetModel` compute what they did, as it is written here.

    Modules change their class and keep their parameters, so that keys, copies and moves are as before.
    """
    for module in network.modules():
        for written in (ResBlock, AttentionBlock):
            if type(module) is written.__base__:
                module.__class__ = written
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
        if self.updown:
            h, x = self.h_upd(h), self.x_upd(x)
        h = conv(h)
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

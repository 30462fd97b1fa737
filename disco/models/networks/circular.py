"""Circular padding: networks for pictures that tile, which go on at their other edge.

A convolution sees zeros beyond the edges of what it is given, which a network learns to take for the edges of the
picture. Where a picture is to tile, it sees the other edge instead, and nothing tells the network that there is one.
"""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

N = TypeVar("N", bound=nn.Module)


def circular(network: N, wrap: tuple[int, ...]) -> N:
    """The network for pictures that wrap around along these dimensions, of -1 (across) and -2 (down).

    It is a copy that has its weights in common with the network, which stays as it is; without any, the network itself.
    """
    if not wrap:
        return network
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    network = copy.deepcopy(network, shared)
    for module in network.modules():
        kind: type = type(module)
        if kind is nn.Conv2d and any(cast(nn.Conv2d, module).padding):
            module.__class__ = CircularConv2d
            cast(CircularConv2d, module).wrap = wrap
        elif kind is nn.Upsample and cast(nn.Upsample, module).mode != "nearest":
            module.__class__ = CircularUpsample
            cast(CircularUpsample, module).wrap = wrap
    return network


def surrounded(x: Tensor, rows: int, columns: int) -> Tensor:
    """x [..., H, W] with so many rows and columns more at either end, those of the other end.

    What `F.pad` does in its circular mode, with its channels last where x has them so, and in fewer calls.
    """
    for dim, margin in ((-2, rows), (-1, columns)):
        if margin:
            x = torch.cat([x.narrow(dim, -margin, margin), x, x.narrow(dim, 0, margin)], dim)
    return x


class CircularConv2d(nn.Conv2d):
    """A convolution that pads what it is given from the other edge along the dimensions `wrap`, else with zeros."""

    wrap: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = cast("tuple[int, int]", self.padding)
        down, across = rows * (-2 in self.wrap), columns * (-1 in self.wrap)
        rest = (rows - down, columns - across)
        around = surrounded(x, down, across)
        return F.conv2d(around, self.weight, self.bias, self.stride, rest, self.dilation, self.groups)


class CircularUpsample(nn.Upsample):
    """Twice the size, bilinearly: a pixel at the edge blends into the other edge along the dimensions `wrap`."""

    wrap: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        down, across = int(-2 in self.wrap), int(-1 in self.wrap)
        x = super().forward(surrounded(x, down, across))
        return F.pad(x, (-2 * across, -2 * across, -2 * down, -2 * down))

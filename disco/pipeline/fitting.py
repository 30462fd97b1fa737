r"""What is drawn anew is fitted to what stays: a change of it, near the edge, that takes the step across the edge away.

With  k  the known picture and  x  the new one, the change  u  of every new pixel solves

    sum over its neighbours j of (u - u_j)  +  u / reach^2  =  0,      u_j  =  k_j - x  where the neighbour j stays

the screened Poisson equation, so that u is the whole step at the edge and falls by e every `reach` pixels from there.
What stays is untouched, and what is new farther inside nearly so. Source: Perez, Gangnet and Blake 2003, equation 4,
with a screening term as of Bhat, Curless, Cohen and Zitnick 2008.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor

#: The norm of what is left of the change's error, as a share of the change's own.
LEFT = 1e-4


def fitted(pictures: Tensor, stays: Tensor, reach: int, wrap: Collection[int] = ()) -> Tensor:
    """Pictures [B, 3, H, W] in [-1, 1], with what does not stay fitted to what does.

    stays: bool [1, 1, H, W]. reach: in pixels, at least 1. wrap: dimensions, of -1 and -2, along which pictures tile.
    """
    free = ~stays
    shown = pictures.float().clamp(-1, 1)
    known = torch.where(stays, shown, 0)
    kept_beside = beside(stays.float(), wrap)
    load = torch.where(free, beside(known, wrap) - kept_beside * shown, 0)
    count = beside(torch.ones_like(kept_beside), wrap)
    change = solved(load, free, count, reach, wrap)
    return torch.where(free, (shown + change).to(pictures.dtype), pictures)


def solved(load: Tensor, free: Tensor, count: Tensor, reach: int, wrap: Collection[int]) -> Tensor:
    """u [B, 3, H, W] with  (count + 1 / reach^2) u - (sum of its free neighbours' u) = load  where it is free, else 0.

    By Chebyshev's iteration (Saad 2003, algorithm 12.1), which sums over no pictures: each comes out the same in any
    batch.
    """
    screen = 1 / reach**2
    low, high = screen, 8 + screen  # of the eigenvalues, by Gershgorin's circles
    middle, half = (high + low) / 2, (high - low) / 2
    ratio = middle / half
    u, left, rho = torch.zeros_like(load), load, 1 / ratio
    step = left / middle
    for _ in range(math.ceil(math.acosh(1 / LEFT) / math.acosh(ratio))):
        u = u + step
        left = left - torch.where(free, (count + screen) * step - beside(step, wrap), 0)
        after = 1 / (2 * ratio - rho)
        step = after * rho * step + 2 * after / half * left
        rho = after
    return u


def beside(field: Tensor, wrap: Collection[int]) -> Tensor:
    """The sum of each pixel's neighbours above, below, left and right, [..., H, W]; beyond the frame there is 0."""
    total = torch.zeros_like(field)
    for dim in (-1, -2):
        for shift in (1, -1):
            moved = torch.roll(field, shift, dim)
            if dim not in wrap:
                moved.select(dim, 0 if shift == 1 else -1).zero_()
            total += moved
    return total

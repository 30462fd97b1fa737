"""What a picture is blamed for: one number for each picture of a batch.

Every picture loss takes `x [B, C, H, W]`, floating point, -1..1 inside the allowed range, and returns `[B]` in its
dtype. Formulas are Disco Diffusion 5.7's unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from disco.errors import SettingsError
from disco.kernels.losses import AXES, MIRRORS
from disco.kernels.symmetry import turned


def spherical_distance(u: Tensor, v: Tensor) -> Tensor:
    r"""Half the squared angle between u and v.

        d(u, v)  =  2 arcsin(|u - v| / 2)^2  =  2 arctan(|u - v| / |u + v|)^2      on unit vectors

    The second form (Kahan's) is the first without its pole: the arcsine has an infinite slope where the vectors are
    opposite, and is NaN where rounding takes |u - v| past 2.

    Args: u, v: [..., d], floating point, of shapes that broadcast and any length (a zero vector is at a right angle
    to every other). Returns [...], 0 to pi^2 / 2. The gradient is zero at u = v and at u = -v.
    """
    u, v = F.normalize(u, dim=-1), F.normalize(v, dim=-1)
    return 2 * torch.atan2(torch.linalg.vector_norm(u - v, dim=-1), torch.linalg.vector_norm(u + v, dim=-1)).square()


def tv_loss(x: Tensor, wrap: tuple[int, ...] = ()) -> Tensor:
    r"""Total variation: how much neighbours differ.

        tv(x)  =  mean over c, i, j of  (x[i, j + 1] - x[i, j])^2 + (x[i + 1, j] - x[i, j])^2

    A pixel beyond the border repeats the border's (so that its difference is zero); along the dimensions `wrap`, of -1
    and -2, it is that of the other border.
    Source: Mahendran & Vedaldi (2015, arXiv:1412.0035), with squares.
    """
    across, down = (x.diff(dim=dim, append=x.narrow(dim, 0 if dim in wrap else -1, 1)) for dim in (-1, -2))
    return (across.square().sum((-3, -2, -1)) + down.square().sum((-3, -2, -1))) / x[0].numel()


def range_loss(x: Tensor) -> Tensor:
    """How far values leave -1..1: the mean squared excess."""
    return (x - x.clamp(-1, 1)).square().mean((-3, -2, -1))


def sat_loss(x: Tensor) -> Tensor:
    """How far values leave -1..1: the mean absolute excess."""
    return (x - x.clamp(-1, 1)).abs().mean((-3, -2, -1))


def mean_squared(a: Tensor, b: Tensor) -> Tensor:
    """The plain distance of pictures: a, b [B, C, H, W] -> [B]."""
    return (a - b).square().mean((-3, -2, -1))


def symmetry_loss(x: Tensor, axis: str, distance: Callable[[Tensor, Tensor], Tensor] = mean_squared) -> Tensor:
    r"""How far a picture is from its mirror image, or from itself turned.

        symmetry(x)  =  distance(left half, mirrored right half)          axis "horizontal"
                        distance(upper half, mirrored lower half)         axis "vertical"
                        the sum of both                                   axis "both"
                        distance(x, x turned)                             axis of `disco.kernels.symmetry`

    The middle line of an odd side is its own mirror and left out; sides are at least two pixels.

    Args:
        axis: "horizontal" (left is right), "vertical" (upside is down), "both", or "diagonal", "antidiagonal",
            "radial_2" (a half turn) or "radial_4" (a quarter).
        distance: pictures [B, C, h, w] twice -> [B]; progrockdiffusion measures with LPIPS.

    Raises SettingsError for another axis, ValueError for one of square pictures where x is none.
    """
    if axis not in AXES:
        raise SettingsError(f"symmetry_axis={axis!r}: allowed are {', '.join(AXES)}")
    total = x.new_zeros(len(x))
    for name in AXES[axis]:
        if name in MIRRORS:
            dim = MIRRORS[name]
            half = x.shape[dim] // 2
            total = total + distance(x.narrow(dim, 0, half), x.flip(dim).narrow(dim, 0, half))
        else:
            total = total + distance(x, turned(x, name))
    return total

"""Symmetry: how far a picture is from its mirror image, or from itself turned."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from disco.errors import SettingsError
from disco.guidance.terms.picture import PictureTerm
from disco.kernels.losses import AXES, MIRRORS
from disco.kernels.symmetry import turned
from disco.losses import SYMMETRY


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
        x: [B, C, H, W], floating point.
        axis: "horizontal" (left is right), "vertical" (upside is down), "both", or "diagonal", "antidiagonal",
            "radial_2" (a half turn) or "radial_4" (a quarter).
        distance: pictures [B, C, h, w] twice -> [B]; progrockdiffusion measures with LPIPS.

    Returns [B], in its dtype. Raises SettingsError for another axis, ValueError for one of square pictures where
    x is none.
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


def symmetry(axis: str = "horizontal") -> PictureTerm:
    """`symmetry_loss_scale` times `symmetry_loss` of x_in."""
    return PictureTerm(SYMMETRY, {"symmetry_axis": axis})

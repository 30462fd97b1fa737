"""Total variation: how much neighbours differ."""

from __future__ import annotations

from torch import Tensor

from disco.guidance.terms.picture import PictureTerm
from disco.losses import TV


def tv_loss(x: Tensor, wrap: tuple[int, ...] = ()) -> Tensor:
    r"""Total variation: how much neighbours differ.

        tv(x)  =  mean over c, i, j of  (x[i, j + 1] - x[i, j])^2 + (x[i + 1, j] - x[i, j])^2

    A pixel beyond the border repeats the border's (so that its difference is zero); along the dimensions `wrap`, of -1
    and -2, it is that of the other border.
    Args: x: [B, C, H, W], floating point. Returns [B], in its dtype.
    Source: Mahendran & Vedaldi (2015, arXiv:1412.0035), with squares.
    """
    across, down = (x.diff(dim=dim, append=x.narrow(dim, 0 if dim in wrap else -1, 1)) for dim in (-1, -2))
    return (across.square().sum((-3, -2, -1)) + down.square().sum((-3, -2, -1))) / x[0].numel()


def tv(wrap: tuple[int, ...] = ()) -> PictureTerm:
    """`tv_scale` times `tv_loss` of x_in."""
    return PictureTerm(TV, {"wrap": wrap})

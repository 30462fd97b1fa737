"""Range: how far values leave the range, by their squared excess."""

from __future__ import annotations

from torch import Tensor

from disco.guidance.terms.picture import PictureTerm
from disco.losses import RANGE


def range_loss(x: Tensor) -> Tensor:
    """How far values leave -1..1: the mean squared excess. x: [B, C, H, W] -> [B], in its dtype."""
    return (x - x.clamp(-1, 1)).square().mean((-3, -2, -1))


def range_of_x0(compat: bool = False) -> PictureTerm:
    """`range_scale` times `range_loss` of x0.

    compat: it is measured and does not pull: the original asks for its gradient where it has none, at x_in.
    """
    return PictureTerm(RANGE, reads="x0", pulls=not compat)

"""Saturation: how far values leave the range, by their absolute excess."""

from __future__ import annotations

from torch import Tensor

from disco.guidance.terms.picture import PictureTerm
from disco.losses import SAT


def sat_loss(x: Tensor) -> Tensor:
    """How far values leave -1..1: the mean absolute excess. x: [B, C, H, W] -> [B], in its dtype."""
    return (x - x.clamp(-1, 1)).abs().mean((-3, -2, -1))


def sat() -> PictureTerm:
    """`sat_scale` times `sat_loss` of x_in."""
    return PictureTerm(SAT)

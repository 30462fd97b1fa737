"""Temporal: how far a frame is from the frame before, as that was moved along, where it shows the same.

After Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", GCPR 2016, eq. 7: weights are 0 where the frame
before does not show what is in view now, and squares are summed over all else.
"""

from __future__ import annotations

from torch import Tensor

from disco.guidance.terms.base import Differentiated
from disco.losses import TEMPORAL


def temporal_loss(x: Tensor, before: Tensor, seen: Tensor) -> Tensor:
    """The mean squared difference of pictures to the frame before, where that is seen: x [B, 3, H, W] -> [B].

    before: [1, 3, H, W], moved along. seen: [1, 1, H, W], from 0 to 1. 0 where nothing is seen.
    """
    apart = ((x - before).square() * seen).sum((1, 2, 3))
    return apart / (x.shape[1] * seen.sum()).clamp(min=1)


def temporal(before: Tensor, seen: Tensor) -> Differentiated:
    """`temporal_scale` times `temporal_loss` of x_in."""
    return Differentiated(TEMPORAL, lambda x: temporal_loss(x, before, seen))

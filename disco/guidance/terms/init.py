"""Init: how far a picture is from the one that the run started from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from disco.guidance.cutouts.boxes import whole_box
from disco.guidance.perceptor import Perceptor
from disco.guidance.terms.base import Differentiated
from disco.guidance.terms.clip import spherical_distance
from disco.losses import INIT


def init(distance: Callable[[Tensor], Tensor]) -> Differentiated:
    """`init_scale` times the distance of x_in to the init image: x_in [B, 3, H, W] -> [B]."""
    return Differentiated(INIT, distance)


def likeness(perceptors: Sequence[Perceptor], init: Tensor) -> Callable[[Tensor], Tensor]:
    """The mean spherical distance, in the eyes of the perceptors, to `init` [B, 3, H, W]: an LPIPS without its weights.

    Each perceptor sees whole pictures, squeezed to its square.
    """

    def embed(perceptor: Perceptor, x: Tensor) -> Tensor:
        whole = whole_box(*x.shape[-2:])
        return perceptor.embed(torch.cat([whole.cut((picture + 1) / 2, perceptor.resolution) for picture in x]))

    with torch.no_grad():
        targets = [embed(perceptor, init) for perceptor in perceptors]

    def distance(x_in: Tensor) -> Tensor:
        pairs = zip(perceptors, targets, strict=True)
        return torch.stack([spherical_distance(embed(p, x_in), target) for p, target in pairs]).mean(0)

    return distance

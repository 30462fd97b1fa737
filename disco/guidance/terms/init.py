"""Init: how far a picture is from the one that the run started from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from disco.guidance.cutouts.boxes import whole_box
from disco.guidance.perceptor import Perceptor
from disco.guidance.terms.base import Pull, Seen
from disco.guidance.terms.clip import spherical_distance
from disco.step import Step

#: x_in [B, 3, H, W] -> how far each picture is from its init image, [B].
InitLoss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Init:
    """`init_scale` times the distance of x_in to the init image; None without one."""

    distance: InitLoss | None
    reads: str = "x_in"

    def wants(self, step: Step) -> bool:
        return self.distance is not None and bool(step.init_scale)

    def pull(self, seen: Seen, step: Step) -> Pull:
        if self.distance is None:
            raise ValueError("there is no init image to pull towards")
        distance = self.distance(seen.x_in) * step.init_scale
        return Pull({"init": distance.detach()}, torch.autograd.grad(distance.sum(), seen.x_in)[0])


def likeness(perceptors: Sequence[Perceptor], init: Tensor) -> InitLoss:
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

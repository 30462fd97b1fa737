"""How a perceptor looks at a picture: where its cuts are, and how each is seen.

Geometry (`boxes`) and augmentation (`looks`) are drawn apart, on the CPU, from one generator a picture: a picture's
cuts depend on its generator alone, whatever else is in the batch. What they make together is a family (`families`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from disco.guidance.cutouts.families import random_cuts, scheduled_cuts
from disco.guidance.cutouts.placement import Spread
from disco.step import Cuts

if TYPE_CHECKING:
    from disco.guidance.region import Region

__all__ = ["Cutouts"]


class Cutouts:
    """How a batch of pictures is seen at one perceptor's resolution.

    wrap: dimensions, of -1 and -2, along which the pictures tile: there a cut that reaches over an edge, and what
    surrounds a picture, see its other edge, where they see darkness otherwise; scheduled inner cuts lie anywhere.
    compat: `disco57` brings back what the original gets wrong: one grey inner cut too many, dark edges of scheduled
    cuts, and one look for all of a picture's, its four jitters in random order. Random cuts, which the original
    augments one by one before resizing them, are then augmented so as well, and resized its way. region: a part of the
    pictures that cuts are of, as its view says; None for the whole.
    """

    def __init__(
        self, resolution: int, compat: bool = False, wrap: tuple[int, ...] = (), region: Region | None = None
    ) -> None:
        self.resolution = resolution
        self.compat = compat
        self.wrap = wrap
        self.region = region

    def __call__(self, pictures: Tensor, cuts: Cuts, generators: Sequence[torch.Generator]) -> Tensor:
        """Draw new cuts of each picture for one perceptor: `together` with a generator a picture, [B, C, 3, r, r]."""
        return self.together(pictures, cuts, [[generator] for generator in generators])[:, 0]

    def together(
        self, pictures: Tensor, cuts: Cuts, generators: Sequence[Sequence[torch.Generator]], batch: int = 0
    ) -> Tensor:
        """Draw new cuts of each picture for perceptors of one resolution, all of them at once.

        Args:
            pictures: [B, 3, H, W], 0..1 inside the allowed range, floating point.
            cuts: how many for each perceptor, of which family.
            generators: B times P of them, on the CPU, in any state; each moves on. A perceptor's cuts are drawn from
                its own, but for the noise over the pixels, which all of them have from the first.
            batch: how many batches of the step came before, whose cuts these are spread between where cuts.placement
                is "stratified". The generators are then those of the step.

        Returns [B, P, C, 3, r, r], dtype and device of `pictures`; C is overview + inner (in this order) or cutn. The
        gradient flows to `pictures`. Raises ValueError for another number of generators, or an unknown family.
        """
        parts = []
        for place, (close, some) in enumerate([(False, cuts)] if self.region is None else self.region.cuts(cuts)):
            spread = Spread(batch, place) if cuts.placement == "stratified" else None
            part = self.region.part(pictures) if self.region is not None and close else pictures
            seen = [self._see(picture, own, some, spread) for picture, own in zip(part, generators, strict=True)]
            one = seen[0][None] if len(seen) == 1 else torch.stack(seen)  # which would copy
            parts.append(one.unflatten(1, (len(generators[0]), -1)))
        return torch.cat(parts, dim=2) if parts[1:] else parts[0]

    def _see(self, picture: Tensor, generators: Sequence[torch.Generator], cuts: Cuts, spread: Spread | None) -> Tensor:
        """[P C, 3, r, r]"""
        resolution, compat, wrap = self.resolution, self.compat, self.wrap
        if cuts.family == "scheduled":
            return scheduled_cuts(picture, cuts, resolution, generators, compat, wrap, spread)
        if cuts.family == "random":
            return random_cuts(picture, cuts.cutn, resolution, generators, cuts.skip_augs, compat, wrap, spread)
        raise ValueError(f"cutout family {cuts.family!r}: allowed are scheduled, random")

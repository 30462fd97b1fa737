"""The part of a picture that is drawn anew, as guidance knows it: what can move, and what is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from disco.guidance.terms.base import Pull, Pulling, Seen, Term
from disco.guidance.terms.picture import together
from disco.step import Cuts, Step


@dataclass(frozen=True)
class Region:
    """The part of a picture that is drawn anew.

    moves: which pixels may change, bool [1, 1, H, W]. share: of them in all. box: the part that is looked at closely,
    its top, left, height and width in pixels. view: what is looked at, "mask" (the box), "whole", or "both".
    """

    moves: Tensor
    share: float
    box: tuple[int, int, int, int]
    view: str

    def part(self, pictures: Tensor) -> Tensor:
        """The box of pictures [..., H, W]."""
        top, left, height, width = self.box
        return pictures[..., top : top + height, left : left + width]

    def around(self, part: Tensor, size: Sequence[int]) -> Tensor:
        """Pictures of this height and width that are the part in the box and 0 elsewhere."""
        top, left, height, width = self.box
        return F.pad(part, (left, size[1] - left - width, top, size[0] - top - height))

    def cuts(self, cuts: Cuts) -> list[tuple[bool, Cuts]]:
        """A step's cuts by what they are of: whether of the box alone, and how many.

        Of both, the box has the larger half of the overview cuts, of the inner ones and of the random ones.
        """
        if self.view != "both":
            return [(self.view == "mask", cuts)]
        whole = replace(cuts, overview=cuts.overview // 2, inner=cuts.inner // 2, cutn=cuts.cutn // 2)
        counts = {name: getattr(cuts, name) - getattr(whole, name) for name in ("overview", "inner", "cutn")}
        parts = [(True, replace(cuts, **counts)), (False, whole)]
        return [
            part for part in parts if (part[1].overview + part[1].inner if cuts.family == "scheduled" else part[1].cutn)
        ]

    def pulling(self, terms: Sequence[Term]) -> list[Pulling]:
        """The terms, those of single pixels looking at what the view says."""
        local = [term for term in terms if term.loss.local]
        others = [term for term in terms if not term.loss.local]
        seen = [each if self.view == "whole" else InRegion(each, self) for each in together(local)]
        return [*seen, *together(others)]


@dataclass(frozen=True)
class InRegion:
    """What looks at a region's box alone, or (view "both") at that and the whole, half and half."""

    inner: Pulling
    region: Region

    @property
    def reads(self) -> str:
        return self.inner.reads

    def wants(self, step: Step) -> bool:
        return self.inner.wants(step)

    def pull(self, seen: Seen, step: Step) -> Pull:
        region, size = self.region, seen.x0.shape[-2:]
        losses, gradient = self.inner.pull(Seen(region.part(seen.x_in), region.part(seen.x0)), step)
        gradient = None if gradient is None else region.around(gradient, size)
        if region.view == "mask":
            return Pull(losses, gradient)
        whole = self.inner.pull(seen, step)
        both = {name: (losses[name] + whole.losses[name]) / 2 for name in losses}
        if gradient is None or whole.gradient is None:
            return Pull(both, None)
        return Pull(both, (gradient + whole.gradient) / 2)

"""Terms of a picture's values alone: one kernel works out all that read the same picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from disco.guidance.terms.base import Pull, Pulling, Seen, Term
from disco.kernels.losses import LOSSES, picture_losses
from disco.losses import Loss
from disco.step import Step


@dataclass(frozen=True)
class PictureTerm:
    """A loss that `picture_losses` knows.

    loss: its name is of `disco.kernels.losses.LOSSES`. options: what else the kernel is told of it. reads: as of
    `Term`. pulls: false for a loss that is measured alone.
    """

    loss: Loss
    options: Mapping[str, Any] = field(default_factory=dict)
    reads: str = "x_in"
    pulls: bool = True

    def wants(self, step: Step) -> bool:
        return bool(self.scale(step))

    def scale(self, step: Step) -> float:
        """What the loss is multiplied by."""
        return float(getattr(step, self.loss.scale))

    def pull(self, seen: Seen, step: Step) -> Pull:
        return Together((self,)).pull(seen, step)


@dataclass(frozen=True)
class Together:
    """Picture terms of one picture, in one go over its pixels. All of them pull, or none."""

    terms: Sequence[PictureTerm]

    @property
    def reads(self) -> str:
        return self.terms[0].reads

    def wants(self, step: Step) -> bool:
        return any(term.wants(step) for term in self.terms)

    def pull(self, seen: Seen, step: Step) -> Pull:
        picture = getattr(seen, self.reads).detach()
        asked = {f"{term.loss.name}_scale": term.scale(step) for term in self.terms}
        for term in self.terms:
            asked |= term.options
        values, gradient = picture_losses(picture, **asked)
        losses = {term.loss.name: values[LOSSES.index(term.loss.name)] for term in self.terms}
        return Pull(losses, gradient if self.terms[0].pulls else None)


def together(terms: Sequence[Term]) -> Iterator[Pulling]:
    """The terms in their order, neighbours that one call of the kernel can do as one."""
    for kernel, some in groupby(terms, lambda term: isinstance(term, PictureTerm) and (term.reads, term.pulls)):
        if kernel:
            yield Together([term for term in some if isinstance(term, PictureTerm)])
        else:
            yield from some

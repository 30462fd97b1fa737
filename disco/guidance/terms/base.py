"""What a term of the loss is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from disco.losses import Loss
from disco.step import Step


class Seen(NamedTuple):
    """The pictures of a step, [B, 3, H, W] each; a term reads one of them.

    x_in: a blend of prediction and x, -1..1 inside the allowed range; a leaf that requires a gradient.
    x0: the prediction, detached.
    """

    x_in: Tensor
    x0: Tensor


class Pull(NamedTuple):
    """What a term blames the pictures for.

    losses: by name, scaled, [B] each. gradient: of their sum, with respect to the picture that the term reads,
    [B, 3, H, W]; None where the term is measured and does not pull.
    """

    losses: Mapping[str, Tensor]
    gradient: Tensor | None


class Pulling(Protocol):
    """What pulls at the pictures of a step: a term, or several that are worked out together."""

    @property
    def reads(self) -> str:
        """Which picture of `Seen` it reads and pulls at: "x_in" or "x0"."""

    def wants(self, step: Step) -> bool:
        """Whether it pulls at this step."""

    def pull(self, seen: Seen, step: Step) -> Pull:
        """Its losses and their gradient at a step that it wants."""


class Term(Pulling, Protocol):
    """One term of the loss."""

    @property
    def loss(self) -> Loss:
        """Which loss, as it is declared."""


@dataclass(frozen=True)
class Differentiated:
    """A loss that autograd differentiates: what most are.

    value: pictures [B, 3, H, W] -> the loss of each, unscaled, [B]. reads: as of `Term`.
    """

    loss: Loss
    value: Callable[[Tensor], Tensor]
    reads: str = "x_in"

    def wants(self, step: Step) -> bool:
        return bool(getattr(step, self.loss.scale))

    def pull(self, seen: Seen, step: Step) -> Pull:
        picture = getattr(seen, self.reads).detach().requires_grad_()
        value = self.value(picture) * getattr(step, self.loss.scale)
        return Pull({self.loss.name: value.detach()}, torch.autograd.grad(value.sum(), picture)[0])

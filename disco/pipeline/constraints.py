"""What holds for pictures whatever guides them: what is made of x before a step, and of the picture after the last."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from disco.kernels.symmetry import symmetric
from disco.step import Step


@dataclass(frozen=True)
class Symmetry:
    """x is given the symmetries that its step names.

    finish: the number of the step whose picture is given them too, for what a network makes of a symmetric x is only
        nearly symmetric; None for no step, as the original has it.
    """

    finish: int | None = None

    def before(self, x: Tensor, step: Step) -> Tensor:
        """x [B, 3, H, W] as the step is to see it."""
        return symmetric(x, step.mirrors)

    def after(self, x0: Tensor, step: Step) -> Tensor:
        """The picture [B, 3, H, W] that the step predicted, as it is handed on."""
        return symmetric(x0, step.mirrors) if step.number == self.finish else x0

"""Gradients carried back through what a picture went through."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def pulled_back(gradients: Iterable[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """The gradient with respect to x of what was made of x, summed over pairs of a tensor and its own gradient.

    It is that of the sum of their products, to the bit: autograd multiplies the gradient by one. `torch.autograd.grad`
    takes such gradients too, but to compare two shapes it imports sympy, which takes a third of a second.
    """
    return torch.autograd.grad(sum((made * gradient).sum() for made, gradient in gradients), x)[0]  # type: ignore[arg-type]

"""Muon (Keller Jordan 2024): momentum whose matrices are made orthogonal before each step.

Every direction of a layer then moves alike, where Adam lets the few that dominate the gradient dominate the step. What
is not a matrix, or has a side shorter than `SHORTEST`, is left to another optimiser.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

#: Rows and columns that a matrix must have.
SHORTEST = 32
MOMENTUM = 0.95
#: How far an entry moves, as a root mean square, in shares of the learning rate: as Adam's do (Liu et al. 2025,
#: arXiv:2502.16982), so that both take one rate.
SPREAD = 0.2


def is_matrix(parameter: Tensor) -> bool:
    """Whether Muon moves it: a linear layer, or a convolution as the matrix [out, in x height x width]."""
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= SHORTEST


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are 1 (they come out as 0.7 to 1.2), [m, n] of any dtype.

    Five steps of Newton and Schulz's iteration with Jordan's quintic, in bfloat16, which is all the precision it needs.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)  # singular values of at most 1, from where the iteration converges
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Steps for parameters that are matrices, see `is_matrix`, with Nesterov's momentum and no weight decay."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient, state = parameter.grad, self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
                ahead = gradient.lerp(momentum, MOMENTUM).flatten(1)
                turned = orthogonal(ahead) * (SPREAD * max(ahead.shape) ** 0.5)
                parameter.sub_(turned.view(parameter.shape), alpha=group["lr"])

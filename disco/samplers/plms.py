"""PLMS: pseudo linear multistep sampling (Liu et al. 2022, arXiv:2202.09778)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.samplers.base import S, State, StepContext, guided_eps
from disco.samplers.ddim import ddim

#: Adams-Bashforth weights by order, newest first (Liu et al. 2022, eq. 12, gives the fourth).
ADAMS_BASHFORTH = {
    1: (1.0,),
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


def adams_bashforth(eps: Sequence[Tensor]) -> Tensor:
    """The linear multistep estimate from the last one to four noises, newest first."""
    weights = ADAMS_BASHFORTH[len(eps)]
    return sum((w * e for w, e in zip(weights[1:], eps[1:], strict=True)), start=weights[0] * eps[0])


def ddim_mean(x: Tensor, eps: Tensor, diffusion: Diffusion, index: int) -> Tensor:
    """The transfer of PNDM (Liu et al. 2022, arXiv:2202.09778, eq. 11), which is DDIM with eta 0."""
    return ddim(x, eps, diffusion, index, 0.0, torch.zeros((), dtype=x.dtype, device=x.device))


@dataclass(frozen=True)
class PLMS:
    """One PLMS step: the guided noises of the last steps are extrapolated, and the transfer follows them.

    order: 1 to 4; of the noises that an estimate is made from. Order 1 is DDIM with eta 0.

    Its state are the guided noises of the PLMS steps so far, newest first, `order - 1` at most. Without any, the first
    step gets a second noise to extrapolate from by another evaluation (pseudo improved Euler), when a step follows.

    Raises ValueError for another order.
    """

    order: int = 2

    def __post_init__(self) -> None:
        if self.order not in ADAMS_BASHFORTH:
            raise ValueError(f"plms order {self.order}: allowed are 1 to {max(ADAMS_BASHFORTH)}")

    def __call__(self, at: StepContext[S], state: State) -> tuple[Tensor, State]:
        index = at.step.index
        eps = guided_eps(at.now, at.diffusion, index)
        if self.order > 1 and not state and at.following is not None:
            guess = ddim_mean(at.x, eps, at.diffusion, index)
            ahead = guided_eps(at.denoise(guess, at.following), at.diffusion, at.following.index)
            slope = (eps + ahead) / 2
        elif index == 0:  # the last prediction is taken as it is: extrapolating past the picture adds grain
            slope = eps
        else:
            slope = adams_bashforth([eps, *state])
        return ddim_mean(at.x, slope, at.diffusion, index), (eps, *state)[: self.order - 1]

"""DPM-Solver++(2M) and its SDE form (Lu et al. 2022, arXiv:2211.01095)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from disco.samplers.base import S, State, StepContext
from disco.samplers.multistep import guided_x0, log_snr


@dataclass(frozen=True)
class DPMSolverPP2M:
    r"""A second-order step from the predictions of this level and of the one before, at one evaluation a step.

        D    =  x0_s + h / (2 h_before) (x0_s - x0_before)
        x_t  =  sigma_t / sigma_s x_s - alpha_t (e^-h - 1) D                                            algorithm 2
        x_t  =  sigma_t / sigma_s e^-h x_s + alpha_t (1 - e^-2h) D + sigma_t sqrt(1 - e^-2h) noise           the SDE

    sde: whether noise is added; the step's eta then says how far the SDE goes beyond the flow (by eta h in the place of
    h): 0 is the flow, 1 the SDE of the paper, and its sign turns that of the noise. Otherwise no noise is drawn. The
    first step is of the first order, which is DDIM with eta 0; the last one ends at the prediction.

    Its state is the prediction of the step before.
    """

    sde: bool = False
    extrapolate_guidance: bool = True

    def __call__(self, at: StepContext[S], state: State) -> tuple[Tensor, State]:
        index, diffusion = at.step.index, at.diffusion
        x0 = guided_x0(at)
        new = x0 if self.extrapolate_guidance else at.now.x0  # what the next steps extrapolate from
        noise = at.noise() if self.sde else None  # whatever eta is, so that runs see the same
        if index == 0:
            return x0, (new,)
        h = log_snr(diffusion, index - 1) - log_snr(diffusion, index)
        slope = x0
        if state:
            before = log_snr(diffusion, index) - log_snr(diffusion, index + 1)
            slope = x0 + h / (2 * before) * (new - state[0])
        (_, sigma_s), (alpha_t, sigma_t) = diffusion.alpha_sigma(index), diffusion.alpha_sigma(index - 1)
        beyond = abs(at.step.eta) * h if self.sde else 0.0
        x = sigma_t / sigma_s * math.exp(-beyond) * at.x - alpha_t * math.expm1(-h - beyond) * slope
        if noise is not None and beyond:
            x = x + math.copysign(sigma_t * math.sqrt(-math.expm1(-2 * beyond)), at.step.eta) * noise
        return x, (new,)

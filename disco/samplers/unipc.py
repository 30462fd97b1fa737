"""UniPC: a unified predictor-corrector (Zhao et al. 2023, arXiv:2302.04867)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.samplers.base import S, State, StepContext
from disco.samplers.multistep import guided_x0, log_snr


@dataclass(frozen=True)
class UniPC:
    r"""UniP-2 with UniC-2, in data prediction and with B(h) = e^-h - 1: third order at one evaluation a step.

        predict   x_t  =  sigma_t / sigma_s x_s - alpha_t (e^-h - 1) (x0_s + D_1 / 2),    D_1 = (x0_before - x0_s) / r

    with r = (lambda_before - lambda_s) / h. At the next level, where the network has seen x_t,

        correct   x_t  <-  x_t - alpha_t (e^-h - 1) (rho_1 D_1 + rho_2 (x0_t - x0_s) - D_1 / 2)

    and rho as equation 5 of the paper has it. The prediction is not made again at the corrected x. The correction is
    added to x, so that what was done to x between the steps stays (a symmetry, a mask). The first step is predicted by
    the first order and corrected by the second; the last one, to the picture, is of the first.

    Its state are the predictions of the last two steps, newest first.
    """

    extrapolate_guidance: bool = True

    def __call__(self, at: StepContext[S], state: State) -> tuple[Tensor, State]:
        index, diffusion = at.step.index, at.diffusion
        x0 = guided_x0(at)
        new = x0 if self.extrapolate_guidance else at.now.x0  # what the next steps extrapolate from
        kept = (new, *state)[:2]
        x = at.x + correction(new, state, diffusion, index) if state else at.x
        if index == 0:
            return x0, kept
        (_, sigma_s), (alpha_t, sigma_t) = diffusion.alpha_sigma(index), diffusion.alpha_sigma(index - 1)
        h = log_snr(diffusion, index - 1) - log_snr(diffusion, index)
        slope = x0 + difference(kept, diffusion, index) / 2 if state else x0
        return sigma_t / sigma_s * x - alpha_t * math.expm1(-h) * slope, kept


def difference(newest: State, diffusion: Diffusion, index: int) -> Tensor:
    """D_1 of a step that goes from a level: how the prediction changed before it, over r."""
    r = _ratio(diffusion, index)
    found: Tensor = (newest[1] - newest[0]) / r
    return found


def correction(new: Tensor, state: State, diffusion: Diffusion, index: int) -> Tensor:
    """What UniC adds to x at a level, by the prediction there and those that x was predicted from."""
    alpha_t, _ = diffusion.alpha_sigma(index)
    h = log_snr(diffusion, index) - log_snr(diffusion, index + 1)
    change = math.expm1(-h)
    if len(state) < 2:  # x was predicted by the first order
        found: Tensor = -alpha_t * change * 0.5 * (new - state[0])
        return found
    past = difference(state, diffusion, index + 1)
    first, second = _weights(_ratio(diffusion, index + 1), h)
    return -alpha_t * change * (first * past + second * (new - state[0]) - past / 2)


def _ratio(diffusion: Diffusion, index: int) -> float:
    """r of a step that goes from a level: below 0, for the level before is noisier."""
    here = log_snr(diffusion, index)
    return (log_snr(diffusion, index + 1) - here) / (log_snr(diffusion, index - 1) - here)


def _weights(r: float, h: float) -> tuple[float, float]:
    """rho of UniC-2: exact for predictions that are a polynomial of lambda of degree 2.

    With phi_2 and phi_3 of -h over B(h):  rho_1 + rho_2 = b_1,  r rho_1 + rho_2 = b_2.
    """
    change = math.expm1(-h)
    phi_2 = change / -h - 1
    phi_3 = phi_2 / -h - 0.5
    b_1, b_2 = phi_2 / change, 2 * phi_3 / change
    first = (b_2 - b_1) / (r - 1)
    return first, b_1 - first

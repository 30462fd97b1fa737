"""DDIM: denoising diffusion implicit models (Song et al. 2021, arXiv:2010.02502)."""

from __future__ import annotations

import math

from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.samplers.base import S, State, StepContext, guided_eps


def ddim(x: Tensor, eps: Tensor, diffusion: Diffusion, index: int, eta: float, noise: Tensor) -> Tensor:
    """x one level cleaner by DDIM (Song et al. 2021, eq. 12, with eq. 16's sigma).

    eta in [-1, 1]: 0 is deterministic, 1 has DDPM's noise; a negative eta lays the noise on with its sign turned.
    `noise` is standard normal, of x's shape; the cleanest level adds none, since sigma is 0 there.
    """
    a, a_prev = float(diffusion.alphas_cumprod[index]), float(diffusion.alphas_cumprod_prev[index])
    return ddim_to(a_prev, diffusion.x0_from_eps(x, index, eps), eps, ddim_sigma(a, a_prev, eta), noise)


def ddim_sigma(a: float, a_prev: float, eta: float) -> float:
    """The deviation of the noise that a step lays on (Song et al. 2021, eq. 16), to any cleaner level."""
    return eta * math.sqrt((1 - a_prev) / (1 - a)) * math.sqrt(1 - a / a_prev)


def ddim_to(a_prev: float, x0: Tensor, eps: Tensor, sigma: float, noise: Tensor) -> Tensor:
    """x at a cleaner level by DDIM (eq. 12), from the picture and the noise that are predicted."""
    towards_x = math.sqrt(max(0.0, 1 - a_prev - sigma**2))  # 0 up to rounding where |eta| = 1 meets the last level
    return math.sqrt(a_prev) * x0 + towards_x * eps + sigma * noise


def ddim_step(at: StepContext[S], state: State) -> tuple[Tensor, State]:
    """One DDIM step along the guided noise, with the step's own eta. It keeps no state.

    Noise is drawn whatever eta is, so that runs which differ in eta alone see the same noise.
    """
    index = at.step.index
    eps = guided_eps(at.now, at.diffusion, index)
    return ddim(at.x, eps, at.diffusion, index, at.step.eta, at.noise()), ()

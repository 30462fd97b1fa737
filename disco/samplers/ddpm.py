"""DDPM: ancestral sampling from denoising diffusion probabilistic models (Ho et al. 2020, arXiv:2006.11239)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.samplers.base import Denoised, S, State, StepContext


def ddpm(x: Tensor, now: Denoised, diffusion: Diffusion, index: int, noise: Tensor) -> Tensor:
    """x one level cleaner by ancestral sampling (Ho et al. 2020, alg. 2, eq. 7).

    The guidance moves the mean by the variance times the gradient (Dhariwal & Nichol 2021, alg. 1). The variance is the
    network's where it learned one, else the larger of the two fixed choices (beta), as guided-diffusion has it.
    """
    a, a_prev = float(diffusion.alphas_cumprod[index]), float(diffusion.alphas_cumprod_prev[index])
    beta = float(diffusion.betas[index])
    mean = math.sqrt(a_prev) * beta / (1 - a) * now.x0 + math.sqrt(a / a_prev) * (1 - a_prev) / (1 - a) * x
    if now.log_variance is None:
        fixed = beta if index else math.exp(float(diffusion.posterior_log_variance[0]))
        log_variance = torch.full((), math.log(fixed), dtype=x.dtype, device=x.device)
    else:
        log_variance = now.log_variance
    if now.gradient is not None:
        mean = mean - log_variance.exp() * now.gradient
    return mean + (0.5 * log_variance).exp() * noise if index else mean


def ddpm_step(at: StepContext[S], state: State) -> tuple[Tensor, State]:
    """One ancestral step. It keeps no state; noise is drawn at every step, and not added at the cleanest level."""
    return ddpm(at.x, at.now, at.diffusion, at.step.index, at.noise()), ()

r"""What the multistep samplers in data prediction share: half log-SNRs, and what of the past they extrapolate.

    lambda = log(alpha / sigma)        h = lambda_t - lambda_s        from level s to t, one cleaner

Lu et al. (2022, arXiv:2211.01095) write the probability flow in the predicted picture, whose integral over lambda is
approximated from the last predictions. Guidance moves the prediction: `x0` with it is that of the guided noise. It is
rough where the network's own prediction is smooth, so it may be kept out of the extrapolation.
"""

from __future__ import annotations

import math

from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.samplers.base import S, StepContext, guided_eps


def log_snr(diffusion: Diffusion, index: int) -> float:
    """lambda at a level of the run."""
    alpha, sigma = diffusion.alpha_sigma(index)
    return math.log(alpha / sigma)


def guided_x0(at: StepContext[S]) -> Tensor:
    """The predicted picture, moved by the guidance."""
    if at.now.gradient is None:
        return at.now.x0
    return at.diffusion.x0_from_eps(at.x, at.step.index, guided_eps(at.now, at.diffusion, at.step.index))

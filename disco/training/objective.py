"""What a UNet of guided-diffusion is trained to: its noise or its velocity, and its variance where it learns that.

    x = alpha x0 + sigma eps,    v = alpha eps - sigma x0

The loss is the mean square error of eps or v. With `learn_sigma` it is Nichol and Dhariwal's hybrid (2021,
arXiv:2102.09672, eq. 16): L = L_simple + L_vlb / 1000, where L_vlb, the sum over the 1000 steps of the divergence from
the true posterior in bits, must not move the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from guided_diffusion.losses import discretized_gaussian_log_likelihood, normal_kl
from torch import Tensor

from disco.diffusion.levels import NETWORK_STEPS, Diffusion
from disco.models.catalog import UNetSpec


@dataclass(frozen=True, eq=False)
class Objective:
    """The loss of a UNet over its 1000 noise levels; tensors are float32 [1000], on the device of the training."""

    predicts: str
    learn_sigma: bool
    alpha: Tensor
    sigma: Tensor
    posterior_x0: Tensor  # how far the posterior's mean moves with x0
    log_variance_low: Tensor
    log_variance_high: Tensor

    @classmethod
    def of(cls, spec: UNetSpec, device: str | torch.device) -> Objective:
        levels = Diffusion.spaced(NETWORK_STEPS, spec.noise_schedule)

        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values).float().to(device)

        return cls(
            spec.predicts,
            spec.learn_sigma,
            alpha=tensor(np.sqrt(levels.alphas_cumprod)),
            sigma=tensor(np.sqrt(1 - levels.alphas_cumprod)),
            posterior_x0=tensor(np.sqrt(levels.alphas_cumprod_prev) * levels.betas / (1 - levels.alphas_cumprod)),
            log_variance_low=tensor(levels.posterior_log_variance),
            log_variance_high=tensor(np.log(levels.betas)),
        )

    def noised(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x [B, 3, H, W] at the levels t, int64 [B] in 0..999."""
        return _at(self.alpha, t) * x0 + _at(self.sigma, t) * eps

    def losses(
        self, out: Tensor, x0: Tensor, t: Tensor, eps: Tensor, weights: Tensor | float = 1.0
    ) -> dict[str, Tensor]:
        """Each picture's losses [B]: "mse", and "vb" where the variance is learned; they are to be added.

        out: the network's output for `noised(x0, t, eps)`, [B, 3 or 6, H, W]. weights: of the pixels in "mse", float
        [B, 1, H, W]; what the network is led to is the same with any that are not 0.
        """
        alpha, sigma = _at(self.alpha, t), _at(self.sigma, t)
        said = out[:, :3].float()
        target = eps if self.predicts == "eps" else alpha * eps - sigma * x0
        losses = {"mse": (weights * (said - target).square()).mean((1, 2, 3))}
        if self.learn_sigma:
            off = (said - target).detach()
            # What an error of the network makes of x0: of eps by (x - sigma eps) / alpha, of v by alpha x - sigma v.
            x0_error = -off * sigma / alpha if self.predicts == "eps" else -off * sigma
            share = (out[:, 3:].float() + 1) / 2
            low, high = _at(self.log_variance_low, t), _at(self.log_variance_high, t)
            log_variance = share * high + (1 - share) * low
            mean_error = _at(self.posterior_x0, t) * x0_error
            kl = normal_kl(torch.zeros_like(mean_error), low, mean_error, log_variance)
            # Step 0 leads to pixels: the posterior's mean is x0 itself, and the bound asks for its 8 bits.
            nll = -discretized_gaussian_log_likelihood(x0, means=x0 + mean_error, log_scales=0.5 * log_variance)
            bound = torch.where((t == 0)[:, None, None, None], nll, kl)
            losses["vb"] = bound.mean((1, 2, 3)) / math.log(2)
        return losses


def _at(values: Tensor, t: Tensor) -> Tensor:
    return values[t][:, None, None, None]


def random_times(count: int, cosine_share: float, alpha: Tensor, generator: torch.Generator) -> Tensor:
    """int64 [count] in 0..999, on the generator's device: a share uniform in cosine time, the others uniform in t.

    The linear schedule spends 40 % of its steps on what is nearly pure noise; cosine time, atan2(sigma, alpha), spends
    them evenly. alpha: float [1000], falling.
    """
    device = generator.device
    # One in each of `count` equal parts: the same expectation with less variance.
    parts = torch.randperm(count, generator=generator, device=device)
    share = (parts + torch.rand(count, generator=generator, device=device)) / count
    cosine = torch.searchsorted(-alpha, -torch.cos(share * math.pi / 2)).clamp(max=NETWORK_STEPS - 1)
    chosen = torch.rand(count, generator=generator, device=device) < cosine_share
    return torch.where(chosen, cosine, (share * NETWORK_STEPS).long().clamp(max=NETWORK_STEPS - 1))

"""Networks at the edge of the sampler: whatever they predict, picture, noise and variance come out.

`UNetDenoiser` and `SecondaryDenoiser` turn a network into `(x, index) -> prediction`; `GuidedDenoiser` joins a UNet,
an optional secondary model and a guidance into the callable that `disco.samplers.base.sample` walks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.samplers.base import Denoised
from disco.step import Step


class Prediction(NamedTuple):
    """The picture, the noise and, where it was learned, the log-variance that a network reads in x. [B, 3, H, W]."""

    x0: Tensor
    eps: Tensor
    log_variance: Tensor | None = None


@dataclass(frozen=True)
class UNetDenoiser:
    """A guided-diffusion UNet.

    network: `(x [B, 3, H, W], t [B] on 0..1000[, y int [B]]) -> [B, 3 or 6, H, W]`.
    predicts: what its first three channels are, "eps" or "v"; three more, if any, place the variance between the
        posterior's and beta, in [-1, 1] (Nichol & Dhariwal 2021, eq. 15).
    classes: t on 0..1000 -> class labels int64 [B], for class-conditional networks.
    """

    network: Callable[..., Tensor]
    diffusion: Diffusion
    predicts: str = "eps"
    classes: Callable[[float], Tensor] | None = None

    def __call__(self, x: Tensor, index: int) -> Prediction:
        diffusion = self.diffusion
        level = float(diffusion.timesteps[index])
        t = torch.full((len(x),), level, device=x.device)
        out = self.network(x, t) if self.classes is None else self.network(x, t, self.classes(level))
        out = out.to(x.dtype)
        if self.predicts == "v":
            x0, eps = diffusion.x0_from_v(x, index, out[:, :3]), diffusion.eps_from_v(x, index, out[:, :3])
        else:
            x0, eps = diffusion.x0_from_eps(x, index, out[:, :3]), out[:, :3]
        if out.shape[1] == 3:
            return Prediction(x0, eps)
        share = (out[:, 3:] + 1) / 2
        low, high = float(diffusion.posterior_log_variance[index]), math.log(diffusion.betas[index])
        return Prediction(x0, eps, share * high + (1 - share) * low)


@dataclass(frozen=True)
class SecondaryDenoiser:
    """Crowson's small v-model. network: `(x [B, 3, H, W], cosine_t [B]) -> v [B, 3, H, W]`."""

    network: Callable[[Tensor, Tensor], Tensor]
    diffusion: Diffusion

    def __call__(self, x: Tensor, index: int) -> Prediction:
        alpha, sigma = self.diffusion.alpha_sigma(index)
        # The noise level as an angle: 0 is the picture, 1 pure noise.
        cosine_t = torch.full((len(x),), math.atan2(sigma, alpha) * 2 / math.pi, device=x.device, dtype=x.dtype)
        v = self.network(x, cosine_t).to(x.dtype)
        return Prediction(self.diffusion.x0_from_v(x, index, v), self.diffusion.eps_from_v(x, index, v))


class Guide(Protocol):
    """What guides: `disco.guidance.gradient.Guidance` does."""

    def wants(self, step: Step) -> bool:
        """Whether anything pulls at this step; where not, no gradient is computed."""

    def __call__(self, x: Tensor, x0: Tensor, step: Step) -> Tensor:
        """d loss / d x, clamped; x requires a gradient and x0 depends on it."""


@dataclass(frozen=True)
class GuidedDenoiser:
    """One UNet evaluation and, where something guides, one gradient.

    The gradient runs through the secondary model where there is one, which spares the UNet's backward pass, and
    through the UNet itself otherwise. Guidance sees the unclipped prediction; clip_denoised clips what is sampled from.
    """

    unet: UNetDenoiser
    guide: Guide
    secondary: SecondaryDenoiser | None = None
    clip_denoised: bool = False

    def __call__(self, x: Tensor, step: Step) -> Denoised:
        return self.guided_as_at(x, step, step.index)

    def guided_as_at(self, x: Tensor, step: Step, index: int) -> Denoised:
        """The same, but what guides takes x for one of the level `index`: its networks are told that level.

        The original does so at the second evaluation of its first PLMS step, whose gradient is still at the level of
        the first (its schedules are read at the level of x, and its strength is that of x).
        """
        x = x.detach()
        gradient = None
        if not self.guide.wants(step):
            with torch.no_grad():
                own = self.unet(x, step.index)
        else:
            with torch.set_grad_enabled(True):
                x.requires_grad_()
                if self.secondary is None and index == step.index:
                    seen = own = self.unet(x, index)
                else:
                    with torch.no_grad():
                        own = self.unet(x, step.index)
                    seen = (self.secondary or self.unet)(x, index)
                gradient = self.guide(x, seen.x0, step if index == step.index else replace(step, index=index))
            x = x.detach()
        x0, eps = own.x0.detach(), own.eps.detach()
        if self.clip_denoised:
            x0 = x0.clamp(-1, 1)
            eps = self.unet.diffusion.eps_from_x0(x, step.index, x0)
        log_variance = None if own.log_variance is None else own.log_variance.detach()
        return Denoised(x0, eps, gradient, log_variance)

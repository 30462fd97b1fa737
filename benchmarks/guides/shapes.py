r"""Ways to make guidance of a step's gradient g = d loss / d x: how long it is, and what past steps have to say.

Each gives g', which moves the noise by sigma g' as everywhere in the engine. clamp_max is the length that is tuned:
the largest RMS of g' for the clamp, its usual one for the others. What a shape remembers belongs to one walk of its
pipeline, and begins anew with each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from disco.guidance.gradient import Guidance, clamp_rms, root_mean_square
from disco.pipeline.build import Networks, Pipeline
from disco.step import Step
from guides.method import Params

TINY = 1e-12


class Shape(Protocol):
    """gradient [B, 3, H, W], 0 for a picture whose gradient was no number; alpha of the step's level -> g'."""

    def __call__(self, gradient: Tensor, alpha: float) -> Tensor: ...


@dataclass
class Shaped(Guidance):
    """The losses of a run, whose gradient is not clamped but shaped."""

    shape: Shape = field(kw_only=True)

    def __call__(self, x: Tensor, x0: Tensor, step: Step) -> Tensor:
        gradient = super().__call__(x, x0, replace(step, clamp_grad=False))
        alpha, _ = self.diffusion.alpha_sigma(step.index)
        return self.shape(gradient, alpha)


def shaped(make: Callable[[Params], Shape]) -> Callable[[Pipeline, Networks, Params], Pipeline]:
    """A method's change: the gradient is shaped by what is made of its parameters."""

    def change(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
        old = pipeline.guidance
        new = Shaped(old.diffusion, old.terms, old.region, shape=make(params))
        return replace(pipeline, guidance=new, denoiser=replace(pipeline.denoiser, guide=new))

    return change


@dataclass
class Adam:
    r"""g' = c m / (sqrt(v) + delta),  m and v the corrected moments of g and g^2 (Kingma & Ba 2014, alg. 1).

    AdamDPS (arXiv:2603.16797) puts this in the place of the gradient.
    """

    clamp_max: float
    beta_1: float = 0.9
    beta_2: float = 0.99
    delta: float = 1e-8
    m: Any = 0.0
    v: Any = 0.0
    count: int = 0

    def __call__(self, gradient: Tensor, alpha: float) -> Tensor:
        self.count += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient.square()
        m, v = self.m / (1 - self.beta_1**self.count), self.v / (1 - self.beta_2**self.count)
        shaped: Tensor = self.clamp_max * m / (v.sqrt() + self.delta)
        return shaped


@dataclass
class Momentum:
    r"""g' = (1 - b) sum of b^k clamp(g, k steps ago), divided by its weights' sum: momentum over clamped gradients."""

    clamp_max: float
    beta: float = 0.5
    m: Any = 0.0
    count: int = 0

    def __call__(self, gradient: Tensor, alpha: float) -> Tensor:
        self.count += 1
        self.m = self.beta * self.m + (1 - self.beta) * clamped(gradient, self.clamp_max)
        shaped: Tensor = self.m / (1 - self.beta**self.count)
        return shaped


@dataclass
class Polyak:
    r"""g' = c |g_1| g / |g|^2: the shorter the gradient, the longer the step, c at the first one that guides.

    Shen et al. 2024 (arXiv:2403.12404) take omega |eps| g / |g|^2; |eps| hardly varies, and omega |eps| is written as
    c |g_1|, so that c is a length.
    """

    clamp_max: float
    first: Tensor | None = None

    def __call__(self, gradient: Tensor, alpha: float) -> Tensor:
        rms = root_mean_square(gradient)
        if self.first is None:
            self.first = rms
        shaped: Tensor = self.clamp_max * self.first * gradient / rms.square().clamp_min(TINY)
        return torch.where(rms > 0, shaped, torch.zeros_like(shaped))


@dataclass
class Rising:
    """The clamp, at clamp_max alpha^power: strength that rises as noise goes (TFG, arXiv:2409.15761, takes power 1)."""

    clamp_max: float
    power: float = 1.0

    def __call__(self, gradient: Tensor, alpha: float) -> Tensor:
        return clamped(gradient, self.clamp_max * alpha**self.power)


@dataclass
class PerPixel:
    """The clamp of each number on its own, soft: g' = c tanh(g / (c s)), s the gradient's RMS over c."""

    clamp_max: float

    def __call__(self, gradient: Tensor, alpha: float) -> Tensor:
        rms = root_mean_square(gradient).clamp_min(TINY)
        return self.clamp_max * torch.tanh(gradient / rms)


def clamped(gradient: Tensor, most: float) -> Tensor:
    return clamp_rms(gradient, root_mean_square(gradient), most)

"""What is done beside the gradient: other steps, other predictions, several pictures of which the best goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from disco.diffusion.streams import ImageStreams
from disco.guidance.gradient import Guidance, root_mean_square
from disco.models import catalog
from disco.models.networks.secondary import load_secondary
from disco.pipeline.build import Networks, Pipeline
from disco.planning.plan import Plan
from disco.samplers.base import Denoised, State, StepContext, guided_eps
from disco.samplers.ddim import ddim_sigma
from disco.step import Step
from guides.method import Params

# Steps


def within(plan: Plan, params: Params) -> Plan:
    """A method's plan: guided between two shares of the run alone (an interval, as arXiv:2404.07724 for classes)."""
    count = len(plan.steps)
    low, high = params["start"] * count, (params["start"] + params["length"] * (1 - params["start"])) * count
    steps = [step if low <= step.number < high else replace(step, clamp_grad=True, clamp_max=0) for step in plan.steps]
    return replace(plan, steps=tuple(steps))


def now_and_then(plan: Plan, params: Params) -> Plan:
    """A method's plan: no guidance at first, then at every n-th step, then at all (afiaka87, 2025)."""
    count, every = len(plan.steps), params["every"]
    first, last = params["none_until"] * count, params["sparse_until"] * count

    def looks(number: int) -> bool:
        return number >= last or (number >= first and number % every == 0)

    steps = [step if looks(step.number) else replace(step, clamp_grad=True, clamp_max=0) for step in plan.steps]
    return replace(plan, steps=tuple(steps))


def again_in_a_band(plan: Plan, params: Params) -> Plan:
    """A method's plan: steps in a band of the run are taken twice, noised back up by one level in between.

    FreeDoM (arXiv:2303.09833), UGD (arXiv:2302.07121); pristine-disco-diffusion 2026 takes .35 to .75 of the run.
    """
    count, steps = len(plan.steps), []
    for step in plan.steps:
        steps.append(replace(step, number=len(steps)))
        if params["start"] * count <= step.number < (params["start"] + params["length"]) * count:
            steps.append(replace(step, number=len(steps), visit=1, jump=1))
    return replace(plan, steps=tuple(steps))


def dsg_step(guided: float) -> Callable[[StepContext[Any], State], tuple[Tensor, State]]:
    r"""A DDIM step of fixed length (DSG, Yang et al. 2024, arXiv:2402.03201, alg. 1).

    d   =  sigma z + r (d* - sigma z),    d* = -sqrt(n) sigma g / |g|,    sigma of DDIM's eta, r from 0 to 1
    x_prev  =  mu + sqrt(n) sigma d / |d|                                 mu the unguided mean, n the numbers of x
    """

    def step(at: StepContext[Any], state: State) -> tuple[Tensor, State]:
        diffusion, index = at.diffusion, at.step.index
        a, a_prev = float(diffusion.alphas_cumprod[index]), float(diffusion.alphas_cumprod_prev[index])
        sigma = ddim_sigma(a, a_prev, at.step.eta)
        mean = math.sqrt(a_prev) * at.now.x0 + math.sqrt(max(0.0, 1 - a_prev - sigma**2)) * at.now.eps
        noise = at.noise()
        if at.now.gradient is None or not sigma:
            return mean + sigma * noise, ()
        rms = root_mean_square(at.now.gradient).clamp_min(1e-12)
        towards = noise + guided * (-at.now.gradient / rms - noise)
        return mean + sigma * towards / root_mean_square(towards).clamp_min(1e-12), ()

    return step


def dsg(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: DDIM's steps have a fixed length."""
    return replace(pipeline, samplers={**pipeline.samplers, "ddim": dsg_step(params["guided"])})


# Predictions


@dataclass(frozen=True)
class Thresholded:
    """A denoiser whose guided picture is clipped at its own quantile and brought back to the range of pixels.

    Dynamic thresholding (Saharia et al. 2022, arXiv:2205.11487, section 2.3).
    """

    denoiser: Any
    quantile: float

    def __call__(self, x: Tensor, step: Step) -> Denoised:
        now = self.denoiser(x, step)
        diffusion = self.denoiser.unet.diffusion
        x0 = diffusion.x0_from_eps(x.detach(), step.index, guided_eps(now, diffusion, step.index))
        most = x0.abs().flatten(1).quantile(self.quantile, dim=1).clamp_min(1)[:, None, None, None]
        x0 = x0.clamp(-most, most) / most
        return Denoised(now.x0, diffusion.eps_from_x0(x.detach(), step.index, x0), None, now.log_variance)


def thresholded(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: dynamic thresholding of the guided prediction."""
    wrapped: Any = Thresholded(pipeline.denoiser, params["quantile"])
    return replace(pipeline, denoiser=wrapped)


def autoguided(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: v = v_weak + w (v_unet - v_weak), the secondary model being the weak one.

    Autoguidance (Karras et al. 2024, arXiv:2406.02507).
    """
    unet, diffusion = pipeline.denoiser.unet, pipeline.diffusion
    if unet.predicts != "v":
        raise ValueError("autoguidance here mixes velocities, and this UNet predicts noise")
    weak = load_secondary(catalog.secondary(pipeline.plan.settings.model.secondary_model), pipeline.x.device)
    index_of = {float(t): index for index, t in enumerate(diffusion.timesteps)}

    def mixed(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = diffusion.alpha_sigma(index_of[float(t[0])])
        cosine_t = torch.full((len(x),), math.atan2(sigma, alpha) * 2 / math.pi, device=x.device, dtype=x.dtype)
        strong = unet.network(x, t)[:, :3].to(x.dtype)
        other = weak(x, cosine_t).to(x.dtype)
        return other + params["weight"] * (strong - other)

    return replace(pipeline, denoiser=replace(pipeline.denoiser, unet=replace(unet, network=mixed)))


# Particles


@dataclass
class Particles:
    """Pictures of one tensor compete: at some steps they are drawn anew by how much nearer they came to the prompt.

    FK steering (arXiv:2501.06848) with the potential of differences: weights exp(-(loss - loss before) * strength). The
    loss is that by which the step was guided. resample_at: numbers of steps. losses: of the last step, [B].
    """

    guidance: Guidance
    strength: float
    resample_at: frozenset[int]
    streams: Sequence[ImageStreams]
    losses: Tensor | None = None
    before_last: Tensor | None = field(default=None)

    def before(self, x: Tensor, step: Step) -> Tensor:
        if step.number not in self.resample_at or self.losses is None:
            return x
        gain = -self.losses if self.before_last is None else self.before_last - self.losses
        weights = torch.softmax(self.strength * gain / self.losses.abs().mean().clamp_min(1e-12), 0)
        chosen = systematic(weights, self.streams[0].generator("particles", step.t))
        self.before_last = self.losses[chosen]
        self.losses = self.losses[chosen]
        return x[chosen]

    def after(self, x0: Tensor, step: Step) -> Tensor:
        report, self.guidance.report = self.guidance.report, None
        if report is not None:
            # Losses are of the whole batch, one number a picture; what pulls is what the prompt says.
            self.losses = torch.stack([each for name, each in report.losses.items() if name.startswith("clip")]).sum(0)
        return x0


def systematic(weights: Tensor, generator: torch.Generator) -> Tensor:
    """As many indices as weights, each drawn nearly in proportion: one random number, and even steps from it."""
    count = len(weights)
    places = (torch.rand((), generator=generator) + torch.arange(count)) / count
    return torch.searchsorted(weights.double().cumsum(0), places.double()).clamp(max=count - 1)


def particles(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: the pictures of the tensor compete, four times on the way."""
    count = len(pipeline.plan.steps)
    at = frozenset(round(count * share) for share in (0.2, 0.4, 0.6, 0.8))
    competing = Particles(pipeline.guidance, params["strength"], at, pipeline.streams)
    return replace(pipeline, constraints=(*pipeline.constraints, competing))

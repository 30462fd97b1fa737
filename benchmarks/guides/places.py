"""Where the gradient is taken, and what the loss looks at: past the UNet, around the prediction, over all cuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from disco.kernels.sphere import spherical_pull
from torch import Tensor

from disco.diffusion.streams import ImageStreams, normal
from disco.guidance.terms.base import Pull, Seen, Term
from disco.guidance.terms.clip import Clip, View
from disco.losses import Loss
from disco.pipeline.build import Networks, Pipeline
from disco.pipeline.denoiser import GuidedDenoiser
from disco.samplers.base import Denoised
from disco.step import Step
from guides.method import Params


@dataclass(frozen=True)
class Direct(GuidedDenoiser):
    r"""The gradient taken through the network by a share, and for the rest as if the predicted noise were constant.

    share 1    d x0 / d x  =  (1 - sigma d eps / d x) / alpha        DPS (arXiv:2209.14687), Disco's way
    share 0    d x0 / d x  =  1 / alpha                              MPGD (arXiv:2311.16424): no pass back
    between    both, by their shares                                 as TFG (arXiv:2409.15761) has them
    """

    share: float = 0.0

    def guided_as_at(self, x: Tensor, step: Step, index: int) -> Denoised:
        if not self.guide.wants(step):
            return super().guided_as_at(x, step, index)
        with torch.set_grad_enabled(True):
            x = x.detach().requires_grad_()
            with torch.set_grad_enabled(self.share > 0):
                own = self.unet(x, index)
            constant = self.unet.diffusion.x0_from_eps(x, index, own.eps.detach())
            x0 = self.share * own.x0 + (1 - self.share) * constant if self.share else constant
            gradient = self.guide(x, x0, step)
        return Denoised(own.x0.detach(), own.eps.detach(), gradient, None)


def direct(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: the gradient goes through the network by the share `through`, 0 where there is none."""
    old = pipeline.denoiser
    return replace(
        pipeline, denoiser=Direct(old.unet, old.guide, None, old.clip_denoised, share=params.get("through", 0.0))
    )


@dataclass(frozen=True)
class Around:
    r"""A term's pull as the mean over pictures around the one that it reads (LGD-MC, Song et al. 2023).

        mean over k of  d loss(x_in + s sigma n_k) / d x_in,    n_k standard normal, the first 0

    sigma: of a step's index.
    """

    term: Term
    looks: int
    spread: float
    streams: Sequence[ImageStreams]
    sigma: Sequence[float]

    @property
    def reads(self) -> str:
        return self.term.reads

    @property
    def loss(self) -> Loss:
        return self.term.loss

    def wants(self, step: Step) -> bool:
        return self.term.wants(step)

    def pull(self, seen: Seen, step: Step) -> Pull:
        generators = [stream.generator(step.stream("around"), step.t) for stream in self.streams]
        found = []
        for look in range(self.looks):
            x_in = seen.x_in.detach()
            if look:
                x_in = x_in + self.spread * self.sigma[step.index] * normal(
                    generators, x_in.shape[1:], x_in.device, x_in.dtype
                )
            found.append(self.term.pull(Seen(x_in.requires_grad_(), seen.x0), step))
        losses = {name: sum(pull.losses[name] for pull in found) / self.looks for name in found[0].losses}
        pulls = [pull.gradient for pull in found if pull.gradient is not None]
        return Pull(losses, sum(pulls) / self.looks if pulls else None)


def around(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: perceptors look `looks` times, around the prediction."""
    sigma = [pipeline.diffusion.alpha_sigma(index)[1] for index in range(len(pipeline.diffusion))]
    return with_terms(
        pipeline,
        lambda term: (
            Around(term, params["looks"], params["spread"], pipeline.streams, sigma) if isinstance(term, Clip) else term
        ),
    )


@dataclass(frozen=True)
class KarcherView(View):
    """A perceptor that compares the cuts' mean on the sphere with the prompts, instead of the mean of their distances.

    The Karcher mean, by a few steps of its fixed point (crowsonkb/clip-guided-diffusion, 2024, takes it).
    """

    def distance(self, cuts: Tensor, step: Step) -> Tensor:
        embeddings = self.perceptor.embed(cuts.flatten(0, 1)).unflatten(0, cuts.shape[:2])
        mean = karcher_mean(F.normalize(embeddings, dim=-1))
        return spherical_pull(mean[:, None], self.targets[step.stage], self.weights[step.stage]).expand(
            -1, cuts.shape[1]
        )


def karcher_mean(points: Tensor, rounds: int = 3) -> Tensor:
    r"""The point of the sphere with the least sum of squared angles to unit vectors [B, C, d]: [B, d].

    m <- exp_m(mean of log_m(p)), from the points' mean brought to the sphere on (Karcher 1977).
    """
    mean = F.normalize(points.mean(1), dim=-1)
    for _ in range(rounds):
        along = (points * mean[:, None]).sum(-1, keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6)
        logs = torch.acos(along) * F.normalize(points - along * mean[:, None], dim=-1)
        step = logs.mean(1)
        length = torch.linalg.vector_norm(step, dim=-1, keepdim=True).clamp_min(1e-12)
        mean = torch.cos(length) * mean + torch.sin(length) * step / length
    return mean


def karcher(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: each perceptor compares the mean of its cuts."""

    def with_means(term: Term) -> Term:
        if not isinstance(term, Clip):
            return term
        views = [
            KarcherView(view.perceptor, view.cutouts, view.targets, view.weights, view.streams) for view in term.views
        ]
        return replace(term, views=views, cuts_at_once=0)

    return with_terms(pipeline, with_means)


def with_terms(pipeline: Pipeline, change: Callable[[Term], Term]) -> Pipeline:
    """The pipeline with each term of its losses changed."""
    guidance = replace(pipeline.guidance, terms=[change(term) for term in pipeline.guidance.terms])
    return replace(pipeline, guidance=guidance, denoiser=replace(pipeline.denoiser, guide=guidance))

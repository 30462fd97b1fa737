"""CLIP: how far a picture is from its prompts, in the eyes of perceptors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from disco.diffusion.streams import ImageStreams
from disco.guidance.calls import CallAll, one_by_one
from disco.guidance.cutouts import Cutouts
from disco.guidance.perceptor import Perceptor
from disco.guidance.pullback import pulled_back
from disco.guidance.terms.base import Pull, Seen
from disco.kernels.sphere import spherical_pull
from disco.losses import CLIP, Loss
from disco.step import Step

#: One for each perceptor that looks together, of each picture.
Generators = Sequence[Sequence[torch.Generator]]


@dataclass(frozen=True)
class View:
    """A perceptor, how it looks at the pictures, and what it wants to see.

    targets, weights: by stage; embeddings [B or 1, P, d] and the prompts' weights [P], their absolute sum 1.
    streams: one a picture, for its cuts.
    """

    perceptor: Perceptor
    cutouts: Cutouts
    targets: Sequence[Tensor]
    weights: Sequence[Tensor]
    streams: Sequence[ImageStreams]

    def generators(self, step: Step) -> list[torch.Generator]:
        """What the cuts of a step are drawn from, one a picture; a step's batches of cuts are drawn in turn."""
        return [cut_generator(stream, self.perceptor.name, step) for stream in self.streams]

    def pull(self, cuts: Tensor, step: Step, scale: float, at_once: int = 0) -> tuple[Tensor, Tensor]:
        """The loss of cuts [B, C, 3, r, r], their share of a step's, [B], and its gradient with respect to them.

        at_once: how many the perceptor looks at together, 0 = all. It holds the activations of those alone, since the
        loss is a mean over cuts.
        """
        loss, pulls = torch.zeros(len(cuts), dtype=cuts.dtype, device=cuts.device), []
        for some in cuts.detach().split(at_once or cuts.shape[1], dim=1):
            some.requires_grad_()
            share = self.distance(some, step).sum(-1) * (scale / step.cuts.number)
            pulls += torch.autograd.grad(share.sum(), some)
            loss += share.detach()
        return loss, torch.cat(pulls, dim=1)

    def distance(self, cuts: Tensor, step: Step) -> Tensor:
        """Weighted distance of cuts [B, C, 3, r, r] to the prompts: [B, C]."""
        embeddings = self.perceptor.embed(cuts.flatten(0, 1)).unflatten(0, cuts.shape[:2])
        return spherical_pull(embeddings, self.targets[step.stage], self.weights[step.stage])


@dataclass(frozen=True)
class Clip:
    """`clip_guidance_scale` times the distance of x_in to the prompts.

    views: the perceptors, in the order of the step's weights. cuts_at_once: how many cuts a perceptor looks at
    together, 0 = all; the fewer, the less memory. call_all: how perceptors are asked: one by one, or side by side,
    which gives the same bits and holds the activations of several.
    """

    views: Sequence[View]
    cuts_at_once: int = 0
    call_all: CallAll = one_by_one
    reads: str = "x_in"
    loss: Loss = CLIP

    def wants(self, step: Step) -> bool:
        return clip_wants(step)

    def pull(self, seen: Seen, step: Step) -> Pull:
        asked = [pair for pair in zip(self.views, step.perceptor_weights, strict=True) if pair[1]]
        groups = [
            [pair for pair in asked if pair[0].perceptor.resolution == resolution]
            for resolution in dict.fromkeys(view.perceptor.resolution for view, _ in asked)
        ]
        losses: dict[str, Tensor] = {}
        pull = torch.zeros_like(seen.x_in)
        # In turn, a resolution's cuts are let go of before the next one's are drawn.
        for some in [[group] for group in groups] if self.call_all is one_by_one else [groups]:
            pull += self._seen(some, seen.x_in, step, losses)
        return Pull(losses, pull)

    def _seen(
        self,
        groups: Sequence[Sequence[tuple[View, float]]],
        leaf: Tensor,
        step: Step,
        losses: dict[str, Tensor],
    ) -> Tensor:
        """What perceptors, each with its weight, pull the picture to: [B, 3, H, W].

        groups: the perceptors of one resolution together, for their cuts are drawn together. As many batches of cuts
        are seen at once as cuts_at_once allows.
        """
        batches, every = step.cuts.batches, step.cuts.number
        some = max(1, self.cuts_at_once * batches // every) if self.cuts_at_once else batches
        pull = torch.zeros_like(leaf)

        def draw(group: Sequence[tuple[View, float]], generators: Generators, numbers: range) -> Tensor:
            together = group[0][0].cutouts.together
            return torch.cat([together((leaf + 1) / 2, step.cuts, generators, number) for number in numbers], dim=2)

        def back(cuts: Tensor, pulls: list[Tensor]) -> Tensor:
            return pulled_back([(cuts, torch.stack(pulls, dim=1))], leaf)

        streams = [list(zip(*(view.generators(step) for view, _ in group), strict=True)) for group in groups]
        for first in range(0, batches, some):
            numbers = range(first, min(first + some, batches))
            drawn = self.call_all(partial(draw, *pair, numbers) for pair in zip(groups, streams, strict=True))
            looks = [
                (
                    group,
                    view,
                    partial(view.pull, cuts[:, n], step, step.clip_guidance_scale * weight, self.cuts_at_once),
                )
                for group, (pairs, cuts) in enumerate(zip(groups, drawn, strict=True))
                for n, (view, weight) in enumerate(pairs)
            ]
            pulls: list[list[Tensor]] = [[] for _ in groups]
            for (group, view, _), (loss, gradient) in zip(
                looks, self.call_all(look for *_, look in looks), strict=True
            ):
                name = f"clip/{view.perceptor.name}"
                losses[name] = losses[name] + loss if name in losses else loss
                pulls[group].append(gradient)
            for gradient in self.call_all(partial(back, *pair) for pair in zip(drawn, pulls, strict=True)):
                pull += gradient
        return pull


def cut_generator(streams: ImageStreams, perceptor: str, step: Step) -> torch.Generator:
    """What a perceptor's cuts of one picture are drawn from at a step, all batches of them."""
    return streams.generator(step.stream(f"cuts/{perceptor}"), step.t)


def clip_wants(step: Step) -> bool:
    """Whether perceptors are asked at this step."""
    return bool(step.clip_guidance_scale and step.cuts.number and any(step.perceptor_weights))


def spherical_distance(u: Tensor, v: Tensor) -> Tensor:
    r"""Half the squared angle between u and v.

        d(u, v)  =  2 arcsin(|u - v| / 2)^2  =  2 arctan(|u - v| / |u + v|)^2      on unit vectors

    The second form (Kahan's) is the first without its pole: the arcsine has an infinite slope where the vectors are
    opposite, and is NaN where rounding takes |u - v| past 2.

    Args: u, v: [..., d], floating point, of shapes that broadcast and any length (a zero vector is at a right angle
    to every other). Returns [...], 0 to pi^2 / 2. The gradient is zero at u = v and at u = -v.
    """
    u, v = F.normalize(u, dim=-1), F.normalize(v, dim=-1)
    return 2 * torch.atan2(torch.linalg.vector_norm(u - v, dim=-1), torch.linalg.vector_norm(u + v, dim=-1)).square()

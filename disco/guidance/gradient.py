"""x and the picture predicted from it -> the gradient that guides: the only place where losses meet.

x_in = sigma * x0 + (1 - sigma) * x                        what perceptors and picture losses see
loss = clip_guidance_scale * sum over perceptors ( weight * mean over cuts ( sum over prompts ( w * distance )))
     + tv_scale * tv(x_in) + sat_scale * sat(x_in) + range_scale * range(x0)
     + init_scale * init(x_in) + symmetry_loss_scale * symmetry(x_in)
gradient = d loss / d x, its RMS clamped to clamp_max       for each picture on its own
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.guidance.cutouts import Cutouts
from disco.guidance.cutouts.boxes import whole_box
from disco.guidance.losses import spherical_distance
from disco.guidance.perceptor import Perceptor
from disco.kernels.losses import picture_losses
from disco.kernels.sphere import spherical_pull
from disco.step import Cuts, Step

#: x_in [B, 3, H, W] -> how far each picture is from its init image, [B].
InitLoss = Callable[[Tensor], Tensor]

T = TypeVar("T")

#: Calls functions that do not need one another, and returns what they returned, in their order.
CallAll = Callable[[Iterable[Callable[[], Any]]], list[Any]]


def one_by_one(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Call functions in turn; `disco.resources.threads.side_by_side` calls them at once."""
    return [call() for call in calls]


@dataclass(frozen=True)
class View:
    """A perceptor, how it looks at the pictures, and what it wants to see.

    targets, weights: by stage; embeddings [B or 1, P, d] and the prompts' weights [P], their absolute sum 1.
    generators: one a picture, for its cuts.
    """

    perceptor: Perceptor
    cutouts: Cutouts
    targets: Sequence[Tensor]
    weights: Sequence[Tensor]
    generators: Sequence[torch.Generator]

    def pull(self, cuts: Tensor, step: Step, scale: float, at_once: int = 0) -> tuple[Tensor, Tensor]:
        """The loss of cuts [B, C, 3, r, r], their share of a step's, [B], and its gradient with respect to them.

        at_once: how many the perceptor looks at together, 0 = all. It holds the activations of those alone, since the
        loss is a mean over cuts.
        """
        loss, pulls = torch.zeros(len(cuts), dtype=cuts.dtype, device=cuts.device), []
        for some in cuts.detach().split(at_once or cuts.shape[1], dim=1):
            some.requires_grad_()
            share = self.distance(some, step).sum(-1) * (scale / number_of(step.cuts))
            pulls += torch.autograd.grad(share.sum(), some)
            loss += share.detach()
        return loss, torch.cat(pulls, dim=1)

    def distance(self, cuts: Tensor, step: Step) -> Tensor:
        """Weighted distance of cuts [B, C, 3, r, r] to the prompts: [B, C]."""
        embeddings = self.perceptor.embed(cuts.flatten(0, 1)).unflatten(0, cuts.shape[:2])
        return spherical_pull(embeddings, self.targets[step.stage], self.weights[step.stage])


@dataclass(frozen=True)
class Report:
    """What the guidance saw at one step: tensors [B], on the pictures' device until somebody reads them."""

    losses: Mapping[str, Tensor]
    #: RMS of the gradient before it was clamped.
    gradient_rms: Tensor
    #: True where the gradient was not finite and the step went unguided.
    skipped: Tensor


@dataclass
class Guidance:
    """The losses of a run. Call it with x (requiring a gradient), x0 (depending on it) and the step.

    init_loss: distance to the init image; None without one.
    compat: the original's range loss, which is measured and does not pull (`compat=disco57`).
    cuts_at_once: how many cuts a perceptor looks at together, 0 = all; the fewer, the less memory.
    wrap: dimensions, of -1 and -2, along which the pictures tile.
    call_all: how perceptors are asked: one by one, or side by side, which gives the same bits and holds the activations
        of several.
    report: what the first call saw since it was None, and whether any call since then went unguided: a step of PLMS
        may take two. Whoever reads it sets it to None.
    """

    diffusion: Diffusion
    views: Sequence[View]
    init_loss: InitLoss | None = None
    symmetry_axis: str = "horizontal"
    compat: bool = False
    cuts_at_once: int = 0
    wrap: tuple[int, ...] = ()
    call_all: CallAll = one_by_one
    report: Report | None = field(default=None, init=False)

    def wants(self, step: Step) -> bool:
        """Whether anything can pull at this step."""
        if holds_still(step):
            return False
        scales = [step.tv_scale, step.sat_scale, step.range_scale, step.symmetry_loss_scale]
        if self.init_loss is not None:
            scales.append(step.init_scale)
        return any(scales) or looks(step)

    def __call__(self, x: Tensor, x0: Tensor, step: Step) -> Tensor:
        _, sigma = self.diffusion.alpha_sigma(step.index)
        x_in = x0 * sigma + x * (1 - sigma)
        losses: dict[str, Tensor] = {}

        leaf = x_in.detach().requires_grad_()
        pull = torch.zeros_like(leaf)
        if step.clip_guidance_scale and number_of(step.cuts):
            asked = [pair for pair in zip(self.views, step.perceptor_weights, strict=True) if pair[1]]
            groups = [
                [pair for pair in asked if pair[0].perceptor.resolution == resolution]
                for resolution in dict.fromkeys(view.perceptor.resolution for view, _ in asked)
            ]
            # In turn, a resolution's cuts are let go of before the next one's are drawn.
            for some in [[group] for group in groups] if self.call_all is one_by_one else [groups]:
                pull += self.seen(some, leaf, step, losses)

        own = {"tv": step.tv_scale, "sat": step.sat_scale, "symmetry": step.symmetry_loss_scale}
        if any(own.values()):
            values, gradient = picture_losses(
                leaf.detach(),
                tv_scale=step.tv_scale,
                sat_scale=step.sat_scale,
                symmetry_scale=step.symmetry_loss_scale,
                symmetry_axis=self.symmetry_axis,
                wrap=self.wrap,
            )
            pull += gradient
            tv, sat, _, symmetry = values
            losses |= {name: loss for name, loss in zip(own, (tv, sat, symmetry), strict=True) if own[name]}
        if step.init_scale and self.init_loss is not None:
            distance = self.init_loss(leaf) * step.init_scale
            pull += torch.autograd.grad(distance.sum(), leaf)[0]
            losses["init"] = distance.detach()
        outputs, pulls = [x_in], [pull]
        if step.range_scale:
            values, excess = picture_losses(x0.detach(), range_scale=step.range_scale)
            losses["range"] = values[2]
            if not self.compat:  # the original asks for this loss's gradient where it has none: at x_in
                outputs.append(x0)
                pulls.append(excess)
        gradient = torch.autograd.grad(outputs, x, pulls)[0]

        gradient, skipped = drop_non_finite(gradient)
        rms = root_mean_square(gradient)
        earlier, skipped = self.report, skipped.flatten()
        if earlier is None:
            self.report = Report(losses, rms.flatten(), skipped)
        else:
            self.report = replace(earlier, skipped=earlier.skipped | skipped)
        return clamp_rms(gradient, rms, step.clamp_max) if step.clamp_grad else gradient

    def seen(
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
        batches, every = step.cuts.batches, number_of(step.cuts)
        some = max(1, self.cuts_at_once * batches // every) if self.cuts_at_once else batches
        pull = torch.zeros_like(leaf)

        def draw(group: Sequence[tuple[View, float]], count: int) -> Tensor:
            generators = list(zip(*(view.generators for view, _ in group), strict=True))
            together = group[0][0].cutouts.together
            return torch.cat([together((leaf + 1) / 2, step.cuts, generators) for _ in range(count)], dim=2)

        def back(cuts: Tensor, pulls: list[Tensor]) -> Tensor:
            return torch.autograd.grad(cuts, leaf, torch.stack(pulls, dim=1))[0]

        for first in range(0, batches, some):
            drawn = self.call_all(partial(draw, group, min(some, batches - first)) for group in groups)
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


def holds_still(step: Step) -> bool:
    """Whether every gradient is clamped to nothing."""
    return bool(step.clamp_grad and step.clamp_max == 0)


def looks(step: Step) -> bool:
    """Whether perceptors look at this step."""
    asked = step.clip_guidance_scale and number_of(step.cuts) and any(step.perceptor_weights)
    return bool(asked) and not holds_still(step)


def number_of(cuts: Cuts) -> int:
    """How many cuts a picture is seen in at a step, all batches of them."""
    return cuts.batches * (cuts.overview + cuts.inner if cuts.family == "scheduled" else cuts.cutn)


def likeness(perceptors: Sequence[Perceptor], init: Tensor) -> InitLoss:
    """The mean spherical distance, in the eyes of the perceptors, to `init` [B, 3, H, W]: an LPIPS without its weights.

    Each perceptor sees whole pictures, squeezed to its square.
    """

    def embed(perceptor: Perceptor, x: Tensor) -> Tensor:
        whole = whole_box(*x.shape[-2:])
        return perceptor.embed(torch.cat([whole.cut((picture + 1) / 2, perceptor.resolution) for picture in x]))

    with torch.no_grad():
        targets = [embed(perceptor, init) for perceptor in perceptors]

    def distance(x_in: Tensor) -> Tensor:
        pairs = zip(perceptors, targets, strict=True)
        return torch.stack([spherical_distance(embed(p, x_in), target) for p, target in pairs]).mean(0)

    return distance


def drop_non_finite(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Zeros in place of a picture's gradient [B, 3, H, W] that holds NaN or infinity, and where: bool [B, 1, 1, 1]."""
    bad = ~torch.isfinite(gradient).flatten(1).all(1)[:, None, None, None]
    return torch.where(bad, torch.zeros_like(gradient), gradient), bad


def root_mean_square(gradient: Tensor) -> Tensor:
    """RMS of each picture's gradient, [B, 1, 1, 1]."""
    return gradient.square().mean((1, 2, 3), keepdim=True).sqrt()


def clamp_rms(gradient: Tensor, rms: Tensor, clamp_max: float) -> Tensor:
    """The gradient scaled so that its RMS is at most clamp_max; a zero gradient stays zero."""
    return gradient * (clamp_max / rms.clamp_min(torch.finfo(rms.dtype).tiny)).clamp(max=1)

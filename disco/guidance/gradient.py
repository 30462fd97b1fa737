"""x and the picture predicted from it -> the gradient that guides: the only place where losses meet.

x_in = sigma * x0 + (1 - sigma) * x                        what perceptors and picture losses see
loss = clip_guidance_scale * sum over perceptors ( weight * mean over cuts ( sum over prompts ( w * distance )))
     + tv_scale * tv(x_in) + sat_scale * sat(x_in) + range_scale * range(x0)
     + init_scale * init(x_in) + symmetry_loss_scale * symmetry(x_in)
gradient = d loss / d x, its RMS clamped to clamp_max       for each picture on its own
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from disco.diffusion import Diffusion
from disco.guidance.cutouts import Cutouts, whole_box
from disco.guidance.losses import spherical_distance
from disco.guidance.perceptor import Perceptor
from disco.kernels.losses import picture_losses
from disco.kernels.sphere import spherical_pull
from disco.plan import Cuts, Step

#: x_in [B, 3, H, W] -> how far each picture is from its init image, [B].
InitLoss = Callable[[Tensor], Tensor]


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

    def pull(self, x_in: Tensor, step: Step, scale: float, at_once: int = 0) -> tuple[Tensor, Tensor]:
        """The loss of a step's cuts, all its batches of them, [B], and its gradient with respect to x_in [B, 3, H, W].

        at_once: how many cuts the perceptor looks at together, 0 = all. It holds the activations of those alone, since
        the loss is a mean over cuts: the gradient is put together from theirs.
        """
        every = number_of(step.cuts)
        batches_at_once = max(1, at_once * step.cuts.batches // every) if at_once else step.cuts.batches
        loss = torch.zeros(len(x_in), dtype=x_in.dtype, device=x_in.device)
        pull = torch.zeros_like(x_in)
        for first in range(0, step.cuts.batches, batches_at_once):
            batches = range(first, min(first + batches_at_once, step.cuts.batches))
            drawn = [self.cutouts((x_in + 1) / 2, step.cuts, self.generators) for _ in batches]
            cuts, pulls = torch.cat(drawn, dim=1), []
            for some in cuts.detach().split(at_once or every, dim=1):
                some.requires_grad_()
                share = self.distance(some, step).sum(-1) / every * scale
                pulls += torch.autograd.grad(share.sum(), some)
                loss += share.detach()
            pull += torch.autograd.grad(cuts, x_in, torch.cat(pulls, dim=1))[0]
        return loss, pull

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
    coupled: the original's way with a batch (`compat=disco57`): one RMS clamp, one NaN test and one saturation mean
        for all its pictures, and a range loss without effect.
    cuts_at_once: how many cuts a perceptor looks at together, 0 = all; the fewer, the less memory.
    report: after each call, what it saw.
    """

    diffusion: Diffusion
    views: Sequence[View]
    init_loss: InitLoss | None = None
    symmetry_axis: str = "horizontal"
    coupled: bool = False
    cuts_at_once: int = 0
    report: Report | None = field(default=None, init=False)

    def wants(self, step: Step) -> bool:
        """Whether anything can pull at this step."""
        if step.clamp_grad and step.clamp_max == 0:
            return False
        scales = [step.tv_scale, step.sat_scale, step.range_scale, step.symmetry_loss_scale]
        if self.init_loss is not None:
            scales.append(step.init_scale)
        return any(scales) or bool(step.clip_guidance_scale and number_of(step.cuts) and any(step.perceptor_weights))

    def __call__(self, x: Tensor, x0: Tensor, step: Step) -> Tensor:
        _, sigma = self.diffusion.alpha_sigma(step.index)
        x_in = x0 * sigma + x * (1 - sigma)
        losses: dict[str, Tensor] = {}

        # Perceptors are run one by one against a leaf, so that the activations of one at a time are held.
        leaf = x_in.detach().requires_grad_()
        pull = torch.zeros_like(leaf)
        if step.clip_guidance_scale and number_of(step.cuts):
            for view, weight in zip(self.views, step.perceptor_weights, strict=True):
                if not weight:
                    continue
                loss, gradient = view.pull(leaf, step, step.clip_guidance_scale * weight, self.cuts_at_once)
                pull += gradient
                losses[f"clip/{view.perceptor.name}"] = loss

        own = {"tv": step.tv_scale, "sat": step.sat_scale, "symmetry": step.symmetry_loss_scale}
        if any(own.values()):
            shared = len(x) if self.coupled else 1
            values, gradient = picture_losses(
                leaf.detach(),
                tv_scale=step.tv_scale,
                sat_scale=step.sat_scale / shared,
                symmetry_scale=step.symmetry_loss_scale,
                symmetry_axis=self.symmetry_axis,
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
            if not self.coupled:  # the original asks for this loss's gradient where it has none: at x_in
                outputs.append(x0)
                pulls.append(excess)
        gradient = torch.autograd.grad(outputs, x, pulls)[0]

        gradient, skipped = drop_non_finite(gradient, self.coupled)
        rms = root_mean_square(gradient, self.coupled)
        self.report = Report(losses, rms.flatten(), skipped.flatten())
        return clamp_rms(gradient, rms, step.clamp_max) if step.clamp_grad else gradient


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


def drop_non_finite(gradient: Tensor, coupled: bool = False) -> tuple[Tensor, Tensor]:
    """Zeros in place of a picture's gradient [B, 3, H, W] that holds NaN or infinity, and where: bool [B, 1, 1, 1]."""
    bad = ~torch.isfinite(gradient).flatten(1).all(1)
    if coupled:
        bad = bad.any().expand_as(bad)
    bad = bad[:, None, None, None]
    return torch.where(bad, torch.zeros_like(gradient), gradient), bad


def root_mean_square(gradient: Tensor, coupled: bool = False) -> Tensor:
    """RMS of each picture's gradient, [B, 1, 1, 1]; `coupled`: of the whole batch's."""
    square = gradient.square().mean((1, 2, 3), keepdim=True)
    return (square.mean(0, keepdim=True).expand_as(square) if coupled else square).sqrt()


def clamp_rms(gradient: Tensor, rms: Tensor, clamp_max: float) -> Tensor:
    """The gradient scaled so that its RMS is at most clamp_max; a zero gradient stays zero."""
    return gradient * (clamp_max / rms.clamp_min(torch.finfo(rms.dtype).tiny)).clamp(max=1)

"""x and the picture predicted from it -> the gradient that guides: the only place where losses meet.

x_in = sigma * x0 + (1 - sigma) * x                        what perceptors and picture losses see
loss = clip_guidance_scale * sum over perceptors ( weight * mean over cuts ( sum over prompts ( w * distance )))
     + tv_scale * tv(x_in) + sat_scale * sat(x_in) + range_scale * range(x0)
     + init_scale * init(x_in) + symmetry_loss_scale * symmetry(x_in)
gradient = d loss / d x, its RMS clamped to clamp_max       for each picture on its own
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.guidance.pullback import pulled_back
from disco.guidance.region import Region
from disco.guidance.terms.base import Seen, Term
from disco.guidance.terms.clip import clip_wants
from disco.guidance.terms.picture import together
from disco.step import Step


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

    terms: every term of the loss, in the order of the record. region: the part of the pictures that may change; None
        for all of it. There alone is a gradient, and its RMS is that of those pixels.
    report: what the first call saw since it was None, and whether any call since then went unguided: a step of PLMS
        may take two. Whoever reads it sets it to None.
    """

    diffusion: Diffusion
    terms: Sequence[Term]
    region: Region | None = None
    report: Report | None = field(default=None, init=False)

    def wants(self, step: Step) -> bool:
        """Whether anything can pull at this step."""
        return not holds_still(step) and any(term.wants(step) for term in self.terms)

    def __call__(self, x: Tensor, x0: Tensor, step: Step) -> Tensor:
        _, sigma = self.diffusion.alpha_sigma(step.index)
        x_in = x0 * sigma + x * (1 - sigma)
        seen = Seen(x_in.detach().requires_grad_(), x0.detach())
        losses: dict[str, Tensor] = {}
        pulls = {"x_in": torch.zeros_like(seen.x_in)}
        wanted = [term for term in self.terms if term.wants(step)]
        for term in together(wanted) if self.region is None else self.region.pulling(wanted):
            blamed, gradient = term.pull(seen, step)
            losses |= blamed
            if gradient is None:
                continue
            if term.reads in pulls:
                pulls[term.reads] += gradient
            else:
                pulls[term.reads] = gradient
        read = {"x_in": x_in, "x0": x0}
        gradient = pulled_back([(read[name], pull) for name, pull in pulls.items()], x)

        gradient, skipped = drop_non_finite(gradient)
        rms = root_mean_square(gradient)
        if self.region is not None:
            gradient = gradient * self.region.moves
            rms = root_mean_square(gradient) / self.region.share**0.5
        earlier, skipped = self.report, skipped.flatten()
        if earlier is None:
            self.report = Report(losses, rms.flatten(), skipped)
        else:
            self.report = replace(earlier, skipped=earlier.skipped | skipped)
        return clamp_rms(gradient, rms, step.clamp_max) if step.clamp_grad else gradient


def holds_still(step: Step) -> bool:
    """Whether every gradient is clamped to nothing."""
    return bool(step.clamp_grad and step.clamp_max == 0)


def looks(step: Step) -> bool:
    """Whether perceptors look at this step."""
    return clip_wants(step) and not holds_still(step)


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

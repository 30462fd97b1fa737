"""A CLIP as two functions: how it sees cuts, and what it hears in a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from disco.errors import SettingsError
from disco.guidance.cutouts.families import random_cuts

#: Disco Diffusion 5.7: how many targets a fuzzy prompt is spread into, how many cuts an image prompt is learnt from.
FUZZY_COPIES = 25
IMAGE_PROMPT_CUTS = 16

#: Prompt weights whose sum is nearer to zero than this say nothing.
LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class Perceptor:
    """A CLIP, whoever made it.

    name: what the settings call it.
    resolution: side of the cuts it looks at, in pixels.
    mean, std: the colour statistics its pictures were normalised with, one number a channel, for values in 0..1.
    encode_image: normalised pictures [N, 3, r, r] -> embeddings [N, d], differentiable.
    encode_text: texts -> embeddings [P, d].
    """

    name: str
    resolution: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    encode_image: Callable[[Tensor], Tensor]
    encode_text: Callable[[list[str]], Tensor]

    def embed(self, cuts: Tensor) -> Tensor:
        """Cuts [N, 3, r, r] in 0..1 -> their embeddings [N, d], of any length, float32 or better."""
        # Copied without waiting: a step must not stop for the device.
        mean, std = (
            torch.tensor(values).view(3, 1, 1).to(cuts.device, cuts.dtype, non_blocking=True)
            for values in (self.mean, self.std)
        )
        return _at_least_float32(self.encode_image((cuts - mean) / std))

    def target(self, texts: Sequence[str]) -> Tensor:
        """Texts -> their embeddings [P, d], of any length, float32 or better, without a gradient."""
        with torch.no_grad():
            return _at_least_float32(self.encode_text(list(texts)))


def weigh(weights: Sequence[float] | Tensor) -> Tensor:
    r"""Prompt weights as shares of their sum, signs kept:  w / |sum w|.

    Returns [P], in float32 or the tensor's own dtype. Raises SettingsError where the weights sum to (nearly) zero.
    """
    weights = torch.as_tensor(weights)
    total = weights.sum().abs()
    if total < LEAST_WEIGHT:
        raise SettingsError(f"prompt weights {weights.tolist()} sum to zero; change one, so that they do not cancel")
    return weights / total


def fuzzy(
    targets: Tensor,
    rand_mag: float,
    generator: torch.Generator,
    copies: int = FUZZY_COPIES,
    compat: bool = False,
) -> Tensor:
    r"""Spread each target into a cloud:  target + rand_mag * N(0, 1),  `copies` times.

    Args:
        targets: [P, d], as the perceptor gave them: the noise is laid over their own length.
        generator: on the CPU.
        compat: clamp to 0..1 as the original does, which cuts away every negative half of a target.

    Returns [P * copies, d], the copies of a target together (their weights: `weights.repeat_interleave(copies)`, then
    `weigh`); dtype and device of `targets`.
    """
    noise = torch.randn(len(targets), copies, targets.shape[-1], generator=generator)
    cloud = targets[:, None] + rand_mag * noise.to(targets)
    if compat:
        cloud = cloud.clamp(0, 1)
    return cloud.flatten(0, 1)


def image_target(
    perceptor: Perceptor,
    picture: Tensor,
    generator: torch.Generator,
    skip_augs: bool = False,
    compat: bool = False,
) -> Tensor:
    """An image prompt: what the perceptor sees in cuts of the older, random family.

    `compat`: the original hands those cuts over in -1..1, their margin grey, where a perceptor's colour statistics are
    for 0..1. Otherwise they are in 0..1, as every other cut.

    Args: picture: [3, H, W] in 0..1; generator: on the CPU; skip_augs, compat: as in `random_cuts`.

    Returns [IMAGE_PROMPT_CUTS, d], without a gradient. The prompt's weight is shared evenly among them.
    """
    with torch.no_grad():
        picture = 2 * picture - 1 if compat else picture
        cuts = random_cuts(picture, IMAGE_PROMPT_CUTS, perceptor.resolution, [generator], skip_augs, compat)
        return perceptor.embed(cuts)


def _at_least_float32(embeddings: Tensor) -> Tensor:
    return embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))

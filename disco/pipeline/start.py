"""Where pictures start: noise, an init image or Perlin noise beneath it, the image prompts, and the random streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from disco.diffusion.images import fit_init, overlay_noise
from disco.diffusion.levels import Diffusion
from disco.diffusion.perlin import perlin_init
from disco.diffusion.streams import ImageStreams, normal
from disco.guidance.targets import prompt_pictures
from disco.planning.plan import Plan


@dataclass(frozen=True)
class Start:
    """What pictures start from, B of them in one tensor.

    noise: standard normal, [B, 3, H, W]; its device and dtype are those that all is computed in. streams: the random
    numbers of each picture. init: the picture that the run starts from, [B, 3, H, W] in [-1, 1]; None to start from
    noise. image_prompts: [3, h, w] in 0..1, in the plan's order.
    """

    noise: Tensor
    streams: Sequence[ImageStreams]
    init: Tensor | None = None
    image_prompts: Sequence[Tensor] = ()

    def noised(self, diffusion: Diffusion, index: int) -> Tensor:
        """x at level `index`, the first that is rendered: [B, 3, H, W].

        Skipped steps are those that would have led to this level; without an init they lead there from grey.
        """
        if self.init is None and index == len(diffusion) - 1:
            return self.noise
        return diffusion.q_sample(torch.zeros_like(self.noise) if self.init is None else self.init, index, self.noise)


def start_of(plan: Plan, seeds: Sequence[int], device: torch.device | str, dtype: torch.dtype = torch.float32) -> Start:
    """The start of the pictures of these seeds."""
    streams = [ImageStreams(seed) for seed in seeds]
    init = init_of(plan, streams)
    noise = normal([each.generator("start") for each in streams], (3, plan.height, plan.width), device, dtype)
    return Start(noise, streams, None if init is None else init.to(noise), prompt_pictures(plan, noise.device))


def init_of(plan: Plan, streams: Sequence[ImageStreams]) -> Tensor | None:
    """The init image or Perlin noise that the run starts from, [B, 3, H, W] in [-1, 1]; None to start from noise."""
    settings, compat = plan.settings.init, plan.settings.compat == "disco57"
    if settings.perlin_init:
        mode, wrap = settings.perlin_mode, plan.wrap
        return torch.stack([perlin_init(each, plan.height, plan.width, mode, wrap, compat) for each in streams])
    if plan.init_image is None:
        return None
    picture = fit_init(plan.input("init_image", plan.init_image).open(), plan.height, plan.width)
    return torch.stack([overlay_noise(picture, settings.init_noise, each.generator("init")) for each in streams])

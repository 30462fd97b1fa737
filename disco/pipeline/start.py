"""Where pictures start: noise, an init image or Perlin noise beneath it, the image prompts, and the random streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from disco.diffusion.images import overlay_noise, to_tensor
from disco.diffusion.levels import Diffusion
from disco.diffusion.perlin import perlin_init
from disco.diffusion.streams import ImageStreams, NoiseSource
from disco.guidance.region import Region
from disco.guidance.targets import prompt_pictures
from disco.losses import TEMPORAL
from disco.planning.masks import STAYS, view_of_mask
from disco.planning.plan import Plan


@dataclass(frozen=True)
class Mask:
    """What of a picture stays.

    free: how free each pixel is, [1, 1, H, W]: 0 stays, 1 is drawn anew. paste: where the picture's own levels come out
    in the end, bool [1, 1, H, W]; None for nowhere. region: what guidance is told of it; None where nothing is free.
    """

    free: Tensor
    paste: Tensor | None = None
    region: Region | None = None


@dataclass(frozen=True)
class Start:
    """What pictures start from, B of them in one tensor.

    noise: standard normal, [B, 3, H, W]; its device and dtype are those that all is computed in. streams: the random
    numbers of each picture. init: the picture that the run starts from, [B, 3, H, W] in [-1, 1]; None to start from
    noise. image_prompts: [3, h, w] in 0..1, in the plan's order. known: the init before any noise was laid over it,
    [1 or B, 3, H, W]. mask: what of it stays; None for nothing. previous: the frame before, moved along, [1, 3, H, W],
    and where it shows what is in view, [1, 1, H, W]; None where there is none. source: of the noise, and of that of the
    steps; None where it is drawn by streams.
    """

    noise: Tensor
    streams: Sequence[ImageStreams]
    init: Tensor | None = None
    image_prompts: Sequence[Tensor] = ()
    known: Tensor | None = None
    mask: Mask | None = None
    previous: tuple[Tensor, Tensor] | None = None
    source: NoiseSource | None = None

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
    source = noise_source(plan, seeds)
    noise = source.drawn("start", None, (3, plan.height, plan.width), device, dtype)()
    known = known_of(plan, streams)
    init = None if known is None else noised_init(plan, known, streams).to(noise)
    prompts = prompt_pictures(plan, noise.device)
    known = None if known is None else known.to(noise)
    return Start(noise, streams, init, prompts, known, mask_of(plan, noise), previous_of(plan, noise), source)


def noise_source(plan: Plan, seeds: Sequence[int]) -> NoiseSource:
    """What draws the noise of the pictures of these seeds, by noise_seed and noise_order."""
    first, order = plan.settings.init.noise_seed, plan.noise_order
    own = seeds if first is None else [first + seed - plan.seeds[0] for seed in seeds]
    return NoiseSource([ImageStreams(seed) for seed in own], None if order is None else torch.from_numpy(order))


def previous_of(plan: Plan, like: Tensor) -> tuple[Tensor, Tensor] | None:
    """The frame before, and where it is opaque (0 or 1), on the device and in the dtype of a tensor; None without one.

    A picture of another size is stretched.
    """
    given = plan.settings.init.previous_frame
    if not given or not plan.pulls(TEMPORAL):
        return None
    picture, size = plan.input("previous_frame", given), (plan.width, plan.height)
    opaque = picture.alpha() or Image.new("L", picture.size(), 255)
    seen = torch.from_numpy(np.asarray(opaque.resize(size, Image.Resampling.NEAREST)) > 127)
    # What is transparent is white here, which does not count.
    shown = to_tensor(picture.open().resize(size, Image.Resampling.BICUBIC))
    return shown[None].to(like), seen[None, None].to(like)


def known_of(plan: Plan, streams: Sequence[ImageStreams]) -> Tensor | None:
    """The init image or Perlin noise that the run starts from, [1 or B, 3, H, W] in [-1, 1]; None without either."""
    settings, compat = plan.settings.init, plan.settings.compat == "disco57"
    if settings.perlin_init:
        mode, wrap = settings.perlin_mode, plan.wrap
        return torch.stack([perlin_init(each, plan.height, plan.width, mode, wrap, compat) for each in streams])
    if plan.init_image is None or plan.placement is None:
        return None
    picture = plan.input("init_image", plan.init_image).open()
    return to_tensor(plan.placement.lay(picture, mirrored=settings.init_fit != "pad"))[None]


def noised_init(plan: Plan, known: Tensor, streams: Sequence[ImageStreams]) -> Tensor:
    """The init of each picture, [B, 3, H, W], an init image under the noise that the settings lay over it."""
    settings = plan.settings.init
    if settings.perlin_init:
        return known
    flat_only = settings.init_noise_mode == "flat"
    each = [overlay_noise(known[0], settings.init_noise, own.generator("init"), flat_only) for own in streams]
    return torch.stack(each)


def mask_of(plan: Plan, like: Tensor) -> Mask | None:
    """What of the init stays, on the device and in the dtype of a tensor; None where nothing does."""
    if plan.gives_init_back:
        shape = (1, 1, plan.height, plan.width)
        return Mask(like.new_zeros(shape), torch.ones(shape, dtype=torch.bool, device=like.device))
    picture, init = plan.mask, plan.settings.init
    if picture is None:
        return None
    levels = np.asarray(picture)
    free = softened(levels, init.mask_blur)
    moves = torch.from_numpy(free > 0).to(like.device)[None, None]
    region = Region(moves, float((free > 0).mean()), view_of_mask(picture, plan.wrap), plan.mask_view)
    paste = torch.from_numpy(levels == STAYS).to(like.device)[None, None] if init.paste else None
    return Mask(torch.from_numpy(free).to(like)[None, None], paste, region)


def softened(levels: NDArray[np.uint8], reach: int) -> NDArray[np.float32]:
    """How free each pixel is, in 0..1, of a mask's levels [H, W], 0 to 255.

    reach: of the mask's edge into what stays, in pixels: d pixels away from the nearest that is not black, one is
    1 - d / (reach + 1) free, and one that is farther away than `reach` not at all.
    """
    free: NDArray[np.float32] = (levels / 255).astype(np.float32)
    stays = levels == STAYS
    if reach and stays.any() and not stays.all():
        from scipy.ndimage import distance_transform_edt

        distance = distance_transform_edt(stays)
        free[stays] = np.where(distance <= reach, 1 - distance / (reach + 1), 0)[stays]
    return free

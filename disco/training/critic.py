"""Trains the embedded critic: how well a picture of the world is composed, by rules that can be written down.

    thirds    =  1 - |c - t| / (sqrt(2) / 3)           c the centre of the things, t the nearest point at thirds of both
                                                       sides, in shares of the sides
    contrast  =  min(1, 2 |mean inside - mean outside|)   of the things' outlines, the root mean square over channels
    palette   =  1 - (exp(H) - 1) / (HUES - 1)         H the entropy of the hues, weighed by how colourful they are

each from 0 to 1; without things in the picture the first two are 0. The program that draws the world knows where its
things are, the critic sees the picture alone. Pictures are windows of larger ones, for in whole ones things stand in
the middle.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from disco.models.catalog.embedded_networks import CRITICS
from disco.models.networks.critic import PARTS, EmbeddedCritic, build_critic
from disco.training import loop, pictures, unet
from disco.training.data import Bank, Options, mirrored

NAME = "embedded_critic"

#: The side of the pictures that windows are cut from, and the least side of one, as a share of it.
DRAWN, LEAST = 128, 0.6

#: Equal parts of the circle of hues.
HUES = 12

#: Standard deviation of the noise that is laid over what it learns from, at most: predictions on the way have some.
NOISE = 0.15

#: Coverage, in pixels of the whole picture, below which there is no thing.
NOTHING = 8.0


def parts_of(images: Tensor, cover: Tensor) -> Tensor:
    """The three numbers of pictures [B, 3, H, W] in 0..1 whose things cover [B, 1, H, W] from 0 to 1: [B, 3]."""
    size = cover.sum((1, 2, 3))
    there = (size >= NOTHING).to(images)
    inside = (images * cover).sum((2, 3)) / size.clamp(min=1)[:, None]
    outside = (images * (1 - cover)).sum((2, 3)) / (1 - cover).sum((1, 2, 3)).clamp(min=1)[:, None]
    contrast = (2 * (inside - outside).square().mean(1).sqrt()).clamp(max=1)
    return torch.stack([there * thirds(cover), there * contrast, palette(images)], 1)


def thirds(cover: Tensor) -> Tensor:
    """How near the centre of what covers [B, 1, H, W] is to a third of both sides: [B]."""
    total = cover.sum((1, 2, 3)).clamp(min=1)
    off = []
    for dim in (2, 3):
        at = (torch.arange(cover.shape[dim], device=cover.device) + 0.5) / cover.shape[dim]
        centre = (cover.sum(5 - dim)[:, 0] * at).sum(1) / total
        off.append(torch.minimum((centre - 1 / 3).abs(), (centre - 2 / 3).abs()))
    return 1 - torch.hypot(*off) / (math.sqrt(2) / 3)


def palette(images: Tensor) -> Tensor:
    """How few hues pictures [B, 3, H, W] in 0..1 have: [B], 1 for one or none, 0 for all equally."""
    red, green, blue = images.unbind(1)
    hue = torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * math.pi) % 1
    chroma = (images.amax(1) - images.amin(1)).flatten(1)
    bins = (hue.flatten(1) * HUES).long().clamp(max=HUES - 1)
    weight = torch.zeros(len(images), HUES, device=images.device).scatter_add_(1, bins, chroma)
    share = weight / weight.sum(1, keepdim=True).clamp(min=1e-6)
    entropy = torch.special.entr(share).sum(1)
    return 1 - (entropy.exp() - 1).clamp(min=0) / (HUES - 1)


def windows(both: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """A square window of each [B, C, H, H], drawn, resized to the side: [B, C, side, side]."""
    found, whole = [], both.shape[-1]
    for picture, u in zip(both, torch.rand(len(both), 3, generator=rng, device=rng.device).tolist(), strict=True):
        size = round(whole * (LEAST + (1 - LEAST) * u[0]))
        top, left = (int(each * (whole - size + 1)) for each in u[1:])
        window = picture[None, :, top : top + size, left : left + size]
        found.append(F.interpolate(window, (side, side), mode="area"))
    return torch.cat(found)


def trained(options: Options) -> EmbeddedCritic:
    """The averaged critic of a folder of runs, frozen; FileNotFoundError when it was not trained yet."""
    model = EmbeddedCritic(CRITICS[0].resolution, CRITICS[0].channels)
    model.load_state_dict(loop.averaged(options.runs / NAME))
    return model.eval().requires_grad_(False).to(options.device)


def train(options: Options) -> loop.Trained:
    spec, shares = CRITICS[0], unet.SHARES_OF[DRAWN]
    _, images = options.drawn(unet.DATA_SEED, DRAWN, shares)
    covers = options.covers(unet.DATA_SEED, DRAWN, shares)
    scenes, unseen = options.drawn_held_out(DRAWN, shares)
    unseen_covers = Bank(pictures.covers(scenes, DRAWN), options.device)
    plan = options.plan(NAME, weight_decay=1e-2)

    def examples(pair: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Windows of pictures and covers [B, 4, H, W] in -1..1: noisy pictures in 0..1, and their parts."""
        seen = (windows(mirrored(pair, rng), spec.resolution, rng) + 1) / 2
        shown, cover = seen[:, :3], seen[:, 3:]
        noise = torch.randn(shown.shape, generator=rng, device=rng.device)
        deviation = NOISE * torch.rand(len(shown), 1, 1, 1, generator=rng, device=rng.device)
        return shown + deviation * noise, parts_of(shown, cover)

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator, share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        index = images.random(options.batch, torch_rng)
        shown, parts = examples(torch.cat([images[index], covers[index]], 1), torch_rng)
        with plan.autocast():
            seen = model.parts(shown)  # type: ignore[operator]
        return (seen.float() - parts).square().mean(), {}

    def held_out(model: nn.Module) -> dict[str, Tensor]:
        """The mean squared error, and the correlation of each part with what is seen of it."""
        rng = torch.Generator(options.device).manual_seed(unet.DATA_SEED)
        found = []
        for image, cover in zip(unseen.batches(), unseen_covers.batches(), strict=True):
            shown, parts = examples(torch.cat([image, cover], 1), rng)
            found.append(torch.stack([model.parts(shown).float(), parts]))  # type: ignore[operator]
        seen, parts = torch.cat(found, 1)
        right = {part: torch.corrcoef(torch.stack([seen[:, n], parts[:, n]]))[0, 1] for n, part in enumerate(PARTS)}
        return {"loss": (seen - parts).square().mean(), **right}

    torch.manual_seed(0)
    return loop.train(build_critic(spec), loss_at, plan, held_out=held_out)

"""Trains the embedded secondary model: v-prediction, uniform in Crowson's cosine time."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from disco.models.catalog import embedded_networks
from disco.models.networks.secondary import build_secondary
from disco.training import loop, unet
from disco.training.data import Options, mirrored, stratified
from disco.training.pictures import SIDE

NAME = "embedded_secondary"


def build() -> nn.Module:
    model = build_secondary(embedded_networks.secondary(NAME))
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def at_side(t: Tensor, side: int) -> Tensor:
    """Cosine times at which pictures of that side are as noisy as ones of 64 at times t, seen over the same share.

    Noise in the mean of a patch halves where the patch's side doubles: tan(pi t / 2) grows with the side.
    """
    angle = t * math.pi / 2
    return torch.atan2(side / 64 * torch.sin(angle), torch.cos(angle)) * 2 / math.pi


def trained(options: Options) -> nn.Module:
    """The averaged secondary model of a folder of runs, frozen; FileNotFoundError when it was not trained yet."""
    model = build()
    model.load_state_dict(loop.averaged(options.runs / NAME))
    return model.eval().requires_grad_(False).to(options.device)


def train(options: Options) -> loop.Trained:
    shares = unet.SHARES_OF[SIDE]
    _, images = options.drawn(unet.DATA_SEED, SIDE, shares)
    _, unseen = options.drawn_held_out(SIDE, shares)
    plan = options.plan(NAME)

    def error(model: nn.Module, x0: Tensor, rng: torch.Generator) -> Tensor:
        t = at_side(stratified(len(x0), rng), SIDE)
        noise = torch.randn(x0.shape, generator=rng, device=x0.device)
        angle = t[:, None, None, None] * (math.pi / 2)
        x, v = angle.cos() * x0 + angle.sin() * noise, angle.cos() * noise - angle.sin() * x0
        with plan.autocast():
            out = model(x.contiguous(memory_format=torch.channels_last), t)
        return (out.float() - v).square().mean()

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator, share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return error(model, mirrored(images[images.random(options.batch, torch_rng)], torch_rng), torch_rng), {}

    def held_out(model: nn.Module) -> dict[str, Tensor]:
        rng = torch.Generator(options.device).manual_seed(unet.DATA_SEED)
        return {"loss": torch.stack([len(x0) * error(model, x0, rng) for x0 in unseen.batches()]).sum() / len(unseen)}

    torch.manual_seed(0)
    return loop.train(build(), loss_at, plan, held_out=held_out, on_save=lambda t: loop.write_small(t, plan.run))

"""Trains the embedded secondary model: v-prediction, uniform in Crowson's cosine time."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from disco.models.catalog import embedded_networks
from disco.models.files.store import weights_path
from disco.models.files.weights import load_state
from disco.models.networks.secondary import build_secondary
from disco.training import loop, unet
from disco.training.data import Options, mirrored, stratified
from disco.training.enlarge import enlarged_secondary
from disco.training.pictures import EVEN

#: The side of the pictures that each learns from, and whose weights a new run begins with, where any are.
SIDES = {"embedded_secondary": 64, "embedded_secondary_128": 128}
BEGINS_FROM = {"embedded_secondary_128": "embedded_secondary"}
NAME = "embedded_secondary"


def of_side(side: int) -> str:
    """The name of the one that learns from pictures of that side."""
    return next(name for name, own in SIDES.items() if own == side)


def build(name: str = NAME) -> nn.Module:
    model = build_secondary(embedded_networks.secondary(name))
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def begun(name: str) -> nn.Module:
    """One for a new run, filled from the shipped one of smaller pictures where it begins with that."""
    torch.manual_seed(0)
    model = build(name)
    if name in BEGINS_FROM:
        spec, start = embedded_networks.secondary(name), embedded_networks.secondary(BEGINS_FROM[name])
        state = {key: value.float() for key, value in load_state(weights_path(start)).items()}
        model.load_state_dict(enlarged_secondary(state, start.patch, spec.patch // start.patch), strict=False)
    return model


def at_side(t: Tensor, side: int) -> Tensor:
    """Cosine times at which pictures of that side are as noisy as ones of 64 at times t, seen over the same share.

    Noise in the mean of a patch halves where the patch's side doubles: tan(pi t / 2) grows with the side.
    """
    angle = t * math.pi / 2
    return torch.atan2(side / 64 * torch.sin(angle), torch.cos(angle)) * 2 / math.pi


def trained(options: Options, name: str = NAME) -> nn.Module:
    """The averaged secondary model of a folder of runs, frozen; FileNotFoundError when it was not trained yet."""
    model = build(name)
    model.load_state_dict(loop.averaged(options.runs / name))
    return model.eval().requires_grad_(False).to(options.device)


def train(options: Options, name: str = NAME) -> loop.Trained:
    side = SIDES[name]
    shares = unet.SHARES_OF[side] if side > 64 else EVEN
    _, images = options.drawn(unet.DATA_SEED, side, shares)
    _, unseen = options.drawn_held_out(side, shares)
    plan = options.plan(name)

    def error(model: nn.Module, x0: Tensor, rng: torch.Generator) -> Tensor:
        t = at_side(stratified(len(x0), rng), side)
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

    return loop.train(begun(name), loss_at, plan, held_out=held_out, on_save=lambda t: loop.write_small(t, plan.run))

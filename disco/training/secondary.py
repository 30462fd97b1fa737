"""Trains the embedded secondary model: v-prediction, uniform in Crowson's cosine time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from disco.models import catalog
from disco.models.secondary import build_secondary
from disco.training import loop, pictures
from disco.training.unet import DATA_SEED, random_batch


def train(run: Path, cache: Path, steps: int, batch: int, count: int, device: str, learning_rate: float) -> nn.Module:
    _, images = pictures.cached(cache, DATA_SEED, count)
    torch.manual_seed(0)
    model = build_secondary(catalog.secondary("embedded_secondary"))
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = loop.Plan(run, steps, learning_rate=learning_rate, device=device)

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        x0 = random_batch(images, batch, rng).to(device)
        parts = torch.randperm(batch, generator=torch_rng, device=device)
        t = (parts + torch.rand(batch, generator=torch_rng, device=device)) / batch
        noise = torch.randn(x0.shape, generator=torch_rng, device=device)
        angle = t[:, None, None, None] * (math.pi / 2)
        x, v = angle.cos() * x0 + angle.sin() * noise, angle.cos() * noise - angle.sin() * x0
        with plan.autocast():
            out = model(x.contiguous(memory_format=torch.channels_last), t)
        return (out.float() - v).square().mean(), {}

    return loop.train(model, loss_at, plan).model

"""Trains the embedded UNet: v-prediction over guided-diffusion's linear schedule of 1000 steps.

    x = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps,    v = sqrt(abar_t) eps - sqrt(1 - abar_t) x0

(Salimans and Ho 2022, eq. 10 and appendix D). The loss is uniform in v: weighting it towards high noise left the
low-noise steps, where pictures become crisp, undertrained. Times are drawn mostly uniform in cosine time, because
the linear schedule spends 40 % of its steps on what is nearly pure noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from disco.models import catalog
from disco.models.unet import UNet
from disco.training import loop, pictures
from disco.training.objective import Objective, random_times

DATA_SEED = 1


def to_model_range(images: np.ndarray) -> Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def random_batch(images: np.ndarray, count: int, rng: np.random.Generator) -> Tensor:
    """`count` pictures in [-1, 1], every other mirrored."""
    batch = to_model_range(images[np.sort(rng.choice(len(images), count, replace=False))])
    mirrored = torch.from_numpy(rng.random(count) < 0.5)
    return torch.where(mirrored[:, None, None, None], batch.flip(-1), batch)


def train(run: Path, cache: Path, steps: int, batch: int, count: int, device: str, learning_rate: float) -> nn.Module:
    _, images = pictures.cached(cache, DATA_SEED, count)
    spec = catalog.unet("embedded")
    objective = Objective.of(spec, device)
    torch.manual_seed(0)
    model = UNet(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = loop.Plan(run, steps, learning_rate=learning_rate, device=device)

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        x0 = random_batch(images, batch, rng).to(device)
        t = random_times(batch, 0.75, objective.alpha, torch_rng)
        eps = torch.randn(x0.shape, generator=torch_rng, device=device)
        x = objective.noised(x0, t, eps).contiguous(memory_format=torch.channels_last)
        with plan.autocast():
            out = model(x, t.float())
        figures = {name: loss.mean() for name, loss in objective.losses(out, x0, t, eps).items()}
        return torch.stack(list(figures.values())).sum(), figures

    return loop.train(model, loss_at, plan).model

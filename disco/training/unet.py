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

DATA_SEED = 1


def linear_alphas_cumprod() -> Tensor:
    """float64 [1000]: the cumulative products of 1 - beta, betas linear from 1e-4 to 0.02 (Ho et al. 2020)."""
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)


def to_model_range(images: np.ndarray) -> Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def random_batch(images: np.ndarray, count: int, rng: np.random.Generator) -> Tensor:
    """`count` pictures in [-1, 1], every other mirrored."""
    batch = to_model_range(images[np.sort(rng.choice(len(images), count, replace=False))])
    mirrored = torch.from_numpy(rng.random(count) < 0.5)
    return torch.where(mirrored[:, None, None, None], batch.flip(-1), batch)


def random_times(alphas_cumprod: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    """int64 [count] in 0..999: three in four uniform in cosine time, the others uniform in t."""
    # One in each of `count` equal parts: the same expectation with less variance.
    share = torch.from_numpy((rng.permutation(count) + rng.random(count)) / count)
    cosine = torch.searchsorted(-alphas_cumprod, -torch.cos(share * torch.pi / 2).square()).clamp(max=999)
    return torch.where(torch.from_numpy(rng.random(count) < 0.75), cosine, (share * 1000).long())


def train(run: Path, cache: Path, steps: int, batch: int, count: int, device: str, learning_rate: float) -> nn.Module:
    _, images = pictures.cached(cache, DATA_SEED, count)
    alphas_cumprod = linear_alphas_cumprod()
    torch.manual_seed(0)
    model = UNet(catalog.unet("embedded")).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        x0 = random_batch(images, batch, rng)
        t = random_times(alphas_cumprod, batch, rng)
        noise = torch.randn(x0.shape, generator=torch_rng)
        alpha, sigma = (
            a.float()[:, None, None, None] for a in (alphas_cumprod[t].sqrt(), (1 - alphas_cumprod[t]).sqrt())
        )
        x, v = alpha * x0 + sigma * noise, alpha * noise - sigma * x0
        with loop.autocast(device):
            out = model(x.to(device).contiguous(memory_format=torch.channels_last), t.to(device).float())
        return (out.float() - v.to(device)).square().mean(), {}

    plan = loop.Plan(run, steps, learning_rate, ema=0.995, device=device)
    return loop.train(model, loss_at, plan)

"""Trains an embedded UNet: v-prediction with a learned variance over guided-diffusion's linear schedule of 1000 steps.

The loss is uniform in v: weighting it towards high noise left the low-noise steps, where pictures become crisp,
undertrained. Times are drawn mostly uniform in cosine time. See `disco.training.objective`.

The loss alone is slow to teach what a thing is: most of it is noise that nobody can tell, and a blur costs little more
than the right shape. After 19,562 steps of it, pictures noised to t = 400 came back as blurs of no subject. So heads
that are thrown away name the labels from its middle, and it learns to see in the noise what the picture shows: their
cross entropy for subjects, over all times, fell from 3.7 with fresh heads (chance: 3.6) to 2.8 in 380 steps and to 1.1
in 5,573, and the loss of held-out pictures from 0.1502 to 0.1454. A run as long without them was not tried.

Muon moves the matrices: of one trained state, over the same 100 batches at the same rate, it left the loss 1.6 % below
AdamW's (0.1393 and 0.1434 against 0.1414 and 0.1457 in the first and second fifty), for a sixth more time a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disco.models import embedded_networks
from disco.models.specs import UNetSpec
from disco.models.unet import UNet
from disco.training import loop
from disco.training.data import Options, mirrored
from disco.training.labels import label_heads, label_loss
from disco.training.objective import Objective, random_times
from disco.training.pictures import Shares

DATA_SEED = 1
COSINE_SHARE = 0.75
#: Mostly one thing in the plain style: a network this small otherwise spends itself on textures.
SHARES = Shares(second=0.1, plain=0.8)
#: Of the labels' loss, in the sum with the pictures'.
LABEL_WEIGHT = 0.03


class Student(nn.Module):
    """A UNet with a linear head for each label axis, on the mean over positions of what its middle block hands on."""

    def __init__(self, spec: UNetSpec) -> None:
        super().__init__()
        self.unet = UNet(spec)
        self.heads = label_heads(round(spec.num_channels * spec.channel_mult[-1]))

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The prediction, [B, 3 or 6, H, W], and the middle's mean, float32 [B, C]; x, t as of the UNet."""
        middle: list[Tensor] = []
        hook = self.unet.net.middle_block.register_forward_hook(lambda *call: middle.append(call[-1]))
        with hook:
            out = self.unet(x, t)
        return out, middle[0].float().mean((2, 3))


def train(options: Options, name: str = "embedded") -> loop.Trained:
    """Train the UNet of that name of `disco.models.embedded_networks`."""
    spec = embedded_networks.unet(name)
    scenes, images = options.drawn(DATA_SEED, spec.image_size, SHARES)
    unseen_scenes, unseen = options.drawn_held_out(spec.image_size, SHARES)
    labels, unseen_labels = options.labels(scenes), options.labels(unseen_scenes)
    objective = Objective.of(spec, options.device)
    torch.manual_seed(0)
    model = Student(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = options.plan(name, muon=True)

    def figures_of(model: Any, x0: Tensor, t: Tensor, eps: Tensor, told: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        x = objective.noised(x0, t, eps).contiguous(memory_format=torch.channels_last)
        with plan.autocast():
            out, middle = model(x, t.float())
        figures = {name: loss.mean() for name, loss in objective.losses(out, x0, t, eps).items()}
        named, by_axis = label_loss(model.heads, middle, told)
        return torch.stack(list(figures.values())).sum(), figures | {"named": named, "subject": by_axis[0]}

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator, share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        index = images.random(options.batch, torch_rng)
        x0 = mirrored(images[index], torch_rng)
        t = random_times(options.batch, COSINE_SHARE, objective.alpha, torch_rng)
        eps = torch.randn(x0.shape, generator=torch_rng, device=x0.device)
        loss, figures = figures_of(model, x0, t, eps, labels[index])
        return loss + LABEL_WEIGHT * figures["named"], figures

    def held_out(model: nn.Module) -> dict[str, Tensor]:
        rng = torch.Generator(options.device).manual_seed(DATA_SEED)
        parts = []
        for index in unseen.indices():
            x0 = unseen[index]
            t = random_times(len(x0), COSINE_SHARE, objective.alpha, rng)
            eps = torch.randn(x0.shape, generator=rng, device=x0.device)
            loss, figures = figures_of(model, x0, t, eps, unseen_labels[index])
            parts.append(len(x0) * torch.stack([loss, figures["subject"]]))
        return dict(zip(("loss", "subject"), torch.stack(parts).sum(0) / len(unseen), strict=True))

    return loop.train(
        model, loss_at, plan, held_out=held_out, on_save=lambda trained: loop.write_small(trained, plan.run)
    )

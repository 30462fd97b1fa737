"""Trains an embedded UNet: v-prediction with a learned variance over guided-diffusion's linear schedule of 1000 steps.

Over times the loss is uniform in v: weighting it towards high noise left the low-noise steps, where pictures become
crisp, undertrained. Times are drawn mostly uniform in cosine time. See `disco.training.objective`.

The loss alone is slow to teach what a thing is: most of it is noise that nobody can tell, and a blur costs little more
than the right shape. After 19,562 steps of it, pictures noised to t = 400 came back as blurs of no subject. So heads
that are thrown away name the labels from its middle, and it learns to see in the noise what the picture shows: their
cross entropy for subjects, over all times, fell from 3.7 with fresh heads (chance: 3.6) to 2.8 in 380 steps and to 1.1
in 5,573, and the loss of held-out pictures from 0.1502 to 0.1454. A run as long without them was not tried.

Muon moves the matrices: of one trained state, over the same 100 batches at the same rate, it left the loss 1.6 % below
AdamW's (0.1393 and 0.1434 against 0.1414 and 0.1457 in the first and second fifty), for a sixth more time a step.

What a thing is, a fifth of the pixels tell, and the loss is mostly that of the land. So errors in and around things
weigh more, and most of the times are those at which true pictures, noised and drawn back, lost their subject, which is
where pictures from noise become one thing or a blot between two. In 3,226 steps of 32 pictures, with a third of the
times there, readers who chose from the list of subjects came to name 65 % of the rendered pictures instead of 50 %; in
5,715 more, all but 262 of them of 64 pictures and with two thirds of the times there, 85 %. Of 100 true pictures drawn
back from t = 450 a judge then saw the subject of 88 instead of 71, and of as many drawn from noise alone both judges
saw the same subject in 61 instead of 45 (in true ones 99). What part is the times', what part the weights' and what
part that of more pictures, was not measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.errors import SettingsError
from disco.models.catalog import embedded_networks
from disco.models.networks.unet import UNet
from disco.models.specs import UNetSpec
from disco.training import loop
from disco.training.data import Options, mirrored
from disco.training.enlarge import enlarged
from disco.training.labels import label_heads, label_loss
from disco.training.objective import Objective, random_times
from disco.training.pictures import Shares

DATA_SEED = 1
COSINE_SHARE = 0.75
#: Mostly one thing in the plain style: a network this small otherwise spends itself on textures.
SHARES = Shares(second=0.1, plain=0.8)
#: ... by the side of its pictures. The larger UNet begins with shapes already learned, and shall show styles too.
SHARES_OF = {64: SHARES, 128: Shares(second=0.1, plain=0.6)}
#: Of the labels' loss, in the sum with the pictures'.
LABEL_WEIGHT = 0.03
#: How much more an error in a thing weighs than one in the land: what a thing is, is told by a fifth of the pixels.
THING_WEIGHT = 4.0
#: Pixels of a 64 px picture beyond a thing's outline that weigh as much: what is not the thing gives it its shape.
OUTLINE = 3
#: Between these times the shape of a thing is decided; a share of all times is drawn from there alone.
#: True pictures noised to 250, 350, 450, 550 and 650, and drawn back by the UNet before, showed embedded_judge2 their
#: subject in 90, 85, 66, 32 and 12 % of cases.
DECISIVE, DECISIVE_SHARE = (200, 650), 0.67


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


def pixel_weights(cover: Tensor) -> Tensor:
    """How much the error at each pixel weighs, [B, 1, H, W], by what things cover, in [-1, 1]."""
    border = max(1, round(OUTLINE * min(cover.shape[2:]) / 64))
    # First along rows, then along columns: the largest of a square, for a tenth of its comparisons.
    grown = F.max_pool2d((cover + 1) / 2, (1, 2 * border + 1), 1, (0, border))
    grown = F.max_pool2d(grown, (2 * border + 1, 1), 1, (border, 0))
    return 1 + (THING_WEIGHT - 1) * grown


def decisive(t: Tensor, rng: torch.Generator) -> Tensor:
    """The times t, int64 [B], of which a share is exchanged for some between `DECISIVE`."""
    middle = torch.randint(*DECISIVE, t.shape, generator=rng, device=t.device)
    return torch.where(torch.rand(t.shape, generator=rng, device=t.device) < DECISIVE_SHARE, middle, t)


def begin_from(model: Student, spec: UNetSpec, name: str, runs: Path) -> None:
    """Fill a student with the averaged weights of another UNet's run, on the same grid."""
    start = embedded_networks.unet(name)
    if spec.image_size // spec.patch != start.image_size // start.patch or spec.patch % start.patch:
        raise SettingsError(f"{spec.name} cannot begin from {name}: their grids or patches do not fit one another")
    try:
        kept = loop.averaged(runs / name)
    except FileNotFoundError as error:
        raise SettingsError(f"{name} was not trained yet in {runs}: train it, or leave --begin-from out") from error
    heads = {key: value for key, value in kept.items() if key.startswith("heads.")}
    net = {key.removeprefix("unet.net."): kept[key] for key in kept if key.startswith("unet.net.")}
    net = enlarged({key: value.float() for key, value in net.items()}, start.patch, spec.patch // start.patch)
    model.unet.net.load_state_dict(net)
    model.load_state_dict(heads, strict=False)


def train(options: Options, name: str = "embedded", start: str | None = None) -> loop.Trained:
    """Train the UNet of that name of `disco.models.catalog.embedded_networks`.

    start: the name of another one, on the same grid, whose weights a new run begins with.
    Raises `disco.errors.SettingsError` where these do not fit.
    """
    spec = embedded_networks.unet(name)
    shares = SHARES_OF[spec.image_size]
    scenes, images = options.drawn(DATA_SEED, spec.image_size, shares)
    covers = options.covers(DATA_SEED, spec.image_size, shares)
    unseen_scenes, unseen = options.drawn_held_out(spec.image_size, shares)
    labels, unseen_labels = options.labels(scenes), options.labels(unseen_scenes)
    objective = Objective.of(spec, options.device)
    torch.manual_seed(0)
    model = Student(spec)
    if start is not None:
        begin_from(model, spec, start, options.runs)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = options.plan(name, emas=(0.02, 0.05), muon=True)

    def figures_of(
        model: Any, x0: Tensor, t: Tensor, eps: Tensor, told: Tensor, weights: Tensor | float = 1.0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        x = objective.noised(x0, t, eps).contiguous(memory_format=torch.channels_last)
        with plan.autocast():
            out, middle = model(x, t.float())
        figures = {name: loss.mean() for name, loss in objective.losses(out, x0, t, eps, weights).items()}
        named, by_axis = label_loss(model.heads, middle, told)
        return torch.stack(list(figures.values())).sum(), figures | {"named": named, "subject": by_axis[0]}

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator, share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        index = images.random(options.batch, torch_rng)
        x0, cover = mirrored(torch.cat([images[index], covers[index]], 1), torch_rng).split([3, 1], 1)
        t = decisive(random_times(options.batch, COSINE_SHARE, objective.alpha, torch_rng), torch_rng)
        eps = torch.randn(x0.shape, generator=torch_rng, device=x0.device)
        loss, figures = figures_of(model, x0, t, eps, labels[index], pixel_weights(cover))
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

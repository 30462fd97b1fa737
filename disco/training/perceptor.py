"""Trains the embedded perceptors and their judges: contrastively, with label heads that are thrown away.

Four things make so small a CLIP learn what a subject is in minutes, and pull at shapes when it guides:

- Colour and place alone nearly tell a batch apart, so the contrast leaves subjects for last. Linear heads on both
  embeddings name the labels from the first step; every caption also gets a rival that tells one thing wrongly.
- A caption that holds for another picture of the batch too ("a star") is no negative for it, and is masked.
- A perceptor that guides looks at blurred posterior means mixed with noise, x_in = sigma x0_hat + (1 - sigma) x, in
  crops. It is trained on exactly these, made by the secondary model, beside clean pictures. The judges, which see
  only finished pictures, are trained on clean ones, each of a data seed and with changes of its own.
- To guide is to follow the gradient by pixels, and that of a plain perceptor is mostly grain: it finds a subject in
  patches that no eye takes for one. Over the last share of its training a guide is shown pictures that were changed to
  mislead it. What is left to follow are outlines and areas of colour (Santurkar et al. 2019, arXiv:1906.09453, who
  paint with such a classifier alone).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.models.catalog import PerceptorSpec, embedded_networks
from disco.models.networks import clip
from disco.training import loop, secondary, world
from disco.training.data import Options, captioned
from disco.training.labels import label_heads, label_loss

MAX_LOGIT_SCALE = math.log(50)
#: The axes that a second thing takes part in, and those of the thing itself.
FIRST, SECOND, TOGETHER = (0, 1), (6, 7), (5, 6, 7)


@dataclass(frozen=True)
class View:
    """How a perceptor's training pictures are changed.

    whole: the share of uncropped ones. smallest: the side of the smallest crop, in shares of the picture. grey: the
    share without colour. noisy: the share seen as the sampler's x_in. degrees, shift, jitter: as of cutouts.
    noise: the standard deviation of what is added to pixels in 0..1. misled_by: the largest root mean square, in 0..1,
    of what is added to mislead the perceptor, over the last `misled_share` of the training.
    """

    whole: float
    smallest: float
    grey: float = 0.0
    noisy: float = 0.0
    degrees: float = 10.0
    shift: float = 0.05
    jitter: float = 0.1
    noise: float = 0.01
    misled_by: float = 0.0
    misled_share: float = 0.4


@dataclass(frozen=True)
class School:
    """What a perceptor learns from: the seed of its pictures and how it sees them."""

    data_seed: int
    view: View


GUIDE = School(2, View(whole=0.4, smallest=0.5, grey=0.05, noisy=0.65, misled_by=0.027))
SCHOOLS = {
    "embedded_vit": GUIDE,
    "embedded_resnet": GUIDE,
    "embedded_vit8": GUIDE,
    "embedded_judge": School(3, View(whole=0.5, smallest=0.85, degrees=5.0)),
    "embedded_judge2": School(4, View(whole=0.7, smallest=0.75, degrees=3.0, shift=0.1, jitter=0.2, noise=0.03)),
}


class Student(nn.Module):
    """A CLIP with a linear head for each label axis on the image and on the text embedding."""

    def __init__(self, spec: PerceptorSpec) -> None:
        super().__init__()
        self.clip = clip.build_clip(spec)
        self.image_heads, self.text_heads = label_heads(spec.embed_dim), label_heads(spec.embed_dim)

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings [N, d] and [M, d], of any length."""
        return self.clip.encode_image(pixels), self.clip.encode_text(tokens)


def sampler_view(x0: Tensor, secondary: nn.Module, t: Tensor, noise: Tensor) -> Tensor:
    """What a guiding perceptor sees of pictures x0 at cosine times t: sigma x0_hat + (1 - sigma) x, [N, 3, H, W]."""
    alpha, sigma = (f(t * math.pi / 2)[:, None, None, None] for f in (torch.cos, torch.sin))
    x = alpha * x0 + sigma * noise
    x0_hat = alpha * x - sigma * secondary(x, t).float()
    return sigma * x0_hat + (1 - sigma) * x


def cut(images: Tensor, resolution: int, view: View, rng: torch.Generator) -> Tensor:
    """Random crops, slightly turned, shifted, mirrored and tinted, resized: [N, 3, H, W] in 0..1 to `resolution`.

    All chance comes from `rng`, which lives where the pictures do.
    """
    n, device = len(images), images.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=rng, device=device)

    side = torch.where(uniform(0, 1) < view.whole, 1.0, uniform(view.smallest, 1))
    angle = torch.deg2rad(uniform(-view.degrees, view.degrees))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    x, y = (uniform(-1, 1) * (1 - side) + 2 * uniform(-view.shift, view.shift) for _ in range(2))
    cos, sin = side * angle.cos(), side * angle.sin()
    theta = torch.stack([mirror * cos, -sin, x, mirror * sin, cos, y], 1).reshape(n, 2, 3)
    grid = F.affine_grid(theta, [n, 3, resolution, resolution], align_corners=False)
    seen = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    contrast, brightness = (uniform(1 - view.jitter, 1 + view.jitter)[:, None, None, None] for _ in range(2))
    mean = seen.mean((1, 2, 3), keepdim=True)
    seen = ((seen - mean) * contrast + mean) * brightness
    grey = (uniform(0, 1) < view.grey)[:, None, None, None]
    return torch.where(grey, seen.mean(1, keepdim=True).expand_as(seen), seen)


def misled(pixels: Tensor, loss: Callable[[Tensor], Tensor], radius: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures [N, 3, H, W] where the loss is higher, each within a root mean square `radius` [N] of what it was.

    A step of a whole radius along the gradient, from a random place at half of it: about as hard as many small steps,
    for one gradient (Wong et al. 2020, arXiv:2001.03994). The gradient of the loss by anything else is left alone.
    """

    def size(change: Tensor) -> Tensor:
        return change.square().mean((1, 2, 3)).sqrt()

    def long(change: Tensor, length: Tensor) -> Tensor:
        return change * (length / size(change).clamp(min=torch.finfo(change.dtype).tiny))[:, None, None, None]

    change = long(torch.randn(pixels.shape, generator=rng, device=pixels.device), radius / 2)
    with torch.enable_grad():
        at = (pixels + change).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(at), at)
    change = change + long(gradient, radius)
    return pixels.detach() + long(change, torch.minimum(size(change), radius))


def holds(labels: Tensor, told: Tensor) -> Tensor:
    """bool [N, M]: whether caption m is true of picture n, from labels [N, 8] and told [M, 8], -1 where there is none.

    A caption of one thing is true of a picture that shows it as the second one.
    """

    def fits(shown: Tensor) -> Tensor:
        return ((told[None] == -1) | (told[None] == shown[:, None])).all(-1)

    exchanged = labels.clone()
    exchanged[:, FIRST] = labels[:, SECOND]
    alone = (told[:, TOGETHER] == -1).all(-1)
    return fits(labels) | (alone[None] & fits(exchanged))


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE of N pictures and M >= N captions, the first N in order; other true captions are masked.

    Returns the loss and the share of pictures whose own caption came first.
    """
    n = len(image)
    logits = scale * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T
    own = torch.eye(n, len(text), dtype=torch.bool, device=image.device)
    logits = logits.masked_fill(true & ~own, -1e4)
    target = torch.arange(n, device=image.device)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits[:, :n].T, target)) / 2
    return loss, (logits.argmax(1) == target).float().mean()


def train(name: str, options: Options, school: School | None = None) -> loop.Trained:
    """Train the perceptor of that name; a guide needs the trained secondary model to see as it will."""
    spec, school = embedded_networks.perceptor(name), school or SCHOOLS[name]
    view, words = school.view, clip.tokenizer(spec)
    assert isinstance(words, clip.WordTokenizer)
    cache = options.runs / "cache"
    scenes, images = options.drawn(school.data_seed)
    labels = options.labels(scenes)
    captions = captioned(cache, scenes, school.data_seed, words, jobs=options.jobs).to(options.device)
    unseen_scenes, unseen = options.drawn_held_out()
    unseen_labels = options.labels(unseen_scenes)
    unseen_captions = captioned(cache, unseen_scenes, -1, words).to(options.device)
    eye = secondary.trained(options) if view.noisy else None
    mean, std = (torch.tensor(v, device=options.device)[:, None, None] for v in (spec.mean, spec.std))
    torch.manual_seed(school.data_seed)
    plan = options.plan(name, weight_decay=0.05)

    def seen(x0: Tensor, rng: torch.Generator) -> Tensor:
        noisy = round(view.noisy * len(x0))
        if eye is not None and noisy:
            t = torch.rand(noisy, generator=rng, device=x0.device)
            noise = torch.randn(x0[:noisy].shape, generator=rng, device=x0.device)
            with torch.no_grad(), plan.autocast():
                x0 = torch.cat([sampler_view(x0[:noisy], eye, t, noise), x0[noisy:]])
        pixels = cut((x0 + 1) / 2, spec.resolution, view, rng)
        return pixels + view.noise * torch.randn(pixels.shape, generator=rng, device=x0.device)

    def figures_of(  # model: a Student, or its compiled wrapper
        model: Any, pixels: Tensor, labels: Tensor, tokens: Tensor, told: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with plan.autocast():
            image, text = model((pixels - mean) / std, tokens)
        image, text = image.float(), text.float()
        scale = model.clip.logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
        contrast, first = contrastive_loss(image, text, scale, holds(labels, told))
        named, by_axis = label_loss(model.image_heads, image, labels)
        read, _ = label_loss(model.text_heads, text, told)
        figures = {"contrast": contrast, "first": first, "read": read}
        figures |= dict(zip(world.AXES, by_axis, strict=True))
        return contrast + named + 0.5 * read, figures

    def changed(
        pixels: Tensor, read: Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]], rng: torch.Generator
    ) -> Tensor:
        """The pictures that mislead who reads: some gently and some hard, as a picture half drawn may be either."""
        radius = view.misled_by * torch.rand(len(pixels), generator=rng, device=pixels.device)
        return misled(pixels, lambda x: read(x)[0], radius, rng)

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator, share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        index = images.random(options.batch, torch_rng)
        tokens, told = captions.pick(index, torch_rng)
        read = partial(figures_of, model, labels=labels[index], tokens=tokens, told=told)
        pixels = seen(images[index], torch_rng)
        if view.misled_by and share >= 1 - view.misled_share:
            pixels = changed(pixels, read, torch_rng)
        return read(pixels)

    def held_out(model: nn.Module) -> dict[str, Tensor]:
        """On whole pictures of held-out combinations, changed to mislead a guide: the losses, and how often the own
        caption comes first.
        """
        rng = torch.Generator(options.device).manual_seed(school.data_seed)
        parts = []
        for index in unseen.indices():
            pixels = resized((unseen[index] + 1) / 2, spec.resolution)
            tokens, told = unseen_captions.pick(index, rng)
            read = partial(figures_of, model, labels=unseen_labels[index], tokens=tokens, told=told)
            if view.misled_by:
                pixels = changed(pixels, read, rng)
            loss, figures = read(pixels)
            figures = {key: figures[key] for key in ("contrast", "first", "subject", "style")}
            parts.append(torch.stack([loss, *figures.values()]) * len(index))
        means = torch.stack(parts).sum(0) / len(unseen)
        return dict(zip(("loss", "contrast", "first", "subject", "style"), means, strict=True))

    return loop.train(
        Student(spec), loss_at, plan, held_out=held_out, on_save=lambda trained: loop.write_small(trained, plan.run)
    )


def resized(pixels: Tensor, side: int) -> Tensor:
    """Pictures [N, 3, H, W] as squares of that side, without aliases."""
    if pixels.shape[-2:] == (side, side):
        return pixels
    return F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)

"""Trains the embedded perceptors and their judges: contrastively, with label heads that are thrown away.

Five things make so small a CLIP learn what a subject is in minutes, and pull at shapes when it guides:

- Colour and place alone nearly tell a batch apart, so the contrast leaves subjects for last. Linear heads on both
  embeddings name the labels from the first step; every caption also gets a rival that tells one thing wrongly.
- A caption that holds for another picture of the batch too ("a star") is no negative for it, and is masked.
- A perceptor that guides looks at blurred posterior means mixed with noise, x_in = sigma x0_hat + (1 - sigma) x, in
  crops. It is trained on exactly these, made by the secondary model, beside clean pictures. The judges, which see
  only finished pictures, are trained on clean ones, each of a data seed and with changes of its own.
- Where pictures are larger than what a perceptor reads, most of its views are cuts at full sharpness, down to a
  quarter of the side. Labels of things that a cut does not show are not asked for.
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
from disco.training.pictures import SIDE
from disco.training.views import View, cut, misled, needs_covers, resized, sampler_view, shows

MAX_LOGIT_SCALE = math.log(50)
#: The axes that a second thing takes part in, and those of the thing itself.
FIRST, SECOND, TOGETHER = (0, 1), (6, 7), (5, 6, 7)
#: bool [axes]: those that tell of things.
OF_THINGS = torch.tensor([axis in (*FIRST, *TOGETHER) for axis in range(len(world.AXES))])


@dataclass(frozen=True)
class School:
    """What a perceptor learns from: the seed of its pictures, and how it sees them."""

    data_seed: int
    view: View


GUIDE = School(2, View(whole=0.3, smallest=0.25, grey=0.05, noisy=0.65, misled_by=0.027))
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


def begun(name: str, school: School) -> Student:
    """A perceptor for a new run."""
    torch.manual_seed(school.data_seed)
    return Student(embedded_networks.perceptor(name))


class Lessons:
    """What a perceptor learns from: pictures and captions, how it sees them, and what it is asked of them.

    eye: the trained secondary model, by which a guide sees as it will; None for those that see clean pictures.
    """

    def __init__(self, name: str, options: Options, school: School) -> None:
        self.spec, self.options, self.school = embedded_networks.perceptor(name), options, school
        self.view, words = school.view, clip.tokenizer(self.spec)
        assert isinstance(words, clip.WordTokenizer)
        cache, device = options.runs / "cache", options.device
        scenes, self.images = options.drawn(school.data_seed)
        self.covers = options.covers(school.data_seed) if needs_covers(school.view) else None
        self.labels = options.labels(scenes)
        self.captions = captioned(cache, scenes, school.data_seed, words, jobs=options.jobs).to(device)
        unseen_scenes, self.unseen = options.drawn_held_out()
        self.unseen_labels = options.labels(unseen_scenes)
        self.unseen_captions = captioned(cache, unseen_scenes, -1, words).to(device)
        self.eye = secondary.trained(options) if school.view.noisy else None
        self.mean, self.std = (torch.tensor(v, device=device)[:, None, None] for v in (self.spec.mean, self.spec.std))
        self.plan = options.plan(name, weight_decay=0.05)

    def seen(self, index: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Views [N, 3, r, r] of pictures, and the labels [N, axes] that are asked of each."""
        view = self.view
        x0, asked = self.images[index], self.labels[index]
        noisy = round(view.noisy * len(x0))
        if self.eye is not None and noisy:
            t = secondary.at_side(torch.rand(noisy, generator=rng, device=x0.device), SIDE)
            noise = torch.randn(x0[:noisy].shape, generator=rng, device=x0.device)
            with torch.no_grad(), self.plan.autocast():
                x0 = torch.cat([sampler_view(x0[:noisy], self.eye, t, noise), x0[noisy:]])
        whole = (x0 + 1) / 2
        if self.covers is not None:
            whole = torch.cat([whole, (self.covers[index] + 1) / 2], 1)
        pixels, cover = cut(whole, self.spec.resolution, view, rng).tensor_split([3], 1)
        if self.covers is not None:
            there = shows(whole[:, 3:], cover)
            asked = torch.where(there[:, None] | ~OF_THINGS.to(there.device), asked, -1)
        return pixels + view.noise * torch.randn(pixels.shape, generator=rng, device=x0.device), asked

    def figures_of(  # model: a Student, or its compiled wrapper
        self, model: Any, pixels: Tensor, labels: Tensor, asked: Tensor, tokens: Tensor, told: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of pictures [N, 3, r, r] with their labels and captions, and what it is made of."""
        with self.plan.autocast():
            image, text = model((pixels - self.mean) / self.std, tokens)
        image, text = image.float(), text.float()
        scale = model.clip.logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
        contrast, first = contrastive_loss(image, text, scale, holds(labels, told))
        named, by_axis = label_loss(model.image_heads, image, asked)
        read, _ = label_loss(model.text_heads, text, told)
        figures = {"contrast": contrast, "first": first, "read": read}
        figures |= dict(zip(world.AXES, by_axis, strict=True))
        return contrast + named + 0.5 * read, figures

    def misleading(
        self, pixels: Tensor, read: Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]], rng: torch.Generator
    ) -> Tensor:
        """The pictures that mislead who reads: some gently and some hard, as a picture half drawn may be either."""
        radius = self.view.misled_by * torch.rand(len(pixels), generator=rng, device=pixels.device)
        return misled(pixels, lambda x: read(x)[0], radius, rng)

    def loss_at(
        self, model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator, share: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As `loop.LossAt`."""
        index = self.images.random(self.options.batch, torch_rng)
        tokens, told = self.captions.pick(index, torch_rng)
        pixels, asked = self.seen(index, torch_rng)
        read = partial(self.figures_of, model, labels=self.labels[index], asked=asked, tokens=tokens, told=told)
        if self.view.misled_by and share >= 1 - self.view.misled_share:
            pixels = self.misleading(pixels, read, torch_rng)
        return read(pixels)

    def held_out(self, model: nn.Module) -> dict[str, Tensor]:
        """On whole pictures of held-out combinations, changed to mislead a guide: the losses, and how often the own
        caption comes first.
        """
        rng = torch.Generator(self.options.device).manual_seed(self.school.data_seed)
        parts = []
        for index in self.unseen.indices():
            pixels = resized((self.unseen[index] + 1) / 2, self.spec.resolution)
            tokens, told = self.unseen_captions.pick(index, rng)
            true = self.unseen_labels[index]
            read = partial(self.figures_of, model, labels=true, asked=true, tokens=tokens, told=told)
            if self.view.misled_by:
                pixels = self.misleading(pixels, read, rng)
            loss, figures = read(pixels)
            figures = {key: figures[key] for key in ("contrast", "first", "subject", "style")}
            parts.append(torch.stack([loss, *figures.values()]) * len(index))
        means = torch.stack(parts).sum(0) / len(self.unseen)
        return dict(zip(("loss", "contrast", "first", "subject", "style"), means, strict=True))


def train(name: str, options: Options, school: School | None = None) -> loop.Trained:
    """Train the perceptor of that name; a guide needs the trained secondary model to see as it will."""
    school = school or SCHOOLS[name]
    lessons = Lessons(name, options, school)
    return loop.train(
        begun(name, school),
        lessons.loss_at,
        lessons.plan,
        held_out=lessons.held_out,
        on_save=lambda trained: loop.write_small(trained, lessons.plan.run),
    )

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
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.models.catalog import PerceptorSpec, embedded_networks
from disco.models.files.store import weights_path
from disco.models.files.weights import load_state
from disco.models.networks import clip
from disco.training import loop, secondary, world
from disco.training.data import Options, captioned
from disco.training.labels import label_heads, label_loss

MAX_LOGIT_SCALE = math.log(50)
#: The axes that a second thing takes part in, and those of the thing itself.
FIRST, SECOND, TOGETHER = (0, 1), (6, 7), (5, 6, 7)
#: bool [axes]: those that tell of things.
OF_THINGS = torch.tensor([axis in (*FIRST, *TOGETHER) for axis in range(len(world.AXES))])
#: Crops of this share of the side and more show the things of a picture.
WHOLE_ENOUGH = 0.5


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
    """What a perceptor learns from: the seed of its pictures, how it sees them, and their side.

    `begins_from`: the shipped perceptor whose weights a new run begins with.
    """

    data_seed: int
    view: View
    side: int = 64
    begins_from: str | None = None


GUIDE = School(2, View(whole=0.4, smallest=0.5, grey=0.05, noisy=0.65, misled_by=0.027))
SCHOOLS = {
    "embedded_vit": GUIDE,
    "embedded_resnet": GUIDE,
    "embedded_vit8": GUIDE,
    "embedded_judge": School(3, View(whole=0.5, smallest=0.85, degrees=5.0)),
    "embedded_judge2": School(4, View(whole=0.7, smallest=0.75, degrees=3.0, shift=0.1, jitter=0.2, noise=0.03)),
}
#: Those of pictures of 128 begin with what the others know. Their guides are misled from the first step, so that they
#: stay as hard to mislead as they are.
CLOSE = replace(GUIDE.view, whole=0.3, smallest=0.25, misled_share=1.0)
SCHOOLS |= {
    f"{name}_128": School(school.data_seed, CLOSE if school == GUIDE else school.view, 128, name)
    for name, school in SCHOOLS.items()
}
#: Things are asked for where they fill a view at least so much as the picture that it is cut from.
FILLED = 0.5


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
    """Random crops, slightly turned, shifted, mirrored and tinted, resized: [N, C, H, W] in 0..1 to `resolution`.

    Channels beyond the third are cut alike and not tinted. All chance comes from `rng`, which lives where the pictures
    do. The sides of crops are spread evenly over their logarithm: a quarter is as near to a half as that to the whole.
    """
    n, device = len(images), images.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=rng, device=device)

    side = torch.where(uniform(0, 1) < view.whole, 1.0, uniform(math.log(view.smallest), 0).exp())
    angle = torch.deg2rad(uniform(-view.degrees, view.degrees))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    x, y = (uniform(-1, 1) * (1 - side) + 2 * uniform(-view.shift, view.shift) * side for _ in range(2))
    cos, sin = side * angle.cos(), side * angle.sin()
    theta = torch.stack([mirror * cos, -sin, x, mirror * sin, cos, y], 1).reshape(n, 2, 3)
    seen = resampled(images, theta, side, resolution)
    seen, more = seen[:, :3], seen[:, 3:]
    contrast, brightness = (uniform(1 - view.jitter, 1 + view.jitter)[:, None, None, None] for _ in range(2))
    mean = seen.mean((1, 2, 3), keepdim=True)
    seen = ((seen - mean) * contrast + mean) * brightness
    grey = (uniform(0, 1) < view.grey)[:, None, None, None]
    return torch.cat([torch.where(grey, seen.mean(1, keepdim=True).expand_as(seen), seen), more], 1)


def resampled(images: Tensor, theta: Tensor, side: Tensor, resolution: int) -> Tensor:
    """Pictures [N, C, H, W] seen through affine maps theta [N, 2, 3] at `resolution`, darkness around them.

    side: float [N], the share of the picture's side that each view shows. Each is read from the picture halved as often
    as leaves at most 1.5 pixels to one of the view, so that nothing flickers that is too fine to be seen.
    """
    per_pixel = side * (min(images.shape[2:]) / resolution)
    level = torch.ceil(torch.log2(per_pixel / 1.5)).clamp(min=0)
    seen = images.new_empty(len(images), images.shape[1], resolution, resolution)
    for number in range(int(level.max()) + 1):
        if number:
            images = F.avg_pool2d(images, 2)
        index = torch.nonzero(level == number)[:, 0]
        if not len(index):
            continue
        grid = F.affine_grid(theta[index], [len(index), 3, resolution, resolution], align_corners=False)
        here = F.grid_sample(images[index], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        seen[index] = here.to(seen.dtype)
    return seen


def shows(cover: Tensor, seen: Tensor) -> Tensor:
    """bool [N]: whether things cover enough of a view to be asked for, by how much of the whole picture they cover.

    cover, seen: what things cover of the picture, [N, 1, H, W], and of the view, [N, 1, r, r], both in 0..1.
    """
    return seen.mean((1, 2, 3)) > FILLED * cover.mean((1, 2, 3))


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


def needs_covers(view: View) -> bool:
    """Whether views are so small that a picture's things may lie outside."""
    return view.smallest < WHOLE_ENOUGH


def begun(name: str, school: School) -> Student:
    """A perceptor for a new run, filled from the shipped one where it begins with that; its label heads are fresh."""
    from open_clip.model import resize_pos_embed

    torch.manual_seed(school.data_seed)
    student = Student(embedded_networks.perceptor(name))
    if school.begins_from is not None:
        start = embedded_networks.perceptor(school.begins_from)
        state = {key: value.float() for key, value in load_state(weights_path(start)).items()}
        resize_pos_embed(state, student.clip)
        student.clip.load_state_dict(state)
    return student


def train(name: str, options: Options, school: School | None = None) -> loop.Trained:
    """Train the perceptor of that name; a guide needs the trained secondary model to see as it will."""
    spec, school = embedded_networks.perceptor(name), school or SCHOOLS[name]
    view, words = school.view, clip.tokenizer(spec)
    assert isinstance(words, clip.WordTokenizer)
    cache = options.runs / "cache"
    scenes, images = options.drawn(school.data_seed, school.side)
    covers = options.covers(school.data_seed, school.side) if needs_covers(view) else None
    labels = options.labels(scenes)
    captions = captioned(cache, scenes, school.data_seed, words, jobs=options.jobs).to(options.device)
    unseen_scenes, unseen = options.drawn_held_out(school.side)
    unseen_labels = options.labels(unseen_scenes)
    unseen_captions = captioned(cache, unseen_scenes, -1, words).to(options.device)
    eye = secondary.trained(options, secondary.of_side(school.side)) if view.noisy else None
    mean, std = (torch.tensor(v, device=options.device)[:, None, None] for v in (spec.mean, spec.std))
    plan = options.plan(name, weight_decay=0.05)

    def seen(index: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Views [N, 3, r, r] of pictures, and the labels [N, axes] that are asked of each."""
        x0, asked = images[index], labels[index]
        noisy = round(view.noisy * len(x0))
        if eye is not None and noisy:
            t = secondary.at_side(torch.rand(noisy, generator=rng, device=x0.device), school.side)
            noise = torch.randn(x0[:noisy].shape, generator=rng, device=x0.device)
            with torch.no_grad(), plan.autocast():
                x0 = torch.cat([sampler_view(x0[:noisy], eye, t, noise), x0[noisy:]])
        whole = (x0 + 1) / 2
        if covers is not None:
            whole = torch.cat([whole, (covers[index] + 1) / 2], 1)
        pixels, cover = cut(whole, spec.resolution, view, rng).tensor_split([3], 1)
        if covers is not None:
            there = shows(whole[:, 3:], cover)
            asked = torch.where(there[:, None] | ~OF_THINGS.to(there.device), asked, -1)
        return pixels + view.noise * torch.randn(pixels.shape, generator=rng, device=x0.device), asked

    def figures_of(  # model: a Student, or its compiled wrapper
        model: Any, pixels: Tensor, labels: Tensor, asked: Tensor, tokens: Tensor, told: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with plan.autocast():
            image, text = model((pixels - mean) / std, tokens)
        image, text = image.float(), text.float()
        scale = model.clip.logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
        contrast, first = contrastive_loss(image, text, scale, holds(labels, told))
        named, by_axis = label_loss(model.image_heads, image, asked)
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
        pixels, asked = seen(index, torch_rng)
        read = partial(figures_of, model, labels=labels[index], asked=asked, tokens=tokens, told=told)
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
            true = unseen_labels[index]
            read = partial(figures_of, model, labels=true, asked=true, tokens=tokens, told=told)
            if view.misled_by:
                pixels = changed(pixels, read, rng)
            loss, figures = read(pixels)
            figures = {key: figures[key] for key in ("contrast", "first", "subject", "style")}
            parts.append(torch.stack([loss, *figures.values()]) * len(index))
        means = torch.stack(parts).sum(0) / len(unseen)
        return dict(zip(("loss", "contrast", "first", "subject", "style"), means, strict=True))

    return loop.train(
        begun(name, school),
        loss_at,
        plan,
        held_out=held_out,
        on_save=lambda trained: loop.write_small(trained, plan.run),
    )


def resized(pixels: Tensor, side: int) -> Tensor:
    """Pictures [N, 3, H, W] as squares of that side, without aliases."""
    if pixels.shape[-2:] == (side, side):
        return pixels
    return F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)

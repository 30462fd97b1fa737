"""Trains the embedded perceptors and their judge: contrastively, with label heads that are thrown away.

Three things make so small a CLIP learn what a subject is in minutes:

- Colour and place alone nearly tell a batch apart, so the contrast leaves subjects for last. Linear heads on both
  embeddings name the labels from the first step; every caption also gets a rival that differs in one label.
- A caption that holds for another picture of the batch too ("a star") is no negative for it, and is masked.
- A perceptor that guides looks at blurred posterior means mixed with noise, x_in = sigma x0_hat + (1 - sigma) x, in
  crops. It is trained on exactly these, made by the secondary model, beside clean pictures. The judge, which sees
  only finished pictures, is trained on clean ones, of another data seed.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.models import catalog, clip
from disco.models.secondary import build_secondary
from disco.models.words import AXES, LABELS
from disco.training import loop, pictures, world
from disco.training.unet import to_model_range

GUIDE_DATA_SEED, JUDGE_DATA_SEED = 2, 3
AXIS_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 0.25)
RIVAL_AXES = (0, 0, 0, 1, 1, 2, 2, 3)  # subjects are the hardest, so they are swapped most often
MAX_LOGIT_SCALE = math.log(50)


class Student(nn.Module):
    """A CLIP with a linear head for each label axis on the image and on the text embedding."""

    def __init__(self, spec: catalog.PerceptorSpec) -> None:
        super().__init__()
        self.clip = clip.build_clip(spec)
        sizes = [len(values) for values in LABELS]
        self.image_heads = nn.ModuleList(nn.Linear(spec.embed_dim, n) for n in sizes)
        self.text_heads = nn.ModuleList(nn.Linear(spec.embed_dim, n) for n in sizes)


@dataclass(frozen=True)
class View:
    """How much a perceptor's training pictures are changed.

    `whole`: the share of uncropped ones; `smallest`: the side of the smallest crop, in shares of the picture;
    `grey`: the share without colour; `noisy`: the share seen as the sampler's x_in; the rest as of cutouts.
    """

    whole: float
    smallest: float
    grey: float
    noisy: float
    degrees: float = 10.0
    shift: float = 0.05
    jitter: float = 0.1


GUIDE_VIEW = View(whole=0.4, smallest=0.5, grey=0.05, noisy=0.65)
JUDGE_VIEW = View(whole=0.5, smallest=0.85, grey=0.0, noisy=0.0, degrees=5.0)


def trained_secondary(runs: Path) -> nn.Module:
    """The averaged secondary model of a folder of runs; FileNotFoundError when it was not trained yet."""
    model = build_secondary(catalog.secondary("embedded_secondary"))
    model.load_state_dict(loop.averaged(runs / "secondary"))
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def sampler_view(x0: Tensor, secondary: nn.Module, t: Tensor, noise: Tensor) -> Tensor:
    """What a guiding perceptor sees of pictures x0 at cosine times t: sigma x0_hat + (1 - sigma) x, [N, 3, H, W]."""
    alpha, sigma = (f(t * math.pi / 2)[:, None, None, None] for f in (torch.cos, torch.sin))
    x = alpha * x0 + sigma * noise
    x0_hat = alpha * x - sigma * secondary(x, t).float()
    return sigma * x0_hat + (1 - sigma) * x


def cut(images: Tensor, resolution: int, view: View, rng: np.random.Generator) -> Tensor:
    """Random crops, slightly turned, shifted, mirrored and tinted, resized: [N, 3, H, W] in 0..1 to `resolution`."""
    n = len(images)
    side = np.where(rng.random(n) < view.whole, 1.0, rng.uniform(view.smallest, 1.0, n))
    angle = np.radians(rng.uniform(-view.degrees, view.degrees, n))
    mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    centre = rng.uniform(-1, 1, (2, n)) * (1 - side) + rng.uniform(-view.shift, view.shift, (2, n)) * 2
    rows = [
        side * np.cos(angle) * mirror,
        -side * np.sin(angle),
        centre[0],
        side * np.sin(angle) * mirror,
        side * np.cos(angle),
        centre[1],
    ]
    theta = torch.from_numpy(np.stack(rows, 1).reshape(n, 2, 3)).float()
    grid = F.affine_grid(theta, [n, 3, resolution, resolution], align_corners=False)
    seen = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    contrast, brightness = (
        torch.from_numpy(rng.uniform(1 - view.jitter, 1 + view.jitter, (n, 1, 1, 1))).float() for _ in range(2)
    )
    mean = seen.mean((1, 2, 3), keepdim=True)
    seen = ((seen - mean) * contrast + mean) * brightness
    grey = torch.from_numpy(rng.random(n) < view.grey)[:, None, None, None]
    return torch.where(grey, seen.mean(1, keepdim=True).expand_as(seen), seen)


def rival(scene: world.Scene, rng: random.Random) -> world.Scene:
    """The scene with one label changed."""
    axis = rng.choice(RIVAL_AXES)
    if axis == 3 and scene.place in world.TIMELESS_SKIES:
        axis = 0
    old = scene.labels()[axis]
    new = rng.choice([value for value in LABELS[axis] if value != old])
    changed = replace(scene, **{AXES[axis]: new})  # type: ignore[arg-type]
    return replace(changed, time="day") if changed.place in world.TIMELESS_SKIES else changed


def told_indices(captions: list[world.Caption]) -> np.ndarray:
    """int64 [N, 5]: the label each caption tells on each axis, -1 where it is silent."""
    rows = [[-1 if v is None else values.index(v) for values, v in zip(LABELS, c.told, strict=True)] for c in captions]
    return np.array(rows, np.int64)


def holds(labels: Tensor, told: Tensor) -> Tensor:
    """bool [N, M]: whether caption m is true of picture n, from labels [N, 5] and told [M, 5]."""
    return ((told[None] == -1) | (told[None] == labels[:, None])).all(-1)


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


def label_loss(heads: nn.ModuleList, embedding: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Weighted cross entropy over the axes, labels [N, 5] with -1 for "not said"; and the losses by axis."""
    losses = [F.cross_entropy(head(embedding), labels[:, i], ignore_index=-1) for i, head in enumerate(heads)]
    return sum(w * loss for w, loss in zip(AXIS_WEIGHTS, losses, strict=True)) / sum(AXIS_WEIGHTS), losses  # type: ignore[return-value]


def train(
    name: str, run: Path, cache: Path, steps: int, batch: int, count: int, device: str, learning_rate: float,
    secondary: nn.Module | None = None, view: View | None = None,
) -> Student:  # fmt: skip
    """Trains the perceptor of that name; guides need the trained secondary model to see as they will."""
    spec = catalog.perceptor(name)
    scenes, images = pictures.cached(cache, GUIDE_DATA_SEED if spec.guides else JUDGE_DATA_SEED, count)
    labels_of_all = pictures.label_indices(scenes)
    words = clip.tokenizer(spec)
    view = view or (GUIDE_VIEW if spec.guides else JUDGE_VIEW)
    mean, std = (torch.tensor(v)[:, None, None] for v in (spec.mean, spec.std))
    torch.manual_seed(0)
    plan = loop.Plan(run, steps, learning_rate=learning_rate, weight_decay=0.05, device=device)

    def seen(index: np.ndarray, rng: np.random.Generator) -> Tensor:
        torch_rng = torch.Generator().manual_seed(int(rng.integers(2**62)))
        x0 = to_model_range(images[index])
        noisy = int(round(view.noisy * batch))
        if noisy:
            assert secondary is not None, f"{name} learns from the secondary model's predictions"
            t = torch.from_numpy(rng.random(noisy)).float()
            noise = torch.randn(x0[:noisy].shape, generator=torch_rng)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                x0[:noisy] = sampler_view(x0[:noisy], secondary, t, noise)
        pixels = cut((x0 + 1) / 2, spec.resolution, view, rng)
        pixels = pixels + 0.01 * torch.randn(pixels.shape, generator=torch_rng)
        return (pixels - mean) / std

    def loss_at(
        model: nn.Module, rng: np.random.Generator, torch_rng: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(model, Student)
        index = rng.choice(len(scenes), batch, replace=False)
        wording = [int(v) for v in rng.integers(2**32, size=batch)]
        chosen = [scenes[i] for i in index]
        rivals = [rival(scene, random.Random(w)) for scene, w in zip(chosen, wording, strict=True)]
        captions = [world.describe(s, random.Random(w)) for s, w in zip(chosen + rivals, wording * 2, strict=True)]
        labels = torch.from_numpy(labels_of_all[index]).to(device)
        told = torch.from_numpy(told_indices(captions)).to(device)
        pixels, tokens = seen(index, rng).to(device), words.encode([c.text for c in captions]).to(device)
        with plan.autocast():
            image, text = model.clip.encode_image(pixels), model.clip.encode_text(tokens)
        image, text = image.float(), text.float()
        scale = model.clip.logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
        contrast, first = contrastive_loss(image, text, scale, holds(labels, told))
        named, by_axis = label_loss(model.image_heads, image, labels)
        read, _ = label_loss(model.text_heads, text, told)
        figures = {"contrast": contrast, "first": first, "read": read}
        figures |= dict(zip(AXES, by_axis, strict=True))
        return contrast + named + 0.5 * read, figures

    average = loop.train(Student(spec), loss_at, plan).model
    assert isinstance(average, Student)
    return average

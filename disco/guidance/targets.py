"""What a perceptor should see: the texts and image prompts of every stage, as its embeddings and their weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from disco.diffusion.images import to_tensor
from disco.diffusion.streams import ImageStreams
from disco.guidance.perceptor import Perceptor, fuzzy, image_target, weigh
from disco.planning.plan import Plan, Stage


def targets_of(
    plan: Plan, perceptor: Perceptor, pictures: Sequence[Tensor], streams: Sequence[ImageStreams], device: torch.device
) -> tuple[list[Tensor], list[Tensor]]:
    """By stage: embeddings [B, P, d], and the prompts' weights [P], their absolute sum 1.

    pictures: as of `prompt_pictures`. streams: one a picture of the batch, B of them.
    """
    images = [image_targets(plan, perceptor, pictures, stream) for stream in streams]
    heard: dict[tuple[str, ...], Tensor] = {}

    def texts(stage: Stage) -> Tensor | None:
        """Embeddings [T, d] of a stage's texts; pictures that share them are given the same ones."""
        key = tuple(prompt.text for prompt in stage.prompts)
        if key and key not in heard:
            heard[key] = perceptor.target(key)
        return heard.get(key)

    stages = []
    for place in range(len(plan.stages)):
        own = [plan.stages_of(stream.seed)[place] for stream in streams]
        stages.append(stage_targets(plan, own[0], perceptor, streams, images, [texts(stage) for stage in own]))
    return [targets for targets, _ in stages], [weights.to(device) for _, weights in stages]


def prompt_pictures(plan: Plan, device: torch.device) -> list[Tensor]:
    """Every image prompt, shrunk as `prompt_size` says: [3, h, w] in 0..1."""
    found = []
    for prompt in plan.image_prompts:
        image = plan.input("image_prompts", prompt.path).open()
        size = prompt_size(image.size, plan, plan.settings.compat == "disco57")
        found.append(((to_tensor(image.resize(size, Image.Resampling.LANCZOS)) + 1) / 2).to(device))
    return found


def prompt_size(size: tuple[int, int], plan: Plan, compat: bool) -> tuple[int, int]:
    """Width and height that an image prompt of this size is shrunk to: its short side to the run's, if that is less.

    compat: the original cuts off what the long side has behind the point.
    """
    short = min(plan.width, plan.height, *size)
    width, height = (max(1, (int if compat else round)(short * side / min(size))) for side in size)
    return width, height


def image_targets(plan: Plan, perceptor: Perceptor, pictures: Sequence[Tensor], stream: ImageStreams) -> list[Tensor]:
    """Embeddings [16, d] of every image prompt, as one picture's seed cuts it."""
    generator = stream.generator(f"image_prompts/{perceptor.name}")
    skip_augs, compat = plan.steps[0].cuts.skip_augs, plan.settings.compat == "disco57"
    return [image_target(perceptor, picture, generator, skip_augs, compat) for picture in pictures]


def stage_targets(
    plan: Plan,
    stage: Stage,
    perceptor: Perceptor,
    streams: Sequence[ImageStreams],
    images: Sequence[Sequence[Tensor]],
    texts: Sequence[Tensor | None],
) -> tuple[Tensor, Tensor]:
    """What the perceptor should see during a stage: embeddings [B, P, d] and weights [P], their absolute sum 1.

    images: as of `image_targets`, by stream. texts: embeddings [T, d] of the texts that each picture is to resemble,
    None for none; their weights are those of the stage.
    """
    guidance, compat = plan.settings.guidance, plan.settings.compat == "disco57"
    each = []
    for stream, own, heard in zip(streams, images, texts, strict=True):
        target = torch.cat([*([] if heard is None else [heard]), *own])
        if guidance.fuzzy_prompt:
            generator = stream.generator(f"fuzzy/{perceptor.name}/{stage.share}")
            target = fuzzy(target, guidance.rand_mag, generator, compat=compat)
        each.append(target)
    weights = [prompt.weight for prompt in stage.prompts]
    for prompt, target in zip(plan.image_prompts, images[0], strict=True):
        weights += [prompt.weight / len(target)] * len(target)
    copies = each[0].shape[0] // len(weights)
    shares = weigh(torch.tensor(weights, dtype=torch.float64).repeat_interleave(copies))
    return torch.stack(each), shares.float()

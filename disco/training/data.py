"""What the trainings of the embedded models share: their options, and pictures and captions at hand on the device."""

from __future__ import annotations

import multiprocessing
import os
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from disco.models.networks.clip import WordTokenizer
from disco.training import loop, pictures, world
from disco.training.pictures import EVEN, SIDE, Shares

HELD_OUT_SEED = 1009
CHUNK = 2000  # scenes a process captions at a time


@dataclass(frozen=True)
class Options:
    """How a training is run.

    runs: the folder of all runs; drawn pictures are kept in `runs/cache`. batch: pictures a step. pictures: how many
    of the world are drawn. steps, minutes, deadline: see `loop.TrainingPlan`. held_out: pictures of held-out
    combinations that the training is measured on. jobs: processes that draw.
    """

    runs: Path
    batch: int
    pictures: int
    learning_rate: float
    steps: int | None = None
    minutes: float | None = None
    device: str = "cpu"
    precision: str = "bfloat16"
    deadline: float | None = None
    compile: bool = False
    save_seconds: float = 120.0
    held_out: int = 512
    jobs: int | None = None

    def plan(
        self, name: str, weight_decay: float = 0.0, emas: tuple[float, ...] = (0.05, 0.1), muon: bool = False
    ) -> loop.TrainingPlan:
        return loop.TrainingPlan(
            self.runs / name, self.steps, self.minutes, self.learning_rate, weight_decay, emas,
            device=self.device, precision=self.precision, save_seconds=self.save_seconds, deadline=self.deadline,
            compile=self.compile, muon=muon,
        )  # fmt: skip

    def drawn(self, seed: int, side: int = SIDE, shares: Shares = EVEN) -> tuple[list[world.Scene], Bank]:
        """The scenes to train on and their pictures."""
        scenes, images = pictures.cached(self.runs / "cache", seed, self.pictures, side, self.jobs, shares)
        return scenes, Bank(images, self.device)

    def covers(self, seed: int, side: int = SIDE, shares: Shares = EVEN) -> Bank:
        """What the things of the scenes of `drawn` cover, [B, 1, H, W] from -1, nothing of a pixel, to 1, all of it."""
        made = pictures.cached(self.runs / "cache", seed, self.pictures, side, self.jobs, shares, "cover")
        return Bank(made[1], self.device)

    def drawn_held_out(self, side: int = SIDE, shares: Shares = EVEN) -> tuple[list[world.Scene], Bank]:
        scenes = pictures.scenes(HELD_OUT_SEED, self.held_out, True, shares)
        return scenes, Bank(pictures.drawn(scenes, side), self.device)

    def labels(self, scenes: list[world.Scene]) -> Tensor:
        """int64 [N, 8] on the device, as `pictures.label_indices` has them."""
        return torch.from_numpy(pictures.label_indices(scenes)).to(self.device)


class Bank:
    """Pictures, uint8 [N, H, W, C]: in the memory of a GPU, or where they were on a CPU."""

    def __init__(self, images: np.ndarray, device: str) -> None:
        self.images, self.device = images, torch.device(device)
        self.resident = None if self.device.type == "cpu" else torch.from_numpy(np.array(images)).to(self.device)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Tensor:
        """float32 [B, C, H, W] in [-1, 1], of int64 [B] on the device."""
        chosen = torch.from_numpy(self.images[index.numpy()]) if self.resident is None else self.resident[index]
        return chosen.permute(0, 3, 1, 2).float() / 127.5 - 1

    def indices(self, size: int = 128) -> Sequence[Tensor]:
        """int64 [B] each: the numbers of all pictures in order, some at a time, on the device."""
        return torch.arange(len(self), device=self.device).split(size)

    def batches(self, size: int = 128) -> Iterator[Tensor]:
        """The pictures of `indices`."""
        for index in self.indices(size):
            yield self[index]

    def random(self, count: int, rng: torch.Generator) -> Tensor:
        """int64 [count]: numbers of pictures, drawn where the generator is."""
        return torch.randint(len(self), (count,), generator=rng, device=rng.device)


def mirrored(images: Tensor, rng: torch.Generator) -> Tensor:
    """Every other picture of [B, C, H, W] mirrored left to right, by chance."""
    flip = torch.rand(len(images), generator=rng, device=rng.device) < 0.5
    return torch.where(flip[:, None, None, None], images.flip(-1), images)


def stratified(count: int, rng: torch.Generator) -> Tensor:
    """float32 [count] in 0..1, one in each of `count` equal parts, in random order."""
    parts = torch.randperm(count, generator=rng, device=rng.device)
    return (parts + torch.rand(count, generator=rng, device=rng.device)) / count


# Captions


@dataclass(frozen=True, eq=False)
class Captions:
    """`wordings` captions of every scene, each with a rival that tells one label wrongly.

    tokens: int16 [N, wordings, 2, context], the caption and its rival. told: int8 [N, wordings, 2, axes], the label
    that each tells, -1 where it is silent.
    """

    tokens: Tensor
    told: Tensor

    def to(self, device: str) -> Captions:
        return Captions(self.tokens.to(device), self.told.to(device))

    def pick(self, index: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """A wording of each of B scenes, captions before rivals: int64 [2 B, context] tokens, [2 B, axes] told."""
        wording = torch.randint(self.tokens.shape[1], (len(index),), generator=rng, device=rng.device)
        tokens, told = self.tokens[index, wording], self.told[index, wording]  # [B, 2, ...]
        return tokens.transpose(0, 1).flatten(0, 1).long(), told.transpose(0, 1).flatten(0, 1).long()


def captioned(
    folder: Path, scenes: list[world.Scene], seed: int, words: WordTokenizer, wordings: int = 4, jobs: int | None = None
) -> Captions:
    """The captions of scenes drawn from `seed`, made the first time and kept in `folder`."""
    known = zlib.crc32(repr((world.vocabulary(), words.context_length)).encode())
    path = folder / f"captions-{seed}-{len(scenes)}-{wordings}-{known:08x}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        work: Callable[[list[world.Scene]], tuple[np.ndarray, np.ndarray]] = partial(
            worded, words=words, wordings=wordings
        )
        chunks = [scenes[start : start + CHUNK] for start in range(0, len(scenes), CHUNK)]
        if len(chunks) == 1:
            made = [work(scenes)]
        else:
            with ProcessPoolExecutor(jobs or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
                made = list(pool.map(work, chunks))
        part = path.with_suffix(f".{random.randrange(2**32):08x}.part")
        with part.open("wb") as file:
            np.savez(file, tokens=np.concatenate([m[0] for m in made]), told=np.concatenate([m[1] for m in made]))
        part.rename(path)
    with np.load(path) as kept:
        return Captions(torch.from_numpy(kept["tokens"]), torch.from_numpy(kept["told"]))


def worded(scenes: list[world.Scene], words: WordTokenizer, wordings: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int16 [N, wordings, 2, context] and told int8 [N, wordings, 2, axes]; a scene's depend on it alone."""
    texts, told = [], []
    for scene in scenes:
        for wording in range(wordings):
            rng = random.Random(scene.seed * wordings + wording)
            for caption in (world.describe(scene, rng), rival(scene, rng)):
                texts.append(caption.text)
                told.append(told_indices(caption))
    shape = (len(scenes), wordings, 2, -1)
    return words.encode(texts).numpy().astype(np.int16).reshape(shape), np.array(told, np.int8).reshape(shape)


def told_indices(caption: world.Caption) -> list[int]:
    """The label that a caption tells on each axis, -1 where it is silent."""
    return [-1 if t is None else values.index(t) for t, values in zip(caption.told, world.AXIS_VALUES, strict=True)]


#: How often a rival differs in each axis; things are the hardest to tell, so they are swapped most often.
RIVAL_AXES = ("subject",) * 4 + ("colour",) * 3 + ("place",) * 2 + ("sky",) * 2 + ("style",) * 3
#: ... of scenes that show two things: also the second's labels, and the two things' places or colours exchanged.
SECOND_RIVALS = ("relation",) * 4 + ("second",) * 3 + ("second_colour",) * 3 + ("roles",) * 3 + ("colours",) * 2


def rival(scene: world.Scene, rng: random.Random) -> world.Caption:
    """A caption that tells something wrong of the scene: one label changed, or its two things confused."""
    while True:
        axis = rng.choice(RIVAL_AXES + (SECOND_RIVALS if scene.second is not None else ()))
        try:
            other = changed(scene, axis, rng)
        except ValueError:  # labels that do not go together
            continue
        if world.holdout(other) and not world.holdout(scene):  # what is trained on does not even tell of it
            continue
        watched = {"roles": ("relation", "second"), "colours": ("colour", "second_colour")}.get(axis, (axis,))
        for _ in range(20):
            caption = world.describe(other, rng)
            if all(caption.told[world.AXES.index(each)] is not None for each in watched):
                return caption


def changed(scene: world.Scene, axis: str, rng: random.Random) -> world.Scene:
    """The scene with another label on an axis. ValueError where there is none to be had by this draw."""
    if axis in ("roles", "colours"):
        assert scene.second is not None and scene.second_colour is not None
        if axis == "colours":
            return replace(scene, colour=scene.second_colour, second_colour=scene.colour)
        if scene.relation == "beside":
            raise ValueError("beside holds both ways round")
        things = {"subject": scene.second, "second": scene.subject}
        return replace(scene, **things, colour=scene.second_colour, second_colour=scene.colour)  # type: ignore[arg-type]
    old = scene.labels()[world.AXES.index(axis)]
    values = [value for value in world.AXIS_VALUES[world.AXES.index(axis)] if value != old]
    taken = {
        "subject": scene.second,
        "second": scene.subject,
        "colour": scene.second_colour,
        "second_colour": scene.colour,
    }
    if old is None:
        raise ValueError(f"the scene tells no {axis}")
    new = rng.choice([value for value in values if value != taken.get(axis)])
    other = {axis: new}
    if axis == "place" and scene.sky not in world.SKIES_AT[new]:
        other["sky"] = rng.choice(world.SKIES_AT[new])
    return replace(scene, **other)  # type: ignore[arg-type]

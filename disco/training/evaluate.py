"""Measures the embedded models: what perceptors recognise, and what guided pictures show.

Every share comes with its 95 % Wilson interval, (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from disco.models.catalog import PerceptorSpec
from disco.training import pictures, world

TEST_SEED = 1009


class Perceptor(Protocol):
    """What is needed of a CLIP; `disco.models.clip.LoadedPerceptor` has it."""

    spec: PerceptorSpec

    def encode_image(self, pixels: Tensor) -> Tensor: ...

    def encode_text(self, texts: list[str]) -> Tensor: ...


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in `count` (Wilson 1927)."""
    p = hits / count
    middle = p + z * z / (2 * count)
    spread = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return max(0.0, (middle - spread) / (1 + z * z / count)), min(1.0, (middle + spread) / (1 + z * z / count))


def axis_sentences() -> list[list[list[str]]]:
    """For every axis and value, the sentences whose mean embedding stands for it."""
    subjects = [[f"a {colour} {subject}" for colour in world.COLOURS] + [f"a {subject}"] for subject in world.SUBJECTS]
    colours = [[f"a {colour} {subject}" for subject in world.SUBJECTS] for colour in world.COLOURS]
    places = [[f"a {subject} {world.PLACE_PHRASES[place][0]}" for subject in world.SUBJECTS] for place in world.PLACES]
    times = [
        [f"a {subject} {phrase}" for subject in world.SUBJECTS for phrase in world.TIME_PHRASES[time]]
        for time in world.TIMES
    ]
    styles = [
        [f"{phrase} a {subject}" for subject in world.SUBJECTS for phrase in world.STYLE_PHRASES[style]]
        for style in world.STYLES
    ]
    return [subjects, colours, places, times, styles]


class Reader:
    """A perceptor that names the labels of pictures, by the nearest of the labels' embeddings."""

    def __init__(self, perceptor: Perceptor) -> None:
        self.perceptor = perceptor
        self.anchors = [
            torch.stack([F.normalize(F.normalize(perceptor.encode_text(s), dim=-1).mean(0), dim=0) for s in values])
            for values in axis_sentences()
        ]

    @torch.no_grad()
    def read(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, 3] to int64 [N, 5], indices into `pictures.AXIS_VALUES`."""
        spec, anchors = self.perceptor.spec, self.anchors
        mean, std = (torch.tensor(v)[:, None, None] for v in (spec.mean, spec.std))
        answers = []
        for start in range(0, len(images), 256):
            pixels = (
                torch.from_numpy(np.ascontiguousarray(images[start : start + 256])).permute(0, 3, 1, 2).float() / 255
            )
            if pixels.shape[-1] != spec.resolution:
                pixels = F.interpolate(pixels, size=(spec.resolution,) * 2, mode="bilinear", antialias=True)
            seen = F.normalize(self.perceptor.encode_image((pixels - mean) / std), dim=-1)
            answers.append(torch.stack([(seen @ a.T).argmax(1) for a in anchors], 1))
        return torch.cat(answers).numpy()


@dataclass(frozen=True)
class Score:
    hits: int
    count: int

    def __str__(self) -> str:
        low, high = wilson(self.hits, self.count)
        return f"{100 * self.hits / self.count:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def scores(answers: np.ndarray, labels: np.ndarray) -> dict[str, Score]:
    """The share of right answers by axis, int64 [N, 5] both; labels of -1 are not asked. Also subject with colour."""
    table = {}
    for i, axis in enumerate(pictures.AXES):
        asked = labels[:, i] >= 0
        if asked.any():
            table[axis] = Score(int((answers[asked, i] == labels[asked, i]).sum()), int(asked.sum()))
    both = (answers[:, :2] == labels[:, :2]).all(1)
    table["subject and colour"] = Score(int(both.sum()), len(both))
    return table


def recognition(perceptor: Perceptor, count: int = 2000) -> dict[str, Score]:
    """What a perceptor recognises on clean pictures of subjects in colours at places it never saw together."""
    scenes = pictures.scenes(TEST_SEED, count, held_out=True)
    answers = Reader(perceptor).read(pictures.drawn(scenes))
    return scores(answers, pictures.label_indices(scenes))

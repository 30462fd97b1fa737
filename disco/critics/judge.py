"""The judge: whether a picture of the embedded models' world shows its prompt.

`embedded_judge` is a CLIP that never guides, for a perceptor finds what it pulled towards, there or not. It knows the
subjects, colours, places, skies and styles of that world (`disco.world.words`) and nothing else, so it judges prompts
that name at least one of them, and pictures that the embedded UNet drew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from disco.critics.metrics import METRICS, measure
from disco.models import catalog
from disco.models.catalog import PerceptorSpec
from disco.models.concepts import without_references
from disco.models.networks.clip import load_perceptor
from disco.planning.prompts import SMALLEST_SUM, Prompt
from disco.world.words import (
    AXES,
    COLOURS,
    LABELS,
    PHRASES,
    SUBJECTS,
    a,
    named,
)

#: Sentences whose mean stands for a label when a run is judged. All of them (144 to 360) take twenty times as long and
#: name hardly more in 800 true pictures (place 96 and 97 %, sky 73 and 73 %, style 58 and 60 %).
SENTENCES = 3

#: What is read together.
THING = ("subject", "colour")

#: How many pictures are looked at together.
AT_ONCE = 256


class Perceptor(Protocol):
    """What is needed of a CLIP; `disco.models.networks.clip.LoadedPerceptor` has it."""

    @property
    def spec(self) -> PerceptorSpec: ...

    def encode_image(self, pixels: Tensor) -> Tensor: ...

    def encode_text(self, texts: list[str]) -> Tensor: ...


@cache
def sentences(of: str) -> list[list[str]]:
    """The sentences whose mean embedding stands for each label of a place, a sky or a style.

    Of "thing" one each, for every subject in every colour: the first subject in all colours, and so on.
    """
    if of == "thing":
        return [[a(f"{colour} {subject}")] for subject in SUBJECTS for colour in COLOURS]
    phrases = PHRASES[AXES.index(of)].values()
    return [[_told(subject, phrase) for subject in SUBJECTS for phrase in each] for each in phrases]


def _told(subject: str, phrase: str) -> str:
    """A phrase before the subject, "a woodcut of a fox", or after it, "a fox in the snow"."""
    return f"{phrase} {a(subject)}" if phrase.endswith(" of") else f"{a(subject)} {phrase}"


def spread(items: Sequence[str], count: int) -> list[str]:
    """`count` items, or all where there are fewer, evenly spread from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


class Reader:
    """A perceptor that names the labels of pictures.

    What a thing is and which colour it has are read together, off the nearest of "a red star", "a blue star" and so on:
    of 649 true pictures of combinations never seen, the judge named the colour of 97.4 % so, and of 93.8 % by a mean
    over all subjects. A place, a sky or a style is the nearest of its labels' mean embeddings.

    most: of how many sentences, evenly spread over those there are, such an embedding is the mean; None takes all.
    """

    def __init__(self, perceptor: Perceptor, most: int | None = None) -> None:
        self.perceptor, self.most = perceptor, most
        self._anchors: dict[str, Tensor] = {}

    def nearest(self, seen: Tensor, axis: str) -> Tensor:
        """The label of an axis that each picture shows, int64 [N], of unit vectors [N, d]."""
        found = (seen @ self.anchors(axis).T).argmax(1)
        if axis == "subject":
            return found // len(COLOURS)
        return found % len(COLOURS) if axis == "colour" else found

    @torch.no_grad()
    def anchors(self, axis: str) -> Tensor:
        """[n, d]: the unit vectors that pictures are held against, in the order of `sentences`.

        They are made when first asked for.
        """
        of = "thing" if axis in THING else axis
        if of not in self._anchors:
            groups = [spread(group, self.most or len(group)) for group in sentences(of)]
            embedded = self.texts([sentence for group in groups for sentence in group])
            means = [each.mean(0) for each in embedded.split([len(group) for group in groups])]
            self._anchors[of] = F.normalize(torch.stack(means), dim=-1)
        return self._anchors[of]

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [N, d] of texts."""
        return F.normalize(self.perceptor.encode_text(list(texts)), dim=-1)

    @torch.no_grad()
    def seen(self, images: np.ndarray) -> Tensor:
        """Unit vectors [N, d] of pictures, uint8 [N, H, W, 3]; scaled to the square that the perceptor sees."""
        spec, found = self.perceptor.spec, []
        mean, std = (torch.tensor(values)[:, None, None] for values in (spec.mean, spec.std))
        for start in range(0, len(images), AT_ONCE):
            pixels = torch.tensor(images[start : start + AT_ONCE]).permute(0, 3, 1, 2) / 255
            if pixels.shape[-2:] != (spec.resolution,) * 2:
                pixels = F.interpolate(pixels, size=(spec.resolution,) * 2, mode="bilinear", antialias=True)
            found.append(F.normalize(self.perceptor.encode_image((pixels - mean) / std), dim=-1))
        return torch.cat(found)

    def read(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, 3] to int64 [N, 5], indices into `disco.world.words.LABELS`."""
        seen = self.seen(images)
        return torch.stack([self.nearest(seen, axis) for axis in AXES], 1).numpy()


Verdict = dict[str, float | str | None]

#: What the judge says where it cannot judge.
NO_VERDICT: Verdict = {"judge": None, "recognition": None}


def verdict(image: Image.Image, prompts: Sequence[Prompt], judge: Reader) -> Verdict:
    r"""Whether a picture shows its prompts.

        judge              sum of w cos(picture, prompt) / |sum of w|, over the prompts that name a label    -1 to 1
        recognition_AXIS   1 where the label nearest to the picture, of all labels of the axis, is one that the
                           prompts name, else 0; for each axis that they name
        recognition        the mean of those                                                                  0 to 1
        seen               the nearest labels, in the order of the axes, as a text

    An axis is subject, colour, place, sky or style; its labels are rivals. Only prompts of positive weight name labels
    to be recognised, but all count in `judge`, so that what was to be avoided lowers it. Concepts, <name>, are nothing
    that the judge knows, and are left out. judge and recognition are None
    where the prompts name no label of the world.
    """
    prompts = [Prompt(without_references(prompt.text), prompt.weight) for prompt in prompts]
    telling = [prompt for prompt in prompts if named(prompt.text)]
    total = abs(sum(prompt.weight for prompt in telling))
    wanted: dict[str, set[str]] = {}
    for prompt in telling:
        for axis, labels in named(prompt.text).items() if prompt.weight > 0 else ():
            wanted.setdefault(axis, set()).update(labels)
    if not telling:
        return dict(NO_VERDICT)
    picture = judge.seen(np.asarray(image.convert("RGB"))[None])[0]
    found: Verdict = dict(NO_VERDICT)
    if total >= SMALLEST_SUM:
        likeness = judge.texts([prompt.text for prompt in telling]) @ picture
        weights = torch.tensor([prompt.weight for prompt in telling])
        found["judge"] = _six_digits(likeness @ weights / total)
    seen = {}
    for place, axis in enumerate(AXES):
        if axis in wanted:
            seen[axis] = LABELS[place][int(judge.nearest(picture[None], axis))]
            found[f"recognition_{axis}"] = float(seen[axis] in wanted[axis])
    if seen:
        found["recognition"] = _six_digits(sum(seen[axis] in wanted[axis] for axis in seen) / len(seen))
        found["seen"] = ", ".join(seen.values())
    return found


def assess(image: Image.Image, names: Sequence[str], prompts: Sequence[Prompt], diffusion_model: str) -> Verdict:
    """What `disco.settings.config.METRIC_NAMES` ask of a finished picture: its metrics, and the verdict under "judge".
    "judge".

    prompts: the texts that held at the end. diffusion_model: what drew; there is no verdict on pictures by any other
    than the embedded one, for the judge knows no others.
    """
    found: Verdict = dict(measure(image, [name for name in names if name in METRICS]))
    if "judge" in names:
        drawn_here = any(spec.name == diffusion_model and spec.weights.shipped for spec in catalog.UNETS)
        found |= verdict(image, prompts, load_judge()) if drawn_here and _can_tell(prompts) else NO_VERDICT
    return found


def _can_tell(prompts: Sequence[Prompt]) -> bool:
    """Whether the judge needs to be loaded for these."""
    return any(named(without_references(prompt.text)) for prompt in prompts)


@lru_cache(maxsize=1)
def load_judge() -> Reader:
    """The judge, on the CPU and in float32 wherever the run was, so that verdicts compare; loaded once a process."""
    return Reader(load_perceptor(catalog.perceptor("embedded_judge"), "cpu"), SENTENCES)


def _six_digits(value: float | Tensor) -> float:
    return float(f"{float(value):.6g}")

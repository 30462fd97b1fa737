"""What the embedded critic learns, in closed forms, and that it learns it."""

from __future__ import annotations

import colorsys
import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from disco.models.networks.critic import PARTS
from disco.training import critic
from disco.training.data import Options


def square(top: int, left: int, side: int = 8, size: int = 64) -> Tensor:
    cover = torch.zeros(1, 1, size, size)
    cover[..., top : top + side, left : left + side] = 1
    return cover


@pytest.mark.parametrize(
    ("centre", "score"),
    [
        ((64 / 3, 64 / 3), 1),
        ((64 / 3, 128 / 3), 1),
        ((32, 32), 1 - math.hypot(1 / 6, 1 / 6) / (math.sqrt(2) / 3)),  # a half
        ((32, 64 / 3), 1 - (1 / 6) / (math.sqrt(2) / 3)),
    ],
)
def test_a_thing_at_a_third_of_both_sides_is_best(centre: tuple[float, float], score: float) -> None:
    top, left = (round(each - 4) for each in centre)
    assert critic.thirds(square(top, left)).item() == pytest.approx(score, abs=0.02)
    picture = torch.rand(1, 3, 64, 64)
    assert critic.parts_of(picture, square(top, left))[0, 0].item() == pytest.approx(score, abs=0.02)


def test_contrast_is_the_difference_of_thing_and_ground() -> None:
    cover = square(10, 20)
    picture = 0.3 + 0.2 * cover.expand(1, 3, -1, -1)
    assert critic.parts_of(picture, cover)[0, 1].item() == pytest.approx(2 * 0.2)
    picture = torch.cat([picture[:, :1], torch.full((1, 2, 64, 64), 0.3)], 1)  # in one channel of three
    assert critic.parts_of(picture, cover)[0, 1].item() == pytest.approx(2 * 0.2 / math.sqrt(3))
    assert critic.parts_of(cover.expand(1, 3, -1, -1), cover)[0, 1].item() == 1


def test_without_a_thing_neither_place_nor_contrast_counts() -> None:
    assert critic.parts_of(torch.rand(2, 3, 64, 64), torch.zeros(2, 1, 64, 64))[:, :2].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(("hues", "score"), [(1, 1), (2, 1 - 1 / 11), (3, 1 - 2 / 11), (12, 0)])
def test_fewer_hues_are_better(hues: int, score: float) -> None:
    """As many stripes as hues, each of the same width and chroma: the entropy is the logarithm of their number."""
    colours = [colorsys.hsv_to_rgb((i * (12 // hues) + 0.5) / 12, 0.8, 0.9) for i in range(hues)]
    picture = torch.tensor(np.repeat(np.array(colours), 24 // hues, 0), dtype=torch.float32).T[None, :, None]
    assert critic.palette(picture).item() == pytest.approx(score, abs=1e-5)
    grey = torch.cat([picture, torch.full_like(picture, 0.4)], 3)  # what has no colour has no hue
    assert critic.palette(grey).item() == pytest.approx(score, abs=1e-5)
    assert critic.palette(torch.full((1, 3, 4, 4), 0.7)).item() == 1


def test_windows_are_squares_of_the_picture() -> None:
    """A ramp stays a ramp: evenly spaced, and within its ends."""
    ramp = torch.arange(128.0).expand(8, 4, 128, 128)
    found = critic.windows(ramp, 64, torch.Generator().manual_seed(0))
    assert found.shape == (8, 4, 64, 64) and found.min() >= 0 and found.max() <= 127
    slopes = (found[..., 60] - found[..., 4]) / 56
    assert (slopes >= 0.9 * critic.LEAST * 2).all() and (slopes <= 2.1).all()
    assert len({round(each, 3) for each in slopes[:, 0, 0].tolist()}) > 4  # each of its own size


def test_it_takes_steps_and_is_measured_on_what_it_never_sees(tmp_path) -> None:
    asked = Options(runs=tmp_path, batch=4, pictures=4, learning_rate=1e-3, steps=2, held_out=3, save_seconds=0)
    assert critic.train(asked).finished
    last = json.loads((tmp_path / critic.NAME / "losses.jsonl").read_text().splitlines()[-1])
    assert {f"held_out_{name}" for name in ("loss", *PARTS)} <= set(last)
    network = critic.trained(asked)
    assert network(torch.rand(2, 3, 64, 64)).shape == (2,)

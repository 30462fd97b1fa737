"""Colours: against OpenCV's L*a*b*, and what matching promises."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from disco.diffusion.colour import from_lab, matched, to_lab


def noise(seed: int, low: float = -1, high: float = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, 24, 32, generator=generator, dtype=torch.float64) * (high - low) + low


def test_lab_is_opencvs_and_the_way_back_is_exact():
    picture = noise(0)
    theirs = cv2.cvtColor(((picture[0] + 1) / 2).permute(1, 2, 0).numpy().astype(np.float32), cv2.COLOR_RGB2Lab)
    np.testing.assert_allclose(to_lab(picture)[0].permute(1, 2, 0).numpy(), theirs, atol=0.6)
    torch.testing.assert_close(from_lab(to_lab(picture)), picture, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [((1, 1, 1), (100, 0, 0)), ((-1, -1, -1), (0, 0, 0)), ((1, -1, -1), (53.24, 80.09, 67.20))],
)
def test_known_colours(rgb, lab):
    found = to_lab(torch.tensor(rgb, dtype=torch.float64)[:, None, None])
    np.testing.assert_allclose(found.flatten().numpy(), lab, atol=0.02)


def test_a_matched_picture_has_the_others_mean_and_spread():
    picture, target = noise(1, -0.2, 0.4), noise(2, -0.3, 0.1)
    made = to_lab(matched(picture, target))
    wanted = to_lab(target)
    torch.testing.assert_close(made.mean((-2, -1)), wanted.mean((-2, -1)), rtol=0, atol=0.2)
    torch.testing.assert_close(made.std((-2, -1)), wanted.std((-2, -1)), rtol=0.03, atol=0.1)


def test_nothing_half_and_itself():
    picture, target = noise(3, -0.5, 0.5), noise(4, -0.2, 0.9)
    assert torch.equal(matched(picture, target, 0), picture)
    torch.testing.assert_close(matched(picture, picture), picture, rtol=0, atol=1e-9)
    half = to_lab(matched(picture, target, 0.5)).mean((-2, -1))
    middle = (to_lab(picture).mean((-2, -1)) + to_lab(target).mean((-2, -1))) / 2
    torch.testing.assert_close(half, middle, rtol=0, atol=0.3)


def test_a_flat_picture_takes_the_mean_and_stays_flat():
    flat = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    made = matched(flat, noise(5, -0.4, 0.2)[:1])
    assert made.isfinite().all() and made.std((-2, -1)).max() < 1e-6

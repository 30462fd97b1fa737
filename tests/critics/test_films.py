"""What films measure: values that are known beforehand."""

from __future__ import annotations

import pytest
import torch

from disco.critics.films import drift, flicker, of_film
from support.draws import seeded


def noise(seed: int, side: int = 96) -> torch.Tensor:
    return torch.rand(3, side, side, generator=seeded(seed), dtype=torch.float64) * 2 - 1


def all_of(picture: torch.Tensor) -> torch.Tensor:
    return torch.ones(picture.shape[-2:], dtype=torch.bool)


def test_flicker_of_independent_noise_is_a_third_and_of_equal_frames_none():
    # E |X - Y| = 1/3 of two numbers that are uniform over 0..1; 27,648 of them are 0.0014 off in the standard.
    assert flicker(noise(0), noise(1), all_of(noise(0))) == pytest.approx(1 / 3, abs=0.006)
    assert flicker(noise(0), noise(0), all_of(noise(0))) == 0


def test_flicker_counts_what_is_seen_by_its_weight():
    frame, before = torch.zeros(3, 4, 4), torch.zeros(3, 4, 4)
    frame[:, :, :2] = 1  # half a picture is half of the range apart
    seen = torch.zeros(4, 4)
    assert flicker(frame, before, seen) is None
    seen[:, 1] = 1
    assert flicker(frame, before, seen) == 0.5
    seen[:, 2] = 3
    assert flicker(frame, before, seen) == 0.125
    assert flicker(frame, before, torch.ones(4, 4)) == 0.25


def test_drift_of_greys_is_their_difference_in_lightness():
    # L* = 116 Y^(1/3) - 16 of grey; Y = 0.2140 at the sRGB level 0.5.
    grey, white = torch.zeros(3, 5, 7, dtype=torch.float64), torch.ones(3, 2, 2, dtype=torch.float64)
    assert drift(white, grey) == pytest.approx(100 - 53.389, abs=0.01)
    assert drift(grey, grey) == 0
    shuffled = noise(0).flatten(1)[:, torch.randperm(96 * 96, generator=seeded(1))].view(3, 96, 96)
    assert drift(shuffled, noise(0)) < 1e-9  # where colours are does not matter


def test_a_film_has_the_means_of_its_frames_and_the_last_drift():
    frames = [
        {"flicker": None, "drift": 0.0, "judge": 0.4, "seen": "star", "recognition": 1.0},
        {"flicker": 0.1, "drift": 2.0, "judge": None, "seen": "sun", "recognition": 0.0},
        {"flicker": 0.2, "drift": 3.0, "judge": 0.2, "seen": "star", "recognition": 1.0},
    ]
    found = of_film(frames)
    assert found == {"flicker": 0.15, "drift": 3.0, "judge": pytest.approx(0.3), "recognition": pytest.approx(2 / 3)}
    assert of_film([{"flicker": None, "drift": 0.0}]) == {"flicker": None, "drift": 0.0}
    assert of_film([]) == {}

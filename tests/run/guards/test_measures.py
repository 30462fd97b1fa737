"""The guard's measures: in closed forms, and held against plainer ways to work them out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.critics.metrics import motifs
from disco.run.guards.measures import MEASURES, SIDE, WAY, copies, measures


def told(x0: torch.Tensor) -> list[dict[str, float]]:
    rows = [each.tolist() for each in measures(x0)]
    return [dict(zip(MEASURES, values, strict=True)) for values in zip(*rows, strict=True)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("level", "overflow"), [(-1.0, 0.0), (0.25, 0.0), (1.0, 0.0), (1.5, 0.5), (-3.0, 2.0)])
def test_one_colour(level: float, overflow: float) -> None:
    (found,) = told(torch.full((1, 3, 16, 24), level))
    held = max(-1.0, min(1.0, level))
    assert found == pytest.approx({"overflow": overflow, "light": held, "spread": 0, "grain": 0, "copies": 0}, abs=1e-6)


def test_light_is_the_luma_and_spread_the_deviation_of_each_channel() -> None:
    x0 = torch.zeros(1, 3, 8, 8)
    x0[:, 0, :, 4:], x0[:, 0, :, :4] = 1, -1
    x0[:, 1] = 0.5
    (found,) = told(x0)
    assert found["light"] == pytest.approx(0.7152 * 0.5)
    assert found["spread"] == pytest.approx(1 / 3)


def test_grain_of_noise_is_one_and_of_a_slope_nearly_nothing() -> None:
    slope = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    assert told(noise(1, 3, 64, 64))[0]["grain"] == pytest.approx(1, abs=0.03)
    # Neighbours in a row differ by 2 / 63, in a column not at all; the variance of a slope is about a third.
    assert told(slope)[0]["grain"] == pytest.approx((2 / 63) ** 2 / (4 * float(slope[0, 0].var(correction=0))))
    checkers = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(16, 16).expand(1, 3, 32, 32)
    assert told(checkers)[0]["grain"] == pytest.approx(2)


@given(st.integers(0, 1000))
def test_each_picture_is_measured_on_its_own(seed: int) -> None:
    batch = 1.5 * noise(3, 3, 16, 32, seed=seed)
    for together, alone in zip(told(batch), (told(each[None])[0] for each in batch), strict=True):
        assert together == pytest.approx(alone, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (33, 64), (64, 200)])
def test_any_size_is_measured(size: tuple[int, int]) -> None:
    assert all(np.isfinite(value) for value in told(noise(2, 3, *size))[0].values())


def test_what_is_not_finite_spoils_no_other_picture() -> None:
    x0 = noise(2, 3, 16, 16)
    alone = told(x0[1:])[0]
    x0[0, 1, 2, 3] = float("nan")
    assert told(x0)[1] == pytest.approx(alone, rel=1e-4)


def plain_copies(f: np.ndarray) -> float:
    """The formula as it stands, shift by shift."""
    f = f - f.mean(1, keepdims=True)
    height, width = f.shape

    def r(dy: int, dx: int) -> float:
        if dx < 0:
            return r(-dy, -dx) if dy == 0 else float((f[: height - dy, -dx:] * f[dy:, : width + dx]).sum())
        return float((f[: height - dy, : width - dx] * f[dy:, dx:]).sum())

    best = 0.0
    for dy in range(height):
        for dx in range(1 - width, width):
            if dy or dx:
                way = [r(round(dy * part / WAY), round(dx * part / WAY)) for part in range(1, WAY)]
                best = max(best, (r(dy, dx) - max(0.0, min(way))) / float((f * f).sum()))
    return best


@pytest.mark.parametrize("size", [(8, 8), (6, 12), (12, 5)])
def test_copies_are_what_the_formula_says(size: tuple[int, int]) -> None:
    picture = noise(1, *size)
    assert float(copies(picture)) == pytest.approx(plain_copies(picture[0].double().numpy()), abs=1e-4)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_copies_in_a_row(count: int) -> None:
    """(n - 1) / n of n copies, as by the metric, which looks at the finished picture."""
    picture = torch.zeros(1, 32, 32 * count)
    motif = noise(10, 10)
    for number in range(count):
        picture[0, 8:18, 32 * number + 11 : 32 * number + 21] = motif
    assert float(copies(picture)) == pytest.approx((count - 1) / count, abs=0.12)
    grey = ((picture[0] + 1) / 2).numpy()[..., None].repeat(3, -1)
    assert float(copies(picture)) == pytest.approx(motifs(grey), abs=0.12)
    assert float(copies(noise(1, 32, 32))) < 0.1


def test_a_large_picture_is_looked_at_shrunk() -> None:
    small = noise(1, SIDE, SIDE + 16)
    large = small.repeat_interleave(4, 1).repeat_interleave(4, 2)
    assert float(copies(large)) == pytest.approx(float(copies(small)), abs=1e-5)

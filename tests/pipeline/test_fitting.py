"""What is drawn anew meets what stays: by the change that a direct solver finds, and a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from disco.pipeline.fitting import fitted


def directly(picture: np.ndarray, stays: np.ndarray, reach: int, wrap: tuple[int, ...]) -> np.ndarray:
    """The same by elimination, pixel by pixel, in 64 bits. picture: [3, H, W]."""
    height, width = stays.shape
    matrix, load = np.eye(height * width), np.zeros((height * width, 3))
    for row, column in np.argwhere(~stays):
        own = row * width + column
        matrix[own, own] = reach**-2
        for down, along in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            there = row + down, column + along
            if not (0 <= there[0] < height or -2 in wrap) or not (0 <= there[1] < width or -1 in wrap):
                continue
            there = there[0] % height, there[1] % width
            matrix[own, own] += 1
            if stays[there]:
                load[own] += picture[(slice(None), *there)] - picture[:, row, column]
            else:
                matrix[own, there[0] * width + there[1]] -= 1
    return picture + np.linalg.solve(matrix, load).T.reshape(picture.shape)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_the_change_is_the_direct_solver_s(data):
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    wrap = data.draw(st.sampled_from([(), (-1,), (-2,), (-1, -2)]))
    reach, chance = data.draw(st.sampled_from([1, 2, 6, 30])), np.random.default_rng(data.draw(st.integers(0, 99)))
    picture, stays = chance.uniform(-1, 1, (3, height, width)), chance.random((height, width)) < 0.4
    found = fitted(torch.from_numpy(picture)[None].float(), torch.from_numpy(stays)[None, None], reach, wrap)
    np.testing.assert_allclose(found[0], directly(picture, stays, reach, wrap), atol=2e-3)


@pytest.mark.parametrize("reach", [2, 6])
def test_a_flat_step_falls_by_e_every_so_many_pixels(reach):
    """In one dimension  u  falls by the root of  z^2 - (2 + 1 / reach^2) z + 1  from pixel to pixel."""
    picture = torch.zeros(1, 3, 4, 200)
    picture[..., 100:] = 0.5
    stays = torch.zeros(1, 1, 4, 200, dtype=torch.bool)
    stays[..., :100] = True
    change = (fitted(picture, stays, reach) - picture)[0, 0, 2, 100:140]
    middle = 1 + 1 / (2 * reach**2)
    fall = middle - (middle**2 - 1) ** 0.5
    torch.testing.assert_close(change, -0.5 * fall ** torch.arange(1.0, 41), atol=1e-3, rtol=0)
    assert fall == pytest.approx(np.exp(-1 / reach), rel=0.02)


def test_what_stays_is_left_alone_and_each_picture_comes_out_as_alone():
    pictures = torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2
    stays = torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(1)) < 0.5
    found = fitted(pictures, stays, 6)
    kept = stays.expand_as(pictures)
    assert torch.equal(found[kept], pictures[kept]) and not torch.equal(found[~kept], pictures[~kept])
    assert all(torch.equal(found[n : n + 1], fitted(pictures[n : n + 1], stays, 6)) for n in range(3))


def test_where_all_or_nothing_stays_nothing_changes():
    pictures = torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4)
    for stays in (True, False):
        assert torch.equal(fitted(pictures, torch.full((1, 1, 4, 4), stays), 6), pictures)

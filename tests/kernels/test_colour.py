"""Colours turn as the standard library turns them, and their gradients are those of what is computed."""

from __future__ import annotations

import colorsys

import pytest
import torch
from disco.kernels.colour import hue, mix
from hypothesis import given, settings
from hypothesis import strategies as st

torch.set_num_threads(1)

LEVEL = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32)


@settings(max_examples=200, deadline=None)
@given(LEVEL, LEVEL, LEVEL, st.floats(-0.5, 0.5))
def test_hue_is_colorsyss(red: float, green: float, blue: float, turn: float) -> None:
    h, s, v = colorsys.rgb_to_hsv(red, green, blue)
    expected = torch.tensor(colorsys.hsv_to_rgb((h + turn) % 1, s, v), dtype=torch.float64)
    x = torch.tensor([red, green, blue], dtype=torch.float64).view(1, 3, 1, 1)
    got = hue(x, torch.tensor(turn, dtype=torch.float64).view(1, 1, 1, 1)).flatten()
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("turn", [-0.45, -0.1, 0.0, 0.03, 0.3])
def test_gradients_of_the_hue(turn: float) -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(2, 3, 5, 7, dtype=torch.float64, generator=generator) * 1.4 - 0.2  # beyond 0..1 too
    turns = torch.full((2, 1, 1, 1), turn, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: hue(x, turns), x.requires_grad_())


def test_no_turn_and_a_whole_turn_change_nothing() -> None:
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)).transpose(2, 3)
    for turn in (-1.0, 0.0, 1.0):
        torch.testing.assert_close(hue(x, torch.full((2, 1, 1, 1), turn)), x, rtol=0, atol=1e-5)


def test_a_gradient_leaves_where_it_came_in() -> None:
    """Brightening a colour brightens it whichever its hue: the gradient's channels keep their sum, at greys too."""
    x = torch.rand(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    x[..., :2] = 0.5
    x.requires_grad_()
    upstream = torch.rand(x.shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(hue(x, torch.full((1, 1, 1, 1), 0.08, dtype=torch.float64)), x, upstream)
    torch.testing.assert_close(gradient.sum(1), upstream.sum(1))


def test_a_mix_is_each_pictures_own() -> None:
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    matrix = torch.stack([torch.eye(3), torch.full((3, 3), 1 / 3)]).double()
    got = mix(x, matrix)
    torch.testing.assert_close(got[0], x[0])
    torch.testing.assert_close(got[1], x[1].mean(0).expand(3, -1, -1))

"""Pictures read at other places: against NumPy's ways to continue them, and against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.animation.sampling import BORDERS, MODES, outside, pixels, sample

#: NumPy's name for each border.
PADS = {"wrap": "wrap", "reflection": "symmetric", "border": "edge", "zeros": "constant"}


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("border", BORDERS)
def test_a_picture_read_at_its_own_pixels_is_itself(mode, border):
    picture = noise(2, 3, 5, 7)
    torch.testing.assert_close(sample(picture, pixels(5, 7), mode, border), picture, rtol=0, atol=1e-12)


@pytest.mark.parametrize("border", BORDERS)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(-9, 9), st.integers(-9, 9))
def test_beyond_its_edge_a_picture_goes_on_as_numpy_pads_it(border, height, width, dx, dy):
    picture = noise(1, 1, height, width)
    shifted = sample(picture, pixels(height, width) + torch.tensor([dx, dy]), "bilinear", border)
    padded = np.pad(picture[0, 0].numpy(), 10, mode=PADS[border])
    expected = padded[10 + dy : 10 + dy + height, 10 + dx : 10 + dx + width]
    np.testing.assert_allclose(shifted[0, 0].numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("border", ["wrap", "border"])
def test_between_pixels_values_are_those_of_the_line_through_them(border):
    picture = pixels(6, 8)[None].permute(0, 3, 1, 2)
    where = 1 + 4 * noise(5, 5, 2)
    torch.testing.assert_close(sample(picture, where, "bilinear", border)[0].permute(1, 2, 0), where)


def test_a_wrapped_picture_is_read_between_its_last_and_its_first_pixel():
    picture = torch.tensor([[[[1.0, 2.0, 5.0]]]])
    where = torch.tensor([[[2.5, 0.0], [-0.25, 0.0], [301.0, 0.0]]])
    assert sample(picture, where, "bilinear", "wrap").flatten().tolist() == pytest.approx([3, 2, 2], abs=1e-4)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("border", BORDERS)
def test_gradients_flow_into_the_picture_and_the_places(mode, border):
    picture = noise(1, 2, 4, 5).requires_grad_()
    where = (noise(3, 3, 2) * 6 - 1.3).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, w: sample(p, w, mode, border), (picture, where))


def test_what_lies_outside():
    where = torch.tensor([[-0.4, 0], [-0.6, 0], [4.4, 0], [4.6, 0], [0, 3.6], [torch.nan, 0]])
    assert outside(where, 4, 5).tolist() == [False, True, False, True, True, True]

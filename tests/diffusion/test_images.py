"""Pictures as tensors, and what is laid over them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from disco.diffusion.images import FLAT, WINDOW, flatness, overlay_noise, to_tensor
from disco.errors import SettingsError


def test_to_tensor_keeps_the_order_of_pixels_and_channels():
    picture = Image.new("RGB", (3, 2))
    picture.putpixel((2, 1), (255, 0, 51))
    values = to_tensor(picture)
    assert values.shape == (3, 2, 3)
    assert values[:, 1, 2].tolist() == pytest.approx([1, -1, -0.6])
    assert values[:, 0, 0].tolist() == [-1, -1, -1]


@settings(max_examples=25, deadline=None)
@given(amount=st.floats(0, 1))
def test_overlaid_noise_has_the_stated_opacity(amount):
    init = torch.full((3, 32, 32), 0.5)
    laid = overlay_noise(init, amount, torch.Generator().manual_seed(0))
    assert laid.min() >= -1 and laid.max() <= 1
    assert laid.mean().item() == pytest.approx((1 - amount) * 0.5, abs=0.05)
    assert laid.std().item() == pytest.approx(amount / math.sqrt(3), abs=0.02)  # uniform on [-1, 1]: 1/sqrt(3)


def test_no_overlay_leaves_the_picture_alone():
    init = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(overlay_noise(init, 0.0, torch.Generator().manual_seed(0)), init)


@pytest.mark.parametrize("amount", [-0.1, 1.1, math.nan])
def test_an_impossible_overlay_is_refused(amount):
    with pytest.raises(SettingsError, match="init_noise"):
        overlay_noise(torch.zeros(3, 2, 2), amount, torch.Generator())


def test_flatness_is_one_less_the_spread_of_the_greys_around():
    picture = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(2)) * 0.2
    grey = np.pad((picture.numpy().mean(0) + 1) / 2, WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(grey, (WINDOW, WINDOW))
    expected = np.maximum(0, 1 - windows.std((-2, -1)) / FLAT)
    np.testing.assert_allclose(flatness(picture)[0].numpy(), expected, atol=1e-4)
    assert 0 < expected.min() < expected.max() < 1


def test_noise_on_flat_areas_spares_detail():
    """Left one colour, right stripes of black and white: there the noise is as everywhere, here there is none."""
    stripes = (torch.arange(32) % 2 * 2.0 - 1).expand(3, 16, 32)
    picture = torch.where(torch.arange(32) < 16, torch.zeros(()), stripes)
    everywhere, flat = (overlay_noise(picture, 0.4, torch.Generator().manual_seed(0), only) for only in (False, True))
    reach = WINDOW // 2
    assert torch.allclose(flat[..., : 16 - reach], everywhere[..., : 16 - reach])
    assert torch.equal(flat[..., 16:], picture[..., 16:]) and not torch.equal(everywhere[..., 16:], picture[..., 16:])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2)])
def test_the_smallest_pictures_have_a_flatness(size):
    assert torch.equal(flatness(torch.zeros(3, *size)), torch.ones(1, *size))

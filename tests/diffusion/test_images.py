"""Pictures as tensors, and what is laid over them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from disco.diffusion.images import fit_init, overlay_noise, to_tensor
from disco.errors import SettingsError


def test_to_tensor_keeps_the_order_of_pixels_and_channels():
    picture = Image.new("RGB", (3, 2))
    picture.putpixel((2, 1), (255, 0, 51))
    values = to_tensor(picture)
    assert values.shape == (3, 2, 3)
    assert values[:, 1, 2].tolist() == pytest.approx([1, -1, -0.6])
    assert values[:, 0, 0].tolist() == [-1, -1, -1]


def test_an_init_image_is_resized_by_lanczos():
    values = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    resized = Image.fromarray(values).resize((12, 8), Image.Resampling.LANCZOS)
    expected = np.asarray(resized, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1
    init = fit_init(Image.fromarray(values), 8, 12)
    assert init.dtype == torch.float32
    np.testing.assert_allclose(init.numpy(), expected, atol=1e-6)


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

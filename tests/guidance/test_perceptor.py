"""A perceptor normalises, embeds and hears; targets are weighed and spread as the formulas say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torchvision.transforms.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco.errors import SettingsError
from disco.guidance.cutouts.families import random_cuts
from disco.guidance.perceptor import FUZZY_COPIES, IMAGE_PROMPT_CUTS, Perceptor, fuzzy, image_target, weigh

torch.set_num_threads(1)

MEAN, STD = (0.48, 0.45, 0.40), (0.27, 0.26, 0.28)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_length(texts: Sequence[str]) -> Tensor:
    return torch.tensor([[len(text), 1.0] for text in texts], dtype=torch.float16, requires_grad=True)


def perceptor(resolution: int = 8) -> Perceptor:
    """Sees the mean of each channel, hears the length of a text."""
    return Perceptor("toy", resolution, MEAN, STD, lambda pictures: pictures.mean((2, 3)), by_length)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_embed_normalises(dtype: torch.dtype) -> None:
    cuts = torch.rand(5, 3, 8, 8, generator=seeded(), dtype=dtype).requires_grad_()
    got = perceptor().embed(cuts)
    assert got.dtype == dtype
    torch.testing.assert_close(got, TF.normalize(cuts, list(MEAN), list(STD)).mean((2, 3)))
    assert torch.autograd.grad(got.sum(), cuts)[0].any()


def test_embeddings_are_at_least_single_precision() -> None:
    assert perceptor().embed(torch.rand(2, 3, 8, 8, dtype=torch.float16)).dtype == torch.float32
    target = perceptor().target(["a", "abc"])
    assert target.dtype == torch.float32 and not target.requires_grad
    assert target.tolist() == [[1, 1], [3, 1]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6))
def test_weights_are_shares_of_their_sum(weights: list[float]) -> None:
    if abs(torch.tensor(weights).sum()) < 1e-3:
        with pytest.raises(SettingsError, match="sum to zero"):
            weigh(weights)
    else:
        shares = weigh(torch.tensor(weights, dtype=torch.float64))
        assert shares.sum().abs().item() == pytest.approx(1)
        assert (shares * torch.tensor(weights) >= 0).all()


def test_negative_prompts_stay_negative() -> None:
    torch.testing.assert_close(weigh([3.0, -1.0]), torch.tensor([1.5, -0.5]))
    torch.testing.assert_close(weigh([-3.0, 1.0]), torch.tensor([-1.5, 0.5]))
    assert weigh([1, 3]).tolist() == [0.25, 0.75]


def test_bug_5_fuzzy_targets_are_clamped_in_compat_only() -> None:
    targets = torch.randn(2, 64, generator=seeded(1))
    fixed = fuzzy(targets, 0.1, seeded(2))
    original = fuzzy(targets, 0.1, seeded(2), compat=True)
    assert fixed.min() < -1 and fixed.max() > 1
    assert original.min() == 0 and original.max() == 1
    assert original.equal(fixed.clamp(0, 1))


def test_fuzzy_targets_scatter_around_theirs() -> None:
    targets = 5 * torch.randn(2, 3, generator=seeded(1), dtype=torch.float64)
    cloud = fuzzy(targets, 0.2, seeded(2), copies=4000)
    assert cloud.shape == (8000, 3) and cloud.dtype == torch.float64
    torch.testing.assert_close(cloud.view(2, 4000, 3).mean(1), targets, rtol=0, atol=0.02)
    torch.testing.assert_close(cloud.view(2, 4000, 3).std(1), torch.full((2, 3), 0.2).double(), rtol=0, atol=0.02)
    assert len(fuzzy(targets, 0.2, seeded())) == 2 * FUZZY_COPIES
    assert fuzzy(targets, 0.0, seeded(), copies=3).equal(targets.repeat_interleave(3, 0))


@pytest.mark.parametrize("compat", [False, True])
def test_an_image_prompt_is_seen_in_random_cuts(compat: bool) -> None:
    picture = torch.rand(3, 20, 28, generator=seeded(), requires_grad=True)
    target = image_target(perceptor(), picture, seeded(4), compat=compat)
    assert target.shape == (IMAGE_PROMPT_CUTS, 3) and not target.requires_grad
    seen = 2 * picture - 1 if compat else picture  # which the original takes for 0..1
    expected = perceptor().embed(random_cuts(seen, IMAGE_PROMPT_CUTS, 8, [seeded(4)], compat=compat))
    torch.testing.assert_close(target, expected.detach())


def test_the_margin_of_an_image_prompt_is_grey_in_compat() -> None:
    """A grey picture, zero in -1..1, is as its margin: all its cuts are the same, seen as 0 where 0.5 was meant."""
    grey = torch.full((3, 20, 20), 0.5)
    target = image_target(perceptor(), grey, seeded(4), skip_augs=True, compat=True)
    torch.testing.assert_close(target, (-torch.tensor(MEAN) / torch.tensor(STD)).expand(IMAGE_PROMPT_CUTS, 3))
    assert image_target(perceptor(), grey, seeded(4), skip_augs=True).std(0).min() > 0.01


def test_an_image_prompt_without_augmentation() -> None:
    """A picture of one colour, seen without its margin's black, is that colour."""
    target = image_target(perceptor(), torch.full((3, 20, 20), 0.6), seeded(4), skip_augs=True)
    colour = (0.6 - torch.tensor(MEAN)) / torch.tensor(STD)
    black = -torch.tensor(MEAN) / torch.tensor(STD)
    assert (target > black).all() and (target < colour).any()

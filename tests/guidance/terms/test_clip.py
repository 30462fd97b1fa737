"""The distance to a prompt: its formula, its ends and its gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco.diffusion.streams import ImageStreams
from disco.guidance.cutouts import Cutouts
from disco.guidance.perceptor import Perceptor
from disco.guidance.terms.base import Seen
from disco.guidance.terms.clip import Clip, View, spherical_distance
from support.draws import cuts_of, normal, pictures
from support.plans import plan


def test_spherical_distance_is_the_originals() -> None:
    u, v = normal(5, 1, 16).numpy(), normal(1, 7, 16, seed=1).numpy()
    a, b = u / np.linalg.norm(u, axis=-1, keepdims=True), v / np.linalg.norm(v, axis=-1, keepdims=True)
    expected = 2 * np.arcsin(np.linalg.norm(a - b, axis=-1) / 2) ** 2
    np.testing.assert_allclose(spherical_distance(torch.as_tensor(u), torch.as_tensor(v)), expected, rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.floats(-np.pi, np.pi), st.floats(0.01, 100), st.floats(0.01, 100))
def test_spherical_distance_is_half_the_squared_angle(angle: float, long: float, short: float) -> None:
    u = torch.tensor([long, 0.0, 0.0], dtype=torch.float64)
    v = short * torch.tensor([np.cos(angle), np.sin(angle), 0.0], dtype=torch.float64)
    assert spherical_distance(u, v).item() == pytest.approx(angle**2 / 2, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_spherical_distance_has_a_zero_gradient_at_its_ends(dtype: torch.dtype, sign: int) -> None:
    for seed in range(20):
        u = normal(4, 512, seed=seed).to(dtype).requires_grad_()
        distance = spherical_distance(u, sign * u.detach())
        gradient = torch.autograd.grad(distance.sum(), u)[0]
        assert gradient.isfinite().all() and gradient.abs().max() < 1e-2
        expected = torch.zeros(4) if sign == 1 else torch.full((4,), np.pi**2 / 2)
        torch.testing.assert_close(distance.float(), expected, atol=1e-5, rtol=1e-3)


def test_spherical_distance_in_single_precision() -> None:
    u, v = normal(100, 512), normal(100, 512, seed=1)
    got = spherical_distance(u.float(), v.float())
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), spherical_distance(u, v), rtol=1e-5, atol=1e-6)


def test_gradient_of_spherical_distance() -> None:
    assert torch.autograd.gradcheck(spherical_distance, (normal(3, 8).requires_grad_(), normal(3, 8, seed=1)))


#: In numpy's words.
TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "diagonal": lambda x: x.swapaxes(2, 3),
    "antidiagonal": lambda x: np.rot90(x, 2, (2, 3)).swapaxes(2, 3),
    "radial_2": lambda x: np.rot90(x, 2, (2, 3)),
    "radial_4": lambda x: np.rot90(x, 1, (2, 3)),
}


@pytest.mark.parametrize("placement", ["uniform", "stratified"])
def test_batches_of_cuts_are_the_same_however_many_are_looked_at_together(placement: str) -> None:
    """A step's batches are spread between one another whether they are drawn together or in turn."""

    def pull(cuts_at_once: int, batches: int = 3) -> Tensor:
        look = Perceptor("toy", 8, (0.5,) * 3, (0.5,) * 3, lambda cuts: cuts.flatten(1), lambda texts: torch.empty(0))
        view = View(look, Cutouts(8), [normal(1, 1, 192)], [torch.ones(1).double()], [ImageStreams(5)])
        cuts = cuts_of(overview=1, inner=2, batches=batches, placement=placement, skip_augs=True)
        leaf = pictures(1, 3, 20, 24).requires_grad_()
        step = dataclasses.replace(plan(clip_models=("embedded_vit",)).steps[0], cuts=cuts)
        gradient = Clip([view], cuts_at_once).pull(Seen(leaf, leaf.detach()), step).gradient
        assert gradient is not None
        return gradient

    torch.testing.assert_close(pull(0), pull(3), rtol=1e-9, atol=1e-12)
    assert not torch.allclose(pull(0), pull(0, batches=1))  # the others are elsewhere

"""Losses equal their formulas, written out in numpy, and their gradients equal finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco.errors import SettingsError
from disco.guidance.losses import range_loss, sat_loss, spherical_distance, symmetry_loss, tv_loss

torch.set_num_threads(1)

PICTURE_LOSSES: list[Callable[[Tensor], Tensor]] = [
    tv_loss,
    range_loss,
    sat_loss,
    lambda x: symmetry_loss(x, "horizontal"),
    lambda x: symmetry_loss(x, "vertical"),
    lambda x: symmetry_loss(x, "both"),
    lambda x: symmetry_loss(x, "radial_2"),
]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def shapes() -> st.SearchStrategy[Tensor]:
    return st.builds(
        lambda b, h, w, seed: 2 * normal(b, 3, h, w, seed=seed),
        st.integers(1, 3),
        st.integers(2, 9),
        st.integers(2, 9),
        st.integers(0, 99),
    )


# Spherical distance


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


# Losses of the picture


@settings(max_examples=40, deadline=None)
@given(shapes())
def test_tv_repeats_the_border(x: Tensor) -> None:
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (0, 1), (0, 1)), "edge")
    right = padded[..., :-1, 1:] - padded[..., :-1, :-1]
    down = padded[..., 1:, :-1] - padded[..., :-1, :-1]
    np.testing.assert_allclose(tv_loss(x), (right**2 + down**2).mean((1, 2, 3)), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(shapes())
def test_range_and_sat_are_mean_excesses(x: Tensor) -> None:
    excess = np.maximum(np.abs(x.numpy()) - 1, 0)
    np.testing.assert_allclose(range_loss(x), (excess**2).mean((1, 2, 3)), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(sat_loss(x), excess.mean((1, 2, 3)), rtol=1e-12, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(shapes(), st.sampled_from(["horizontal", "vertical", "both"]))
def test_symmetry_compares_halves(x: Tensor, axis: str) -> None:
    expected = np.zeros(len(x))
    for name, turned in (("horizontal", x.numpy()), ("vertical", x.numpy().swapaxes(2, 3))):
        half = turned.shape[3] // 2
        if axis in (name, "both"):
            left, right = turned[..., :half], turned[..., ::-1][..., :half]
            expected += ((left - right) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(symmetry_loss(x, axis), expected, rtol=1e-12)


#: In numpy's words.
TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "diagonal": lambda x: x.swapaxes(2, 3),
    "antidiagonal": lambda x: np.rot90(x, 2, (2, 3)).swapaxes(2, 3),
    "radial_2": lambda x: np.rot90(x, 2, (2, 3)),
    "radial_4": lambda x: np.rot90(x, 1, (2, 3)),
}


@settings(max_examples=40, deadline=None)
@given(shapes(), st.sampled_from(list(TURNS)))
def test_symmetry_compares_with_the_picture_turned(x: Tensor, axis: str) -> None:
    if axis != "radial_2":
        x = x[..., : min(x.shape[2:]), : min(x.shape[2:])]
    expected = ((x.numpy() - TURNS[axis](x.numpy())) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(symmetry_loss(x, axis), expected, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(shapes())
def test_a_symmetric_picture_is_not_blamed(x: Tensor) -> None:
    left_right = torch.cat([x, x.flip(-1)], -1)
    up_down = torch.cat([x, x.flip(-2)], -2)
    assert not symmetry_loss(left_right, "horizontal").any()
    assert not symmetry_loss(up_down, "vertical").any()
    assert not symmetry_loss(torch.cat([left_right, left_right.flip(-2)], -2), "both").any()


@settings(max_examples=20, deadline=None)
@given(shapes(), st.floats(-1, 1))
def test_an_even_picture_inside_the_range_is_not_blamed(x: Tensor, value: float) -> None:
    for loss in PICTURE_LOSSES:
        assert not loss(torch.full_like(x, value)).any()


def test_symmetry_measures_with_another_distance() -> None:
    x = normal(2, 3, 6, 8)
    taxicab = symmetry_loss(x, "horizontal", lambda a, b: (a - b).abs().mean((1, 2, 3)))
    expected = (x[..., :4] - x.flip(-1)[..., :4]).abs().mean((1, 2, 3))
    torch.testing.assert_close(taxicab, expected)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(SettingsError, match="symmetry_axis='sideways': allowed are horizontal, vertical, diagonal"):
        symmetry_loss(normal(1, 3, 4, 4), "sideways")


@pytest.mark.parametrize("loss", PICTURE_LOSSES)
def test_each_picture_has_its_own_loss_and_gradient(loss: Callable[[Tensor], Tensor]) -> None:
    x = 2 * normal(3, 3, 5, 7)
    assert loss(x).shape == (3,)
    for i in range(3):
        torch.testing.assert_close(loss(x)[i : i + 1], loss(x[i : i + 1]))
    assert torch.autograd.gradcheck(loss, x.requires_grad_())
    assert loss(x.float()).dtype == torch.float32


def test_the_originals_tv_loss() -> None:
    """With torch's own replicate padding, as Disco computes it."""
    x = normal(2, 3, 6, 5)
    padded = F.pad(x, (0, 1, 0, 1), "replicate")
    right, down = padded.diff(dim=-1)[..., :-1, :], padded.diff(dim=-2)[..., :-1]
    torch.testing.assert_close(tv_loss(x), (right**2 + down**2).mean((1, 2, 3)))

"""Picture losses and their gradients equal the single losses and what autograd makes of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from disco.kernels import backend
from disco.kernels.losses import AXES, MIRRORS, picture_losses
from disco.kernels.symmetry import symmetric
from torch import Tensor

from disco.guidance.terms.range import range_loss
from disco.guidance.terms.sat import sat_loss
from disco.guidance.terms.symmetry import symmetry_loss
from disco.guidance.terms.tv import tv_loss
from disco.planning.symmetry import SQUARE

#: Axes that the kernel knows.
HALVES = (*MIRRORS, "both")
ALL = {"tv_scale": 2.0, "sat_scale": 3.0, "range_scale": 5.0, "symmetry_scale": 7.0}


def pictures(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Noise around -1..1, with some pixels exactly on the bounds."""
    x = 1.3 * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))
    x.view(-1)[::7], x.view(-1)[3::11] = 1, -1
    return x.to(dtype)


def by_autograd(x: Tensor, symmetry_axis: str = "horizontal", **scales: float) -> tuple[Tensor, Tensor]:
    x = x.detach().double().requires_grad_()
    single = (tv_loss(x), sat_loss(x), range_loss(x), symmetry_loss(x, symmetry_axis))
    losses = torch.stack([scales.get(name, 0.0) * loss for name, loss in zip(ALL, single, strict=True)])
    return losses.detach(), torch.autograd.grad(losses.sum(), x)[0]


def close(got: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor], rtol: float, gradient_rtol: float) -> None:
    """To a share of the largest: a small gradient is the difference of large ones."""
    for ours, theirs, share in zip(got, expected, (rtol, gradient_rtol), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=share * float(theirs.abs().max()))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("shape", [(1, 3, 8, 6), (2, 3, 7, 9), (3, 1, 2, 2), (2, 4, 5, 8)])
def test_values_and_gradients_are_those_of_the_single_losses(shape: tuple[int, ...], axis: str) -> None:
    x = pictures(*shape[:-1], shape[-2] if axis in SQUARE else shape[-1])
    with backend.watching() as ran:
        got = picture_losses(x, **ALL, symmetry_axis=axis)
    assert ran == ["picture_losses:reference"] * (axis in HALVES)
    assert got[0].dtype == got[1].dtype == torch.float64
    close(got, by_autograd(x, axis, **ALL), 1e-13, 1e-13)


@pytest.mark.parametrize("name", ALL)
def test_each_loss_alone(name: str) -> None:
    x = pictures(2, 3, 5, 6)
    got = picture_losses(x, **{name: 0.5})
    close(got, by_autograd(x, **{name: 0.5}), 1e-13, 1e-13)
    assert [bool(row.any()) for row in got[0]] == [other == name for other in ALL]


def test_no_loss_is_zero() -> None:
    values, gradient = picture_losses(pictures(2, 3, 4, 5))
    assert values.shape == (4, 2) and gradient.shape == (2, 3, 4, 5)
    assert not values.any() and not gradient.any()


@pytest.mark.parametrize("axis", AXES)
def test_gradients_are_differences_of_the_values(axis: str) -> None:
    """Without autograd: each pixel moved a little both ways. No pixel is near a bound, where sat has a bend."""
    x = pictures(1, 2, 4, 4 if axis in SQUARE else 5)
    x[(x.abs() - 1).abs() < 0.01] = 0.5
    expected = torch.empty_like(x)
    for place in itertools.product(*map(range, x.shape)):
        move = torch.zeros_like(x)
        move[place] = 1e-5
        up, down = (picture_losses(x + step, **ALL, symmetry_axis=axis)[0].sum() for step in (move, -move))
        expected[place] = (up - down) / 2e-5
    torch.testing.assert_close(picture_losses(x, **ALL, symmetry_axis=axis)[1], expected, rtol=1e-7, atol=1e-8)


def test_the_bounds_themselves_are_inside() -> None:
    above, below = (torch.nextafter(torch.tensor(side), torch.tensor(2 * side)) for side in (1.0, -1.0))
    x = torch.stack([torch.tensor(1.0), torch.tensor(-1.0), above, below, torch.tensor(0.3)]).view(1, 1, 1, 5)
    gradient = picture_losses(x, sat_scale=5.0)[1]
    assert gradient.flatten().tolist() == [0, 0, 1, -1, 0]
    close((gradient, gradient), (by_autograd(x, sat_scale=5.0)[1],) * 2, 0, 0)


def test_the_middle_of_an_odd_side_is_left_out() -> None:
    x = torch.zeros(1, 1, 2, 5, dtype=torch.float64)
    x[..., 2] = 9
    values, gradient = picture_losses(x, symmetry_scale=1.0)
    assert not values.any() and not gradient.any()
    x[..., 0, 0] = 1  # one of the four pixels of the left half
    assert picture_losses(x, symmetry_scale=1.0)[0][3].item() == 1 / 4


def test_a_line_of_pixels_has_no_lower_half() -> None:
    values, _ = picture_losses(pictures(1, 3, 1, 4), symmetry_scale=1.0, symmetry_axis="vertical")
    assert values.tolist() == [[0], [0], [0], [0]]


def test_large_pictures_keep_float32s_precision() -> None:
    """Three million squares, added one to the other, would be off by 1e-4."""
    x = pictures(1, 3, 768, 1280, dtype=torch.float32)
    close(picture_losses(x, **ALL), by_autograd(x, **ALL), 5e-7, 1e-6)


@pytest.mark.parametrize(("dtype", "step"), [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_half_precision_is_rounded_once(dtype: torch.dtype, step: float) -> None:
    x = pictures(2, 3, 8, 6, dtype=dtype)
    got = picture_losses(x, **ALL)
    assert got[0].dtype == torch.float32 and got[1].dtype == dtype
    close(got, by_autograd(x, **ALL), 1e-6, step)


def test_batch_mates_change_no_bit_and_nothing_is_recorded() -> None:
    x = pictures(3, 3, 9, 8, dtype=torch.float32).requires_grad_()
    values, gradient = picture_losses(x, **ALL)
    assert not values.requires_grad and not gradient.requires_grad
    for i in range(3):
        alone = picture_losses(x[i : i + 1], **ALL)
        assert torch.equal(alone[0][:, 0], values[:, i]) and torch.equal(alone[1][0], gradient[i])


@pytest.mark.parametrize("kernels", ["reference", "triton"])
def test_what_is_no_number_stays_none(kernels: str) -> None:
    x = torch.zeros(2, 1, 3, 4)
    x[1, 0, 1, 2] = torch.nan
    with backend.using(kernels):
        values, gradient = picture_losses(x, **ALL)
    assert values.isnan().tolist() == [[False, True]] * 4
    assert gradient[1].isnan().any() and not gradient[0].any()


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="symmetry_axis='sideways': allowed are horizontal, vertical, diagonal"):
        picture_losses(pictures(1, 3, 4, 4), symmetry_scale=1.0, symmetry_axis="sideways")


@pytest.mark.parametrize("axis", SQUARE)
@pytest.mark.parametrize(
    "loss", [symmetry_loss, lambda x, axis: picture_losses(x, symmetry_scale=1, symmetry_axis=axis)]
)
def test_a_picture_that_is_not_square_has_no_diagonal(loss: Any, axis: str) -> None:
    with pytest.raises(ValueError, match=f"{axis} symmetry is one of square pictures, and this one is 1x4"):
        loss(pictures(1, 3, 4, 1), axis)  # which would broadcast to 4 x 4


@pytest.mark.parametrize("axis", AXES)
def test_symmetric_pictures_are_those_without_loss(axis: str) -> None:
    x = symmetric(pictures(2, 3, 6, 6, dtype=torch.float32), AXES[axis])
    values, gradient = picture_losses(x, symmetry_scale=3.0, symmetry_axis=axis)
    assert not values.any() and not gradient.any()
    x[1, 0, 0, 1] += 0.5
    values, gradient = picture_losses(x, symmetry_scale=3.0, symmetry_axis=axis)
    assert values[3].tolist()[0] == 0 < values[3].tolist()[1] and gradient[1, 0, 0, 1] > 0


@pytest.mark.parametrize("axis", sorted({*AXES} - {*HALVES}))
def test_axes_without_a_kernel_take_the_reference(axis: str) -> None:
    x = pictures(1, 2, 5, 5, dtype=torch.float32)
    with backend.using("triton"), backend.watching() as ran:
        got = picture_losses(x, **ALL, symmetry_axis=axis)
        assert ran == []
        picture_losses(x, tv_scale=1.0, symmetry_axis=axis)
    assert ran == ["picture_losses:triton"]  # which is asked where that loss is not
    close(got, by_autograd(x, axis, **ALL), 5e-7, 5e-7)


@pytest.mark.parametrize("wrap", [(-1,), (-2,), (-2, -1)])
def test_tv_of_a_tile_goes_round(wrap: tuple[int, ...]) -> None:
    x = pictures(2, 3, 5, 6)
    found = picture_losses(x, **ALL, wrap=wrap)
    turns = [x.roll(-1, dim) - x for dim in (-2, -1)]
    for dim, step in zip((-2, -1), turns, strict=True):
        step.narrow(dim, -1, 1).mul_(dim in wrap)
    expected = 2.0 * sum(step.square().mean((1, 2, 3)) for step in turns)
    torch.testing.assert_close(found[0][0], expected, rtol=1e-12, atol=0)
    leaf = x.clone().requires_grad_()
    torch.testing.assert_close(tv_loss(leaf, wrap), expected / 2, rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(2.0 * tv_loss(leaf, wrap).sum(), leaf)
    torch.testing.assert_close(picture_losses(x, tv_scale=2.0, wrap=wrap)[1], gradient, rtol=1e-12, atol=1e-15)
    plain = picture_losses(x, **ALL)
    assert torch.equal(found[0][1:], plain[0][1:])
    both = [picture_losses(each, tv_scale=1.0, wrap=(-2, -1)) for each in (x, x.roll((2, 3), (2, 3)))]
    torch.testing.assert_close(both[0][0], both[1][0])
    torch.testing.assert_close(both[0][1].roll((2, 3), (2, 3)), both[1][1])


def test_a_tile_without_tv_has_the_kernel() -> None:
    x = pictures(1, 2, 4, 6, dtype=torch.float32)
    with backend.using("triton"), backend.watching() as ran:
        got = picture_losses(x, sat_scale=1.0, wrap=(-1,))
        assert ran == ["picture_losses:triton"]
        picture_losses(x, tv_scale=1.0, wrap=(-1,))
    assert len(ran) == 1
    close(got, by_autograd(x, sat_scale=1.0), 5e-7, 5e-7)


# The kernel, in Triton's interpreter


def run_kernel(x: Tensor, **settings: Any) -> tuple[Tensor, Tensor]:
    with backend.using("triton"), backend.watching() as ran:
        got = picture_losses(x, **settings)
    assert ran == ["picture_losses:triton"]
    return got


LAYOUTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "every second": lambda x: x.repeat_interleave(2, dim=-1)[..., ::2],
    "turned": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "expanded": lambda x: x[:, :1].expand(-1, 2, -1, -1),
}


@pytest.mark.parametrize("axis", HALVES)
def test_the_kernel_on_more_than_one_tile(axis: str) -> None:
    x = pictures(1, 2, 9, 131, dtype=torch.float32)
    close(run_kernel(x, **ALL, symmetry_axis=axis), by_autograd(x, axis, **ALL), 5e-7, 5e-7)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_kernel_on_any_strides(layout: str) -> None:
    x = LAYOUTS[layout](pictures(2, 2, 5, 7, dtype=torch.float32))
    got = run_kernel(x, **ALL, symmetry_axis="both")
    assert got[1].stride() == torch.empty_like(x).stride()
    close(got, by_autograd(x, "both", **ALL), 5e-7, 5e-7)


@pytest.mark.parametrize(("dtype", "step"), [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_the_kernel_in_half_precision(dtype: torch.dtype, step: float) -> None:
    x = pictures(2, 3, 4, 6, dtype=dtype)
    got = run_kernel(x, **ALL)
    assert got[0].dtype == torch.float32 and got[1].dtype == dtype
    # The interpreter cuts bfloat16 off where a GPU rounds it.
    close(got, by_autograd(x, **ALL), 1e-6, 2 * step)


@pytest.mark.parametrize("name", ALL)
def test_each_loss_of_the_kernel_alone(name: str) -> None:
    x = pictures(1, 3, 5, 6, dtype=torch.float32)
    got = run_kernel(x, **{name: 0.5})
    close(got, by_autograd(x, **{name: 0.5}), 5e-7, 5e-7)
    assert [bool(row.any()) for row in got[0]] == [other == name for other in ALL]


def test_the_kernels_bits_are_the_same_again() -> None:
    x = pictures(2, 2, 9, 11, dtype=torch.float32)
    first, second = run_kernel(x, **ALL), run_kernel(x, **ALL)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    alone = run_kernel(x[1:], **ALL)
    assert torch.equal(alone[0][:, 0], first[0][:, 1]) and torch.equal(alone[1][0], first[1][1])


def test_the_kernel_refuses_float64() -> None:
    with backend.using("triton"), pytest.raises(RuntimeError, match="picture_losses has no kernel for torch.float64"):
        picture_losses(pictures(1, 3, 4, 4), **ALL)

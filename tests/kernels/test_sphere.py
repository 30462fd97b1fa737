"""Pulls on the sphere are the spherical distance, and their gradients those of what is computed."""

from __future__ import annotations

import math

import pytest
import torch
from disco.kernels import backend
from disco.kernels.sphere import spherical_pull
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from disco.guidance.terms.clip import spherical_distance

KERNELS = ["reference", "triton"]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pull(u: Tensor, v: Tensor, weights: Tensor, upstream: Tensor, kernels: str) -> tuple[Tensor, Tensor]:
    u = u.detach().requires_grad_()
    with backend.using(kernels), backend.watching() as ran:
        value = spherical_pull(u, v, weights)
    assert ran == [f"spherical_pull:{kernels}"]
    return value.detach(), torch.autograd.grad(value, u, upstream)[0]


def documented(u: Tensor, v: Tensor, weights: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    """In float64, by autograd through each pair's distance."""
    u = u.detach().double().requires_grad_()
    value = (spherical_distance(u[:, :, None], v.double()[:, None]) * weights.double()).sum(-1)
    return value.detach(), torch.autograd.grad(value, u, upstream.double())[0]


def close(got: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor], rtol: float, gradient_rtol: float) -> None:
    for ours, theirs, share in zip(got, expected, (rtol, gradient_rtol), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=share * float(theirs.abs().max()))


#: B, C, P, d and whether each picture has prompts of its own.
SHAPES = [(1, 3, 1, 5, False), (2, 4, 3, 7, False), (3, 2, 2, 16, True), (1, 1, 2, 33, True)]


@pytest.mark.parametrize(("images", "cuts", "prompts", "width", "own"), SHAPES)
def test_pulls_are_weighted_distances(images: int, cuts: int, prompts: int, width: int, own: bool) -> None:
    u, v = 7 * noise(images, cuts, width), noise(images if own else 1, prompts, width, seed=1)
    weights, upstream = noise(prompts, seed=2), noise(images, cuts, seed=3)
    got = pull(u, v, weights, upstream, "reference")
    assert got[0].dtype == got[1].dtype == torch.float64
    close(got, documented(u, v, weights, upstream), 1e-13, 1e-13)
    u, v, weights, upstream = (x.float() for x in (u, v, weights, upstream))
    for kernels in KERNELS:
        got = pull(u, v, weights, upstream, kernels)
        assert got[0].dtype == got[1].dtype == torch.float32
        close(got, documented(u, v, weights, upstream), 1e-7, 2e-7)


def test_gradients_are_differences_of_the_values() -> None:
    u, v, weights = 2 * noise(2, 3, 4), noise(1, 3, 4, seed=1), noise(3, seed=2)
    assert torch.autograd.gradcheck(lambda u: spherical_pull(u, v, weights), u.requires_grad_())


def at_angle(theta: float, opposite: bool, width: int = 300) -> tuple[Tensor, Tensor]:
    """Cuts [1, 4, d] around a prompt [1, 1, d], or around its opposite, in float32."""
    v = noise(1, 1, width, seed=4)
    v /= v.norm()
    aside = noise(1, 4, width, seed=5)
    aside -= (aside @ v.mT) * v
    u = math.cos(theta) * v + math.sin(theta) * aside / aside.norm(dim=-1, keepdim=True)
    return (-3 * u if opposite else 3 * u).float(), v.float()


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("theta", [0.3, 1e-2, 1e-3, 1e-4])
def test_float32_is_precise_near_the_poles(theta: float, opposite: bool, kernels: str) -> None:
    u, v = at_angle(theta, opposite)
    one, upstream = torch.ones(1), torch.ones(1, 4)
    value, gradient = pull(u, v, one, upstream, kernels)
    true_value, true_gradient = documented(u, v, one, upstream)
    assert (value / true_value - 1).abs().max() < 1e-6
    off = (gradient - true_gradient).norm(dim=-1) / true_gradient.norm(dim=-1)
    assert off.max() < 1e-6


@pytest.mark.parametrize("kernels", KERNELS)
def test_at_the_poles_there_is_no_gradient(kernels: str) -> None:
    v = noise(1, 1, 40).float()
    value, gradient = pull(torch.cat([2 * v, -2 * v, v, -v], dim=1), v, torch.ones(1), torch.ones(1, 4), kernels)
    expected = torch.tensor([[0, math.pi**2 / 2] * 2])
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-14)
    assert not gradient.any()


@pytest.mark.parametrize("kernels", KERNELS)
def test_zero_vectors_are_at_right_angles_and_rest(kernels: str) -> None:
    zero, other = torch.zeros(1, 1, 6), noise(1, 1, 6).float()
    u, v = torch.cat([zero, other], dim=1), torch.cat([zero, other], dim=1)
    value, gradient = pull(u, v, torch.tensor([1.0, 100.0]), torch.ones(1, 2), kernels)
    right = math.pi**2 / 8
    torch.testing.assert_close(value, torch.tensor([[101 * right, right]]), rtol=1e-6, atol=0)
    assert not gradient.any()


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("length", [1e-18, 1e18])
def test_lengths_do_not_matter_but_to_the_gradient(length: float, kernels: str) -> None:
    u, v, weights, upstream = noise(1, 2, 9).float(), noise(1, 2, 9, seed=1).float(), torch.ones(2), torch.ones(1, 2)
    value, gradient = pull(u, v, weights, upstream, kernels)
    stretched, stretched_gradient = pull(length * u, v * length, weights, upstream, kernels)
    torch.testing.assert_close(stretched, value, rtol=1e-6, atol=0)
    torch.testing.assert_close(stretched_gradient.double() * length, gradient.double(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(("dtype", "step"), [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_half_precision_is_rounded_once(dtype: torch.dtype, step: float, kernels: str) -> None:
    u, v, weights, upstream = 3 * noise(2, 3, 20), noise(1, 2, 20, seed=1), torch.ones(2), torch.ones(2, 3)
    u, v = u.to(dtype), v.to(dtype)
    got = pull(u, v, weights, upstream, kernels)
    assert got[0].dtype == torch.float32 and got[1].dtype == dtype
    close(got, documented(u, v, weights, upstream), 1e-7, step)


@pytest.mark.parametrize("kernels", KERNELS)
def test_any_strides_and_the_same_bits(kernels: str) -> None:
    u, v = noise(2, 3, 11).float(), noise(2, 2, 11, seed=1).float()
    weights, upstream = noise(2, seed=2).float(), noise(2, 3, seed=3).float()
    first = pull(u, v, weights, upstream, kernels)
    turned, spread = u.permute(2, 0, 1).contiguous().permute(1, 2, 0), v.repeat_interleave(2, -1)[..., ::2]
    again = pull(turned, spread, weights.repeat_interleave(3)[::3], upstream, kernels)
    close(again, (first[0].double(), first[1].double()), 1e-7, 1e-7)
    again = pull(u, v, weights, upstream, kernels)
    assert torch.equal(again[0], first[0]) and torch.equal(again[1], first[1])


@pytest.mark.parametrize("kernels", KERNELS)
def test_values_need_no_gradient(kernels: str) -> None:
    u, v, weights = noise(2, 3, 6).float(), noise(1, 2, 6).float(), torch.ones(2)
    with backend.using(kernels):
        value = spherical_pull(u, v, weights)
    assert not value.requires_grad
    torch.testing.assert_close(value.double(), documented(u, v, weights, torch.ones(2, 3))[0], rtol=1e-6, atol=0)


@pytest.mark.parametrize("kernels", KERNELS)
def test_what_is_no_number_stays_none(kernels: str) -> None:
    u, v, weights = noise(1, 2, 6).float(), noise(1, 2, 6, seed=1).float(), torch.ones(2)
    u[0, 1, 3] = torch.nan
    value, gradient = pull(u, v, weights, torch.ones(1, 2), kernels)
    assert value.isnan().tolist() == [[False, True]]
    assert gradient[0, 1].isnan().all() and not gradient[0, 0].isnan().any()


def test_the_gradient_flows_once() -> None:
    u = noise(1, 2, 5).requires_grad_()
    value = spherical_pull(u, noise(1, 1, 5, seed=1), torch.ones(1))
    (gradient,) = torch.autograd.grad(value.square().sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("u", "v", "weights"),
    [((2, 3, 5), (1, 2, 4), 2), ((2, 3, 5), (3, 2, 5), 2), ((2, 3, 5), (1, 2, 5), 3)],
)
def test_shapes_that_do_not_fit_are_refused(u: tuple[int, ...], v: tuple[int, ...], weights: int) -> None:
    with pytest.raises(ValueError, match="no fit"):
        spherical_pull(noise(*u), noise(*v), torch.ones(weights))


def test_the_kernel_refuses_float64() -> None:
    with backend.using("triton"), pytest.raises(RuntimeError, match="spherical_pull has no kernel for torch.float64"):
        spherical_pull(noise(1, 2, 5), noise(1, 1, 5), torch.ones(1, dtype=torch.float64))


class Counting(TorchDispatchMode):
    """Counts the numbers that operations write; what only looks at numbers writes none."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.numbers = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and not function.is_view:
            self.operations += 1
            self.numbers += result.numel()
        return result


def test_the_reference_does_less_than_autograd() -> None:
    arguments = noise(1, 16, 64).float(), noise(1, 3, 64, seed=1).float(), torch.ones(3), torch.ones(1, 16)
    with Counting() as ours:
        pull(*arguments, "reference")
    with Counting() as autograd:
        documented(*arguments)
    assert ours.operations < 0.6 * autograd.operations
    assert ours.numbers < 0.25 * autograd.numbers

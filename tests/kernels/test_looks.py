"""Cuts are recoloured in one go as they would be step by step, and as torchvision would, one by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
import torchvision.transforms.functional as TF
from disco.kernels import backend
from disco.kernels.colour import greyness, hue
from disco.kernels.looks import brightness, contrast, recolour, saturation
from torch import Tensor

torch.set_num_threads(1)


def drawn(seed: int, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * (high - low) + low


def looks(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Matrices of the colours and of the noise, and jitters."""
    colours = greyness(torch.arange(n, dtype=torch.float64) % 3 / 2)
    jitter = torch.tensor([1, 1, 1, 0]) + drawn(1, n, 4, low=-0.3, high=0.3)
    return colours, drawn(2, n, 3, 3, low=-0.02, high=0.02), jitter


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [
        (brightness, TF.adjust_brightness, 0.5, 1.5),
        (contrast, TF.adjust_contrast, 0.5, 1.5),
        (saturation, TF.adjust_saturation, 0.5, 1.5),
        (hue, TF.adjust_hue, -0.5, 0.5),
    ],
)
def test_jitters_equal_torchvisions(
    ours: Callable[[Tensor, Tensor], Tensor], theirs: Callable[[Tensor, float], Tensor], low: float, high: float
) -> None:
    cuts = drawn(3, 6, 3, 9, 7, low=-0.05, high=1.05)
    cuts[0] = 0.4
    cuts[1, :, 0] = 0.0
    cuts[2, 1] = cuts[2, 0]
    cuts[3, 2] = cuts[3, 0]
    if ours is hue:
        cuts = cuts.clamp(0, 1)  # as the other jitters leave them
    by = drawn(4, 6, 1, 1, 1, low=low, high=high)
    expected = torch.stack([theirs(cut, f.item()) for cut, f in zip(cuts, by, strict=True)])
    torch.testing.assert_close(ours(cuts, by), expected, rtol=0, atol=1e-6)


# Not those that begin with the hue: torchvision's clamps what it is given.
@pytest.mark.parametrize("order", [order for order in itertools.permutations(range(4)) if order[0] != 3])
def test_recoloured_cuts_are_mixed_and_jittered_in_turn(order: tuple[int, ...]) -> None:
    n = 5
    x, noise = drawn(5, n, 3, 8, 6, low=-0.1, high=1.1), drawn(6, n, 3, 8, 6, low=-2, high=2)
    colours, noise_colours, jitter = looks(n)
    mixed = torch.einsum("nij,njyx->niyx", colours, x) + torch.einsum("nij,njyx->niyx", noise_colours, noise)
    torch.testing.assert_close(recolour(x, noise, colours, noise_colours, None), mixed)
    adjust = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue]
    expected = []
    for cut, by in zip(mixed, jitter, strict=True):
        for step in order:
            cut = adjust[step](cut, by[step].item())
        expected.append(cut)
    got = recolour(x, noise, colours, noise_colours, jitter, order)
    torch.testing.assert_close(got, torch.stack(expected), rtol=0, atol=1e-6)


def test_gradients_of_recoloured_cuts() -> None:
    x, noise = drawn(7, 3, 3, 5, 4, low=-0.05, high=1.05).requires_grad_(), drawn(8, 3, 3, 5, 4, low=-2, high=2)
    for order in ((0, 1, 2, 3), (2, 0, 3, 1)):
        assert torch.autograd.gradcheck(lambda x, o=order: recolour(x, noise, *looks(3), o), x)


def test_no_cuts_are_recoloured_to_none() -> None:
    none = torch.empty(0, 3, 4, 4)
    assert recolour(none, none, *looks(0)).shape == none.shape


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-5), (torch.bfloat16, 0.06)])
def test_the_kernel_recolours_as_the_reference(dtype: torch.dtype, atol: float) -> None:
    """In Triton's interpreter; more pixels than one program's, and not a whole number of programs."""
    x, noise = drawn(9, 2, 29, 23, 3).permute(0, 3, 1, 2).to(dtype), drawn(10, 2, 3, 29, 23, low=-2, high=2).to(dtype)
    upstream = drawn(11, 2, 3, 29, 23).to(dtype)

    def run(kernels: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        source = x.to(dtype).detach().requires_grad_()
        with backend.using(kernels), backend.watching() as ran:
            got = recolour(source, noise.to(dtype), *looks(2))
            gradient = torch.autograd.grad(got, source, upstream.to(dtype))[0]
        assert ran == [f"recolour:{kernels}"] and got.dtype == gradient.dtype == dtype
        return got, gradient

    (got, gradient), (expected, exact) = run("triton", dtype), run("reference", torch.float64)
    torch.testing.assert_close(got.double(), expected, rtol=0, atol=atol)
    # Where rounding takes a colour over a bend, its gradient is another one: of a few in halves.
    off = (gradient.double() - exact).abs() > 10 * atol
    assert off.double().mean() < (0.001 if dtype == torch.float32 else 0.05)
    again, once_more = run("triton", dtype)
    assert again.equal(got) and once_more.equal(gradient)


def test_other_orders_have_no_kernel() -> None:
    x = drawn(12, 1, 3, 4, 4).float()
    with backend.using("triton"), backend.watching() as ran:
        recolour(x, x, *looks(1), (1, 0, 2, 3))
        assert ran == []
        with pytest.raises(RuntimeError, match="recolour has no kernel for torch.float64"):
            recolour(x.double(), x.double(), *looks(1))

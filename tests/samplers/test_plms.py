"""PLMS's own arithmetic; how it walks is held against the oracle in test_base."""

import pytest
import torch

from disco.diffusion.levels import Diffusion
from disco.samplers.base import Denoised, sample
from disco.samplers.plms import PLMS, adams_bashforth
from disco.samplers.registry import samplers
from support.levels import Rung


def test_adams_bashforth_is_exact_for_polynomials():
    """Order k integrates polynomials of degree below k over the next unit step exactly."""
    for order in (1, 2, 3, 4):
        for degree in range(order):
            past = [torch.tensor(float(-k) ** degree, dtype=torch.float64) for k in range(order)]
            torch.testing.assert_close(adams_bashforth(past), torch.tensor(1 / (degree + 1), dtype=torch.float64))


@pytest.mark.parametrize("order", [0, 5])
def test_impossible_orders(order):
    with pytest.raises(ValueError, match="1 to 4"):
        PLMS(order)


def test_a_jump_back_up_begins_anew():
    """What was remembered is of other levels; and no step looks ahead to a level that does not follow."""
    steps = (Rung(3, "plms"), Rung(2, "plms"), Rung(2, "plms", jump=1), Rung(1, "plms"), Rung(0, "plms"))
    asked = []

    def denoise(x: torch.Tensor, step: Rung) -> Denoised:
        asked.append(step.index)
        return Denoised(x, 0.1 * x)

    diffusion = Diffusion.spaced(4)
    walk = sample(denoise, torch.ones(1, 3, 2, 2), diffusion, steps, noise=lambda _: lambda: None, samplers=samplers(4))
    remembered = [len(sampled.state.tensors) for sampled in walk]
    assert remembered == [1, 2, 1, 2, 3]
    assert asked == [3, 2, 2, 2, 1, 1, 0]  # of the first and the third a second one, ahead

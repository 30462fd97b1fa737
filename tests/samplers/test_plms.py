"""PLMS's own arithmetic; how it walks is held against the oracle in test_base."""

import pytest
import torch

from disco.samplers.plms import PLMS, adams_bashforth


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

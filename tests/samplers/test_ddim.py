"""DDIM's own arithmetic; how it walks is held against the oracle in test_base."""

import torch

from disco.diffusion.levels import Diffusion
from disco.samplers.ddim import ddim


def test_negative_eta_turns_the_noise():
    diffusion = Diffusion.spaced(10)
    x, eps, noise = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        ddim(x, eps, diffusion, 5, -0.7, noise), ddim(x, eps, diffusion, 5, 0.7, -noise), rtol=0, atol=0
    )

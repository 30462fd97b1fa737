"""Numbers, pictures and cuts that tests draw, the same at every call."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from disco.step import Cuts

PLAIN = Cuts(family="scheduled", overview=4, inner=6, ic_pow=1.0, icgray_p=0.0, cutn=8, batches=1, skip_augs=False)


def cuts_of(**changes: object) -> Cuts:
    """Plain cuts with these changes."""
    return dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def pictures(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """In 0..1 with a little excess, as predictions are."""
    return (torch.rand(shape, generator=seeded(1), dtype=torch.float64) * 1.1 - 0.05).to(dtype)

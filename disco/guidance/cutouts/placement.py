"""Chance in where cuts are: numbers in 0..1 for their places and sizes, independent or evenly spread over a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

#: Numbers a cut: its size, and how far down and to the right it is.
DIMENSIONS = 3

#: What the sequence's scrambling is seeded with beside the generator's seed, which all else is drawn from: the two must
#: not be the same numbers.
SCRAMBLE, PART = 0x5EED_C075, 0x9E37_79B1


@dataclass(frozen=True)
class Spread:
    """Which points of a step's sequence some cuts take: those of a batch, of one part of the picture.

    batch: how many batches of the step came before. part: sequences of other parts are independent of this one's.
    """

    batch: int = 0
    part: int = 0


def coordinates(n: int, generators: Sequence[torch.Generator], spread: Spread | None = None) -> Tensor:
    """Uniform numbers in 0..1 for n cuts of each generator: float64 [3, G n], on the CPU.

    spread: None for independent numbers, which move the generators on. Otherwise the points batch * n and following of
    Sobol's sequence, scrambled by the seed that the generator was made with (Matousek 1998: random linear maps and a
    shift), and the generators stay as they are. Each number alone is as uniform as an independent one; together, any
    neighbouring points fill the cube more evenly.
    """
    if spread is None:
        return torch.cat([torch.rand(DIMENSIONS, n, dtype=torch.float64, generator=each) for each in generators], dim=1)
    return torch.cat([_sobol(n, each.initial_seed(), spread) for each in generators], dim=1)


def _sobol(n: int, seed: int, spread: Spread) -> Tensor:
    if not n:
        return torch.empty(DIMENSIONS, 0, dtype=torch.float64)
    engine = SobolEngine(DIMENSIONS, scramble=True, seed=(seed ^ SCRAMBLE) + PART * spread.part)
    if spread.batch:
        engine.fast_forward(spread.batch * n)
    points = engine.draw(n, dtype=torch.float64).T[[2, 0, 1]]  # no other two are as evenly spread as the first
    # Its first point is rounded to float32, where 1 can come out.
    return points.clamp(max=1 - 2.0**-SobolEngine.MAXBIT)

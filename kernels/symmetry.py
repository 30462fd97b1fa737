"""The symmetries of a picture: how each turns it, and what it becomes when a part of it is copied onto the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

#: What each symmetry does to pictures [..., H, W]. The main diagonal runs from the upper left to the lower right.
SYMMETRIES: dict[str, Callable[[Tensor], Tensor]] = {
    "horizontal": lambda x: x.flip(-1),
    "vertical": lambda x: x.flip(-2),
    "diagonal": lambda x: x.mT,
    "antidiagonal": lambda x: x.mT.flip(-2, -1),
    "radial_2": lambda x: x.flip(-2, -1),
    "radial_4": lambda x: x.rot90(1, (-2, -1)),
}

#: The way back, where it is another than there.
_BACK: dict[str, Callable[[Tensor], Tensor]] = {"radial_4": lambda x: x.rot90(-1, (-2, -1))}


def turned(x: Tensor, name: str, back: bool = False) -> Tensor:
    """Pictures [..., H, W] as a symmetry turns them, or turns them back; what equals it is symmetric.

    Raises ValueError for a symmetry of square pictures alone, where x is none.
    """
    turn = _BACK.get(name, SYMMETRIES[name]) if back else SYMMETRIES[name]
    result = turn(x)
    if result.shape != x.shape:
        height, width = x.shape[-2:]
        raise ValueError(f"{name} symmetry is one of square pictures, and this one is {width}x{height}")
    return result


def symmetric(x: Tensor, names: Sequence[str]) -> Tensor:
    """Pictures [..., H, W] that all of these symmetries leave as they are: one part of x, copied onto the others.

    That part is the left half (horizontal), the upper one (vertical, radial_2), the half above the diagonal (diagonal,
    antidiagonal) or the upper of the quarters between the diagonals (radial_4); of several symmetries it is the
    smaller part that they share. What is symmetric stays as it is. Raises ValueError as `turned` does.
    """
    if not names:
        return x
    return x.flatten(-2)[..., _sources(*x.shape[-2:], tuple(names)).to(x.device, non_blocking=True)]


@lru_cache(maxsize=16)
def _sources(height: int, width: int, names: tuple[str, ...]) -> Tensor:
    """Which pixel every pixel is copied from, int64 [H, W]: of all that are to be alike the first in reading order."""
    first = torch.arange(height * width).view(height, width)
    while True:
        before = first
        for name in names:
            first = torch.minimum(first, turned(first, name))
        if first.equal(before):
            return first

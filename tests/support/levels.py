"""Levels of a run, for samplers on their own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rung:
    """The smallest Level, for using a sampler on its own."""

    index: int
    sampler: str = "ddim"
    eta: float = 0.0
    jump: int = 0


def ladder(steps: int, sampler: str = "ddim", eta: float = 0.0, skip_steps: int = 0) -> tuple[Rung, ...]:
    """Every level of a run from noise to picture: indices `steps - 1 - skip_steps` down to 0."""
    return tuple(Rung(index, sampler, eta) for index in reversed(range(steps - skip_steps)))

"""The symmetries that a run has: which, when they are copied, and whether a picture of its size can have them."""

from __future__ import annotations

from collections.abc import Sequence

from disco.errors import SettingsError
from disco.planning.prompts import parse_share
from disco.settings.config import SamplerConfig, Settings
from disco.step import Step

#: Symmetries that only square pictures can have.
SQUARE = ("diagonal", "antidiagonal", "radial_4")


def symmetries_of(sampler: SamplerConfig) -> tuple[str, ...]:
    """The symmetries that are switched on, by their names in `disco.kernels.symmetry`."""
    names = ("horizontal", "vertical", "diagonal", "antidiagonal", "radial")
    return tuple(with_order(name, sampler) for name in names if getattr(sampler, f"use_{name}_symmetry"))


def with_order(name: str, sampler: SamplerConfig) -> str:
    """The name of a symmetry with its order, where it has one."""
    return f"radial_{sampler.radial_symmetry_order}" if name == "radial" else name


def mirrors_of(settings: Settings, left: int, number_of_steps: int, notes: list[str]) -> dict[int, tuple[str, ...]]:
    """The symmetries to give x before a step, by the step's respaced index.

    left: the steps left after skip_steps; guided-diffusion has a share p of the run at the index int(left * (1 - p)).
    """
    sampler = settings.sampler
    shares = [float(parse_share(given, "transformation_percent")) for given in sampler.transformation_percent]
    symmetries = symmetries_of(sampler)
    if not symmetries:
        return {}
    if settings.compat == "disco57" and sampler.diffusion_sampling_mode == "plms":
        notes.append("the symmetry transformation is without effect under PLMS with compat=disco57")
        return {}
    mirrors = {}
    for given, share in zip(sampler.transformation_percent, shares, strict=True):
        index = int(left * (1 - share))
        if index == left:
            raise SettingsError("transformation_percent holds 0, which is before the first step; try 0.01")
        if index < left - number_of_steps:
            notes.append(f"transformation_percent holds {given}, which is after the last step: not applied")
        mirrors[index] = symmetries
    return mirrors


def check_square(settings: Settings, steps: Sequence[Step], width: int, height: int) -> None:
    """Refuse a symmetry that a picture of this size cannot have."""
    asked = {name: f"use_{name.partition('_')[0]}_symmetry=true" for step in steps for name in step.mirrors}
    if any(step.symmetry_loss_scale for step in steps):
        axis = settings.guidance.symmetry_axis
        asked[with_order(axis, settings.sampler)] = f"symmetry_axis={axis}"
    for name, words in asked.items():
        if name in SQUARE and width != height:
            quarters = " and radial_symmetry_order=4" if name == "radial_4" else ""
            instead = ", or radial_symmetry_order=2" if quarters else ""
            side = min(width, height)
            raise SettingsError(
                f"{words}{quarters} needs a square picture, and this one is {width}x{height}; "
                f"try width={side} height={side}{instead}"
            )

"""The losses of a run, declared: what scales each, what it needs, which settings go with it.

Plan, guidance and record ask these declarations; how a loss pulls is in its file of `disco.guidance.terms`. Torch is
not imported here, for settings are checked without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from disco.settings.schema import Settings


def nothing(settings: Settings) -> None:
    """What most losses lack."""


def never(settings: Settings) -> bool:
    """When most losses measure with LPIPS."""
    return False


@dataclass(frozen=True)
class Loss:
    """One loss.

    name: that of its numbers in steps.jsonl. scale: the timed setting, and the field of `disco.step.Step`, that it is
    multiplied by; it pulls where that is not 0. until: the setting that says after which step it is off. options:
    settings that mean nothing while it is off. lacks: settings -> what it would need to pull, as the end of a note;
    None where it has all. uses_lpips: settings -> whether it measures with LPIPS. local:
    whether what it says of a pixel depends on its neighbours alone, so that it can look at a part of a picture.
    """

    name: str
    scale: str
    until: str | None = None
    options: tuple[str, ...] = ()
    lacks: Callable[[Settings], str | None] = nothing
    uses_lpips: Callable[[Settings], bool] = never
    local: bool = False


def lacks_init(settings: Settings) -> str | None:
    """Perlin noise is nothing to stay close to, but in compat=disco57."""
    init = settings.init
    if init.init_image or (init.perlin_init and settings.compat == "disco57"):
        return None
    return ": there is no init_image to pull towards"


def lacks_previous(settings: Settings) -> str | None:
    """Only a frame that has one before it, or a picture that is given one, is pulled towards it."""
    return None if settings.init.previous_frame else ": there is no previous_frame to pull towards"


CLIP = Loss("clip", "clip_guidance_scale")
TV = Loss("tv", "tv_scale", local=True)
SAT = Loss("sat", "sat_scale", local=True)
SYMMETRY = Loss(
    "symmetry", "symmetry_loss_scale", until="symmetry_switch", options=("symmetry_switch", "symmetry_axis")
)
INIT = Loss("init", "init_scale", lacks=lacks_init, uses_lpips=lambda settings: settings.init.init_loss == "lpips")
RANGE = Loss("range", "range_scale", local=True)
CRITIC = Loss("critic", "critic_scale", options=("critics", "critic_weights"))
TEMPORAL = Loss("temporal", "temporal_scale", lacks=lacks_previous)

#: All of them, in the order of the record.
LOSSES = (CLIP, TV, SAT, SYMMETRY, INIT, RANGE, TEMPORAL, CRITIC)

"""What a run gives: its pictures, measured, and what is known of how they came about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from disco.critics.judge import assess
from disco.planning.plan import Plan
from disco.settings.config import Settings


@dataclass(frozen=True)
class Picture:
    """A finished picture, the seed that makes it again, where it lies (None if it was not saved), what it measures.

    metrics: what output.metrics asks for, by the names in `disco.critics.metrics` and `disco.critics.judge`.
    """

    image: Image.Image
    seed: int
    path: Path | None = None
    metrics: dict[str, float | str | None] = field(default_factory=dict)

    def _repr_png_(self) -> bytes | None:
        return self.image._repr_png_()


@dataclass(frozen=True)
class Run:
    """What a run gave.

    settings: as resolved, a random seed drawn. notes: what the user should know of the run, a line each.
    steps: the lines of steps.jsonl. seconds: wall time, loading included.
    """

    pictures: tuple[Picture, ...]
    settings: Settings
    notes: tuple[str, ...]
    steps: tuple[dict[str, Any], ...]
    seconds: float
    folder: Path | None = None

    def _repr_png_(self) -> bytes | None:
        return self.pictures[0]._repr_png_()


def measured(plan: Plan, picture: Picture) -> Picture:
    """A picture with the metrics that the plan asks for."""
    model = plan.settings.model.diffusion_model
    return replace(
        picture, metrics=assess(picture.image, plan.metrics, plan.stages_of(picture.seed)[-1].prompts, model)
    )


def read_picture(plan: Plan, folder: Path, number: int) -> Picture:
    """A finished picture of the run, read from its folder and measured."""
    path = folder / f"image_{number}.png"
    with Image.open(path) as image:
        return measured(plan, Picture(image.convert("RGB"), plan.seeds[number], path))

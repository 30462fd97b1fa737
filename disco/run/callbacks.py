"""Callbacks of a run: what one is handed after every step, and the one that writes TensorBoard's event files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from disco.planning.plan import Plan
from disco.run.folder.pictures import to_image
from disco.settings.config import to_dict
from disco.step import Step

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

#: What of a step's line is no schedule value.
NO_SCHEDULE = (
    "pictures",
    "number",
    "share",
    "index",
    "sampler",
    "losses",
    "loss",
    "gradient_rms",
    "skipped",
    "finite",
    "measures",
    "guard",
    "seconds",
)


@dataclass(frozen=True)
class StepEvent:
    """A finished step of a batch, as `on_step` of `disco.render` is handed it.

    step: what the plan has of it: its number from 0, the values of all schedules. line: what steps.jsonl has of it; the
    numbers of the batch's pictures under "pictures", the total under "loss", None where nothing guided. truncate: as in
    `disco.run.folder.pictures.to_image`.
    """

    step: Step
    line: Mapping[str, Any]
    x0: Tensor
    """What the pictures would be, [B, 3, H, W], about -1..1, on the run's device. It is the run's own: copy it."""
    truncate: bool = False

    @cached_property
    def pictures(self) -> dict[int, Image.Image]:
        """What the pictures would be, by their numbers; converted when first asked for, so ask within the callback."""
        pairs = zip(self.line["pictures"], self.x0, strict=True)
        return {number: to_image(x0, self.truncate) for number, x0 in pairs}


class TensorBoard:
    """A callback that writes a run into TensorBoard's event files: a log a picture, so that pictures can be compared.

    folder/image_0, folder/image_1 ...: losses, gradient norm, schedules and seconds at every step; the picture at every
    step that shows progress; metrics at the end; the settings as a text.
    """

    def __init__(self, folder: Path, plan: Plan, going_on: Mapping[int, int] | None = None) -> None:
        """going_on: of pictures whose files are there already, the step they go on at; what is later in them goes."""
        self._folder, self._plan, self._going_on = folder, plan, going_on or {}
        self._logs: dict[int, SummaryWriter] = {}

    def __call__(self, event: StepEvent) -> None:
        line, number = event.line, event.step.number
        for place, picture in enumerate(line["pictures"]):
            log = self._log(picture)
            for name, losses in line["losses"].items():
                log.add_scalar(f"losses/{name}", losses[place], number)
            log.add_scalar("gradient/rms", line["gradient_rms"][place], number)
            for name, values in line.get("measures", {}).items():
                log.add_scalar(f"measures/{name}", values[place], number)
            schedules = {name: value for name, value in line.items() if name not in NO_SCHEDULE}
            schedules["perceptor_weights"] = dict(zip(self._plan.perceptors, line["perceptor_weights"], strict=True))
            for name, value in scalars("schedules", schedules):
                log.add_scalar(name, value, number)
            log.add_scalar("time/seconds", line["seconds"], number)
            if event.step.show_progress:
                log.add_image("picture", np.asarray(event.pictures[picture]), number, dataformats="HWC")

    def measured(self, picture: int, metrics: Mapping[str, float | str | None]) -> None:
        """A picture is finished: log its metrics and complete its files."""
        log = self._log(picture)
        for name, value in scalars("metrics", metrics):
            log.add_scalar(name, value, len(self._plan.steps))
        log.close()

    def go_back(self, pictures: Sequence[int], done: int) -> None:
        """The steps of these pictures from the one after `done` on are computed anew; what is logged of them goes."""
        for picture in pictures:
            self._log(picture).close()
            del self._logs[picture]
            self._going_on = {**self._going_on, picture: done}

    def close(self) -> None:
        """Complete all files."""
        for log in self._logs.values():
            log.close()

    def _log(self, picture: int) -> SummaryWriter:
        if picture not in self._logs:
            from torch.utils.tensorboard import SummaryWriter  # takes a second, and few runs want it

            log = SummaryWriter(str(self._folder / f"image_{picture}"), purge_step=self._going_on.get(picture))
            settings = json.dumps(to_dict(self._plan.settings), indent=2, ensure_ascii=False)
            log.add_text("settings", f"```json\n{settings}\n```")
            self._logs[picture] = log
        return self._logs[picture]


def scalars(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
    """The numbers and switches in nested mappings and lists, by their path; texts and what is None are left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from scalars(f"{prefix}/{name}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from scalars(f"{prefix}/{place}", inner)
    elif isinstance(value, int | float):
        yield prefix, float(value)

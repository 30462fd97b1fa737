"""What a callback is handed after every step of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL import Image
from torch import Tensor

from disco.run.folder.pictures import to_image
from disco.step import Step


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

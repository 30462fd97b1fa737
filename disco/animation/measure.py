"""A film's frames measured, one after another, as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from disco.animation.frames import Frame
from disco.animation.places import FRAMES_FILE
from disco.critics.films import drift, flicker
from disco.critics.judge import assess
from disco.diffusion.images import to_tensor
from disco.planning.prompts import Prompt, parse_image_prompt, stages_of
from disco.run.folder.files import json_line
from disco.settings.config import Settings
from disco.settings.paths import writing

#: The frame before, moved along, and where that is seen, [H, W] from 0 to 1.
Carried = tuple[Image.Image, Tensor]


class Meter:
    """Measures the frames of a film and writes a line for each.

    names: of the metrics of pictures that are asked for (`disco.planning.values.metrics_of`); without any, nothing is
    measured, and the lines say which frames there are.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.path, self.names = folder / FRAMES_FILE, tuple(names)
        self.first: Tensor | None = None
        self.found: list[dict[str, Any]] = []
        self.prompts: dict[str, tuple[Prompt, ...]] = {}
        with writing(self.path), open(self.path, "w", encoding="utf-8"):
            pass  # a film that is rendered anew has its lines anew

    def add(self, frame: Frame, shown: Image.Image, carried: Carried | None) -> None:
        """Measure a frame. carried: the frame before; None where there is none, or its motion is not known."""
        metrics: dict[str, Any] = {}
        if self.names:
            picture = to_tensor(shown).double()
            self.first = picture if self.first is None else self.first
            apart = None
            if carried is not None:
                before, seen = carried
                apart = flicker(picture, to_tensor(before).double(), seen)
            metrics = {"flicker": apart, "drift": drift(picture, self.first)}
            model = frame.settings.model.diffusion_model
            metrics |= assess(shown, self.names, self._prompts_of(frame.settings), model)
        self.found.append(metrics)
        line = {"frame": frame.number, "seed": frame.settings.seed, "rendered": frame.rendered, "metrics": metrics}
        with writing(self.path), open(self.path, "a", encoding="utf-8") as lines:
            lines.write(json_line(line))

    def _prompts_of(self, settings: Settings) -> tuple[Prompt, ...]:
        """The texts that hold at the end of a frame's run."""
        key = repr((settings.prompt, settings.prompts, settings.expanded_prompts, settings.image_prompts))
        if key not in self.prompts:
            pictures = tuple(parse_image_prompt(text) for text in settings.image_prompts)
            self.prompts[key] = stages_of(settings, pictures, [])[0][-1].prompts
        return self.prompts[key]

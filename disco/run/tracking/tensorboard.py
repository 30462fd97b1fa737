"""TensorBoard's event files: a log a picture, so that pictures can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from disco.run.tracking.base import Tracked, Tracker

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard(Tracker):
    """FOLDER/tensorboard/image_0, image_1 ...: the values of every step, pictures, metrics, the settings as a text."""

    def __init__(self, run: Tracked) -> None:
        self._run, self._logs = run, dict[int, "SummaryWriter"]()
        there = {picture: step for picture, step in run.going_on.items() if self._folder(picture).is_dir()}
        self.last = {picture: step - 1 for picture, step in there.items()}

    def step(self, picture: int, number: int, values: Mapping[str, float], image: Image.Image | None) -> None:
        log = self._log(picture)
        for name, value in values.items():
            log.add_scalar(name, value, number)
        if image is not None:
            log.add_image("picture", np.asarray(image), number, dataformats="HWC")
        log.flush()  # or a process that is killed loses two minutes of it

    def measured(self, picture: int, number: int, values: Mapping[str, float]) -> None:
        log = self._log(picture)
        for name, value in values.items():
            log.add_scalar(name, value, number)
        log.close()

    def go_back(self, pictures: Sequence[int], done: int) -> None:
        super().go_back(pictures, done)
        for picture in pictures:
            if picture in self._logs:
                self._logs.pop(picture).close()

    def finish(self, status: str) -> None:
        for log in self._logs.values():
            log.close()

    def _folder(self, picture: int) -> Path:
        return self._run.folder / "tensorboard" / f"image_{picture}"

    def _log(self, picture: int) -> SummaryWriter:
        if picture not in self._logs:
            from torch.utils.tensorboard import SummaryWriter

            # What is later in files that are there already goes.
            purged = self.last[picture] + 1 if picture in self.last else None
            log = SummaryWriter(str(self._folder(picture)), purge_step=purged)
            settings = json.dumps(self._run.settings, indent=2, ensure_ascii=False)
            log.add_text("settings", f"```json\n{settings}\n```")
            self._logs[picture] = log
        return self._logs[picture]

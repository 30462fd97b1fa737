"""Weights & Biases: a run of its own a run, in the project disco, grouped by study or batch_name.

Without WANDB_MODE it stays offline, in the folder wandb of the run; `wandb sync` sends it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from PIL import Image

from disco.run.tracking.base import Tracked, Tracker, named, preset_environment

#: The project, where WANDB_PROJECT names no other.
PROJECT = "disco"

#: How long a server may take to answer at the beginning, in seconds.
INIT_SECONDS = 30


class WandB(Tracker):
    """Values image_0/losses/... over image_0/step, pictures as images, settings as the config.

    Steps are values here, for pictures of several batches begin anew at step 0, and W&B's own never go back.
    """

    def __init__(self, run: Tracked) -> None:
        preset_environment(WANDB_ERROR_REPORTING="false")
        import wandb

        offline = "WANDB_MODE" not in os.environ
        if offline:  # what a run that goes on has told so far is told again, for its file takes no more
            shutil.rmtree(run.folder / "wandb", ignore_errors=True)
        self._image = wandb.Image
        self._log = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=run.identity,
            name=run.name,
            group=run.group,
            dir=str(run.folder),
            mode="offline" if offline else None,
            config=dict(run.settings),
            resume=None if offline else "allow",
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                silent=True,
                x_disable_stats=True,
                disable_git=True,
                disable_code=True,
                disable_job_creation=True,
                init_timeout=INIT_SECONDS,
            ),
        )
        self.last: dict[int, int] = {}
        for picture in range(run.pictures):
            step = f"image_{picture}/step"
            self._log.define_metric(step, hidden=True)
            self._log.define_metric(f"image_{picture}/*", step_metric=step)
            if not offline and self._log.resumed:
                self.last[picture] = int(self._log.summary.get(step, -1))

    def step(self, picture: int, number: int, values: Mapping[str, float], image: Image.Image | None) -> None:
        shown = {} if image is None else {f"image_{picture}/picture": self._image(image)}
        self._log.log({f"image_{picture}/step": number, **named(picture, values), **shown})

    def measured(self, picture: int, number: int, values: Mapping[str, float]) -> None:
        self._log.log({f"image_{picture}/step": number, **named(picture, values)})

    def finish(self, status: str) -> None:
        self._log.finish(exit_code=0 if status == "finished" else 1)

"""Comet: an experiment a run, in the project disco, tagged with the study or batch_name.

Without COMET_API_KEY it is an offline experiment: FOLDER/comet/ID.zip, which `comet upload` sends. The file is written
at the end of the run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from PIL import Image

from disco.run.tracking.base import Tracked, Tracker, named, preset_environment

#: The project, where COMET_PROJECT_NAME names no other.
PROJECT = "disco"


class Comet(Tracker):
    """Metrics image_0/losses/... by step, pictures as images, settings as parameters, the status beside them."""

    def __init__(self, run: Tracked) -> None:
        preset_environment(COMET_ERROR_TRACKING_ENABLE="false", COMET_LOGGING_CONSOLE="ERROR")
        import comet_ml

        project = os.environ.get("COMET_PROJECT_NAME", PROJECT)
        quiet: dict[str, Any] = dict(
            log_code=False,
            log_graph=False,
            auto_param_logging=False,
            auto_metric_logging=False,
            auto_output_logging=False,
            auto_histogram_weight_logging=False,
            parse_args=False,
            log_env_details=False,
            log_git_metadata=False,
            log_git_patch=False,
            display_summary_level=0,
        )
        self.last: dict[int, int] = {}
        if os.environ.get("COMET_API_KEY"):
            # The server is not asked what it has: what a run that was killed told after its last state, it has twice.
            self.last = {picture: step - 1 for picture, step in run.going_on.items()}
            config = comet_ml.ExperimentConfig(**quiet)
            self._log: Any = comet_ml.start(
                project_name=project, experiment_key=run.identity, mode="get_or_create", experiment_config=config
            )
        else:  # what a run that goes on has told so far is told again, for its file takes no more
            shutil.rmtree(run.folder / "comet", ignore_errors=True)
            self._log = comet_ml.OfflineExperiment(
                project_name=project,
                experiment_key=run.identity,
                offline_directory=str(run.folder / "comet"),
                **quiet,
            )
        self._log.set_name(run.name)
        self._log.add_tag(run.group)
        self._log.log_parameters({name: str(value) for name, value in run.settings.items()})

    def step(self, picture: int, number: int, values: Mapping[str, float], image: Image.Image | None) -> None:
        self._log.log_metrics(named(picture, values), step=number)
        if image is not None:
            self._log.log_image(image, name=f"image_{picture}/picture", step=number)

    def measured(self, picture: int, number: int, values: Mapping[str, float]) -> None:
        self._log.log_metrics(named(picture, values), step=number)

    def finish(self, status: str) -> None:
        self._log.log_other("status", status)
        self._log.end()

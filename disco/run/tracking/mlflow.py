"""MLflow: a run of its own a run, in an experiment named as the study, or as batch_name.

It goes to the server that MLFLOW_TRACKING_URI names, else to a database beside its artifacts, in the folder mlflow: its
store of plain files is closed to new runs by now.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from PIL import Image

from disco.run.tracking.base import Tracked, Tracker, named, preset_environment

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

#: The most parameters and metrics that MLflow takes at once, and the longest value of a parameter.
MOST_PARAMS, MOST_METRICS, LONGEST_PARAM = 100, 1000, 6000

#: Signs that no name of MLflow has.
FOREIGN = re.compile(r"[^\w\-. :/]", re.ASCII)

#: What MLflow calls the ends of a run.
STATUSES = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}

#: Tags that runs are found by: whose run folder, and which run of those that it has held.
FOLDER, IDENTITY = "disco.folder", "disco.identity"


class MLflow(Tracker):
    """Metrics image_0/losses/... by step, pictures as images by step, settings as parameters."""

    def __init__(self, run: Tracked) -> None:
        preset_environment(
            MLFLOW_DISABLE_TELEMETRY="true",
            MLFLOW_LOGGING_LEVEL="WARNING",
            MLFLOW_HTTP_REQUEST_MAX_RETRIES="3",
            MLFLOW_HTTP_REQUEST_TIMEOUT="30",
        )
        from mlflow.tracking import MlflowClient

        if os.environ.get("MLFLOW_TRACKING_URI"):
            self._client = MlflowClient()
            self._run_id = self._opened(run, None)
        else:
            store = run.store("mlflow")
            store.mkdir(parents=True, exist_ok=True)
            with FileLock(store / ".lock"):  # the cells of a study may begin at once
                self._client = MlflowClient(f"sqlite:///{store.absolute() / 'mlflow.db'}")
                self._run_id = self._opened(run, (store.absolute() / "artifacts").as_uri())
        self.last = self._known(run.pictures)

    def step(self, picture: int, number: int, values: Mapping[str, float], image: Image.Image | None) -> None:
        self._log(named(picture, values), number)
        if image is not None:
            self._client.log_image(self._run_id, image, key=f"image_{picture}/picture", step=number, synchronous=True)

    def measured(self, picture: int, number: int, values: Mapping[str, float]) -> None:
        self._log(named(picture, values), number)

    def finish(self, status: str) -> None:
        self._client.set_terminated(self._run_id, STATUSES[status])

    def _log(self, values: Mapping[str, float], number: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        for part in parts([Metric(FOREIGN.sub("_", name), value, now, number) for name, value in values.items()]):
            self._client.log_batch(self._run_id, metrics=part)

    def _opened(self, run: Tracked, artifacts: str | None) -> str:
        """The run's id: of the one that it has already, or a new one. artifacts: where, of a store of ours."""
        experiment = experiment_of(self._client, run.group, artifacts)
        for found in self._client.search_runs([experiment], f"tags.`{IDENTITY}` = '{run.identity}'"):
            self._client.update_run(found.info.run_id, "RUNNING")
            return found.info.run_id
        if artifacts is not None:  # of runs that this one takes the place of
            for found in self._client.search_runs([experiment]):
                if found.data.tags.get(FOLDER) == run.name:
                    self._client.delete_run(found.info.run_id)
        tags = {FOLDER: run.name, IDENTITY: run.identity}
        run_id = self._client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
        self._log_settings(run_id, run.settings)
        return run_id

    def _log_settings(self, run_id: str, settings: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)[:LONGEST_PARAM]) for name, value in settings.items()]
        for part in parts(params, MOST_PARAMS):
            self._client.log_batch(run_id, params=part)

    def _known(self, pictures: int) -> dict[int, int]:
        """The last step that it has of each picture."""
        names = self._client.get_run(self._run_id).data.metrics
        found: dict[int, int] = {}
        for picture in range(pictures):
            own = [name for name in names if name.startswith(f"image_{picture}/metrics/")]
            for name in [name for name in (f"image_{picture}/gradient/rms", *own[:1]) if name in names]:
                steps = [each.step for each in self._client.get_metric_history(self._run_id, name)]
                found[picture] = max([found.get(picture, -1), *steps])
        return found


def experiment_of(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """The id of an experiment, made where there is none."""
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found else client.create_experiment(name, artifact_location=artifacts)


def parts(items: Sequence[Any], most: int = MOST_METRICS) -> Iterator[list[Any]]:
    """The items, so many at once."""
    rest = iter(items)
    while part := list(islice(rest, most)):
        yield part

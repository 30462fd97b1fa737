"""Every tracker's own store on disk, read back by its library: of a run that was interrupted and went on."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from disco.run.tracking.base import values_of
from disco.settings.extras import TRACKERS
from support import processes
from support.wandb_file import history, records

pytestmark = pytest.mark.slow

HERE = [name for name, module in TRACKERS.items() if find_spec(module)]

#: Two batches, stopped in the middle of the second and gone on with, in a process that can reach no other machine.
SCRIPT = """
import json, sys
def refuse(event, arguments):
    if event == "socket.connect" and not isinstance(arguments[1], str) and arguments[1][0] not in ("127.0.0.1", "::1"):
        with open(sys.argv[1] + "/reached", "a") as file:
            print(arguments[1], file=file)
        raise OSError("no network")
sys.addaudithook(refuse)
import disco
def stop(event):
    if event.line["pictures"] == [1] and event.step.number == 2:
        raise KeyboardInterrupt
given = json.loads(sys.argv[2])
try:
    disco.render("a red star", folder=sys.argv[1] + "/study/cell", on_step=stop, **given)
except KeyboardInterrupt:
    pass
notes = disco.resume(sys.argv[1] + "/study/cell").notes
print(json.dumps([note for note in notes if "went on without" in note]))
"""

QUICK = dict(steps=4, width=32, height=32, cut_overview=1, cut_innercut=1, display_rate=2, n_batches=2, state_rate=1)
CLAMP = "[0.1]*500+[0.2]*500"


class Made(NamedTuple):
    """A cell of a study: its folder, and what its steps.jsonl says, by picture and step."""

    folder: Path
    steps: dict[int, dict[int, dict[str, float]]]
    metrics: list[dict[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp("tracked")
    (place / "study").mkdir()
    (place / "study" / "study.json").write_text("{}")
    servers = ("MLFLOW", "WANDB", "COMET")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(servers)}
    given = json.dumps({**QUICK, "clamp_max": CLAMP, "metrics": ["contrast"], "track": HERE})
    done = processes.run([sys.executable, "-c", SCRIPT, str(place), given], env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [], "a tracker failed"
    assert not (place / "reached").exists()
    folder = place / "study" / "cell"
    record = json.loads((folder / "run.json").read_text())
    perceptors = tuple(record["settings"]["perceptors"]["clip_models"])
    steps: dict[int, dict[int, dict[str, float]]] = {0: {}, 1: {}}
    for text in (folder / "steps.jsonl").read_text().splitlines():
        line = json.loads(text)
        steps[line["pictures"][0]][line["number"]] = values_of(line, 0, perceptors)
    return Made(folder, steps, record["metrics"])


def expected(made: Made, picture: int, name: str) -> list[tuple[int, Any]]:
    return [(number, pytest.approx(values[name])) for number, values in sorted(made.steps[picture].items())]


#: Of each kind one; the seconds of the steps that were walked twice are others, and asked for nowhere.
NAMES = (
    *("losses/range", "losses/clip/embedded_vit", "gradient/rms"),
    *("schedules/clamp_max", "schedules/perceptor_weights/embedded_vit"),
)


def missing(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in HERE, reason=f"{TRACKERS[name]} is not installed")


def finished(made: Made, picture: int) -> np.ndarray:
    return np.asarray(Image.open(made.folder / f"image_{picture}.png").convert("RGB"))


@missing("mlflow")
def test_mlflow(made: Made) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{made.folder.parent / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("study")
    [run] = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("cell", "FINISHED")
    assert run.data.params["guidance.clamp_max"] == CLAMP
    for picture in (0, 1):
        for name in NAMES:
            found = client.get_metric_history(run.info.run_id, f"image_{picture}/{name}")
            assert [(each.step, each.value) for each in found] == expected(made, picture, name)
        [contrast] = client.get_metric_history(run.info.run_id, f"image_{picture}/metrics/contrast")
        assert (contrast.step, contrast.value) == (4, pytest.approx(made.metrics[picture]["contrast"]))
        images = (made.folder.parent / "mlflow" / "artifacts").rglob(f"*image_{picture}*picture*step*3*.png")
        assert any(np.array_equal(np.asarray(Image.open(path)), finished(made, picture)) for path in images)


@missing("wandb")
def test_wandb(made: Made) -> None:
    [path] = (made.folder / "wandb").glob("offline-run-*/run-*.wandb")
    [run] = [record.run for record in records(path) if record.WhichOneof("record_type") == "run"][-1:]
    assert (run.project, run.run_group, run.display_name) == ("disco", "study", "cell")
    config = {update.key: json.loads(update.value_json) for update in run.config.update}
    assert config["guidance.clamp_max"] == CLAMP
    calls = history(path)
    for picture in (0, 1):
        step = f"image_{picture}/step"
        for name in NAMES:
            full = f"image_{picture}/{name}"
            assert [(call[step], call[full]) for call in calls if full in call] == expected(made, picture, name)
        full = f"image_{picture}/metrics/contrast"
        [(at, contrast)] = [(call[step], call[full]) for call in calls if full in call]
        assert (at, contrast) == (4, pytest.approx(made.metrics[picture]["contrast"]))
        media = (path.parent / "files" / "media" / "images" / f"image_{picture}").glob("picture_*.png")
        if picture == 1:  # pictures of before the interruption are in no file of after
            assert any(np.array_equal(np.asarray(Image.open(file)), finished(made, picture)) for file in media)


@missing("comet")
def test_comet(made: Made) -> None:
    [path] = (made.folder / "comet").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("experiment.json"))
        messages = [json.loads(line)["payload"] for line in archive.read("messages.json").splitlines()]
    assert about["project_name"] == "disco" and "study" in about["tags"]
    params = {each["param"]["paramName"]: each["param"]["paramValue"] for each in messages if "param" in each}
    assert params["guidance.clamp_max"] == CLAMP
    others = {each["key"]: each["value"] for each in messages if "key" in each}
    assert (others["Name"], others["status"]) == ("cell", "finished")
    metrics = [each["metric"] for each in messages if "metric" in each]
    for picture in (0, 1):
        for name in NAMES:
            full = f"image_{picture}/{name}"
            found = [(each["step"], each["metricValue"]) for each in metrics if each["metricName"] == full]
            assert found == expected(made, picture, name)
        full = f"image_{picture}/metrics/contrast"
        [found] = [(each["step"], each["metricValue"]) for each in metrics if each["metricName"] == full]
        assert found == (4, pytest.approx(made.metrics[picture]["contrast"]))


@missing("aim")
def test_aim(made: Made) -> None:
    import aim

    store = made.folder.parent / "aim"
    identity, hashed = (store / "runs" / "cell").read_text().split()
    repo = aim.Repo.from_path(str(store))
    assert repo.list_all_runs() == [hashed]
    run = aim.Run(hashed, repo=repo, system_tracking_interval=None, log_system_params=False)
    assert (run.name, run.experiment, run["status"]) == ("cell", "study", "finished")
    assert run["settings"]["guidance.clamp_max"] == CLAMP
    found = {}
    for metric in run.metrics():
        steps, [values, *_] = metric.data.items_list()
        found[metric.name, metric.context.to_dict()["picture"]] = list(zip(steps, values, strict=True))
    for picture in (0, 1):
        for name in NAMES:
            assert found[name, picture] == expected(made, picture, name)
        assert found["metrics/contrast", picture] == [(4, pytest.approx(made.metrics[picture]["contrast"]))]


@missing("tensorboard")
def test_tensorboard(made: Made) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for picture in (0, 1):
        log = EventAccumulator(str(made.folder / "tensorboard" / f"image_{picture}"))
        log.Reload()
        for name in NAMES:
            single = [(number, np.float32(values[name])) for number, values in sorted(made.steps[picture].items())]
            assert [(event.step, np.float32(event.value)) for event in log.Scalars(name)] == single

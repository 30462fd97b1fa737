"""TensorBoard's event files, read back by TensorBoard's own reader."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import disco
from disco.errors import SettingsError
from disco.run.tracking.base import Tracked
from disco.run.tracking.tensorboard import TensorBoard

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

QUICK = dict(steps=4, width=32, height=32, cut_overview=1, cut_innercut=1, display_rate=2)


def read(folder) -> EventAccumulator:
    found = EventAccumulator(str(folder), {"images": 0, "scalars": 0})
    return found.Reload()


def values(log: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in log.Scalars(tag)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    given = dict(batch_size=2, clamp_max="[0.1]*500+[0.2]*500", perceptor_weights={"embedded_vit": 2})
    given["track"] = ["tensorboard"]
    return disco.render("a red star", folder=tmp_path_factory.mktemp("run"), **QUICK, **given)


def test_every_picture_has_its_log(run):
    assert sorted(path.name for path in (run.folder / "tensorboard").iterdir()) == ["image_0", "image_1"]


@pytest.mark.parametrize("picture", [0, 1])
def test_the_logs_say_what_steps_jsonl_says(run, picture):
    log = read(run.folder / "tensorboard" / f"image_{picture}")
    lines = [json.loads(line) for line in (run.folder / "steps.jsonl").read_text().splitlines()]
    for name in lines[0]["losses"]:
        expected = [(line["number"], pytest.approx(line["losses"][name][picture], rel=1e-5)) for line in lines]
        assert values(log, f"losses/{name}") == expected
    norms = [(line["number"], pytest.approx(line["gradient_rms"][picture], rel=1e-5)) for line in lines]
    assert values(log, "gradient/rms") == norms
    assert values(log, "schedules/clamp_max") == [(n, pytest.approx(v)) for n, v in enumerate([0.1, 0.1, 0.2, 0.2])]
    assert values(log, "schedules/cuts/inner") == [(number, 1.0) for number in range(4)]
    assert values(log, "schedules/perceptor_weights/embedded_vit") == [(number, 2.0) for number in range(4)]
    assert [value for _, value in values(log, "time/seconds")] == [pytest.approx(line["seconds"]) for line in lines]
    [(at, contrast)] = values(log, "metrics/contrast")
    assert (at, contrast) == (4, pytest.approx(run.pictures[picture].metrics["contrast"]))
    assert "clamp_max" in log.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()


def test_the_logs_hold_the_pictures(run, tmp_path):
    pictures = read(run.folder / "tensorboard" / "image_1").Images("picture")
    assert [event.step for event in pictures] == [0, 2, 3]
    (tmp_path / "last.png").write_bytes(pictures[-1].encoded_image_string)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "last.png")), np.asarray(run.pictures[1].image))


def test_a_run_that_fails_leaves_whole_logs(tmp_path):
    def fail(event):
        if event.step.number == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        disco.render("a red star", folder=tmp_path, on_step=fail, track=["tensorboard"], **QUICK)
    assert [number for number, _ in values(read(tmp_path / "tensorboard" / "image_0"), "gradient/rms")] == [0, 1]


def test_without_a_request_there_is_none(tmp_path):
    disco.render("a red star", folder=tmp_path, **QUICK)
    assert not (tmp_path / "tensorboard").exists()


def test_a_run_without_a_folder_is_refused():
    with pytest.raises(SettingsError, match=r"track=\[tensorboard\] needs a run folder"):
        disco.render("a red star", track=["tensorboard"], **QUICK)


def test_a_run_that_was_interrupted_has_no_metrics_yet(tmp_path):
    def stop(event):
        if event.step.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disco.render("a red star", folder=tmp_path, on_step=stop, track=["tensorboard"], **QUICK)
    assert not [tag for tag in read(tmp_path / "tensorboard" / "image_0").Tags()["scalars"] if "metrics" in tag]
    disco.resume(tmp_path)
    [(at, _)] = values(read(tmp_path / "tensorboard" / "image_0"), "metrics/contrast")
    assert at == 4


def test_steps_without_guidance_are_logged_too(tmp_path):
    """No loss, and a loss that is no number."""
    board = TensorBoard(Tracked(tmp_path, {}, "", 1, "disco"))
    board.step(0, 0, {"gradient/rms": 0.0}, None)
    board.step(0, 1, {"gradient/rms": 0.0, "losses/clip/a": float("nan")}, None)
    board.finish("finished")
    log = read(tmp_path / "tensorboard" / "image_0")
    assert np.isnan(values(log, "losses/clip/a")[0][1])
    assert values(log, "gradient/rms") == [(0, 0.0), (1, 0.0)]

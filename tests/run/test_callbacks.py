"""TensorBoard's event files, read back by TensorBoard's own reader."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import disco
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.run.callbacks import StepEvent, TensorBoard, scalars
from disco.settings import extras
from disco.settings.config import load
from disco.settings.overrides import from_python

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
    given = dict(batch_size=2, tensorboard=True, clamp_max="[0.1]*500+[0.2]*500", perceptor_weights={"embedded_vit": 2})
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
        disco.render("a red star", folder=tmp_path, on_step=fail, tensorboard=True, **QUICK)
    assert [number for number, _ in values(read(tmp_path / "tensorboard" / "image_0"), "gradient/rms")] == [0, 1]


def test_without_a_request_there_is_none(tmp_path):
    disco.render("a red star", folder=tmp_path, **QUICK)
    assert not (tmp_path / "tensorboard").exists()


def test_no_folder_and_no_package_are_refused_before_models(monkeypatch, tmp_path):
    with pytest.raises(SettingsError, match="tensorboard=true needs a run folder"):
        disco.render("a red star", tensorboard=True, **QUICK)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs the package tensorboard.*disco-engine\[tensorboard\]"):
        disco.render("a red star", tensorboard=True, folder=tmp_path, **QUICK)
    assert list(tmp_path.iterdir()) == []


def test_steps_without_guidance_are_logged_too(tmp_path):
    """No loss, and a loss that is no number."""
    plan = build_plan(load(from_python({"prompt": "a red star", **QUICK})))
    board = TensorBoard(tmp_path, plan)
    for step, losses in zip(plan.steps, [{}, {"clip/a": [float("nan")]}], strict=False):
        line = {
            "pictures": [0],
            "losses": losses,
            "gradient_rms": [0.0],
            "seconds": 0.1,
            "perceptor_weights": (1, 1, 1),
        }
        board(StepEvent(step, line, torch.zeros(1, 3, 32, 32)))
    board.close()
    assert np.isnan(values(read(tmp_path / "image_0"), "losses/clip/a")[0][1])


def test_scalars_of_nested_values():
    nested = {"a": 1, "b": {"c": True, "d": [0.5, "text", None]}, "e": None}
    assert dict(scalars("x", nested)) == {"x/a": 1.0, "x/b/c": 1.0, "x/b/d/0": 0.5}

"""What of finished pictures is measured."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from disco.critics.judge import assess
from disco.critics.metrics import METRICS, measure
from disco.planning.prompts import Prompt
from disco.run.api import render
from support.toy_runs import QUICK, stop_in_batch


def test_finished_pictures_are_measured(toys, tmp_path):
    run = render("a red star", folder=tmp_path, n_batches=2, batch_size=2, **QUICK)
    assert json.loads((tmp_path / "run.json").read_text())["metrics"] == [picture.metrics for picture in run.pictures]
    for picture in run.pictures:
        assert picture.metrics.items() >= measure(Image.open(picture.path)).items()
        assert picture.metrics["recognition"] in (0, 0.5, 1) and "recognition_colour" in picture.metrics
    assert len({picture.metrics["judge"] for picture in run.pictures}) == 4


@pytest.mark.parametrize(
    ("given", "names"), [(True, {*METRICS, "judge"}), (False, set()), (["contrast", "judge"], {"contrast", "judge"})]
)
def test_what_is_measured_can_be_chosen(toys, tmp_path, given, names):
    run = render("a red star", folder=tmp_path, metrics=given, **QUICK)
    found = set(run.pictures[0].metrics)
    assert {name for name in found if not name.startswith(("recognition", "seen"))} == names
    assert ("metrics" in json.loads((tmp_path / "run.json").read_text())) == bool(names)


def test_the_judge_hears_what_holds_at_the_end(toys):
    run = render(prompts={"0": ["a castle by night"], "50%": ["a blue fish", "a red car:-0.5"]}, **QUICK)
    asked = {name for name in run.pictures[0].metrics if name.startswith("recognition_")}
    assert asked == {"recognition_subject", "recognition_colour"}


def test_prompts_and_models_outside_the_judges_world_have_no_verdict(toys, tmp_path):
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "red.png")
    from_image = render(image_prompts=[str(tmp_path / "red.png")], **QUICK).pictures[0].metrics
    assert from_image["judge"] is from_image["recognition"] is None
    found = assess(Image.new("RGB", (64, 64)), ["judge"], [Prompt("a red star", 1.0)], "another_unet")
    assert found == {"judge": None, "recognition": None}


def test_an_interrupted_run_is_measured_too(toys, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        render("a red star", folder=tmp_path, on_step=stop_in_batch(0), **QUICK)
    [metrics] = json.loads((tmp_path / "run.json").read_text())["metrics"]
    assert metrics.items() >= measure(Image.open(tmp_path / "image_0.png")).items()

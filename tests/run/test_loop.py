"""A run at work: who hears of it, how it ends, and what is kept however it does."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disco.critics.judge import assess
from disco.errors import RenderError
from disco.run import results
from disco.run.api import render, render_settings
from disco.run.folder.run_folder import RunFolder
from disco.run.interrupts import Stopped
from support.toy_runs import QUICK, pixels, settings_of


def test_ctrl_c_keeps_the_last_prediction_and_says_where(toys, tmp_path):
    shown = []

    def interrupt(event):
        shown.append(event.step.number)
        if event.step.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="image_0.png"):
        render("a red star", folder=tmp_path, on_step=interrupt, **QUICK)
    assert shown == [0, 1, 2, 3]
    assert Image.open(tmp_path / "image_0.png").size == (32, 32)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "interrupted"


def test_ctrl_c_while_a_picture_is_measured_loses_neither_it_nor_the_others(toys, tmp_path, monkeypatch):
    measured = []

    def interrupt_the_second(*given):
        measured.append(len(measured))
        if len(measured) == 2:
            raise KeyboardInterrupt
        return assess(*given)

    monkeypatch.setattr(results, "assess", interrupt_the_second)
    with pytest.raises(KeyboardInterrupt, match="image_2.png"):
        render("a red star", folder=tmp_path, n_batches=2, batch_size=3, **QUICK)
    assert sorted(path.name for path in tmp_path.glob("image_*.png")) == [f"image_{n}.png" for n in range(3)]
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert [bool(metrics) for metrics in record["metrics"]] == [True, False, True]


def test_an_interrupt_while_a_finished_run_is_recorded_leaves_it_finished(toys, tmp_path, monkeypatch):
    """The record is completed all the same; the signal's own exception goes on, and names the picture."""
    finish, calls = RunFolder.finish, []

    def interrupted_once(out, status, **more):
        calls.append(status)
        if len(calls) == 1:
            raise Stopped(number=signal.SIGTERM)
        finish(out, status, **more)

    monkeypatch.setattr(RunFolder, "finish", interrupted_once)
    with pytest.raises(Stopped, match="the run is finished, and its last picture is .*image_0.png") as caught:
        render("a red star", folder=tmp_path, **QUICK)
    assert caught.value.number == signal.SIGTERM and calls == ["finished"] * 2
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "finished"


def test_a_hook_that_ends_the_process_leaves_no_run_running(toys, tmp_path):
    with pytest.raises(SystemExit):
        render("a red star", folder=tmp_path, on_step=lambda event: sys.exit(3), **QUICK)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "failed"


def test_a_failure_is_recorded_and_raised(toys, tmp_path):
    def spoil(picture):
        raise RuntimeError("out of memory")

    toys.spoil = spoil
    with pytest.raises(RuntimeError, match="out of memory"):
        render("a red star", folder=tmp_path, **QUICK)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "failed" and "out of memory" in record["error"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_fills_up(toys, tmp_path):
    """The error names the file; what is finished stays, and the record says failed."""

    def fill(event):
        if event.step.number == 2 and (tmp_path / "image_0.png").exists():
            (tmp_path / "steps.jsonl").unlink()
            (tmp_path / "steps.jsonl").symlink_to("/dev/full")

    with pytest.raises(OSError) as error:
        render("a red star", folder=tmp_path, n_batches=2, on_step=fill, **QUICK)
    assert error.value.filename == str(tmp_path / "steps.jsonl")
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "failed" and "steps.jsonl" in record["error"]
    assert Image.open(tmp_path / "image_0.png").size == (32, 32)


def test_a_record_that_cannot_be_written_hides_no_failure(toys, tmp_path):
    def vanish(event):
        (tmp_path / "run").rename(tmp_path / "elsewhere")  # at once: another thread may be writing into it
        raise ValueError("the hook's own")

    with pytest.raises(ValueError, match="the hook's own"):
        render("a red star", folder=tmp_path / "run", on_step=vanish, **QUICK)


def test_a_model_that_predicts_nan_fails_with_its_cause(toys, tmp_path):
    toys.spoil = lambda picture: picture * float("nan")
    told = []
    settings = settings_of(n_batches=2)
    with pytest.raises(RenderError, match="picture 0 is not finite.*from step 0 of 6 on, .*before anything") as caught:
        render_settings(settings, tmp_path, quiet=True, on_note=told.append)
    assert [picture.path.exists() for picture in caught.value.run.pictures] == [True, True]
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["status"], record["error"]) == ("failed", str(caught.value))
    assert record["error"].endswith("; likewise picture 1")
    assert told and record["notes"][-len(told) :] == told
    assert any("the gradient was not finite 12 times" in note for note in told)


def test_guidance_that_leaves_the_range_of_numbers_fails_with_its_cause(toys):
    with pytest.raises(RenderError, match="not finite.*step 2 had a gradient of RMS inf, with clamp_grad=f"):
        render("a red star", range_scale=1e38, clamp_grad=False, **QUICK)


def test_an_infinite_norm_is_said(toys, tmp_path):
    """The gradient itself is finite, its square is not."""
    run = render("a red star", folder=tmp_path, tv_scale=1e24, **QUICK)
    assert any("RMS was infinite at 6 of 6 steps, first at step 0" in note for note in run.notes)
    assert run.steps[0]["gradient_rms"] == [float("inf")] and run.steps[0]["skipped"] == [False]
    assert '"gradient_rms": [null]' in (tmp_path / "steps.jsonl").read_text()


def test_a_picture_of_one_colour_fails(toys):
    """The network sees noise alone, so that the prediction lies far below black."""
    toys.spoil = lambda noise: noise * 0 + 1e6
    with pytest.raises(RenderError, match="^picture 0 is #000000 in every pixel: its last prediction lies between -"):
        render("a red star", **QUICK)


def test_the_other_pictures_of_a_run_are_as_they_should(toys):
    fine = render("a red star", n_batches=2, **QUICK)
    toys.spoil = lambda picture: picture * float("nan") if toys.calls > 18 else picture
    with pytest.raises(RenderError, match="^picture 1 is not finite") as caught:
        render("a red star", n_batches=2, **QUICK)
    assert np.array_equal(pixels(caught.value.run)[0], pixels(fine)[0])


def test_a_hook_sees_every_step(toys, tmp_path):
    events = []
    run = render("a red star", folder=tmp_path, n_batches=2, batch_size=2, on_step=events.append, **QUICK)
    assert [event.step.number for event in events] == [*range(6), *range(6)]
    assert [event.line for event in events] == list(run.steps)
    assert json.loads((tmp_path / "steps.jsonl").read_text().splitlines()[7])["pictures"] == events[7].line["pictures"]
    assert list(events[-1].pictures) == [2, 3]
    for number, image in events[-1].pictures.items():
        np.testing.assert_array_equal(np.asarray(image), np.asarray(run.pictures[number].image))
    with pytest.raises(AttributeError):
        events[0].line = {}


def test_following_changes_no_picture(toys):
    plain = render("a red star", **QUICK)
    followed = render("a red star", on_step=lambda event: event.pictures, **QUICK)
    np.testing.assert_array_equal(pixels(plain), pixels(followed))


def test_an_error_in_a_hook_ends_the_run(toys, tmp_path):
    def fail(event):
        if event.step.number == 2:
            raise ConnectionError("the tracker is away")

    with pytest.raises(ConnectionError, match="the tracker is away"):
        render("a red star", folder=tmp_path, on_step=fail, **QUICK)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "failed" and record["error"] == "ConnectionError: the tracker is away"
    assert len((tmp_path / "steps.jsonl").read_text().splitlines()) == 3

"""A run from end to end: on toy networks where its own logic is at stake, on the embedded ones where pictures are."""

import gc
import hashlib
import json
import os
import shutil
import signal
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import functional as TF

from disco.arrangement import Arrangement
from disco.critics.judge import assess, load_judge
from disco.critics.metrics import METRICS, measure
from disco.errors import RenderError, SettingsError
from disco.guidance.calls import one_by_one
from disco.guidance.perceptor import Perceptor, image_target
from disco.guidance.targets import prompt_size
from disco.models import catalog
from disco.models.files import store
from disco.pipeline.build import Networks
from disco.planning.plan import build_plan
from disco.planning.prompts import Prompt
from disco.resources.arrange import arrange
from disco.resources.threads import side_by_side
from disco.run import results, steps
from disco.run.api import render, render_settings, resume
from disco.run.folder.reading import read_record, read_settings
from disco.run.folder.run_folder import RunFolder, clear_run
from disco.run.interrupts import Stopped
from disco.run.session import SESSION, Loaders, Session
from disco.run.steps import render_batch
from disco.settings.config import load
from disco.settings.overrides import from_python

QUICK = dict(steps=6, width=32, height=32, cut_overview=2, cut_innercut=2)


def pixels(run):
    return np.stack([np.asarray(picture.image) for picture in run.pictures])


def with_tile(plan, tile):
    return replace(plan, settings=replace(plan.settings, model=replace(plan.settings.model, tile=tile)))


def settings_of(**given):
    return load(from_python({"prompt": "a red star", **QUICK, **given}))


@pytest.fixture
def toys(monkeypatch):
    """Small smooth networks in the places of the embedded ones; `loads` counts how often they were asked for."""
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 3, 3, padding=1).requires_grad_(False)
    tower = nn.Sequential(nn.Conv2d(3, 8, 5, stride=3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    tower.requires_grad_(False)

    def encode_text(texts):
        rows = [torch.randn(32, generator=torch.Generator().manual_seed(sum(map(ord, text)))) for text in texts]
        return state.hear(torch.stack(rows))

    state = SimpleNamespace(
        loads=0,
        classes=None,
        seen_classes=[],
        calls=0,
        spoil=lambda picture: picture,
        hear=lambda embeddings: embeddings,
    )

    def unet(x, t, y=None):
        state.calls += 1
        if y is not None:
            state.seen_classes.append(y.tolist())
        return state.spoil(torch.tanh(conv(x)))

    def networks(session, plan, device, arrangement):
        state.loads += 1
        spec = replace(catalog.unet("embedded"), predicts="eps", num_classes=state.classes)
        secondary = (lambda x, t: torch.tanh(conv(x))) if plan.settings.model.use_secondary_model else None
        perceptors = [Perceptor(name, 16, (0.5,) * 3, (0.3,) * 3, tower, encode_text) for name in plan.perceptors]
        return Networks(unet, spec, secondary, tuple(perceptors))

    load_judge()  # by its own hash and from its own place, and kept
    monkeypatch.setattr(Session, "networks", networks)
    monkeypatch.setattr(store, "hash_of", lambda path: "0" * 64)
    monkeypatch.setattr(store, "weights_path", lambda spec: Path(spec.weights.name))
    return state


# --- what a seed means -----------------------------------------------------------------------------------------------


def test_same_settings_same_bits(toys):
    first, again = (render("a red star", seed=3, **QUICK) for _ in range(2))
    np.testing.assert_array_equal(pixels(first), pixels(again))
    other = render("a red star", seed=4, **QUICK)
    assert (pixels(first) != pixels(other)).any()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"perlin_init": True, "skip_steps": 2},
        {"fuzzy_prompt": True},
        {"use_secondary_model": True},
        {"cutout_family": "random", "cutn": 3},
        {"diffusion_sampling_mode": "ddpm"},
        {"diffusion_sampling_mode": "plms"},
        {"compat": "disco57", "sat_scale": 100},
    ],
    ids=str,
)
def test_an_image_depends_on_its_seed_alone(toys, more):
    together = render("a red star", seed=5, batch_size=4, **QUICK, **more)
    in_turn = render("a red star", seed=5, n_batches=4, **QUICK, **more)
    alone = [render("a red star", seed=5 + i, **QUICK, **more) for i in range(4)]
    np.testing.assert_array_equal(pixels(in_turn), np.concatenate([pixels(run) for run in alone]))
    assert [picture.seed for picture in together.pictures] == [5, 6, 7, 8]
    np.testing.assert_array_equal(pixels(together), pixels(in_turn))
    assert len({picture.image.tobytes() for picture in together.pictures}) == 4


def predictions(call_all=one_by_one, **given):
    """The last x0 of a batch, unrounded."""
    plan = build_plan(settings_of(**given))
    networks = SESSION.networks(plan, torch.device("cpu"), Arrangement("float32"))._replace(call_all=call_all)
    *_, last = render_batch(plan, networks, plan.seeds, torch.device("cpu"))
    return last.x0


def test_pictures_computed_at_once_are_those_computed_in_turn(toys):
    """And so are the one picture's, whose perceptors look at once."""
    for size in (1, 3):
        in_turn = predictions(seed=5, batch_size=size, **QUICK)
        with side_by_side(2) as call_all:
            assert torch.equal(predictions(call_all, seed=5, batch_size=size, **QUICK), in_turn)


def test_random_state_of_the_process_is_left_alone(toys):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = render("a red star", **QUICK)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    np.testing.assert_array_equal(pixels(first), pixels(render("a red star", **QUICK)))


def test_a_random_seed_is_drawn_and_told(toys):
    run = render("a red star", seed="random", **QUICK)
    again = render("a red star", seed=run.pictures[0].seed, **QUICK)
    np.testing.assert_array_equal(pixels(run), pixels(again))
    assert run.settings.seed == run.pictures[0].seed


# --- what a run leaves behind ----------------------------------------------------------------------------------------


def test_a_run_folder_tells_all(toys, tmp_path):
    folder = tmp_path / "run"
    run = render("a red star", folder=folder, batch_size=2, intermediate_saves=2, video="gif", **QUICK)
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["seeds"] == [0, 1]
    assert record["weights"].keys() == {"embedded", "embedded_vit", "embedded_resnet", "embedded_vit8"}
    assert record["seconds"] > 0
    lines = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(6))
    assert lines[0]["losses"].keys() >= {"clip/embedded_vit", "clip/embedded_resnet", "range"}
    assert len(lines[0]["gradient_rms"]) == 2
    for number, picture in enumerate(run.pictures):
        assert picture.path == folder / f"image_{number}.png"
        np.testing.assert_array_equal(np.asarray(Image.open(picture.path)), np.asarray(picture.image))
    assert (folder / "progress.png").exists()
    partials = sorted((folder / "partials").iterdir())
    assert len(partials) == 4
    seeds = [read_settings(path)["seed"] for path in [*partials, folder / "progress.png", folder / "image_1.png"]]
    assert seeds == [0, 0, 1, 1, 0, 1]
    with Image.open(folder / "image_1.gif") as film:
        assert film.n_frames == 6


def test_a_picture_replays_to_its_bits(toys, tmp_path):
    run = render("a red star:2", folder=tmp_path / "run", n_batches=3, clamp_max="[0.1]*500+[0.2]*500", **QUICK)
    from disco.settings.config import from_dict

    again = render_settings(from_dict(read_settings(run.pictures[2].path)), quiet=True)
    np.testing.assert_array_equal(pixels(again)[0], pixels(run)[2])


def test_a_folder_that_holds_a_run_is_not_touched(toys, tmp_path):
    render("a red star", folder=tmp_path, **QUICK)
    with pytest.raises(SettingsError, match="already holds a run"):
        render("a red star", folder=tmp_path, **QUICK)
    assert toys.loads == 1


def test_without_a_folder_nothing_is_written(toys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = render("a red star", **QUICK)
    assert run.folder is None and run.pictures[0].path is None
    assert not list(tmp_path.iterdir())


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
        shutil.rmtree(tmp_path / "run")
        raise ValueError("the hook's own")

    with pytest.raises(ValueError, match="the hook's own"):
        render("a red star", folder=tmp_path / "run", on_step=vanish, **QUICK)


def test_a_folder_below_the_home_folder(toys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert render("a red star", folder="~/run", **QUICK).pictures[0].path == tmp_path / "run" / "image_0.png"


# --- failures that look like success ----------------------------------------------------------------------------------


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
    with pytest.raises(RenderError, match="not finite.*step 1 had a gradient of RMS inf, with clamp_grad=f"):
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


# --- what goes on ----------------------------------------------------------------------------------------------------

SIX = dict(n_batches=3, batch_size=2, video="gif") | QUICK


def stop_in_batch(number):
    """A hook that interrupts in the middle of a batch."""

    def stop(event):
        if event.line["pictures"][0] == 2 * number and event.step.number == 3:
            raise KeyboardInterrupt

    return stop


def interrupt(folder):
    with pytest.raises(KeyboardInterrupt):
        render("a red star", folder=folder, on_step=stop_in_batch(1), **SIX)
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"


def kill(folder):
    """What a process leaves that has no time to end."""
    interrupt(folder)
    record = json.loads((folder / "run.json").read_text())
    del record["seconds"], record["metrics"], record["notes"]
    (folder / "run.json").write_text(json.dumps(record | {"status": "running"}))
    (folder / "image_2.png").unlink()
    for name in (".lock", ".image_2.png.1234.part", "image_3.png"):
        (folder / name).write_bytes(b"")
    with open(folder / "steps.jsonl", "a") as lines:
        lines.write('{"pictures": [2, 3], "number')


def fail(folder):
    def run_out(event):
        if event.line["pictures"] == [2, 3]:
            raise MemoryError

    with pytest.raises(MemoryError):
        render("a red star", folder=folder, on_step=run_out, **SIX)


def damage(folder):
    render("a red star", folder=folder, **SIX)
    (folder / "image_3.png").write_bytes((folder / "image_3.png").read_bytes()[:-9])
    (folder / "image_4.gif").unlink()


def left_by(folder):
    """What a run leaves, but for what measures time, memory and stops."""
    record = json.loads((folder / "run.json").read_text())
    lines = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
    return (
        {key: value for key, value in record.items() if key not in ("seconds", "memory", "started", "resumed")},
        [{key: value for key, value in line.items() if key != "seconds"} for line in lines],
        {path.name: path.read_bytes() for path in folder.glob("*.[pg]*")},
    )


@pytest.mark.parametrize(("stop", "calls"), [(interrupt, 18), (kill, 18), (fail, 24), (damage, 24)])
def test_a_run_that_stopped_ends_as_if_it_had_not(toys, tmp_path, stop, calls):
    """calls: steps by pictures of the second batch, of six steps, from where it stood, and of the third."""
    whole = render("a red star", folder=tmp_path / "undisturbed", **SIX)
    stop(tmp_path / "run")
    toys.calls = 0
    run = resume(tmp_path / "run")
    assert toys.calls == calls
    assert left_by(tmp_path / "run") == left_by(tmp_path / "undisturbed")
    assert sorted(os.listdir(tmp_path / "run")) == sorted(os.listdir(tmp_path / "undisturbed"))
    np.testing.assert_array_equal(pixels(run), pixels(whole))
    assert [picture.metrics for picture in run.pictures] == [picture.metrics for picture in whole.pictures]
    assert (len(run.steps), run.notes, run.folder) == (18, whole.notes, tmp_path / "run")
    with pytest.raises(SettingsError, match="holds a finished run; there is nothing to resume"):
        resume(tmp_path / "run")


def test_a_run_that_is_stopped_again_goes_on_again(toys, tmp_path):
    interrupt(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        resume(tmp_path, on_step=stop_in_batch(2))
    toys.calls = 0
    resume(tmp_path)
    assert toys.calls == 6
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "finished" and len(record["resumed"]) == 2


def test_a_picture_that_shows_nothing_fails_again(toys, tmp_path):
    toys.spoil = lambda picture: picture * float("nan") if toys.calls <= 6 else picture
    with pytest.raises(RenderError) as first:
        render("a red star", folder=tmp_path, n_batches=2, **QUICK)
    toys.calls = 0
    with pytest.raises(RenderError) as again:
        resume(tmp_path)
    assert str(again.value) == str(first.value) and toys.calls == 6
    assert json.loads((tmp_path / "run.json").read_text())["error"] == str(first.value)


def test_what_cannot_be_the_same_is_not_resumed(toys, tmp_path, monkeypatch):
    Image.new("RGB", (32, 32), "red").save(tmp_path / "start.png")
    with pytest.raises(KeyboardInterrupt):
        given = QUICK | dict(init_image=str(tmp_path / "start.png"), skip_steps=1)
        render("a red star", folder=tmp_path / "run", on_step=lambda event: interrupted(), **given)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    toys.loads = 0

    def refused(said):
        with pytest.raises(SettingsError, match=said) as caught:
            resume(tmp_path / "run")
        assert str(caught.value).endswith("run.json renders it from the beginning")

    for key, value, said in (
        ("version", "0.0.1", "version was '0.0.1' and is "),
        ("precision", "float16", "precision was 'float16' and is "),
        ("weights", {"embedded": "1" * 64}, "weights of embedded, .*embedded_vit.* are others"),
    ):
        record = json.loads(before["run.json"])
        (tmp_path / "run" / "run.json").write_text(json.dumps(record | {key: value}))
        refused(said)
    (tmp_path / "run" / "run.json").write_bytes(before["run.json"])
    Image.new("RGB", (32, 32), "blue").save(tmp_path / "start.png")
    with pytest.raises(SettingsError, match="start.png is another"):
        resume(tmp_path / "run")
    assert toys.loads == 0
    after = {path.name: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert after == before


def interrupted():
    raise KeyboardInterrupt


def test_pictures_that_were_handed_over_are_found_again(toys, tmp_path):
    """In the run folder, which keeps them; and files from wherever the command is given."""
    given = QUICK | dict(init_image=Image.new("RGB", (32, 32), "red"), skip_steps=1)
    whole = render("a red star", folder=tmp_path / "undisturbed", **given)
    with pytest.raises(KeyboardInterrupt):
        render("a red star", folder=tmp_path / "run", on_step=lambda event: interrupted(), **given)
    np.testing.assert_array_equal(pixels(resume(tmp_path / "run")), pixels(whole))
    assert left_by(tmp_path / "run") == left_by(tmp_path / "undisturbed")


def test_other_weights_and_versions_go_on_if_told_so(toys, tmp_path):
    interrupt(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    versions = record["versions"] | {"torch": "0.4"}
    (tmp_path / "run.json").write_text(json.dumps(record | {"versions": versions}))
    with pytest.raises(SettingsError, match="cannot be resumed to the same picture, for versions of torch are others"):
        resume(tmp_path)
    note = "resumed although versions of torch are others, so the pictures are others than those of an undisturbed run"
    assert note in resume(tmp_path, anyway=True).notes


def test_a_folder_in_use_is_left_alone(toys, tmp_path):
    """By a run in this process or another; the lock goes when the run ends."""

    def intrude(event):
        for again in (lambda: resume(tmp_path), lambda: clear_run(tmp_path)):
            with pytest.raises(SettingsError, match="is in use by another process; wait for its end"):
                again()

    run = render("a red star", folder=tmp_path, on_step=intrude, **QUICK)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "finished"
    assert ".lock" not in os.listdir(tmp_path) and run.pictures


# --- what is measured ------------------------------------------------------------------------------------------------


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


# --- who follows -----------------------------------------------------------------------------------------------------


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


# --- what settings do ------------------------------------------------------------------------------------------------


def test_stages_take_over_at_their_share(toys):
    early = predictions(prompt=None, prompts={"0": ["a red star"], "50%": ["a blue fish"]})
    never = predictions(prompt=None, prompts={"0": ["a red star"]})
    plan = build_plan(settings_of(prompt=None, prompts={"0": ["a red star"], "50%": ["a blue fish"]}))
    assert [step.stage for step in plan.steps] == [0, 0, 0, 1, 1, 1]
    assert (early - never).abs().max() > 1e-4


def test_a_single_prompts_weight_is_without_effect(toys):
    torch.testing.assert_close(predictions(prompt="a red star:1000"), predictions(prompt="a red star"), rtol=0, atol=0)


def test_a_negative_prompt_and_an_image_prompt_have_effect(toys, tmp_path):
    plain = predictions()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "red.png")
    assert (predictions(prompt=None, prompts=["a red star:2", "a blue fish:-1"]) - plain).abs().max() > 1e-4
    assert (predictions(image_prompts=[f"{tmp_path / 'red.png'}:2"]) - plain).abs().max() > 1e-4


def test_perceptors_switch_on_and_off_over_time(toys):
    half = predictions(perceptor_weights={"embedded_vit": "[1]*500+[0]*500"})
    assert (half - predictions()).abs().max() > 1e-5
    assert (half - predictions(perceptor_weights={"embedded_vit": 0})).abs().max() > 1e-5


def test_eta_is_without_effect_under_plms(toys):
    runs = [predictions(diffusion_sampling_mode="plms", eta=eta) for eta in (0, 1)]
    torch.testing.assert_close(*runs, rtol=0, atol=0)


def test_clamp_max_zero_is_no_guidance(toys):
    torch.testing.assert_close(
        predictions(clamp_max=0), predictions(clip_guidance_scale=0, range_scale=0), rtol=0, atol=0
    )


def test_init_image_is_kept_more_the_more_steps_are_skipped(toys, tmp_path):
    Image.fromarray(np.tile(np.linspace(0, 255, 32, dtype=np.uint8)[:, None, None], (1, 32, 3))).save(
        tmp_path / "i.png"
    )
    target = torch.linspace(-1, 1, 32)[None, None, :, None]

    def distance(**given):
        return (predictions(init_image=str(tmp_path / "i.png"), **given) - target).abs().mean()

    assert distance(skip_steps=5) < distance(skip_steps=0)
    assert distance(skip_steps=5, init_noise=0.5) > distance(skip_steps=5)


def test_a_run_says_which_pictures_went_in_and_keeps_them_on_request(toys, tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "i.jpg")
    Image.new("RGB", (20, 20), "blue").save(tmp_path / "p.png")
    given = dict(init_image=str(tmp_path / "i.jpg"), image_prompts=[f"{tmp_path / 'p.png'}:2"], skip_steps=3)
    for keep in (False, True):
        folder = tmp_path / f"run{keep}"
        render("a red star", folder=folder, keep_inputs=keep, **QUICK, **given)
        inputs = read_record(folder / "run.json")["inputs"]
        assert inputs == read_record(folder / "image_0.png")["inputs"]
        for entry, (setting, name) in zip(inputs, (("init_image", "i.jpg"), ("image_prompts", "p.png")), strict=True):
            content = (tmp_path / name).read_bytes()
            assert (entry["setting"], entry["path"]) == (setting, str(tmp_path / name))
            assert entry["sha256"] == hashlib.sha256(content).hexdigest()
            assert (entry["kept"] is not None) == keep
            assert not keep or (folder / entry["kept"]).read_bytes() == content
        assert (folder / "inputs").exists() == keep


def test_pictures_at_hand_are_kept_and_rendered_again(toys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    red = Image.new("RGB", (40, 30), "red")
    red.save("red.png")
    given = dict(skip_steps=3, **QUICK)
    made = render("a red star", folder="run", init_image=red, image_prompts=[np.asarray(red)], **given)
    by_path = render("a red star", init_image="red.png", image_prompts=["red.png"], **given)
    np.testing.assert_array_equal(pixels(made), pixels(by_path))
    (name,) = {entry["kept"] for entry in read_record("run/image_0.png")["inputs"]}
    assert made.settings.init.init_image == name and Image.open(tmp_path / "run" / name).size == (40, 30)
    monkeypatch.chdir(tmp_path / "run")  # as replay finds it, from wherever
    np.testing.assert_array_equal(pixels(made), pixels(render_settings(made.settings, quiet=True)))
    with pytest.raises(SettingsError, match="init_image is a int"):
        render("a red star", folder="other", init_image=3)
    assert not Path("other").exists()


def test_a_picture_that_changes_after_the_plan_is_rendered_as_it_was(toys, tmp_path):
    given = dict(init_image=str(tmp_path / "i.png"), skip_steps=3)
    Image.new("RGB", (32, 32), "red").save(tmp_path / "i.png")
    red = predictions(**given)
    plan = build_plan(settings_of(**given))
    Image.new("RGB", (32, 32), "blue").save(tmp_path / "i.png")
    networks = SESSION.networks(plan, torch.device("cpu"), Arrangement("float32"))
    *_, last = render_batch(plan, networks, plan.seeds, torch.device("cpu"))
    assert torch.equal(last.x0, red) and not torch.equal(predictions(**given), red)


def test_init_scale_by_perceptors_pulls_towards_the_init_image(toys, tmp_path):
    Image.new("RGB", (32, 32), (250, 10, 10)).save(tmp_path / "i.png")
    given = dict(init_image=str(tmp_path / "i.png"), init_loss="perceptors", clip_guidance_scale=0)
    lines = {}
    for scale in (1, 2000):
        plan = build_plan(settings_of(init_scale=scale, **given))
        networks = SESSION.networks(plan, torch.device("cpu"), Arrangement("float32"))
        lines[scale] = [
            result.line["losses"]["init"][0] / scale
            for result in render_batch(plan, networks, [0], torch.device("cpu"))
        ]
    assert lines[2000][-1] < lines[1][-1]


def test_perlin_init_and_an_init_image_do_not_mix(toys, tmp_path):
    """Bug 6: the original lets the noise replace the picture, and pulls towards it."""
    Image.new("RGB", (32, 32)).save(tmp_path / "i.png")
    both = dict(init_image=str(tmp_path / "i.png"), perlin_init=True, skip_steps=3)
    with pytest.raises(SettingsError, match="perlin_init"):
        build_plan(settings_of(**both))
    silently = predictions(**both, compat="disco57")
    torch.testing.assert_close(silently, predictions(perlin_init=True, skip_steps=3, compat="disco57"), rtol=0, atol=0)


def test_perlin_noise_is_no_target_but_in_compat(toys):
    given = dict(perlin_init=True, skip_steps=2, init_loss="perceptors", init_scale=1000)
    torch.testing.assert_close(predictions(**given), predictions(**given | {"init_scale": 0}), rtol=0, atol=0)
    compat = given | {"compat": "disco57"}
    assert (predictions(**compat) - predictions(**compat | {"init_scale": 0})).abs().max() > 1e-5


def test_the_first_line_of_plms_is_of_its_own_level_and_tells_what_either_evaluation_dropped(toys, monkeypatch):
    """Its first step looks at the next level too."""
    euler, plms = (
        render("a red star", diffusion_sampling_mode=mode, eta=0, tv_scale=100, **QUICK).steps[0]
        for mode in ("ddim", "plms")
    )
    assert plms["losses"] == euler["losses"]
    assert plms["gradient_rms"] == euler["gradient_rms"]
    seen = []

    def once(gradient):
        seen.append(1)
        fine = torch.zeros(len(gradient), 1, 1, 1, dtype=torch.bool)
        return gradient, fine if len(seen) != 2 else ~fine

    monkeypatch.setattr("disco.guidance.gradient.drop_non_finite", once)
    run = render("a red star", diffusion_sampling_mode="plms", **QUICK)
    assert [line["skipped"] for line in run.steps] == [[True]] + [[False]] * 5
    assert "the gradient was not finite 1 times" in run.notes[-1]


def test_networks_of_earlier_runs_are_let_go_of_where_they_take_the_room():
    """Two plans of one process: what the first loaded stays as long as the second fits beside it."""
    first = build_plan(settings_of(clip_models=["embedded_vit"]))
    plan = build_plan(settings_of(clip_models=["embedded_vit8"], memory_limit="300MiB"))
    arrangement, cpu, session = Arrangement("float32"), torch.device("cpu"), Session()
    session.networks(first, cpu, arrangement)
    names = {name for name, _ in session.sizes}
    assert names == {"embedded", "embedded_vit"}
    loaded = session.loaders.perceptor(catalog.perceptor("embedded_vit"), cpu, torch.float32)
    assert session.sizes["embedded_vit", torch.float32] >= 4 * sum(p.numel() for p in loaded.model.parameters())
    estimate = arrange(plan, cpu)[1]
    session.make_room(plan, arrangement, estimate, cpu)
    assert {name for name, _ in session.sizes} == names
    kept = session.loaders.unet(catalog.unet("embedded"), cpu, torch.float32)
    assert session.networks(first, cpu, arrangement).unet is kept
    session.sizes["another", torch.float32] = 2**30
    session.make_room(plan, arrangement, None, cpu)  # too small to be planned
    assert len(session.sizes) == 3
    tiled = weakref.ref(session.networks(with_tile(first, "x"), cpu, arrangement).unet)
    assert tiled() is session.networks(with_tile(first, "x"), cpu, arrangement).unet
    session.make_room(plan, arrangement, estimate, cpu)
    gc.collect()
    assert not session.sizes and tiled() is None
    assert session.networks(first, cpu, arrangement).unet is not kept


def test_image_prompts_are_cut_the_originals_way_in_compat(toys, tmp_path, monkeypatch):
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "red.png")
    asked = []
    monkeypatch.setattr(
        "disco.guidance.targets.image_target", lambda *given: asked.append(given[-1]) or image_target(*given)
    )
    for compat in ("none", "disco57"):
        render(image_prompts=[str(tmp_path / "red.png")], compat=compat, **QUICK)
    assert asked and asked == [False] * (len(asked) // 2) + [True] * (len(asked) // 2)


TINY = dict(steps=2, width=16, height=24, cut_overview=1, cut_innercut=1, clip_models=["embedded_vit"], metrics=False)


def test_tiling_leaks_from_no_run_into_another():
    """Networks are kept: neither a run that follows nor one in between is touched."""
    given = dict(TINY, use_secondary_model=True)
    alone = {tile: pixels(render("a red star", tile=tile, **given)) for tile in ("none", "x")}
    assert (alone["none"] != alone["x"]).any()
    for tile, other in (("none", "x"), ("x", "none")):
        between = []

        def another(event, other=other, between=between):
            if event.step.number == 0:
                between.append(pixels(render("a red star", tile=other, **given)))

        np.testing.assert_array_equal(pixels(render("a red star", tile=tile, on_step=another, **given)), alone[tile])
        np.testing.assert_array_equal(between, [alone[other]])


def test_the_edges_of_a_tile_meet():
    """The last line differs from the first as neighbours do; untiled, a sky is over a ground."""
    jumps = {}
    for tile in ("none", "y"):
        given = dict(TINY, steps=8, width=32, height=32, n_batches=4, clip_guidance_scale=0, range_scale=0)
        rows = pixels(render("a red star", tile=tile, **given)).astype(float)
        jumps[tile] = np.abs(rows[:, 0] - rows[:, -1]).mean() / np.abs(np.diff(rows, axis=1)).mean()
    assert jumps["y"] < 1.5 and jumps["none"] > 2.5, jumps


@pytest.mark.parametrize(
    "more",
    [
        {"diffusion_sampling_mode": "plms", "use_secondary_model": True, "checkpointing": "on"},
        {"diffusion_sampling_mode": "ddpm", "cutout_family": "random", "cutn": 2, "tv_scale": 10},
        {"perlin_init": True, "skip_steps": 1, "use_horizontal_symmetry": True, "batch_size": 2, "compat": "disco57"},
    ],
    ids=str,
)
def test_tiling_goes_with_everything(more):
    tiled, plain = (pixels(render("a red star", tile=tile, **TINY | more)) for tile in ("both", "none"))
    assert tiled.std() > 5 and (tiled != plain).any()


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (100, 67), (32, 32), (20, 333), (61, 60)])
def test_image_prompts_are_shrunk_as_torchvision_shrinks_them_in_compat(size):
    """The original hands `resize` the least of all four sides; by default the long side is rounded instead."""
    plan = build_plan(settings_of(width=96, height=64))
    theirs = TF.resize(Image.new("RGB", size), min(96, 64, *size)).size
    assert prompt_size(size, plan, compat=True) == theirs
    rounded = prompt_size(size, plan, compat=False)
    assert min(rounded) == min(theirs) and abs(max(rounded) - max(size) * min(rounded) / min(size)) <= 0.5


def test_levels_are_cut_off_in_compat_wherever_a_picture_is_handed_on(toys, tmp_path):
    events = []
    run = render("a red star", folder=tmp_path / "run", compat="disco57", on_step=events.append, **QUICK)
    x0 = events[-1].x0[0].clamp(-1, 1)
    expected = ((x0 + 1) * 127.5).floor().byte().permute(1, 2, 0).numpy()
    for image in (run.pictures[0].image, events[-1].pictures[0], Image.open(tmp_path / "run" / "image_0.png")):
        np.testing.assert_array_equal(np.asarray(image), expected)


def test_symmetry_is_honoured_under_plms_but_in_compat(toys):
    """Bug 7: the original's PLMS forgets it."""
    given = dict(diffusion_sampling_mode="plms", use_horizontal_symmetry=True, transformation_percent=[0.5])
    plain = predictions(diffusion_sampling_mode="plms")
    assert (predictions(**given) - plain).abs().max() > 1e-3
    compat = predictions(**given, compat="disco57")
    torch.testing.assert_close(compat, predictions(diffusion_sampling_mode="plms", compat="disco57"), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("mode", "asked", "turn"),
    [
        ("ddim", {"use_horizontal_symmetry": True}, lambda x: x.flip(3)),
        ("plms", {"use_diagonal_symmetry": True, "width": 32}, lambda x: x.transpose(2, 3)),
        ("ddpm", {"use_antidiagonal_symmetry": True, "width": 32}, lambda x: x.rot90(2, (2, 3)).transpose(2, 3)),
        ("plms", {"use_radial_symmetry": True}, lambda x: x.flip(2, 3)),
        ("ddim", {"use_radial_symmetry": True, "radial_symmetry_order": 4, "width": 32}, lambda x: x.rot90(1, (2, 3))),
    ],
)
def test_a_transformation_at_the_last_step_leaves_the_picture_exactly_symmetric(toys, mode, asked, turn):
    given = dict(diffusion_sampling_mode=mode, width=40, steps=3, cut_overview=1, cut_innercut=0) | asked
    end = predictions(**given, transformation_percent=["100%"])
    assert torch.equal(end, turn(end))
    middle = predictions(**given, transformation_percent=["50%"])
    assert not torch.equal(middle, turn(middle))


def test_radial_symmetry_pulls(toys):
    def found(scale):
        plan = build_plan(settings_of(symmetry_loss_scale=scale, symmetry_axis="radial", radial_symmetry_order=4))
        networks = SESSION.networks(plan, torch.device("cpu"), Arrangement("float32"))
        *_, last = render_batch(plan, networks, [0], torch.device("cpu"))
        return (last.x0 - last.x0.rot90(1, (2, 3))).square().mean()

    assert found(50000) < 0.8 * found(0)


@pytest.mark.parametrize("again", [True, False])
def test_classes_are_drawn_where_a_model_has_them(toys, again):
    toys.classes = 1000
    predictions(randomize_class=again)
    assert len(toys.seen_classes) == 6
    assert (len({tuple(labels) for labels in toys.seen_classes}) > 1) == again


@pytest.mark.slow
def test_a_class_conditional_unet_of_ones_own_draws(tmp_path, monkeypatch):
    """The flags of OpenAI's 64x64 model, smaller: classes, a cosine schedule, learnt variance, its order of heads."""
    from guided_diffusion.script_util import create_model

    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    flags = dict(
        image_size=64, num_channels=32, num_res_blocks=1, attention_resolutions="32,16,8", num_head_channels=32,
        resblock_updown=True, use_scale_shift_norm=True, use_new_attention_order=True, class_cond=True,
        learn_sigma=True,
    )  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(flags | {"noise_schedule": "cosine"}))
    torch.manual_seed(0)
    model = create_model(**flags)
    state = {key: value + 0.05 * torch.randn_like(value) for key, value in model.state_dict().items()}
    torch.save(state, tmp_path / "mine.pt")

    def draw(**settings):
        given = dict(diffusion_model="mine", steps=3, cut_overview=1, cut_innercut=1, seed=3) | settings
        return np.asarray(render("a red star", **given).pictures[0].image, dtype=float)

    first = draw(randomize_class=True)
    assert np.array_equal(first, draw(randomize_class=True))
    assert not np.array_equal(first, draw(randomize_class=False))
    assert not np.array_equal(first, draw(randomize_class=True, diffusion_sampling_mode="ddpm"))


def test_a_perceptor_draws_by_its_own_name_whichever_it_is_called_by():
    def load_perceptor(spec, *_):
        return SimpleNamespace(
            spec=spec, model=nn.Module(), set_checkpointing=lambda enable: None, resolution=224,
            mean=(0.5,) * 3, std=(0.5,) * 3, encode_image=None, encode_text=None,
        )  # fmt: skip

    unet = nn.Module()
    unet.set_checkpointing = lambda enable: None
    loaders = Loaders(unet=lambda *_: unet, perceptor=load_perceptor)
    plan = build_plan(load(from_python({"prompt": "a red star", "clip_models": ["ViTB32", "RN50:openai"]})))
    networks = Session(loaders).networks(plan, torch.device("cpu"), Arrangement("float32"))
    assert [perceptor.name for perceptor in networks.perceptors] == ["ViT-B/32", "RN50"]


def test_one_unet_evaluation_a_step(toys):
    predictions()
    assert toys.calls == 6


def test_gradients_that_are_not_finite_are_counted_and_said(toys):
    toys.hear = lambda embeddings: embeddings * float("nan")
    run = render("a red star", **QUICK)
    assert any("6 times" in note for note in run.notes)
    assert np.isfinite(pixels(run)).all()


def test_size_is_rounded_down_and_said(toys):
    run = render("a red star", steps=2, width=45, height=33)
    assert run.pictures[0].image.size == (40, 32)
    assert any("45" in note and "40" in note for note in run.notes)


def test_a_device_that_is_not_there_is_refused_before_models(toys):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(SettingsError, match="device.*cuda.*cpu"):
        render("a red star", device="cuda", **QUICK)
    assert toys.loads == 0


# --- a device that runs ahead -----------------------------------------------------------------------------------------


def test_numbers_of_a_device_that_runs_ahead_come_a_step_later(monkeypatch):
    quick = dict(steps=4, cut_overview=1, cut_innercut=1, width=32, height=32, seed=3)
    order = []

    def follow(event):
        order.append(event.step.number)

    usual = render("a red star", on_step=follow, **quick)
    monkeypatch.setattr(steps, "AHEAD", {"cpu"})
    late = render("a red star", on_step=follow, **quick)
    assert order == [step["number"] for step in usual.steps] * 2
    assert np.array_equal(*(np.asarray(run.pictures[0].image) for run in (usual, late)))
    plain, behind = ([{k: v for k, v in line.items() if k != "seconds"} for line in run.steps] for run in (usual, late))
    assert plain == behind


def test_the_next_step_is_under_way_before_the_last_is_told():
    launched = []

    def launch():
        for number in range(3):
            launched.append(number)
            yield number

    told = [(number, len(launched)) for number in steps.one_behind(launch())]
    assert told == [(0, 2), (1, 3), (2, 3)]
    assert list(steps.one_behind([])) == []

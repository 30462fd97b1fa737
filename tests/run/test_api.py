"""Rendering and resuming, from a call to its pictures and folder: on toy networks, or the embedded ones."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from disco.errors import RenderError, SettingsError
from disco.run.api import render, render_settings, resume
from disco.run.folder.reading import read_settings
from disco.run.folder.run_folder import clear_run
from support.toy_runs import QUICK, SIX, fail, interrupt, interrupted, pixels, stop_in_batch


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
    together = render("a red star", seed=5, batch_size=3, **QUICK, **more)
    in_turn = render("a red star", seed=5, n_batches=3, **QUICK, **more)
    alone = [render("a red star", seed=5 + i, **QUICK, **more) for i in range(3)]
    np.testing.assert_array_equal(pixels(in_turn), np.concatenate([pixels(run) for run in alone]))
    assert [picture.seed for picture in together.pictures] == [5, 6, 7]
    np.testing.assert_array_equal(pixels(together), pixels(in_turn))
    assert len({picture.image.tobytes() for picture in together.pictures}) == 3


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


def test_a_folder_below_the_home_folder(toys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert render("a red star", folder="~/run", **QUICK).pictures[0].path == tmp_path / "run" / "image_0.png"


def kill(folder):
    """What a process leaves that has no time to end."""
    interrupt(folder)
    record = json.loads((folder / "run.json").read_text())
    del record["seconds"], record["phases"], record["metrics"], record["notes"]
    (folder / "run.json").write_text(json.dumps(record | {"status": "running"}))
    (folder / "image_2.png").unlink()
    for name in (".lock", ".image_2.png.1234.part", "image_3.png"):
        (folder / name).write_bytes(b"")
    with open(folder / "steps.jsonl", "a") as lines:
        lines.write('{"pictures": [2, 3], "number')


def damage(folder):
    render("a red star", folder=folder, **SIX)
    (folder / "image_3.png").write_bytes((folder / "image_3.png").read_bytes()[:-9])
    (folder / "image_4.gif").unlink()


MEASURED = ("seconds", "phases", "memory", "started", "resumed")


def left_by(folder):
    """What a run leaves, but for what measures time, memory and stops."""
    record = json.loads((folder / "run.json").read_text())
    lines = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
    return (
        {
            key: value
            for key, value in record.items()
            if key not in ("seconds", "phases", "memory", "started", "resumed")
        },
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


def test_a_device_that_is_not_there_is_refused_before_models(toys):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(SettingsError, match="device.*cuda.*cpu"):
        render("a red star", device="cuda", **QUICK)
    assert toys.loads == 0


def test_pictures_of_a_batch_are_of_the_prompts_that_their_seeds_draw(toys, tmp_path):
    run = render("a {@red star|blue boat|fox}", folder=tmp_path / "run", seed=4, batch_size=2, n_batches=2, **QUICK)
    assert run.settings.expanded_prompts == ("a blue boat", "a fox", "a red star", "a blue boat")
    for number, (picture, text) in enumerate(zip(run.pictures, run.settings.expanded_prompts, strict=True)):
        alone = render(text, seed=picture.seed, **QUICK).pictures[0]
        assert np.array_equal(np.asarray(alone.image), np.asarray(picture.image))
        kept = read_settings(tmp_path / "run" / f"image_{number}.png")
        assert (kept["prompt"], kept["expanded_prompts"]) == ("a {@red star|blue boat|fox}", [text])
    other = render("a red star", seed=4, **QUICK).pictures[0]
    assert not np.array_equal(np.asarray(other.image), np.asarray(run.pictures[0].image))

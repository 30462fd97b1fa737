"""What settings do to pictures, in whole runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from disco.arrangement import Arrangement
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.run.api import render, render_settings
from disco.run.folder.reading import read_record
from disco.run.session import SESSION
from disco.run.steps import render_batch
from support.toy_runs import QUICK, TINY, pixels, predictions, settings_of


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


def test_the_edges_of_a_tile_meet():
    """The last line differs from the first as neighbours do; untiled, a sky is over a ground."""
    jumps = {}
    for tile in ("none", "y"):
        given = dict(TINY, steps=8, width=64, height=64, n_batches=4, clip_guidance_scale=0, range_scale=0)
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
        given = dict(symmetry_axis="radial", radial_symmetry_order=4, clamp_max=1)
        plan = build_plan(settings_of(symmetry_loss_scale=scale, **given))
        networks = SESSION.networks(plan, torch.device("cpu"), Arrangement("float32"))
        *_, last = render_batch(plan, networks, [0], torch.device("cpu"))
        return (last.x0 - last.x0.rot90(1, (2, 3))).square().mean()

    assert found(50000) < 0.8 * found(0)


def test_size_is_rounded_down_and_said(toys):
    run = render("a red star", steps=2, width=55, height=33)
    assert run.pictures[0].image.size == (48, 32)
    assert any("55" in note and "48" in note for note in run.notes)

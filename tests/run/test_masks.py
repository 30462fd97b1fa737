"""What is masked changes and what is not stays, in whole runs of every kind."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from disco.errors import SettingsError
from disco.run.api import render
from disco.run.folder.reading import read_record
from disco.settings.config import from_dict, load
from disco.settings.overrides import from_arguments
from support.toy_runs import QUICK, pixels

INIT = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
MASK = np.zeros((32, 32), np.uint8)
MASK[8:24, 10:30] = 255


def edited(**given):
    return render(**{"prompt": "a red star", "init_image": INIT, "mask": MASK, **QUICK, **given})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"diffusion_sampling_mode": "ddpm"},
        {"diffusion_sampling_mode": "plms", "plms_order": 4},
        {"diffusion_sampling_mode": "plms", "resamples": 2, "resample_jump": 2},
        {"diffusion_sampling_mode": "plms", "ddim_switch": 0.5, "compat": "disco57", "paste": True},
        {"resamples": 3, "resample_jump": 1},
        {"use_secondary_model": True, "secondary_model": "embedded_secondary"},
        {"tile": "both", "mask_view": "mask", "tv_scale": 100},
        {"use_horizontal_symmetry": True, "transformation_percent": [0.3, 1]},
        {"batch_size": 2, "n_batches": 2},
        {"cutout_family": "random", "cutn": 3},
        {"init_scale": 100, "init_loss": "perceptors", "strength": 0.5},
        {"init_noise": 0.5, "skip_steps": 3},
        {"skip_end_steps": 2},
        {"mask_view": "mask"},
        {"mask_view": "whole"},
        {"clamp_grad": False, "clip_guidance_scale": 0, "range_scale": 0},
    ],
    ids=lambda given: " ".join(f"{name}={value}" for name, value in given.items()) or "ddim",
)
def test_black_stays_and_white_changes(toys, given):
    for picture in pixels(edited(**given)):
        assert np.array_equal(picture[MASK == 0], INIT[MASK == 0])
        assert (picture[MASK == 255] != INIT[MASK == 255]).any(-1).mean() > 0.9


def test_compat_cuts_levels_off_but_not_where_they_are_pasted(toys):
    off = pixels(edited(compat="disco57"))[0][MASK == 0].astype(int) - INIT[MASK == 0]
    assert set(np.unique(off)) <= {-1, 0}
    assert np.array_equal(pixels(edited(compat="disco57", paste=True))[0][MASK == 0], INIT[MASK == 0])


def test_a_soft_edge_changes_what_is_near_and_paste_brings_it_back(toys):
    soft, pasted = (pixels(edited(mask_blur=3, mask_blend=0, paste=paste))[0] for paste in (False, True))
    rows, columns = np.indices(MASK.shape)
    apart = np.hypot(
        np.maximum(0, np.maximum(8 - rows, rows - 23)), np.maximum(0, np.maximum(10 - columns, columns - 29))
    )
    assert np.array_equal(soft[apart > 3], INIT[apart > 3]) and np.array_equal(pasted[MASK == 0], INIT[MASK == 0])
    assert (soft[(apart > 0) & (apart <= 2)] != INIT[(apart > 0) & (apart <= 2)]).any()
    assert np.array_equal(soft[MASK == 255], pasted[MASK == 255])


@pytest.mark.parametrize("given", [{}, {"paste": True, "mask_blur": 3}, {"compat": "disco57", "paste": True}])
def test_the_edge_is_fitted_to_what_stays(toys, given):
    flat, pictures, steps = np.full_like(INIT, 90), [], []
    for blend in (0, 4):
        picture = pixels(edited(init_image=flat, mask_blend=blend, **given))[0]
        assert np.array_equal(picture[MASK == 0], flat[MASK == 0])
        steps.append(np.abs(np.diff(picture[8:24].astype(int), axis=1)[:, [9, 29]]).mean())
        pictures.append(picture.astype(int))
    assert steps[1] < 0.75 * steps[0]
    near, inside = (np.abs(pictures[1] - pictures[0])[area].mean() for area in (np.s_[8, 10:30], np.s_[16, 18:22]))
    assert inside < near / 2


def test_the_picture_of_every_step_shows_what_is_kept(toys):
    seen = []
    edited(on_step=lambda event: seen.append(np.asarray(event.pictures[0])))
    assert len(seen) == QUICK["steps"] and all(np.array_equal(each[MASK == 0], INIT[MASK == 0]) for each in seen)


def test_the_prompt_guides_what_is_masked_and_a_negative_one_too(toys):
    plain, *others = (
        pixels(edited(seed=1, **given))[0]
        for given in (
            {},
            {"clamp_max": 0},
            {"prompt": None, "prompts": ["a red star", "a blue fish:-0.5"], "mask_view": "mask"},
        )
    )
    for other in others:
        assert (plain[MASK == 255] != other[MASK == 255]).any()


def test_steps_taken_again_are_counted_and_told(toys):
    run = edited(resamples=2, resample_jump=2)
    assert [line["number"] for line in run.steps] == list(range(10)) and len(run.steps) == 6 + 2 * 2
    assert [line["index"] for line in run.steps] == [5, 4, 3, 2, 3, 2, 1, 0, 1, 0]
    assert [line["visit"] for line in run.steps] == [0, 0, 0, 0, 1, 1, 0, 0, 1, 1]
    assert [line["jump"] for line in run.steps] == [0, 0, 0, 0, 2, 0, 0, 0, 2, 0]
    assert "resamples=2 takes 10 steps instead of 6" in run.notes


def test_an_extended_picture_holds_the_old_one(toys):
    run = render("a red star", init_image=INIT, extend="left=32 top=50%", **QUICK)
    (picture,) = pixels(run)
    assert picture.shape == (48, 64, 3) and np.array_equal(picture[16:, 32:], INIT)
    wider = render("a red star", init_image=picture, extend="right=16", **QUICK)
    assert np.array_equal(pixels(wider)[0][:, :64], picture)
    soft = render("a red star", init_image=INIT, extend="left=16", mask_blur=4, **QUICK)
    assert np.array_equal(pixels(soft)[0][:, 20:], INIT[:, 4:])


def test_a_run_says_which_mask_it_had_and_is_rendered_again(toys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(INIT).save("i.png")
    Image.fromarray(MASK).save("m.png")
    words = [
        "a red star",
        "init_image=i.png",
        "mask=m.png",
        "mask_blur=2",
        *(f"{name}={value}" for name, value in QUICK.items()),
    ]
    made = render(
        folder="run", **{"prompt": "a red star", "init_image": "i.png", "mask": "m.png", "mask_blur": 2, **QUICK}
    )
    record = read_record("run/image_0.png")
    assert [entry["setting"] for entry in record["inputs"]] == ["init_image", "mask"]
    assert load(from_arguments(words)) == from_dict(record["settings"]) == made.settings
    at_hand = render("a red star", folder="at_hand", init_image=INIT, mask=Image.fromarray(MASK), mask_blur=2, **QUICK)
    np.testing.assert_array_equal(pixels(made), pixels(at_hand))
    kept = [entry["kept"] for entry in json.loads(open("at_hand/run.json").read())["inputs"]]
    assert len(set(kept)) == 2 and all((tmp_path / "at_hand" / name).exists() for name in kept)


def test_an_edit_in_one_word_too_many(toys):
    with pytest.raises(SettingsError, match="mask is a int"):
        render("a red star", init_image=INIT, mask=3, **QUICK)
    with pytest.raises(SettingsError, match="needs a square picture, and this one is 48x32"):
        render("a red star", init_image=INIT, extend="left=16", use_diagonal_symmetry=True, **QUICK)

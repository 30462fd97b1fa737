"""Files of films: what the preset of one says, frame by frame, and what the report says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from disco.animation.frames import frames_of
from disco.settings.compose import load
from disco.settings.convert import from_dict, to_dict, with_values
from disco.settings.importing.imports import Imported, import_settings
from disco.settings.importing.translation import CHANGED, IDLE, LOST, MAPPED

FILM = json.loads((Path(__file__).parents[1] / "samples" / "film.json").read_text().replace("15,\n", "15\n"))


@pytest.fixture
def film(tmp_path):
    def imported(said=(), **changes) -> Imported:
        path = tmp_path / "film.json"
        path.write_text(json.dumps({key: value for key, value in (FILM | changes).items() if value is not ...}))
        return import_settings(path, {}, dict(said))

    return imported


def verdicts(found: Imported) -> dict[str, str]:
    return {entry.key: entry.verdict for entry in found.entries}


def settings_of(found: Imported, index: int = 0):
    return from_dict(to_dict(with_values(load([f"preset={found.base}"]), found.runs[index])))


def test_a_film_in_space(film):
    found = film()
    (run,) = found.runs
    assert (run["animation_mode"], run["max_frames"], run["interp_spline"], run["fps"]) == ("3d", 48, "quadratic", 15)
    assert (run["translation_x"], run["translation_y"]) == ("0:(0), 8:(6.5)", 0)
    assert (run["translation_z"], run["rotation_3d_y"]) == ("0:(10.0), 24:(2)", "0:(.5), 30:(-1)".replace(".5", "0.5"))
    assert (run["fov"], run["padding_mode"], run["sampling_mode"]) == (60, "reflection", "bilinear")
    assert (run["turbo_mode"], run["turbo_steps"], run["turbo_preroll"]) == (True, 2, 6)
    assert (run["vr_mode"], run["vr_eye_angle"], run["vr_ipd"]) == (True, 0.7, 6)
    assert (run["frames_scale"], run["frames_skip_steps"], run["steps"], run["skip_steps"]) == (2500, "70%", 40, 4)
    assert run["n_batches"] == run["batch_size"] == 1 and run["seed"] == 7
    assert not {"angle", "zoom", "video_init_path", "video_init_flow_warp"} & set(run)
    said = verdicts(found)
    assert said["midas_depth_model"] == LOST and said["near_plane"] == said["zoom"] == said["n_batches"] == IDLE
    assert said["animation_mode"] == CHANGED and said["text_prompts"] == said["translation_z"] == MAPPED


def test_each_frame_has_its_prompts_and_values(film):
    frames = frames_of(settings_of(film()))
    assert len(frames) == 48 and [frame.rendered for frame in frames[6:11]] == [True, False, True, False, True]
    assert frames[11].settings.prompts == ("a red star:2", "night:-0.5")
    assert frames[12].settings.prompts == frames[47].settings.prompts == ("a blue star",)
    assert frames[10].settings.sampler.eta == pytest.approx(0.6) and frames[3].settings.seed == 10
    assert frames[0].settings.sampler.skip_steps == 4 and frames[1].settings.sampler.skip_steps == 28
    assert frames[1].settings.init.init_scale == 2500 and frames[0].settings.init.init_scale == 1000


def test_what_forks_have_by_frame_each_frame_has(film):
    pictures = {"0": ["a.png"], "20": ["b.png:2", "c.png"]}
    found = film(image_prompts=pictures, frames_skip_steps="0:(.5), 10:(.75)")
    frames = frames_of(settings_of(found))
    assert frames[19].settings.image_prompts == ("a.png",) and frames[20].settings.image_prompts == tuple(
        pictures["20"]
    )
    assert [frames[at].settings.sampler.skip_steps for at in (2, 10, 40)] == [22, 30, 30]  # 55 % and 75 % of 40
    assert verdicts(found)["image_prompts"] == verdicts(found)["frames_skip_steps"] == CHANGED
    still = film(animation_mode="None", image_prompts=pictures).runs[0]
    assert still["image_prompts"] == ["a.png"] and "by_frame" not in still
    (run,) = film(animation_mode="Video Input", flow_blend="0:(.75), 9:(.5)", video_init_flow_blend=...).runs
    assert (run["video_init_flow_blend"], run["by_frame"]["video_init_flow_blend"]) == (0.75, "0:(0.75), 9:(0.5)")


def test_a_film_in_the_plane_has_neither_turbo_nor_eyes(film):
    found = film(animation_mode="2D")
    (run,) = found.runs
    assert (run["angle"], run["zoom"], run["translation_x"]) == ("0:(0), 10:(-4)", "0:(1), 10:(1.05)", "0:(0), 8:(6.5)")
    assert not {"turbo_mode", "vr_mode", "translation_z", "fov", "padding_mode", "sampling_mode"} & set(run)
    assert verdicts(found)["turbo_mode"] == verdicts(found)["midas_depth_model"] == IDLE


def test_a_film_that_follows_a_video(film):
    (run,) = film(animation_mode="Video Input").runs
    assert (run["animation_mode"], run["video_init_path"], run["extract_nth_frame"]) == ("video", "init.mp4", 3)
    # What the notebook looks at of what it has for videos, and what it does not.
    assert (run["steps"], run["skip_steps"], run["frames_scale"], run["cutn_batches"]) == (90, 30, 12000, 4)
    assert (run["tv_scale"], run["frames_skip_steps"]) == (100, "70%")
    assert run["clip_guidance_scale"] == 9000 * 4 / 1  # gradients of four looks, divided by the one of pictures
    assert run["range_scale"] == 0 and run["video_init_flow_blend"] == 0.9 and run["video_init_seed_continuity"] is True
    assert run["video_init_blend_mode"] == "optical_flow" and run["blend"] == 0.4 and run["max_frames"] == 1_000_000
    assert run["video_init_check_consistency"] is True and "turbo_mode" not in run


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"video_init_blend_mode": "linear"}, {"video_init_blend_mode": "linear", "blend": 0.6}),
        ({"video_init_flow_warp": False}, {"video_init_flow_warp": False, "skip_steps": "70%"}),
        ({"video_init_flow_warp": ...}, {"video_init_flow_warp": False, "skip_steps": "70%"}),
        ({"video_init_steps": ...}, {"steps": 40}),
        ({"video_init_cutn_batches": ...}, {"cutn_batches": 1, "clip_guidance_scale": 9000}),
        ({"clip_guidance_scale": "[100]*500+[50]*500"}, {"clip_guidance_scale": "[400]*500+[200]*500"}),
        ({"video_init_skip_steps": ...}, {"skip_steps": 4}),
        ({"flow_blend": "0:(.75)", "video_init_flow_blend": ...}, {"video_init_flow_blend": 0.75}),
        ({"video_init_path": "clips\\a.mp4"}, {"video_init_path": "clips/a.mp4"}),
    ],
)
def test_videos(film, changes, expected):
    (run,) = film(animation_mode="Video Input", **changes).runs
    assert {name: run[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("60%", "60%"), (0.6, "60%"), ("0.6", "60%"), ("0:(.6)", "60%"), ("60", "60%"), (60, "60%"), (0, "0%")],
)
def test_frames_skip_steps(film, given, expected):
    assert film(frames_skip_steps=given).runs[0]["frames_skip_steps"] == expected


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("zoom", "0:(sin(t))", "must be a number, or keyframes"),
        ("animation_mode", "4D", "must be None, 2D, 3D or Video Input"),
        ("frames_skip_steps", "100%", "below 100%"),
        ("max_frames", 0, "must be an integer from 1"),
        ("interp_spline", "Bezier", "must be one of linear"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_key(film, key, value, words):
    found = film(**{"animation_mode": "2D", key: value})
    (entry,) = [entry for entry in found.entries if entry.verdict == "not readable"]
    assert entry.key == key and words in entry.said and found.runs[0].get(key) != value


@pytest.mark.parametrize("mode", ["None", None, ...])
def test_in_a_still_the_camera_does_nothing(film, mode):
    found = film(animation_mode=mode)
    (run,) = found.runs
    assert run["prompts"] == ["a red star:2", "night:-0.5"] and run["eta"] == 0.4 and run["n_batches"] == 3
    assert not {"animation_mode", "animation_prompts", "by_frame", "max_frames", "zoom", "fps"} & set(run)
    assert verdicts(found)["rotation_3d_y"] == verdicts(found)["frames_scale"] == IDLE
    assert ("may be of an animation" in " ".join(found.notes)) == (mode is ...)


def test_a_film_without_an_end_is_told(film):
    assert "until it is stopped" in " ".join(film(max_frames=10000).notes)
    found = film(max_frames=...)
    assert found.runs[0]["max_frames"] == 10000 and "until it is stopped" in " ".join(found.notes)
    assert "until it is stopped" not in " ".join(film().notes)


def test_whether_it_is_a_film_may_be_said(film):
    (run,) = film({"animation_mode": "2d"}, animation_mode=...).runs
    assert run["animation_mode"] == "2d" and run["zoom"] == "0:(1), 10:(1.05)"
    assert "animation_mode" not in film({"animation_mode": "None"}).runs[0]


def test_several_films_are_a_study(film):
    found = film(multipliers={"tv_scale": [1, 2]})
    assert found.axes == {"tv_scale": [1, 2]} and found.runs[0]["animation_mode"] == "3d"
    prompts = {"text_prompts": [{"0": ["a boat"]}, {"0": ["a cat"], "5": ["a dog"]}]}
    found = film(multipliers=prompts)  # each with its own prompts by frame
    assert [run["prompts"] for run in found.runs] == [["a boat"], ["a cat"]] and found.is_study
    assert "animation_prompts" not in found.runs[0] and found.runs[1]["animation_prompts"]["5"] == ["a dog"]

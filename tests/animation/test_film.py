"""Films: the order in which frames are made of one another, and that a film which stops goes on."""

from __future__ import annotations

import io
import json
import os
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from disco import SettingsError, animate
from disco.animation.api import resume_film
from disco.animation.film import _films_of
from disco.animation.frames import frames_of
from disco.animation.loops import CameraLoop
from disco.animation.warps import camera_of
from disco.planning.plan import build_plan
from disco.run.folder.pictures import to_image
from disco.run.jobs import Job
from disco.settings.config import from_dict, load
from disco.settings.overrides import from_python
from support.original import SETTINGS, STEPS, Networks, Original, ours
from support.original_films import film, moved_in_plane, moved_in_space
from support.plans import settings_with
from support.processes import called
from support.victims import render_film_until

SMALL: dict[str, Any] = dict(
    steps=5,
    width=32,
    height=32,
    cut_overview=1,
    cut_innercut=1,
    frames_skip_steps=2,
    frames_scale=100,
    metrics=False,
    clip_models=["embedded_vit"],
)
PROMPT = "a red star"


def frame_files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "frames").glob("*.png"))]


# The chain of frames


def drawn(number: int, start: np.ndarray | None) -> np.ndarray:
    """Stands for a run: a picture that depends on its frame and its start."""
    noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3))
    return (noise if start is None else (2 * noise + 3 * start.astype(int)) // 5).astype(np.uint8)


def by_the_loop(**values: Any) -> list[np.ndarray]:
    settings = settings_with(**values)
    frames = frames_of(settings)
    loop, chain, shown = CameraLoop(settings.animation, camera_of(settings, 24, 32)), None, []

    def render(job: Job) -> Image.Image:
        (start,) = [np.asarray(Image.open(io.BytesIO(data))) for data in job.pictures.values()] or [None]
        return Image.fromarray(drawn(int(job.name), start))

    for frame in frames:
        chain = loop.next(frame, chain, render)
        shown.append(np.asarray(chain.shown))
    return shown


def test_in_the_plane_each_frame_starts_from_the_one_before_as_the_original_warps_it():
    ours = by_the_loop(animation_mode="2d", max_frames=5, angle=10, zoom=1.1, translation_x=2, compat="disco57",
                       padding_mode="wrap", sampling_mode="bilinear")  # fmt: skip
    turn = np.vstack([cv2.getRotationMatrix2D((16, 12), 10, 1.1), [0, 0, 1]])
    matrix = turn @ [[1, 0, 2], [0, 1, 0], [0, 0, 1]]
    for number in range(5):
        start = None
        if number:
            start = cv2.warpPerspective(ours[number - 1], matrix, (32, 24), borderMode=cv2.BORDER_WRAP)
        # OpenCV rounds places to 1/32 of a pixel; noise, of which a render is made here, changes much in that.
        away = np.abs(ours[number].astype(int) - drawn(number, start))
        assert away.mean() < 1.5, number


def test_turbo_in_space_blends_as_the_original_does():
    motion = {"translation_x": 3.0, "translation_z": 8.0, "rotation_3d_x": 1.0, "rotation_3d_y": -2.0}
    steps, preroll = 3, 2
    ours = by_the_loop(
        animation_mode="3d", max_frames=9, turbo_mode=True, turbo_steps=steps, turbo_preroll=preroll,
        padding_mode="border", sampling_mode="bicubic", compat="disco57", **motion,
    )  # fmt: skip

    theirs = film(9, drawn, lambda picture: moved_in_space(picture, motion, 40), (steps, preroll))
    for number, shown in enumerate(theirs):
        away = np.abs(ours[number].astype(int) - shown)
        assert away.max() <= 1 and away.mean() < 0.01, number


def test_colours_of_frames_are_kept_where_asked():
    values = {"animation_mode": "2d", "max_frames": 4, "zoom": 1}
    first, kept = by_the_loop(**values), by_the_loop(**values, color_coherence="first")
    assert np.array_equal(first[0], kept[0]) and not np.array_equal(first[3], kept[3])


def starts(**values: Any) -> list[dict[str, np.ndarray]]:
    """The pictures that the run of each frame is given, by setting."""
    settings = settings_with(**values)
    loop, chain, found = CameraLoop(settings.animation, camera_of(settings, 24, 32)), None, []

    def render(job: Job) -> Image.Image:
        given = {name: getattr(job.settings.init, name) for name in ("init_image", "previous_frame")}
        found.append({k: np.asarray(Image.open(io.BytesIO(job.pictures[v]))) for k, v in given.items() if v})
        return Image.fromarray(drawn(int(job.name), None))

    for frame in frames_of(settings):
        chain = loop.next(frame, chain, render)
    return found


TO_THE_RIGHT = {"animation_mode": "2d", "max_frames": 3, "zoom": 1, "translation_x": 6, "padding_mode": "border"}


def test_noise_is_laid_where_the_frame_before_shows_nothing_and_nowhere_else():
    plain, noisy = starts(**TO_THE_RIGHT), starts(**TO_THE_RIGHT, hole_noise=1)
    before, after = (each[2]["init_image"].astype(int) for each in (plain, noisy))
    assert np.array_equal(before[:, 6:], after[:, 6:])
    assert (before[:, :6] == before[:, :1]).all()  # the border, repeated
    assert after[:, :6].std() > 60 and not np.array_equal(after[:, :6], noisy[1]["init_image"][:, :6])
    half = starts(**TO_THE_RIGHT, hole_noise=0.5)[2]["init_image"].astype(int)
    assert np.abs(half[:, :6] - (before + after)[:, :6] / 2).max() <= 1


def test_a_frame_is_pulled_to_the_frame_before_where_that_is_seen():
    given = starts(**TO_THE_RIGHT, temporal_scale=100, hole_noise=1)
    assert "previous_frame" not in given[0] and all("previous_frame" not in each for each in starts(**TO_THE_RIGHT))
    previous = given[2]["previous_frame"]
    assert (previous[:, :6, 3] == 0).all() and (previous[:, 6:, 3] == 255).all()
    assert np.array_equal(previous[:, 6:, :3], drawn(1, None)[:, :-6])


def rendered(**values: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A film of compat=disco57 on small networks in float64, by our loop and by the original's."""
    settings = load(from_python(SETTINGS | {"eta": 0.8, "init_loss": "lpips", "frames_scale": 900} | values))
    frames, networks, levels = frames_of(settings), Networks(), []
    loop, chain = CameraLoop(settings.animation, camera_of(settings, 32, 48)), None

    def mine(job: Job) -> Image.Image:
        return to_image(ours(build_plan(job.settings, job.pictures), networks, True)[-1][0], truncate=True)

    for frame in frames:
        chain = loop.next(frame, chain, mine)
        levels.append(np.asarray(chain.shown))
    plan = build_plan(frames[0].settings)

    def theirs(number: int, start: np.ndarray | None) -> np.ndarray:
        init = None if start is None else torch.from_numpy(start).double().permute(2, 0, 1)[None] / 127.5 - 1
        skip, scale = (0, 0.0) if start is None else (STEPS * 6 // 10, 900.0)
        original = Original(plan, networks, True, 3 + number, init, scale, skip)
        last = original.ddim(original.noise(), 0.8)[-1][0]
        return ((last.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()

    if settings.animation.animation_mode == "2d":
        return levels, film(5, theirs, lambda picture: moved_in_plane(picture, 4, 1.05, (1, -2)))
    motion = {"translation_x": 3.0, "translation_z": 8.0, "rotation_3d_x": 1.0, "rotation_3d_y": -2.0}
    return levels, film(5, theirs, lambda picture: moved_in_space(picture, motion, 40), (2, 1))


@pytest.mark.parametrize(
    "values",
    [
        {"animation": "2d", "angle": 4, "zoom": 1.05, "translation_x": 1, "translation_y": -2},
        {"animation": "3d", "translation_x": 3, "translation_z": 8, "rotation_3d_x": 1, "rotation_3d_y": -2,
         "turbo_mode": True, "turbo_steps": 2, "turbo_preroll": 1},
    ],
    ids=["2d", "3d"],
)  # fmt: skip
def test_whole_films_are_the_originals(values):
    levels, theirs = rendered(**values, max_frames=5, use_secondary_model=True)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(levels, theirs, strict=True))
    without, _ = rendered(**values, max_frames=5, use_secondary_model=True, compat="none")
    assert not np.array_equal(without[1], theirs[1])


# Whole films


def test_a_film_is_its_frames(tmp_path):
    film = animate(PROMPT, folder=tmp_path, animation="2d", max_frames=3, **SMALL | {"frames_skip_steps": 3})
    assert [path.name for path in film.frames] == ["0000.png", "0001.png", "0002.png"]
    assert json.loads((tmp_path / "animation.json").read_text())["status"] == "finished"
    with av.open(str(film.path)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 3
    first, second, third = (np.asarray(Image.open(path)).astype(int) for path in film.frames)
    assert np.abs(second - third).mean() < np.abs(first - np.random.default_rng(0).permutation(first)).mean()


def test_the_pull_to_the_frame_before_makes_a_film_steadier(tmp_path):
    values = SMALL | {"metrics": ["detail"], "steps": 10, "frames_skip_steps": 4, "guard": "off", "clamp_max": 0.3}
    free = animate(PROMPT, folder=tmp_path / "free", animation="2d", max_frames=3, **values)
    held = animate(PROMPT, folder=tmp_path / "held", animation="2d", max_frames=3, temporal_scale=8000, **values)
    assert held.metrics["flicker"] < 0.8 * free.metrics["flicker"]
    lines = (tmp_path / "held" / "jobs" / "0001" / "steps.jsonl").read_text().splitlines()
    assert all(json.loads(line)["losses"]["temporal"][0] > 0 for line in lines)


def test_films_are_written_in_the_formats_that_are_asked_for(tmp_path):
    paths, rows = [tmp_path / f"{number}.png" for number in range(3)], np.arange(0, 96, 4)[:, None]
    greys = [np.repeat((rows + 20 * number + np.arange(32))[..., None], 3, -1) for number in range(3)]
    for path, grey in zip(paths, greys, strict=True):
        Image.fromarray(grey.astype(np.uint8)).save(path)

    def made(asked: str) -> list[str]:
        found = _films_of(paths, tmp_path, asked, Fraction(12), print)
        assert sorted(path.name for path in tmp_path.glob("animation.*")) == sorted(path.name for path in found)
        return [path.name for path in found]

    assert made("both") == ["animation.mp4", "animation.mov"]
    with av.open(str(tmp_path / "animation.mov")) as video:
        stream = video.streams.video[0]
        assert stream.codec_context.name == "prores" and stream.average_rate == 12
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in video.decode(video=0)]
    assert max(np.abs(frame - grey).max() for frame, grey in zip(frames, greys, strict=True)) <= 3
    assert made("prores") == ["animation.mov"] and made("mp4") == ["animation.mp4"] and made("none") == []


def test_a_longer_film_keeps_its_frames_and_another_keyframe_begins_where_it_touches(tmp_path):
    animate(PROMPT, folder=tmp_path, animation="2d", max_frames=3, zoom=1.02, **SMALL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "jobs").glob("*/run.json")}
    resume_film(tmp_path, ["animation.max_frames=4"])
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    longer = frame_files(tmp_path)
    assert len(longer) == 4
    resume_film(tmp_path, ["animation.zoom='0:(1.02), 2:(1.02), 3:(1.3)'"])
    changed = frame_files(tmp_path)
    assert changed[:3] == longer[:3] and changed[3] != longer[3]
    animate(
        PROMPT, folder=tmp_path / "whole", animation="2d", max_frames=4, zoom="0:(1.02), 2:(1.02), 3:(1.3)", **SMALL
    )
    assert frame_files(tmp_path / "whole") == changed


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 7, 9])
def test_a_film_that_was_killed_ends_in_the_same_bits(tmp_path, step):
    whole = animate(PROMPT, folder=tmp_path / "whole", animation="2d", max_frames=3, state_rate=1, **SMALL)
    settings = from_dict(json.loads((tmp_path / "whole" / "animation.json").read_text())["settings"])
    assert called(render_film_until, (settings, tmp_path / "film", step), cwd=tmp_path).wait(300) == -signal.SIGKILL
    film = resume_film(tmp_path / "film")
    assert len(film.frames) == len(whole.frames)
    assert frame_files(tmp_path / "film") == frame_files(tmp_path / "whole")
    assert os.path.exists(film.path or "")


def test_what_makes_no_film_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="animation is none, which makes no film"):
        animate(PROMPT, folder=tmp_path / "film", **SMALL)
    with pytest.raises(SettingsError, match="holds no film"):
        resume_film(tmp_path)
    assert not list(tmp_path.iterdir())

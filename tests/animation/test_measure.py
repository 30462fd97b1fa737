"""The frames of a film, measured: films whose flicker is known, because no network draws them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disco.animation.frames import frames_of
from disco.animation.loops import CameraLoop, VideoLoop, loop_of
from disco.animation.measure import Meter
from disco.animation.video import read_video
from disco.animation.warps import camera_of
from disco.run.folder.video import Mp4
from disco.run.jobs import Job
from support.plans import settings_with


def smooth(seed: int, height: int = 48, width: int = 64) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8))


def measured(folder: Path, loop: Any, frames: Any, render: Any, names: tuple[str, ...] = ("detail",)) -> list[dict]:
    """A film by the loop, and what is measured of its frames, as the file has it."""
    meter, chain = Meter(folder, names), None
    for frame in frames:
        before, chain = chain, loop.next(frame, chain, render)
        meter.add(frame, chain.shown, None if before is None else loop.carried(before.shown))
    lines = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == [frame.number for frame in frames]
    assert [line["metrics"] for line in lines] == meter.found
    return lines


def started(job: Job) -> Image.Image:
    """Stands for a run that changes nothing of its start."""
    (start,) = [Image.open(_file(data)) for data in job.pictures.values()] or [smooth(0)]
    return start.convert("RGB")


def _file(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


FILMS = {
    "2d": {"animation_mode": "2d", "angle": 5, "zoom": 1.03, "translation_x": 2.5, "padding_mode": "wrap"},
    "3d": {"animation_mode": "3d", "translation_x": 4, "translation_z": 12, "rotation_3d_y": 1.5},
    "turbo": {"animation_mode": "3d", "translation_z": 12, "turbo_mode": True, "turbo_preroll": 1},
}


@pytest.mark.parametrize("name", FILMS)
def test_a_film_that_the_camera_makes_does_not_flicker_and_one_of_noise_does_by_a_third(tmp_path, name):
    settings = settings_with(**FILMS[name], max_frames=5)
    frames, camera = frames_of(settings), camera_of(settings, 48, 64)
    lines = measured(tmp_path, CameraLoop(settings.animation, camera), frames, started)
    assert lines[0]["metrics"]["flicker"] is None and lines[0]["metrics"]["drift"] == 0
    # Blends of the two sequences are rounded once more.
    assert all(line["metrics"]["flicker"] <= (0.5 / 255 if name == "turbo" else 0) for line in lines[1:])
    if name != "turbo":
        lines = measured(tmp_path, CameraLoop(settings.animation, camera), frames, lambda job: noise(int(job.name)))
        # The frame before is read between its pixels, which takes from its variance: less than 1/3, more than 1/4,
        # which is the distance of noise from grey.
        assert all(0.25 < line["metrics"]["flicker"] < 0.34 for line in lines[1:])


def test_noise_under_a_still_camera_flickers_by_a_third(tmp_path):
    settings = settings_with(animation_mode="2d", zoom=1, max_frames=4)
    loop = CameraLoop(settings.animation, camera_of(settings, 48, 64))
    lines = measured(tmp_path, loop, frames_of(settings), lambda job: noise(int(job.name)))
    assert [line["metrics"]["flicker"] for line in lines[1:]] == pytest.approx([1 / 3] * 3, abs=0.01)


def test_along_a_video_what_moves_with_it_does_not_flicker(tmp_path):
    wide = smooth(3, 48, 96)
    film = Mp4(tmp_path / "clip.mp4", 12, 0)
    for number in range(4):
        film.add(wide.crop((2 * number, 0, 64 + 2 * number, 48)))
    film.close()
    values = {"animation_mode": "video", "video_init_path": str(tmp_path / "clip.mp4"), "extract_nth_frame": 1}
    settings = settings_with(**values, steps=10, skip_steps=3, width=64, height=48)
    video = read_video(values["video_init_path"], 1)

    class Size:
        width, height = 64, 48

    loop = loop_of(settings, video, Size(), tmp_path)  # type: ignore[arg-type]
    assert isinstance(loop, VideoLoop)
    still = measured(tmp_path, loop, frames_of(settings), started)
    loop = loop_of(settings, video, Size(), tmp_path)  # type: ignore[arg-type]
    apart = measured(tmp_path, loop, frames_of(settings), lambda job: smooth(int(job.name)))
    assert all(line["metrics"]["flicker"] < 0.01 for line in still[1:])
    assert all(line["metrics"]["flicker"] > 0.1 for line in apart[1:])


def test_what_is_not_asked_for_is_not_measured_and_prompts_are_those_of_the_frame(tmp_path):
    prompts = {"0": "a red star", "2": "a blue boat"}
    settings = settings_with(animation_mode="2d", zoom=1, max_frames=3, animation_prompts=prompts, seed=5)
    frames, camera = frames_of(settings), camera_of(settings, 48, 64)
    lines = measured(tmp_path, CameraLoop(settings.animation, camera), frames, started, ())
    assert [line["metrics"] for line in lines] == [{}, {}, {}]
    assert [line["seed"] for line in lines] == [5, 6, 7] and all(line["rendered"] for line in lines)
    lines = measured(tmp_path, CameraLoop(settings.animation, camera), frames, started, ("judge",))
    told = [line["metrics"]["judge"] for line in lines]
    assert told[0] == told[1] != told[2]  # one picture throughout

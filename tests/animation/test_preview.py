"""Previews: which frames, how large, and that the camera goes the whole way between them."""

from __future__ import annotations

import json
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from disco import SettingsError, animate
from disco.animation.api import resume_film
from disco.animation.camera import matrix_2d
from disco.animation.frames import frames_of
from disco.animation.loops import CameraLoop
from disco.animation.preview import Preview, preview_in
from disco.animation.warps import camera_of
from disco.cli.commands.preview import read_words
from disco.run.jobs import Job
from support.plans import settings_with


def film(**values: Any) -> Any:
    return settings_with(**{"animation_mode": "2d", "max_frames": 10, "width": 128, "height": 64} | values)


def test_every_third_frame_is_rendered_small_with_what_the_whole_film_has_there():
    settings = film(animation_prompts={"0": "a boat", "4": "a ship"}, zoom="0:(1), 9:(1.9)", translation_x="t", seed=7)
    whole, small = frames_of(settings), Preview(3, 0.5).frames_of(settings)
    assert [frame.number for frame in small] == [0, 3, 6, 9]
    assert [frame.settings.prompt for frame in small] == ["a boat", "a boat", "a ship", "a ship"]
    assert [frame.settings.seed for frame in small] == [7, 10, 13, 16]
    assert {(frame.settings.model.width, frame.settings.model.height) for frame in small} == {(64, 32)}
    assert [len(frame.motions) for frame in small] == [0, 3, 3, 3]
    assert [motion.zoom for motion in small[2].motions] == [frame.motion.zoom for frame in whole[4:7]]
    assert [motion.translation_x for motion in small[2].motions] == [2, 2.5, 3]  # half as many pixels
    assert all(frame.rendered for frame in Preview(2, 1).frames_of(film(turbo_mode=True, animation_mode="3d")))


def test_a_camera_without_a_network_shows_what_the_whole_film_shows():
    """A picture that is only moved is, at the frames that both have, the same but for what reading it often blurs."""
    settings = film(zoom=1.02, angle="3*sin(t)", translation_x=1)
    wave = np.indices((64, 128)).sum(0) / 12
    picture = Image.fromarray(
        (127 + 100 * np.stack([np.sin(wave), np.cos(wave), np.sin(wave / 2)], -1)).astype(np.uint8)
    )

    def shown(frames: Any) -> list[np.ndarray]:
        loop, chain, found = CameraLoop(settings.animation, camera_of(settings, 64, 128)), None, {}

        def render(job: Job) -> Image.Image:
            import io

            return next((Image.open(io.BytesIO(data)).convert("RGB") for data in job.pictures.values()), picture)

        for frame in frames:
            chain = loop.next(frame, chain, render)
            found[frame.number] = np.asarray(chain.shown).astype(int)
        return found

    whole, preview = shown(frames_of(settings)), shown(Preview(3, 1).frames_of(settings))
    inside = np.s_[16:48, 32:96]
    for number, frame in preview.items():
        assert np.abs(frame[inside] - whole[number][inside]).mean() < 3, number
    assert np.abs(whole[9][inside] - whole[0][inside]).mean() > 30
    moved = torch.eye(3, dtype=torch.float64)
    for frame in Preview(3, 1).frames_of(settings):
        for motion in frame.motions:
            moved = matrix_2d(motion, 64, 128) @ moved
    exact = torch.eye(3, dtype=torch.float64)
    for frame in frames_of(settings)[1:]:
        exact = matrix_2d(frame.motion, 64, 128) @ exact
    torch.testing.assert_close(moved, exact)


SMALL: dict[str, Any] = dict(
    steps=4, width=64, height=64, cut_overview=1, cut_innercut=1, frames_skip_steps=2, frames_scale=100, guard="off"
)


def test_a_preview_lasts_as_long_as_the_film_and_is_taken_up_again_as_one(tmp_path):
    made = animate("a red star", folder=tmp_path, preview=Preview(4, 0.5), animation="2d", max_frames=7, **SMALL)
    assert [path.name for path in made.frames] == ["0000.png", "0004.png"]
    assert Image.open(made.frames[1]).size == (32, 32)
    record = json.loads((tmp_path / "animation.json").read_text())
    assert record["preview"] == {"every": 4, "by": 0.5} and record["settings"]["model"]["width"] == 64
    with av.open(str(made.path)) as video:
        assert video.streams.video[0].average_rate == 3  # 12 a second, every fourth
    before = [path.read_bytes() for path in made.frames]
    again = resume_film(tmp_path, ["animation.max_frames=9"])
    assert [path.name for path in again.frames] == ["0000.png", "0004.png", "0008.png"]
    assert [path.read_bytes() for path in again.frames[:2]] == before


def test_words_of_the_command():
    preview, others = read_words(["a boat", "every=6", "by=0.25", "zoom=1.1", "--", "every=3"])
    assert preview == Preview(6, 0.25) and others == ["a boat", "zoom=1.1", "--", "every=3"]
    assert read_words(["a boat"])[0] == Preview(4, 0.5)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["every=0"], "every is 0"), (["every=x"], "every is 'x'"), (["by=2"], "by is 2"), (["by=half"], "by is 'half'")],
)
def test_what_is_no_preview_is_one_line(words, said):
    with pytest.raises(SettingsError) as error:
        read_words(words)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_record_that_anyone_changed_is_one_line():
    assert preview_in(None) is None and preview_in({"every": 2, "by": 1}) == Preview(2, 1)
    with pytest.raises(SettingsError, match="a preview that cannot be read"):
        preview_in({"every": "often"})

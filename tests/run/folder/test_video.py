"""Films of runs: GIF, and MP4 by a program called ffmpeg."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.run.folder.pictures import to_image
from disco.run.folder.run_folder import RunFolder
from disco.run.folder.video import delays, even
from support.run_folders import on_disk, picture, started


def test_gif_holds_the_frames_in_order(tmp_path):
    folder = started(tmp_path, video="gif", fps=10)
    for value in (-1, 0, 1):
        folder.frame(0, picture(value), 0)
    folder.frame(1, picture(), 0)
    folder.finish("finished")
    with Image.open(tmp_path / "image_0.gif") as video:
        levels, durations = [], []
        for number in range(video.n_frames):
            video.seek(number)
            levels.append(video.convert("RGB").getpixel((2, 2))[0])
            durations.append(video.info["duration"])
    assert levels == [0, 128, 255]
    assert durations == [100, 100, 100]
    assert (tmp_path / "image_1.gif").exists()


def film(path: Path) -> tuple[int, list[int]]:
    """A GIF's size in frames, and how long they stand, in milliseconds."""
    with Image.open(path) as video:
        stand = []
        for number in range(video.n_frames):
            video.seek(number)
            stand.append(video.info["duration"])
        return video.n_frames, stand


@given(frames=st.integers(1, 1000), rate=st.integers(1, 50))
def test_no_frame_of_a_gif_drifts_and_browsers_honour_each(frames, rate):
    stand = delays(frames, rate)
    ends = np.cumsum(stand)
    assert len(stand) == frames and min(stand) >= 2
    assert np.abs(ends - 100 * np.arange(1, frames + 1) / rate).max() <= 0.5
    assert max(stand) - min(stand) <= 1


@pytest.mark.parametrize(("fps", "expected"), [(12, 1000), (50, 240), (60, 240), (120, 240), (1, 12000), (30, 400)])
def test_a_gif_is_as_long_as_was_asked_or_as_can_be(tmp_path, fps, expected):
    folder = started(tmp_path, video="gif", fps=fps)
    for number in range(12):
        folder.frame(0, picture(-1 + number / 6), 0)
    folder.finish("finished")
    frames, stand = film(tmp_path / "image_0.gif")
    assert frames == 12 and sum(stand) == expected and min(stand) >= 20


def test_a_gif_of_one_frame_and_one_of_frames_that_do_not_change(tmp_path):
    folder = started(tmp_path, video="gif", fps=12)
    folder.frame(0, picture(), 0)
    for _ in range(12):
        folder.frame(1, picture(), 0)
    folder.finish("finished")
    assert film(tmp_path / "image_0.gif") == (1, [80]) and sum(film(tmp_path / "image_1.gif")[1]) == 1000
    slow = started(tmp_path / "slow", video="gif", fps=1)
    for _ in range(656):
        slow.frame(0, picture(), 0)
    slow.finish("finished")
    assert slow.notes == [
        "image_0.gif could not be written: frames that are all the same stand longer than the 655 seconds of a GIF"
    ]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 4), (4, 5), (7, 3), (6, 2)])
def test_a_film_has_even_sides(width, height):
    levels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made = np.asarray(even(Image.fromarray(levels)))
    assert made.shape == (height + height % 2, width + width % 2, 3)
    assert np.array_equal(made[:height, :width], levels)
    assert np.array_equal(made[-1, :width], levels[-1]) and np.array_equal(made[:height, -1], levels[:, -1])


def test_videos_that_cannot_be_made_are_refused_at_once(monkeypatch):
    with pytest.raises(SettingsError, match="video='avi'.*none, gif, mp4"):
        RunFolder("somewhere", video="avi")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingsError, match="video='mp4' needs the program ffmpeg"):
        RunFolder("somewhere", video="mp4")


def a_program_called_ffmpeg(folder: Path, body: str, monkeypatch) -> None:
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_ffmpeg_gets_raw_frames_of_the_stated_size(tmp_path, monkeypatch):
    keep = "open(sys.argv[-1], 'wb').write(sys.stdin.buffer.read()); open('arguments', 'w').write(' '.join(sys.argv))"
    a_program_called_ffmpeg(tmp_path, keep, monkeypatch)
    monkeypatch.chdir(tmp_path)
    folder = started(tmp_path / "run", video="mp4", fps=24)
    frames = [torch.linspace(-1, value, 3 * 4 * 6).view(3, 4, 6) for value in (0.0, 1.0)]
    for frame in frames:
        folder.frame(0, frame, 0)
    folder.finish("finished")
    assert (tmp_path / "run" / "image_0.mp4").read_bytes() == b"".join(to_image(frame).tobytes() for frame in frames)
    arguments = (tmp_path / "arguments").read_text()
    assert "-pixel_format rgb24 -video_size 6x4 -framerate 24" in arguments
    assert folder.notes == []


def test_a_video_that_fails_costs_a_note_not_the_run(tmp_path, monkeypatch):
    a_program_called_ffmpeg(tmp_path, "sys.exit('no such encoder')", monkeypatch)
    folder = started(tmp_path / "run", video="mp4")
    for _ in range(50):
        folder.frame(0, picture(size=(64, 64)), 0)
    folder.final(0, picture(), seed=0)
    folder.finish("finished")
    assert folder.notes == ["image_0.mp4 could not be written: ffmpeg: no such encoder"]
    assert on_disk(folder)["notes"] == folder.notes
    assert on_disk(folder)["status"] == "finished"


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_mp4_by_the_real_ffmpeg(tmp_path):
    folder = started(tmp_path, video="mp4")
    for value in (-1, 0, 1):
        folder.frame(0, picture(value, (64, 64)), 0)
    folder.finish("finished")
    assert folder.notes == []
    assert (tmp_path / "image_0.mp4").read_bytes()[4:8] == b"ftyp"

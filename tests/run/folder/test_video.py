"""Films of runs: GIF, and MP4."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.run.folder.pictures import to_image
from disco.run.folder.run_folder import RunFolder
from disco.run.folder.video import Mp4, delays, even
from support.run_folders import picture, started


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


def test_an_mp4_holds_the_frames_in_their_order_and_colours(tmp_path):
    folder = started(tmp_path, video="mp4", fps=24)
    colours = [(-1.0, -1.0, 1.0), (1.0, -1.0, -1.0), (0.0, 0.5, -0.5)]
    for colour in colours:
        folder.frame(0, torch.tensor(colour)[:, None, None].expand(3, 66, 64), 0)
    folder.finish("finished")
    assert folder.notes == []
    with av.open(str(tmp_path / "image_0.mp4")) as film:
        assert film.streams.video[0].average_rate == 24
        shown = [frame.to_ndarray(format="rgb24", src_colorspace="ITU709") for frame in film.decode(video=0)]
    assert [frame.shape for frame in shown] == [(66, 64, 3)] * 3
    for frame, colour in zip(shown, colours, strict=True):
        expected = np.asarray(to_image(torch.tensor(colour)[:, None, None].expand(3, 66, 64)))
        assert np.abs(frame.astype(int) - expected).max() <= 6


def test_an_mp4_of_odd_sides_is_written(tmp_path):
    folder = started(tmp_path, video="mp4")
    folder.frame(0, picture(0, (37, 51)), 0)
    folder.finish("finished")
    with av.open(str(tmp_path / "image_0.mp4")) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (52, 38)


def test_an_mp4_that_cannot_be_written_is_an_error_at_its_end(tmp_path):
    film = Mp4(tmp_path / "gone" / "image_0.mp4", fps=12)
    for _ in range(2):
        film.add(to_image(picture(size=(64, 64))))
    with pytest.raises(OSError, match="No such file or directory"):
        film.close()


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_film_that_goes_back_begins_anew_with_the_frames_that_were_kept(tmp_path, kind):
    frames = tmp_path / "run" / "state" / "frames"
    folder = RunFolder(tmp_path / "run", kind, 10, frames=frames)
    folder.start({"version": "1", "settings": {}, "seeds": [0]})
    for step in (0, 1, 2, 3):
        folder.frame(0, picture(-step / 4), step)
    folder.go_back([0], 2, [])
    for step in (2, 3, 4):
        folder.frame(0, picture(step / 4), step)
    folder.finish("finished")
    assert folder.notes == [] and not list((tmp_path / "run").glob(".*part"))
    with av.open(str(tmp_path / "run" / f"image_0.{kind}")) as made:
        assert len(list(made.decode(video=0))) == 5

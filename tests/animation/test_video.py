"""Videos that films follow: read whatever they are like, moved along with, and their sound kept."""

from __future__ import annotations

import io
import os
import socket
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from disco import SettingsError, animate
from disco.animation.flow import flow_between
from disco.animation.following import Following
from disco.animation.frames import frames_of
from disco.animation.loops import VideoLoop
from disco.animation.video import pictures_of, read_video
from disco.diffusion.images import to_tensor
from disco.run.jobs import Job
from support.plans import settings_with

SMALL: dict[str, Any] = dict(
    steps=5, skip_steps=2, width=32, height=32, cut_overview=1, cut_innercut=1, frames_skip_steps=3, cutn_batches=1,
    clip_models=["embedded_vit"], metrics=False, frames_scale=100, extract_nth_frame=1,
)  # fmt: skip


def level(number: int) -> int:
    return 20 + 12 * number % 200


def clip(path: Path, count: int = 6, size: tuple[int, int] = (64, 48), rate: int = 10, sound: bool = False) -> Path:
    """A video: a grey level a picture, with a bright square that moves 2 pixels a picture."""
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=rate, options={"crf": "1"})
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv444p"
        voice = out.add_stream("aac", rate=44100) if sound else None
        for number in range(count):
            shown = np.full((size[1], size[0], 3), level(number), np.uint8)
            shown[10:30, 10 + 2 * number : 30 + 2 * number] = 200
            out.mux(pictures.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        out.mux(pictures.encode())
        if voice is not None:
            tone = np.sin(np.arange(44100 * 2) / 20, dtype=np.float32)[None]
            for start in range(0, tone.shape[1] - 1024, 1024):
                frame = av.AudioFrame.from_ndarray(tone[:, start : start + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 44100, start
                out.mux(voice.encode(frame))
            out.mux(voice.encode())
    return path


def levels_of(path: Path, every: int) -> list[int]:
    video = read_video(str(path), every)
    return [picture.getpixel((0, 0))[0] for picture in pictures_of(video, 32, 24, "stretch")]


@pytest.mark.parametrize(("every", "expected"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), (4, [0, 4]), (9, [0])])
def test_every_nth_picture_is_read(tmp_path, every, expected):
    path = clip(tmp_path / "clip.mp4")
    video = read_video(str(path), every)
    assert (video.count, video.rate, video.sound, video.damaged) == (len(expected), Fraction(10, every), False, None)
    np.testing.assert_allclose(levels_of(path, every), [level(number) for number in expected], atol=2)


@pytest.mark.parametrize("size", [(33, 21), (16, 80), (2, 2)])
def test_pictures_of_any_size_are_laid_on_the_canvas(tmp_path, size):
    video = read_video(str(clip(tmp_path / "clip.mkv", 2, size)), 1)
    assert [picture.size for picture in pictures_of(video, 32, 24, "fill")] == [(32, 24)] * 2


def test_a_video_that_breaks_off_is_taken_as_far_as_it_goes(tmp_path):
    whole = clip(tmp_path / "clip.mkv", 40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2] + b"\xff" * 200)
    video = read_video(str(cut), 1)
    assert 1 <= video.count < 40
    assert len(list(pictures_of(video, 32, 24, "stretch"))) == video.count


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a text", "cannot be read as a video"), (b"", "cannot be read as a video"), (None, "No such file")],
)
def test_what_is_no_video_is_one_line(tmp_path, content, said):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as error:
        read_video(str(path), 1)
    assert "\n" not in str(error.value)


def test_only_an_ordinary_file_is_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.mp4")
    for path in ("pipe.mp4", ".", "/dev/zero"):
        with pytest.raises(SettingsError, match="is not an ordinary file"):
            read_video(path, 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        for path in (f"tcp://127.0.0.1:{server.getsockname()[1]}", "a\0b"):
            with pytest.raises(SettingsError, match="cannot be read as a video"):
                read_video(path, 1)
        # A file of such a name is a file, and no address.
        Path(f"tcp:127.0.0.1:{server.getsockname()[1]}").write_bytes(b"no video")
        with pytest.raises(SettingsError, match="cannot be read as a video"):
            read_video(f"tcp:127.0.0.1:{server.getsockname()[1]}", 1)
        with pytest.raises(TimeoutError):
            server.accept()


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "voice.wav"), "w") as out:
        voice = out.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        out.mux(voice.encode(frame))
        out.mux(voice.encode())
    with pytest.raises(SettingsError, match="holds no pictures"):
        read_video(str(tmp_path / "voice.wav"), 1)


def test_frames_are_those_of_the_video_and_have_its_settings(tmp_path):
    clip(tmp_path / "clip.mp4")
    values = {"animation_mode": "video", "video_init_path": str(tmp_path / "clip.mp4"), "steps": 10, "skip_steps": 3}
    frames = frames_of(settings_with(**values))
    assert len(frames) == 3 and all(frame.starts and frame.motion is None for frame in frames)
    assert [frame.settings.sampler.skip_steps for frame in frames] == [3, 6, 6]
    assert len(frames_of(settings_with(**values, max_frames=2, extract_nth_frame=1))) == 2
    same = frames_of(settings_with(**values, video_init_seed_continuity=True))
    assert [frame.settings.seed for frame in same] == [0, 0, 0]
    with pytest.raises(SettingsError, match="turbo_mode"):
        frames_of(settings_with(**values, turbo_mode=True))
    with pytest.raises(SettingsError, match="needs a video: video_init_path"):
        frames_of(settings_with(animation_mode="video"))


# What a frame starts from


def following(tmp_path: Path, **values: Any) -> Following:
    video = read_video(str(clip(tmp_path / "clip.mp4")), 1)
    film = settings_with(animation_mode="video", **values).animation
    return Following(film, pictures_of(video, 64, 48, "stretch"), tmp_path / "flow")


def test_without_flow_a_frame_starts_from_the_videos_picture(tmp_path):
    follows = following(tmp_path, video_init_flow_warp=False)
    for _ in range(3):
        picture = follows.advance()
        assert follows.start(Image.new("RGB", (64, 48), "red"), 0.999) is picture
    assert not (tmp_path / "flow").exists()


def test_with_flow_the_frame_before_moves_along_and_is_laid_over(tmp_path):
    follows = following(tmp_path)
    before = follows.advance()
    assert follows.start(None, 0.75) is before
    shown = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    now = follows.advance()
    flow = flow_between(to_tensor(now), to_tensor(before)).numpy().astype(float)
    rows, columns = np.mgrid[:48, :64].astype(float)
    x, y = np.clip(columns + flow[..., 0], 0, 63), np.clip(rows + flow[..., 1], 0, 47)
    x0, y0 = np.minimum(x.astype(int), 62), np.minimum(y.astype(int), 46)
    fx, fy, source = (x - x0)[..., None], (y - y0)[..., None], np.asarray(shown).astype(float)
    top = source[y0, x0] * (1 - fx) + source[y0, x0 + 1] * fx
    warped = top * (1 - fy) + (source[y0 + 1, x0] * (1 - fx) + source[y0 + 1, x0 + 1] * fx) * fy
    expected = np.asarray(now).astype(float) * 0.25 + warped * 0.75
    np.testing.assert_allclose(np.asarray(follows.start(shown, 0.75)).astype(float), expected, atol=0.51)


def test_the_share_of_the_frame_before_may_change_by_frame(tmp_path):
    follows = following(tmp_path)
    settings = settings_with(
        animation_mode="video", video_init_path=str(tmp_path / "clip.mp4"), extract_nth_frame=1, max_frames=3,
        by_frame={"video_init_flow_blend": "1:(0), 2:(1)"},
    )  # fmt: skip
    loop, chain, from_video = VideoLoop(settings.animation, follows), None, []

    def render(job: Job) -> Image.Image:
        (start,) = [Image.open(io.BytesIO(data)) for data in job.pictures.values()]
        from_video.append(follows.now is not None and start.tobytes() == follows.now.tobytes())
        return Image.new("RGB", (64, 48), "red")

    for frame in frames_of(settings):
        chain = loop.next(frame, chain, render)
    assert from_video == [True, True, False]


def test_where_motion_is_not_believed_the_videos_picture_is_taken(tmp_path):
    red = Image.new("RGB", (64, 48), "red")
    plain, careful = (following(tmp_path, video_init_check_consistency=check) for check in (False, True))
    for follows in (plain, careful):
        follows.advance()
        follows.advance()
    assert np.asarray(plain.start(red, 1.0))[..., 1].max() == 0
    taken = np.asarray(careful.start(red, 1.0))[..., 1]
    assert taken.max() > 0.8 * level(1) and np.median(taken) == 0  # around the square, and nowhere else


def test_flow_that_was_kept_is_read_and_a_damaged_one_found_anew(tmp_path):
    first = following(tmp_path)
    first.advance()
    first.advance()
    (kept,) = (tmp_path / "flow").iterdir()
    assert first.moved is not None
    np.save(kept, np.full((48, 64, 2), 3, np.float32))
    again = following(tmp_path)
    again.advance()
    again.advance()
    assert again.moved is not None and torch.equal(again.moved[0], torch.full((48, 64, 2), 3.0))
    for damaged in (b"", kept.read_bytes()[:500], b"no array at all"):
        kept.write_bytes(damaged)
        anew = following(tmp_path)
        anew.advance()
        anew.advance()
        assert anew.moved is not None and torch.equal(anew.moved[0], first.moved[0])


# Whole films


def test_a_film_follows_a_video_and_keeps_its_sound(tmp_path):
    path = clip(tmp_path / "clip.mp4", 4, sound=True)
    size = {"width": 64, "height": 64}  # not so far from the model's own that a note says so
    given = SMALL | size | {"animation": "video", "video_init_path": str(path)}
    film = animate("a red star", folder=tmp_path / "film", **given)
    assert len(film.frames) == 4 and film.notes == ()
    with av.open(str(film.path)) as made:
        assert made.streams.video[0].average_rate == 10
        assert sum(1 for _ in made.decode(video=0)) == 4
    with av.open(str(film.path)) as made:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in made.decode(audio=0)])
        assert 0.3 < len(heard) / 44100 < 0.5 and np.abs(heard[5000:15000]).max() > 0.5


def test_frames_may_be_blended_in_the_finished_film(tmp_path):
    path = str(clip(tmp_path / "clip.mp4", 2))
    shown = {}
    for mode in ("none", "linear", "optical_flow"):
        film = animate("a red star", folder=tmp_path / mode, animation="video", video_init_path=path, **SMALL,
                       video_init_blend_mode=mode)  # fmt: skip
        shown[mode] = [np.asarray(Image.open(frame)).astype(int) for frame in film.frames]
    raw = shown["none"]
    assert all(np.array_equal(frames[0], raw[0]) for frames in shown.values())
    assert np.abs(shown["linear"][1] - (raw[0] + raw[1]) / 2).max() <= 0.51
    assert not np.array_equal(shown["optical_flow"][1], shown["linear"][1])

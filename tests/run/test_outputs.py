"""The run folder from its first second to its last, and back from the files to the settings."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torchvision.transforms import functional as TF

from disco.diffusion.images import to_tensor
from disco.errors import SettingsError
from disco.run.folder import run_folder
from disco.run.folder.files import beside
from disco.run.folder.pictures import is_whole, to_image
from disco.run.folder.reading import read_record, read_settings
from disco.run.folder.run_folder import MOST_WAITING, RunFolder, clear_run
from disco.run.folder.video import delays, even
from disco.run.progress import Progress

RECORD = {
    "version": "1.2.3",
    "settings": {"prompt": 'a "red" star, über #1\n☃', "seed": 40, "n_batches": 2, "init": {"perlin_init": True}},
    "weights": {"unet": "ab" * 32},
    "inputs": [],
    "seeds": [40, 41],
}


WHOLE = io.BytesIO()
Image.effect_noise((40, 30), 64).convert("RGB").save(WHOLE, "PNG")


def picture(value: float = 0.0, size: tuple[int, int] = (4, 6)) -> torch.Tensor:
    return torch.full((3, *size), value)


def started(path: Path, **options) -> RunFolder:
    folder = RunFolder(path, **options)
    folder.start(RECORD)
    return folder


def on_disk(folder: RunFolder) -> dict:
    return json.loads((folder.path / "run.json").read_text())


# Pictures


@given(st.data())
def test_a_picture_is_whole_or_not(data):
    """Cut anywhere, or another in any single byte, it is not."""
    png = WHOLE.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image_0.png"
        assert not is_whole(path)
        path.write_bytes(png)
        assert is_whole(path)
        path.write_bytes(png[: data.draw(st.integers(0, len(png) - 1))])
        assert not is_whole(path)
        place = data.draw(st.integers(0, len(png) - 1))
        path.write_bytes(png[:place] + bytes([png[place] ^ data.draw(st.integers(1, 255))]) + png[place + 1 :])
        assert not is_whole(path)


def test_levels_are_rounded_and_clamped():
    values = torch.tensor([-9, -1, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0, 1 - 0.51 / 127.5, 1, 9])
    levels = np.asarray(to_image(values.expand(3, 1, -1)))[0, :, 0]
    assert levels.tolist() == [0, 0, 0, 1, 128, 254, 255, 255]


def test_levels_of_the_original_are_cut_off():
    """torchvision's `to_pil_image` of (x + 1) / 2, as the original calls it."""
    values = torch.cat([torch.linspace(-1.2, 1.2, 4001), torch.tensor([0.0])]).expand(3, 1, -1)
    theirs = np.asarray(TF.to_pil_image(values.add(1).div(2).clamp(0, 1)))
    assert np.array_equal(np.asarray(to_image(values, truncate=True)), theirs)
    assert theirs[0, -1].tolist() == [127, 127, 127]


def test_a_folder_cuts_off_levels_where_it_is_told(tmp_path):
    folder = started(tmp_path, truncate=True)
    folder.progress(picture(), 1)
    folder.final(0, picture(), 1)
    folder.finish("finished")
    for name in ("progress.png", "image_0.png"):
        assert Image.open(tmp_path / name).getpixel((0, 0)) == (127, 127, 127)


def test_every_level_survives_the_way_there_and_back():
    levels = torch.arange(256).view(1, 16, 16).expand(3, -1, -1).to(torch.uint8)
    image = Image.fromarray(levels.permute(1, 2, 0).numpy())
    assert np.array_equal(np.asarray(to_image(to_tensor(image))), np.asarray(image))


def test_channels_and_pixels_keep_their_place_in_every_dtype():
    values = torch.full((3, 2, 5), -1.0)
    values[1, 1, 4] = 1
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        image = to_image(values.to(dtype).requires_grad_())
        assert (image.mode, image.size, image.getpixel((4, 1))) == ("RGB", (5, 2), (0, 255, 0))
        assert np.asarray(image).sum() == 255


# The folder


def test_the_record_is_there_from_the_first_second(tmp_path):
    folder = started(tmp_path / "new" / "run")
    assert on_disk(folder) == RECORD | {"status": "running"}
    assert (folder.path / "steps.jsonl").read_text() == ""
    folder.finish("finished", seconds=1.5, notes=["size rounded"])
    assert on_disk(folder) == RECORD | {"status": "finished", "seconds": 1.5, "notes": ["size rounded"]}


@pytest.mark.parametrize("status", ["running", "done"])
def test_a_run_ends_in_a_known_way(tmp_path, status):
    with pytest.raises(ValueError, match=status):
        started(tmp_path).finish(status)


def test_steps_are_on_disk_at_once(tmp_path):
    folder = started(tmp_path)
    for number in range(3):
        folder.step({"number": number, "loss": math.nan if number == 1 else 0.5})
        lines = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
        assert len(lines) == number + 1
    assert [line["loss"] for line in lines] == [0.5, None, 0.5]


def test_what_went_in_is_kept_until_the_run_is_cleared(tmp_path):
    folder = started(tmp_path)
    folder.keep({"inputs/a.png": b"a", "inputs/b.jpg": b"b"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "inputs").iterdir()} == {"a.png": b"a", "b.jpg": b"b"}
    folder.finish("failed")
    clear_run(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "inputs").touch()
    with pytest.raises(SettingsError, match="inputs/a.png' cannot be written"):
        folder.keep({"inputs/a.png": b"a"})


def test_records_are_strict_json(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Inner:
        path: Path
        pair: tuple[float, float]

    folder = RunFolder(tmp_path)
    folder.start({"settings": {"inner": Inner(Path("a/b"), (math.inf, 1.0)), 25: True}})

    def refuse(constant):
        raise AssertionError(constant)

    text = (tmp_path / "run.json").read_text()
    assert json.loads(text, parse_constant=refuse)["settings"] == {
        "inner": {"path": "a/b", "pair": [None, 1.0]},
        "25": True,
    }
    with pytest.raises(TypeError, match="Tensor"):
        folder.step({"loss": torch.tensor(1.0)})


def test_every_picture_lands_where_it_should(tmp_path):
    folder = started(tmp_path)
    folder.progress(picture(-1), seed=40)
    folder.progress(picture(1), seed=40)
    for step in (62, 63):  # the same in whole percents
        folder.partial(0, step / 250, picture(), seed=40)
    folder.partial(1, 1.0, picture(), seed=41)
    assert folder.final(0, picture(), seed=40) == tmp_path / "image_0.png"
    folder.frame(0, picture())  # no video was asked for
    folder.wait()
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert names == [
        ".lock",
        "image_0.png",
        "partials/image_0_at_024.8.png",
        "partials/image_0_at_025.2.png",
        "partials/image_1_at_100.0.png",
        "progress.png",
        "run.json",
        "steps.jsonl",
    ]
    assert Image.open(tmp_path / "progress.png").getpixel((0, 0)) == (255, 255, 255)


def test_nothing_is_overwritten(tmp_path):
    folder = started(tmp_path)
    folder.final(1, picture(1), seed=0)
    with pytest.raises(SettingsError, match="folder=.*already holds a run"):
        started(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(SettingsError, match="already holds a run"):
        started(tmp_path)
    assert Image.open(tmp_path / "image_1.png").getpixel((0, 0)) == (255, 255, 255)


def test_a_folder_is_one_process_s_while_its_run_lasts(tmp_path):
    """Also where the run has not written anything yet; then the next may have it."""
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    first.claim()
    with pytest.raises(SettingsError, match="is in use by another process; wait for its end"):
        second.start(RECORD)
    first.release()
    second.start(RECORD)
    second.finish("finished")
    assert sorted(os.listdir(tmp_path)) == ["run.json", "steps.jsonl"]


def test_a_folder_that_takes_no_locks_costs_a_note(tmp_path, monkeypatch):
    def acquire(lock, timeout):
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(run_folder.FileLock, "acquire", acquire)
    folder = started(tmp_path)
    folder.finish("finished")
    assert on_disk(folder)["notes"] == [
        "the folder cannot be locked (no locks here); see to it that nobody else uses it meanwhile"
    ]


def test_a_video_is_complete_with_its_picture(tmp_path):
    """And not only with the run: what is finished stays, should the process be killed in the next picture."""
    folder = started(tmp_path, video="gif")
    for number in range(2):
        folder.frame(number, picture(number))
    folder.final(0, picture(), seed=0)
    folder.wait()
    assert (tmp_path / "image_0.gif").exists() and not (tmp_path / "image_1.gif").exists()
    folder.finish("interrupted")
    assert (tmp_path / "image_1.gif").exists()


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    folder = started(tmp_path)
    folder.progress(picture(1), seed=40)
    folder.wait()
    before = (tmp_path / "progress.png").read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    folder.progress(picture(-1), seed=40)
    with pytest.raises(OSError, match="no space"):
        folder.wait()
    assert (tmp_path / "progress.png").read_bytes() == before
    folder.partial(0, 0.5, picture(), seed=40)
    with pytest.raises(OSError, match="no space"):  # told with the next picture at the latest
        for _ in range(MOST_WAITING + 1):
            folder.progress(picture(-1), seed=40)
    monkeypatch.undo()
    folder.finish("failed")
    assert not list(tmp_path.rglob("*.part"))


def test_pictures_on_the_way_are_written_beside_the_run(tmp_path, monkeypatch):
    """Neither the run nor what it does to its tensors waits for a slow disk; a failure at the end costs a note."""
    folder, disk, save = started(tmp_path), threading.Event(), Image.Image.save
    monkeypatch.setattr(Image.Image, "save", lambda *given, **more: disk.wait(30) and save(*given, **more))
    changing = picture(1)
    folder.progress(changing, seed=40)
    changing.fill_(-1)
    assert not (tmp_path / "progress.png").exists()
    disk.set()
    folder.wait()
    assert Image.open(tmp_path / "progress.png").getpixel((0, 0)) == (255, 255, 255)
    monkeypatch.setattr(Image.Image, "save", lambda *given, **more: open(tmp_path / "no" / "file"))
    folder.progress(picture(1), seed=40)
    folder.finish("finished")
    assert read_record(tmp_path / "run.json")["status"] == "finished"
    assert any("a picture on the way could not be written" in note for note in folder.notes)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="folder=.*cannot be written: Not a directory"):
        started(tmp_path / "file" / "run")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="folder=.*cannot be written: Permission denied"):
        started(tmp_path)


# Videos


def test_gif_holds_the_frames_in_order(tmp_path):
    folder = started(tmp_path, video="gif", fps=10)
    for value in (-1, 0, 1):
        folder.frame(0, picture(value))
    folder.frame(1, picture())
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
        folder.frame(0, picture(-1 + number / 6))
    folder.finish("finished")
    frames, stand = film(tmp_path / "image_0.gif")
    assert frames == 12 and sum(stand) == expected and min(stand) >= 20


def test_a_gif_of_one_frame_and_one_of_frames_that_do_not_change(tmp_path):
    folder = started(tmp_path, video="gif", fps=12)
    folder.frame(0, picture())
    for _ in range(12):
        folder.frame(1, picture())
    folder.finish("finished")
    assert film(tmp_path / "image_0.gif") == (1, [80]) and sum(film(tmp_path / "image_1.gif")[1]) == 1000
    slow = started(tmp_path / "slow", video="gif", fps=1)
    for _ in range(656):
        slow.frame(0, picture())
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
        folder.frame(0, frame)
    folder.finish("finished")
    assert (tmp_path / "run" / "image_0.mp4").read_bytes() == b"".join(to_image(frame).tobytes() for frame in frames)
    arguments = (tmp_path / "arguments").read_text()
    assert "-pixel_format rgb24 -video_size 6x4 -framerate 24" in arguments
    assert folder.notes == []


def test_a_video_that_fails_costs_a_note_not_the_run(tmp_path, monkeypatch):
    a_program_called_ffmpeg(tmp_path, "sys.exit('no such encoder')", monkeypatch)
    folder = started(tmp_path / "run", video="mp4")
    for _ in range(50):
        folder.frame(0, picture(size=(64, 64)))
    folder.final(0, picture(), seed=0)
    folder.finish("finished")
    assert folder.notes == ["image_0.mp4 could not be written: ffmpeg: no such encoder"]
    assert on_disk(folder)["notes"] == folder.notes
    assert on_disk(folder)["status"] == "finished"


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_mp4_by_the_real_ffmpeg(tmp_path):
    folder = started(tmp_path, video="mp4")
    for value in (-1, 0, 1):
        folder.frame(0, picture(value, (64, 64)))
    folder.finish("finished")
    assert folder.notes == []
    assert (tmp_path / "image_0.mp4").read_bytes()[4:8] == b"ftyp"


# Back to the settings


def test_a_picture_gives_back_its_own_settings(tmp_path):
    path = started(tmp_path).final(1, picture(), seed=41)
    assert read_record(path) == {key: RECORD[key] for key in ("version", "settings", "inputs", "weights")} | {
        "seed": 41
    }
    assert read_settings(path) == RECORD["settings"] | {"seed": 41, "n_batches": 1, "batch_size": 1}


def test_a_run_gives_back_the_settings_of_the_run(tmp_path):
    folder = started(tmp_path)
    assert read_settings(tmp_path / "run.json") == RECORD["settings"]
    folder.finish("interrupted")
    assert read_record(tmp_path / "run.json")["status"] == "interrupted"


def test_records_of_older_versions_have_their_settings_in_the_groups_of_now(tmp_path):
    older = {"settings": {"prompt": "a", "model": {"width": 64, "threads": 2}}, "seed": 3}
    (tmp_path / "image_0.png").write_bytes(png(json.dumps(older)))
    (tmp_path / "run.json").write_text(json.dumps(older))
    for name in ("image_0.png", "run.json"):
        now = read_record(tmp_path / name)["settings"]
        assert now == {"prompt": "a", "model": {"width": 64}, "machine": {"threads": 2}}


def png(text: str | None) -> bytes:
    info, file = PngInfo(), io.BytesIO()
    if text is not None:
        info.add_text("disco", text)
    Image.new("RGB", (2, 2)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize(
    "content, reason",
    [
        (png(None), "another program"),
        (png("not json"), "holds no record"),
        (png("[1]"), "holds no settings"),
        (png('{"settings": 3}'), "holds no settings"),
        (png('{"settings": {}}')[:20], "damaged picture"),
        (b"", "holds no record"),
        (b"\xff\xfe\x00", "holds no record"),
        (b"[" * 100_000, "holds no record"),
        (b" " * (17 * 2**20), "larger than 16 MB"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path, content, reason):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SettingsError, match=reason) as caught:
        read_settings(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_other_pictures_are_called_what_they_are(tmp_path, kind):
    Image.new("RGB", (4, 4)).save(tmp_path / "x", kind)
    with pytest.raises(SettingsError, match=f"is a {kind} picture, which carries no settings of disco; give the PNG"):
        read_settings(tmp_path / "x")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypavif", "an AVIF or HEIC picture, which"),
        (b"\0\0\0\x1cftypheic", "an AVIF or HEIC picture, which"),
        (b"\0\0\0\x1cftypisom", "a film, which"),
        (b"\x80\x81", "holds no record of a run: it is neither a PNG nor a text"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, head, kind):
    (tmp_path / "x").write_bytes(head + b"\xff" * 40)
    with pytest.raises(SettingsError, match=kind) as caught:
        read_settings(tmp_path / "x")
    assert "codec" not in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.png"):
        with pytest.raises(SettingsError, match="cannot be read"):
            read_settings(path)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_settings_or_the_one_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    try:
        assert isinstance(read_settings(path), dict)
    except SettingsError:
        pass


def test_records_are_read_without_torch():
    code = "import sys, disco.run.folder.run_folder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# The screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch, stream: io.StringIO, quiet: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(2, quiet=quiet) as progress:
        progress.step(loss=0.123456)
        progress.step()
    return stream.getvalue()


def test_the_bar_shows_seconds_a_step_and_the_loss(monkeypatch):
    text = shown(monkeypatch, Terminal())
    assert "2/2" in text and "s/step" in text and "loss 0.1235" in text


def test_the_bar_is_silent_where_nobody_looks(monkeypatch):
    assert shown(monkeypatch, io.StringIO()) == ""
    assert shown(monkeypatch, Terminal(), quiet=True) == ""


def test_two_writers_of_one_file(tmp_path):
    path = tmp_path / "results.csv"
    with beside(path) as one, beside(path) as other:
        assert one != other and one.parent == other.parent == tmp_path
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert path.read_bytes() == b"one"  # the last to end
    with pytest.raises(OSError, match="the disk is full"), beside(path) as part:
        part.write_bytes(b"half")
        raise OSError("the disk is full")
    assert path.read_bytes() == b"one" and os.listdir(tmp_path) == ["results.csv"]


def test_the_bar_says_what_comes_before_the_first_step(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(2) as progress:
        progress.begin("compiling")
        before = len(sys.stderr.getvalue())
        assert "compiling:   0%" in sys.stderr.getvalue()
        progress.step()
        progress.step()
    assert "compiling" not in sys.stderr.getvalue()[before:]

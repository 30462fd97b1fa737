"""The run folder from its first second to its last."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import threading
from pathlib import Path

import pytest
import torch
from PIL import Image

from disco.errors import SettingsError
from disco.run.folder import run_folder
from disco.run.folder.reading import read_record
from disco.run.folder.run_folder import RunFolder, clear_run
from support.run_folders import RECORD, on_disk, picture, started


def test_a_folder_cuts_off_levels_where_it_is_told(tmp_path):
    folder = started(tmp_path, truncate=True)
    folder.progress(picture(), 1)
    folder.final(0, picture(), 1)
    folder.finish("finished")
    for name in ("progress.png", "image_0.png"):
        assert Image.open(tmp_path / name).getpixel((0, 0)) == (127, 127, 127)


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
    folder.frame(0, picture(), 0)  # no video was asked for
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
        folder.frame(number, picture(number), 0)
    folder.final(0, picture(), seed=0)
    folder.wait()
    assert (tmp_path / "image_0.gif").exists() and not (tmp_path / "image_1.gif").exists()
    folder.finish("interrupted")
    assert (tmp_path / "image_1.gif").exists()


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

"""How far a job has come, by the files that a run leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from disco.app.progress import Progress
from disco.app.queue import FINISHED, RUNNING, STOPPED, WAITING, Job
from support.app import write_run


def job(state: str = RUNNING, **given) -> Job:
    return Job("000001", given.pop("kind", "render"), "a", ("x",), "place", state=state, **given)


def write_steps(folder: Path, count: int, seconds: float = 2.0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "steps.jsonl", "a", encoding="utf-8") as file:
        for number in range(count):
            line = {"number": number, "loss": 10.0 - number, "losses": {"clip/a": [1.0, 3.0]}, "seconds": seconds}
            file.write(json.dumps(line) + "\n")


def test_a_run_is_counted_by_its_steps(tmp_path):
    progress = Progress(tmp_path)
    said = progress.of(job(steps=20))
    assert said["done"] == 0 and not said["made"]  # there is nothing to look at
    write_steps(tmp_path / "place", 3)
    said = progress.of(job(steps=20))
    assert said["made"]
    assert (said["done"], said["steps"], said["seconds_left"]) == (3, 20, 34.0)
    assert said["loss"] == 8.0 and said["losses"] == {"loss": 8.0, "clip/a": 2.0} and said["picture"] is None
    write_steps(tmp_path / "place", 2)
    (tmp_path / "place" / "progress.png").touch()
    said = progress.of(job(steps=20))
    assert said["done"] == 5 and said["picture"].startswith("/files/place/progress.png?t=")


def test_a_line_that_is_being_written_is_no_step_yet(tmp_path):
    write_steps(tmp_path / "place", 2)
    with open(tmp_path / "place" / "steps.jsonl", "a", encoding="utf-8") as file:
        file.write('{"number": 2, "lo')
    progress = Progress(tmp_path)
    assert progress.of(job(steps=9))["done"] == 2
    with open(tmp_path / "place" / "steps.jsonl", "a", encoding="utf-8") as file:
        file.write('ss": 1.0, "seconds": 2.0}\n')
    assert progress.of(job(steps=9))["done"] == 3


def test_a_run_that_begins_anew_is_counted_anew(tmp_path):
    progress = Progress(tmp_path)
    write_steps(tmp_path / "place", 5)
    assert progress.of(job(steps=9))["done"] == 5
    (tmp_path / "place" / "steps.jsonl").unlink()
    write_steps(tmp_path / "place", 1)
    assert progress.of(job(steps=9))["done"] == 1


def test_a_study_is_counted_by_its_cells(tmp_path):
    place = tmp_path / "place"
    for key, status in [("aa", "finished"), ("bb", "failed"), ("cc", "running")]:
        write_run(place / key, status=status, seconds=10)
    os.utime(place / "cc" / "run.json", (2e9, 2e9))
    write_steps(place / "cc", 2)
    said = Progress(tmp_path).of(job(kind="study", steps=4, cells=6))
    assert said["cells"] == [2, 6] and (said["done"], said["steps"]) == (2, 4)
    assert said["seconds_left"] == pytest.approx((6 - 2 - 0.5) * 10)
    assert said["picture"].startswith("/files/place/cc/image_0.png")


def test_an_enlargement_is_found_in_the_folder_of_its_own(tmp_path):
    write_run(tmp_path / "place" / "picture-x2-abc" / "0_0", seconds=1)
    said = Progress(tmp_path).of(job(kind="enlarge", steps=4, cells=9))
    assert said["folder"] == "place/picture-x2-abc" and said["cells"] == [1, 9]


def test_what_is_finished_is_whole(tmp_path):
    assert Progress(tmp_path).of(job(FINISHED, steps=7))["done"] == 7
    assert Progress(tmp_path).of(job(FINISHED, steps=7, cells=3))["cells"] == [3, 3]


@pytest.mark.parametrize("name", ["image_0.png", "enlarged.png", "sheet.png", "grid.png"])
def test_what_was_made_is_shown(tmp_path, name):
    write_run(tmp_path / "place" / "cell", seconds=1)
    assert "cell" in Progress(tmp_path).of(job(FINISHED, steps=7, cells=1))["picture"]
    (tmp_path / "place" / name).touch()
    assert Progress(tmp_path).of(job(FINISHED, steps=7, cells=1))["picture"].startswith(f"/files/place/{name}?t=")


def test_one_that_was_stopped_says_how_far_it_came(tmp_path):
    write_steps(tmp_path / "place", 3)
    (tmp_path / "place" / "progress.png").touch()
    said = Progress(tmp_path).of(job(STOPPED, steps=9, ended=1.0))
    assert (said["done"], said["steps"], said["seconds_left"]) == (3, 9, None) and said["picture"]
    assert Progress(tmp_path).of(job(WAITING, steps=9))["done"] == 0


@pytest.mark.parametrize("text", ["", "\0", "[1]\n", '{"losses": 3}\n', '{"losses": {"a": "b"}, "seconds": "x"}\n'])
def test_whatever_the_file_holds_it_is_read(tmp_path, text):
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "steps.jsonl").write_text(text)
    assert Progress(tmp_path).of(job(steps=3))["state"] == RUNNING

"""What a worker does with a cell: renders it once, whatever was left of it, and goes on when one fails."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from PIL import Image

from disco.errors import RenderError, SettingsError
from disco.settings.config import Settings, load, to_dict
from disco.settings.overrides import from_python
from disco.study.cells import Job, key_of
from disco.study.cells import job_of as declared
from disco.study.locks import lock_of
from disco.study.worker import Worker, mark_dead, mark_interrupted, one_line


def job_of(seed: int) -> Job:
    settings = load(from_python({"prompt": "a red star", "seed": seed}))
    return Job(key_of(settings), (seed,), (f"seed={seed}",), settings)


JOBS = tuple(job_of(seed) for seed in range(6))


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that were rendered. Seed 3 fails late, seed 4 early, as a setting does."""
    import disco.run.api

    seeds: list[int] = []

    def render_settings(settings: Settings, folder: Path, quiet: bool = False, **_: object) -> None:
        if settings.seed == 4:
            raise SettingsError("the picture is gone")
        record: dict[str, Any] = {"settings": to_dict(settings), "seeds": [settings.seed], "status": "finished"}
        folder.mkdir(parents=True, exist_ok=True)
        assert not (folder / "run.json").exists()
        seeds.append(settings.seed)
        if settings.seed == 3:
            record |= {"status": "failed", "error": "RuntimeError: out of memory"}
        else:
            Image.new("RGB", (8, 8)).save(folder / "image_0.png")
        (folder / "run.json").write_text(json.dumps(record))
        if settings.seed == 3:
            raise RuntimeError("out of memory\nwith details")

    monkeypatch.setattr(disco.run.api, "render_settings", render_settings)
    return seeds


def walk(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int = 0, **more: Any) -> int:
    """Worker as a launcher would call it."""
    config = type("Config", (), {"job": type("Job", (), {"num": number})})
    monkeypatch.setattr(HydraConfig, "get", lambda: config)
    given = {"session": "one", "directory": str(Path.cwd())} | more
    return Worker(folder, JOBS, **given)(None)


def test_every_cell_once_and_failures_marked(rendered, tmp_path, monkeypatch, capsys):
    assert walk(tmp_path, monkeypatch) == 4
    assert rendered == [0, 1, 2, 3, 5]
    said = capsys.readouterr().err
    assert "disco: cell 1 of 6: seed=0\n" in said
    assert f"disco: cell {JOBS[3].key} (seed=3) failed: RuntimeError: out of memory\n" in said
    assert "(seed=4) failed: the picture is gone\n" in said and "Traceback" not in said
    record = json.loads((tmp_path / JOBS[4].key / "run.json").read_text())
    assert (record["status"], record["error"], record["settings"]["seed"]) == ("failed", "the picture is gone", 4)
    assert "out of memory" in (tmp_path / JOBS[3].key / "traceback.txt").read_text()
    assert not (tmp_path / JOBS[4].key / "traceback.txt").exists()

    assert walk(tmp_path, monkeypatch) == 0  # another worker of the same command tries nothing again
    assert walk(tmp_path, monkeypatch, session="two") == 0
    assert rendered == [0, 1, 2, 3, 5, 3]


def test_what_is_left_of_a_run_is_cleared_and_foreign_files_stay(rendered, tmp_path, monkeypatch, capsys):
    left, odd, other = (tmp_path / JOBS[seed].key for seed in (0, 1, 2))
    (left / "partials").mkdir(parents=True)
    (left / "partials" / "image_0_at_025.png").touch()
    (left / "run.json").write_text('{"status": "running", "settings": {}}')
    (left / "steps.jsonl").write_text("{}\n")
    (left / "notes of mine.txt").write_text("keep")
    odd.mkdir()
    (odd / "run.json").write_text('{"sta')
    other.mkdir()
    (other / "run.json").write_text(json.dumps({"settings": to_dict(JOBS[5].settings), "status": "finished"}))
    walk(tmp_path, monkeypatch)
    assert rendered == [0, 1, 3, 5]
    assert sorted(path.name for path in left.iterdir()) == ["image_0.png", "notes of mine.txt", "run.json"]
    assert "holds a run of other settings; move it away" in capsys.readouterr().err
    assert json.loads((other / "run.json").read_text())["settings"]["seed"] == 5


def test_a_cell_in_other_hands_is_left_alone(rendered, tmp_path, monkeypatch):
    with lock_of(tmp_path, JOBS[1].key):
        walk(tmp_path, monkeypatch)
    assert rendered == [0, 2, 3, 5]
    walk(tmp_path, monkeypatch)
    assert rendered == [0, 2, 3, 5, 1]


def test_cells_whose_pictures_show_nothing_have_failed_and_notes_are_said(tmp_path, monkeypatch, capsys):
    import disco.run.api

    def render_settings(settings: Settings, folder: Path, on_note: Any, **_: object) -> None:
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"settings": to_dict(settings), "status": "failed"}))
        on_note("the film could not be written")
        raise RenderError("picture 0 is not finite", SimpleNamespace(pictures=()))

    monkeypatch.setattr(disco.run.api, "render_settings", render_settings)
    assert walk(tmp_path, monkeypatch) == 0
    said = capsys.readouterr().err
    assert f"disco: note: cell {JOBS[2].key} (seed=2): the film could not be written\n" in said
    assert f"disco: cell {JOBS[2].key} (seed=2) failed: picture 0 is not finite\n" in said
    assert not list(tmp_path.glob("*/traceback.txt"))


def test_a_cell_that_someone_only_looked_at_is_rendered_after_the_others(rendered, tmp_path, monkeypatch):
    import disco.run.api

    looking, render = lock_of(tmp_path, JOBS[1].key), disco.run.api.render_settings

    def render_settings(settings: Settings, folder: Path, quiet: bool = False, **_: object) -> None:
        if settings.seed == 5:
            looking.release()
        render(settings, folder, quiet)

    monkeypatch.setattr(disco.run.api, "render_settings", render_settings)
    looking.acquire()
    assert walk(tmp_path, monkeypatch) == 4
    assert rendered == [0, 2, 3, 5, 1]


def test_a_picture_that_was_changed_after_the_declaration_fails_its_cell(rendered, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8), "red").save("start.png")
    settings = load(from_python({"prompt": "a red star", "init_image": "start.png"}))
    job = declared(settings, [])
    assert job.key == declared(settings, []).key
    Image.new("RGB", (8, 8), "blue").save("start.png")
    walk = Worker(tmp_path / "study", (job,), "one", "")
    with lock_of(tmp_path / "study", "any"):  # makes the folder of locks
        assert walk.render(job) is False
    assert rendered == []
    assert "init_image='start.png' is another picture than when the study was declared" in capsys.readouterr().err


def test_workers_begin_apart_and_leave_nothing(tmp_path):
    walks = Worker(tmp_path, JOBS, "one", "", workers=4)
    shares = [walks.share(number) for number in range(4)]
    assert [share[0] for share in shares] == [JOBS[0], JOBS[1], JOBS[3], JOBS[4]]
    assert all(sorted(share, key=JOBS.index) == list(JOBS) for share in shares)


def test_a_death_is_recorded(tmp_path):
    for status in ("running", "finished"):
        (tmp_path / status).mkdir()
        (tmp_path / status / "run.json").write_text(json.dumps({"settings": {}, "status": status}))
        mark_dead(tmp_path / status, "its worker died: killed")
    assert json.loads((tmp_path / "running" / "run.json").read_text())["error"] == "its worker died: killed"
    assert json.loads((tmp_path / "finished" / "run.json").read_text())["status"] == "finished"
    mark_dead(tmp_path / "nowhere", "it never came so far")
    assert not (tmp_path / "nowhere").exists()


def test_what_an_interrupted_study_left_running_is_recorded_unless_someone_is_at_it(tmp_path):
    for key, status in {"a": "running", "b": "running", "c": "finished"}.items():
        (tmp_path / key).mkdir()
        (tmp_path / key / "run.json").write_text(json.dumps({"settings": {}, "status": status}))
    with lock_of(tmp_path, "b"):
        mark_interrupted(tmp_path)
    records = [json.loads((tmp_path / key / "run.json").read_text()) for key in "abc"]
    assert [record["status"] for record in records] == ["interrupted", "running", "finished"]
    assert records[0]["error"] == "its worker ended before it was done"


def test_errors_in_one_line():
    assert one_line(SettingsError("steps is 0")) == "steps is 0"
    assert one_line(ValueError("several\nlines")) == "ValueError: several"

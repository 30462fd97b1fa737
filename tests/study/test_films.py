"""Cells that are films: known by all that they take in, gone on with where they stopped, read back, shown."""

from __future__ import annotations

import csv
import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disco.animation.disk import disk_use_of
from disco.animation.film import render_film
from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.resources.disk import disk_use
from disco.run.folder.reading import read_record
from disco.run.folder.video import Mp4
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.study.cells import Job, is_done, is_finished, job_of
from disco.study.measure import complete
from disco.study.outlook import outlook
from disco.study.page import page_data, page_html
from disco.study.read import read_study
from disco.study.results import Study
from disco.study.table import write_results
from disco.study.worker import Worker, mark_interrupted, record_failure
from support.films import draw_film

SMALL: dict[str, Any] = {
    **{"prompt": "a red star", "animation": "2d", "max_frames": 3, "steps": 3, "frames_skip_steps": 1, "threads": 1},
    **{"width": 32, "height": 32, "cut_overview": 1, "cut_innercut": 1, "state_rate": 1, "guard": "off"},
}


def cell(**values: Any) -> Job:
    own = [f"animation.{name}={value}" for name, value in values.items() if name == "zoom"]
    return job_of(load(from_python(SMALL | values)), own)


# Cells


def test_a_cell_is_known_by_its_keyframes_and_by_what_its_files_hold(tmp_path):
    assert cell(zoom="0:(1), 2:(1.1)").key == cell(zoom="0:(1), 2:(1.1)").key != cell(zoom="0:(1), 2:(1.2)").key
    depth = tmp_path / "depth.png"
    Image.new("L", (8, 8), 90).save(depth)
    in_space = {"animation": "3d", "depth": str(depth)}
    before = cell(**in_space).key
    elsewhere = depth.rename(tmp_path / "same.png")
    assert cell(**in_space | {"depth": str(elsewhere)}).key == before
    Image.new("L", (8, 8), 91).save(depth)
    assert cell(**in_space).key != before


def clip(path: Path, seed: int) -> Path:
    film, rng = Mp4(path, 12), np.random.default_rng(seed)
    for _ in range(3):
        film.add(Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)))
    film.close()
    return path


def test_a_cell_is_known_by_the_video_that_it_follows(tmp_path):
    values = {"animation": "video", "video_init_path": str(clip(tmp_path / "a.mp4", 0)), "skip_steps": 0}
    before = cell(**values)
    assert [sha for (name, _), sha in before.inputs.items() if name == "video_init_path"]
    clip(tmp_path / "a.mp4", 1)
    assert cell(**values).key != before.key


def test_what_makes_no_film_is_refused_before_anything_is_rendered():
    from disco.study.declare import planned

    with pytest.raises(SettingsError, match="zoom is 0, but must stay above 0"):
        planned(load(from_python(SMALL | {"zoom": 0})))
    with pytest.raises(SettingsError, match="seed is random"):
        planned(load(from_python(SMALL | {"seed": "random"})))


# Rendered


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "frames").iterdir()}


def test_a_worker_goes_on_in_the_middle_of_a_film(tmp_path):
    job = cell(zoom=1.05)
    whole = render_film(job.settings, tmp_path / "whole", quiet=True)
    count = 0

    def stop(event: Any) -> None:
        nonlocal count
        count += 1
        if count == 4:  # within the second frame
            raise KeyboardInterrupt

    study = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        render_film(job.settings, study / job.key, quiet=True, on_step=stop)
    assert read_record(study / job.key / "animation.json")["status"] == "interrupted"
    assert not is_finished(study / job.key, job.key)
    first = (study / job.key / "jobs" / "0000" / "run.json").stat().st_mtime_ns
    worker = Worker(study, (job,), "session", str(tmp_path))
    assert worker.work(0) == 1
    assert (study / job.key / "jobs" / "0000" / "run.json").stat().st_mtime_ns == first
    assert files_of(study / job.key) == files_of(tmp_path / "whole") and len(whole.frames) == 3
    assert is_done(study, job) and Worker(study, (job,), "another", str(tmp_path)).work(0) == 0
    record = read_record(study / job.key / "animation.json")
    assert record["metrics"] == [whole.metrics] and record["metrics"][0]["flicker"] > 0
    assert record["frames"] == 3 and record["weights"]
    (study / job.key / "frames" / "0002.png").unlink()
    assert not is_done(study, job)


def test_a_film_of_other_settings_is_not_overwritten(tmp_path):
    job, other = cell(zoom=1.05), cell(zoom=1.1)
    draw_film(tmp_path / job.key, other.settings)
    with pytest.raises(SettingsError, match="holds a run of other settings"):
        is_finished(tmp_path / job.key, job.key)


def test_films_that_failed_or_were_left_are_marked(tmp_path):
    job = cell(zoom=1.05)
    draw_film(tmp_path / job.key, job.settings, status="running")
    mark_interrupted(tmp_path)
    assert read_record(tmp_path / job.key / "animation.json")["status"] == "interrupted"
    record_failure(job, tmp_path / job.key, ValueError("gone wrong"))
    assert not (tmp_path / job.key / "run.json").exists()
    assert "gone wrong" in (tmp_path / job.key / "traceback.txt").read_text()


# Read back


ZOOMS = ("0:(1), 4:(1.1)", 1.02)


@pytest.fixture
def films(tmp_path) -> Study:
    """A study of two cameras and two seeds, as nobody declared it."""
    for number, (zoom, seed) in enumerate(product(ZOOMS, (0, 1))):
        settings = load(from_python(SMALL | {"zoom": zoom, "seed": seed, "max_frames": 5}))
        draw_film(tmp_path / "films" / str(number), settings, flicker=0.1 * (number + 1))
    return read_study(tmp_path / "films")


def test_films_are_read_as_the_cells_of_a_study_and_their_frames_are_none(films):
    assert len(films.cells) == 4 and all(cell.is_film for cell in films.cells)
    assert {axis.setting: len(axis.values) for axis in films.axes} == {"animation.zoom": 2, "seed": 2}
    assert [cell.pictures[0].path.name for cell in films.cells] == ["sheet.png"] * 4
    assert films.cells[1].pictures[0].metrics == {"flicker": 0.2, "drift": 4.0, "judge": 0.25}
    assert films.cells[1].seconds == 3.5 and films.cells[1].pictures[0].seed == 1


def test_sheets_are_not_measured_as_if_they_were_pictures(films):
    measured = complete(films.folder)
    assert set(measured.cells[0].pictures[0].metrics) == {"flicker", "drift", "judge", "distance"}
    assert measured.cells[0].pictures[0].metrics["distance"] == 0


def test_results_have_the_metrics_of_films(films):
    rows = list(csv.DictReader(write_results(films).open(encoding="utf-8")))
    assert [float(row["flicker"]) for row in rows] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert sorted({row["animation.zoom"] for row in rows}) == sorted(map(str, ZOOMS))


def test_the_page_has_the_films_beside_it_and_what_was_measured_of_their_frames(films):
    data = page_data(films)
    tile = data["tiles"][0]
    assert tile["film"] == f"./{films.cells[0].key}/animation.mp4" and tile["frame_size"] == [32, 32]
    assert (films.folder / tile["film"]).exists()
    curves = tile["curves"]
    assert curves["frame"] == [0, 1, 2, 3, 4] and curves["drift"] == [0, 1, 2, 3, 4] and "seen" not in curves
    assert curves["flicker"] == [None, pytest.approx(0.11), *[pytest.approx(0.1 + n / 100) for n in (2, 3, 4)]]
    assert "media-src 'self' file:;" in page_html(data)
    for each in data["tiles"]:
        del each["film"]
    assert "media-src" not in page_html(data)


# Before


def test_the_outlook_counts_every_frame(tmp_path, monkeypatch):
    import disco.study.outlook as module
    from disco.run.step_time import StepTime

    monkeypatch.setattr(module, "seconds_of_step", lambda *given: StepTime(2.0, 1.0, "by a clock of ours"))

    class Films:
        folder, axes = tmp_path, ()
        jobs = (cell(zoom=1.05), cell(zoom=1.1))

    told = outlook(Films, 1).splitlines()  # type: ignore[arg-type]
    # 3 steps of the first frame and 2 of two others, of two films, at 2 s, and 1 s to load.
    assert re.match(r"time: about (29 s|0:29)", told[-2]), told[-2]


def test_a_film_takes_the_room_of_its_frames():
    film = load(from_python(SMALL | {"max_frames": 10, "turbo_mode": True, "turbo_preroll": 1, "turbo_steps": 4}))
    one = disk_use(build_plan(load(from_python({**SMALL, "animation": "none"}))))
    use = disk_use_of(film)
    # Rendered: 0, 1, 4, 8.
    assert use.parts["pictures"] == 4 * one.parts["pictures"]
    assert use.parts["frames"] == round(10 * 3 * 32 * 32 * 1.05) and use.parts["film"] > 0
    assert disk_use_of(load(from_python({**SMALL, "animation": "none"}))) == one

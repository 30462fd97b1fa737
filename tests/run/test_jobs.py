"""Sequences of runs: what is done stays done, what stopped goes on, to the same bits."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from disco.errors import RenderError, SettingsError
from disco.planning.inputs import named
from disco.run.jobs import Job, is_done, opened, read_jobs
from disco.run.notes import Note
from support.toy_runs import TINY, settings_of

WHAT = {"of": "tests"}


def job(number=0, level=90, **given):
    ramp = np.full((32, 16, 3), level, np.uint8)
    ramp[:, :8] = 30
    values, files = named({"init_image": Image.fromarray(ramp)})
    return Job(
        f"job_{number}", settings_of(**{**TINY, "steps": 4, "seed": number, "skip_steps": 1, **values, **given}), files
    )


@contextmanager
def sequence(folder, what=WHAT, notes=None):
    with opened(folder, "test", what, 8, quiet=True, on_note=(notes or []).append) as found:
        yield found


def test_a_job_is_rendered_once(tmp_path):
    with sequence(tmp_path) as first:
        pictures = [np.asarray(first.render(job(number))) for number in range(2)]
    assert not np.array_equal(*pictures)
    times = [(tmp_path / f"job_{number}" / "run.json").stat().st_mtime_ns for number in range(2)]
    with sequence(tmp_path) as second:
        again = [np.asarray(second.render(job(number))) for number in range(2)]
    assert np.array_equal(pictures, again)
    assert times == [(tmp_path / f"job_{number}" / "run.json").stat().st_mtime_ns for number in range(2)]
    assert read_jobs(tmp_path)["status"] == "finished" and read_jobs(tmp_path)["seconds"] > 0


def test_what_makes_another_picture_is_rendered_anew(tmp_path):
    with sequence(tmp_path) as found:
        found.render(job())
        held = json.loads((tmp_path / "job_0" / "run.json").read_text())
    assert is_done(tmp_path / "job_0", job())
    for other in (job(level=91), job(seed=7), job(clamp_max=0.01)):
        assert not is_done(tmp_path / "job_0", other)
    with sequence(tmp_path) as found:
        found.render(job(clamp_max=0.01))
    assert json.loads((tmp_path / "job_0" / "run.json").read_text())["settings"] != held["settings"]
    (tmp_path / "job_0" / "image_0.png").write_bytes(b"half")
    assert not is_done(tmp_path / "job_0", job(clamp_max=0.01))


def test_all_are_computed_as_the_first_was(tmp_path):
    with sequence(tmp_path) as found:
        found.render(job(0, threads=2, precision="bfloat16", steps=2))
        found.render(job(1, steps=2))
    machines = [json.loads((tmp_path / f"job_{n}" / "run.json").read_text())["settings"]["machine"] for n in range(2)]
    assert machines[1]["threads"] == 2 and machines[1]["precision"] == "bfloat16"
    assert machines[1]["checkpointing"] == "off" and machines[1]["kernels"] != "auto"


@pytest.mark.parametrize("finite", [True, False])
def test_a_flat_part_of_a_picture_is_no_failure(tmp_path, finite):
    """What shows nothing fails a run; of a part, only what is no picture does."""
    with sequence(tmp_path) as found:
        usual = found.render_run

        def of_one_colour(folder, *given, **options):
            usual(folder, *given, **options)
            raise RenderError("picture 0 is #808080 in every pixel", SimpleNamespace(steps=[{"finite": [finite]}]))

        asked = replace(found, render_run=of_one_colour)
        if finite:
            assert asked.render(job()).size == (16, 32)
        else:
            with pytest.raises(RenderError):
                asked.render(job())


def test_a_folder_of_something_else_is_refused(tmp_path):
    with sequence(tmp_path / "one"):
        with pytest.raises(SettingsError, match="in use by another process"):
            with sequence(tmp_path / "one"):
                pass
    with pytest.raises(SettingsError, match="holds another test; name another folder"):
        with sequence(tmp_path / "one", {"of": "others"}):
            pass
    (tmp_path / "run.json").touch()
    with pytest.raises(SettingsError, match="already holds a run"):
        with sequence(tmp_path):
            pass
    assert read_jobs(tmp_path) is None


@pytest.mark.parametrize(("raised", "status"), [(KeyboardInterrupt, "interrupted"), (OSError, "failed")])
def test_how_it_ended_is_written(tmp_path, raised, status):
    with pytest.raises(raised):
        with sequence(tmp_path):
            raise raised
    assert read_jobs(tmp_path)["status"] == status and not (tmp_path / ".lock").exists()


def test_what_is_wrong_with_several_runs_is_told_once(tmp_path):
    notes = []
    with opened(tmp_path, "test", WHAT, 8, quiet=True, on_note=notes.append) as found:
        for number in range(2):
            found.render(job(number, clamp_grad=False, clip_guidance_scale=200000))
    assert [note for note in notes if "(exploding, after " in note] == notes[-1:]
    records = [json.loads((tmp_path / f"job_{number}" / "run.json").read_text()) for number in range(2)]
    assert all(record["guard"][0]["fault"] == "exploding" for record in records)


def test_notes_of_one_kind_are_told_of_the_first_run(tmp_path):
    """Whatever their words are; notes of no kind are told by their words."""
    told, said = [], iter([Note("noise, after 3", "noise"), Note("noise, after 5", "noise"), "noise, after 3", "other"])

    def says(folder, settings, pictures, *, quiet, on_note, on_step):
        on_note(next(said))
        raise SettingsError("enough")

    with opened(tmp_path, "test", WHAT, 8, quiet=True, on_note=told.append) as found:
        asked = replace(found, render_run=says)
        for _ in range(4):
            with pytest.raises(SettingsError):
                asked.render(job())
    assert told == ["noise, after 3", "noise, after 3", "other"]

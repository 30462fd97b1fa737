"""All trainings fit into their time, one after the other where one needs another, over as many calls as it takes."""

import io
import json
import subprocess
from contextlib import redirect_stdout

import pytest

from disco.training import __main__ as command
from disco.training import everything, export
from disco.training.everything import Everything, Job, lanes_of
from support import processes


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_lanes_fill_their_time_and_guides_come_after_the_secondary_model(lanes):
    table = lanes_of(24, lanes)
    assert len(table) == lanes
    for lane in table:
        assert sum(job.minutes for job in lane) == pytest.approx(24)
    names = [job.name for lane in table for job in lane]
    assert sorted(names) == sorted(everything.WEIGHTS)
    (lane,) = [lane for lane in table if everything.SECONDARY in [job.name for job in lane]]
    order = [job.name for job in lane]
    assert all(order.index(guide) > order.index(everything.SECONDARY) for guide in everything.GUIDES)


def test_the_larger_unet_comes_after_the_one_that_it_begins_from(tmp_path):
    for lanes in (1, 2, 3):
        (lane,) = [lane for lane in lanes_of(24, lanes) if "embedded" in [job.name for job in lane]]
        order = [job.name for job in lane]
        assert order.index("embedded64") < order.index("embedded")
    words = everything.words_of(Job("embedded", 1.0), asked(tmp_path), None)
    assert words[words.index("--begin-from") + 1] == "embedded64"
    assert {job.name for lane in lanes_of(24, 2) for job in lane} == {
        spec.name
        for spec in export.NETWORKS
        if spec.name != "embedded_critic"  # trained by a command of its own
    }


def asked(tmp_path, **changes):
    words = ("--batch", "2", "--held-out", "2", "--save-seconds", "0")
    return Everything(**dict(
        runs=tmp_path / "runs", minutes=0.02, device="cpu", lanes=2, pictures=8, out=tmp_path / "out", words=words,
    ) | changes)  # fmt: skip


def in_this_process(job, asked, until):
    """A job without the seconds in which a process of its own loads torch."""
    with redirect_stdout(io.StringIO()) as told:
        assert command.main(everything.words_of(job, asked, until)) == 0
    return json.loads(told.getvalue().splitlines()[-1])


def test_what_they_learn_from_is_drawn_once(tmp_path):
    everything.draw(asked(tmp_path))
    files = {file.name for file in (tmp_path / "runs" / "cache").iterdir()}
    assert files == {
        *(f"world-{seed}-8-128.npy" for seed in (2, 3, 4)),
        *("cover-2-8-128.npy", "world-1-8-128-0.1-0.6.npy", "cover-1-8-128-0.1-0.6.npy"),
        *("world-1-8-64-0.1-0.8.npy", "cover-1-8-64-0.1-0.8.npy"),
    }


@pytest.mark.slow
def test_all_is_trained_over_two_calls_and_carried_in_few_small_files(tmp_path):
    first = everything.train_all(asked(tmp_path, lanes=1, call_minutes=0), in_this_process)  # over before it began
    assert not first["finished"] and not first["errors"]
    report = everything.train_all(asked(tmp_path, lanes=1), in_this_process)
    assert report["finished"], report
    assert all(job["step"] >= 1 and "held_out_loss" in job for job in report["jobs"].values())
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) <= 9
    assert all(file.stat().st_size <= 16 * 2**20 for file in files)
    assert set(json.loads((tmp_path / "out" / "training.json").read_text())["curves"]) == set(report["jobs"])

    # On another machine the files are enough to go on.
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    everything.take_over(tmp_path / "elsewhere", list(report["jobs"]))
    assert (tmp_path / "elsewhere" / "embedded_vit8" / "small.safetensors").exists()


@pytest.fixture
def forked(monkeypatch):
    monkeypatch.setattr(subprocess, "run", processes.run)


@pytest.mark.usefixtures("forked")
def test_a_job_is_a_process_that_tells_what_the_command_tells(tmp_path):
    told = everything.run_job(Job("embedded_secondary", 0.001), asked(tmp_path), None)
    assert told["name"] == "embedded_secondary" and told["finished"] and told["step"] >= 1
    assert json.loads((tmp_path / "runs" / "embedded_secondary" / "log.txt").read_text().splitlines()[-1]) == told


@pytest.mark.usefixtures("forked")
def test_a_training_that_fails_is_told(tmp_path):
    report = everything.train_all(asked(tmp_path, words=("--learning-rate", "none")))
    assert not report["finished"]
    assert set(report["errors"]) == {"embedded64", "embedded_secondary"}  # the first of each lane
    assert "invalid float value" in report["errors"]["embedded64"]

"""Jobs: the words that the queue runs are the ones of the command line, and lead where they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from disco.app import jobs
from disco.app.jobs import TITLE
from disco.app.refusal import Refusal
from disco.cli.commands import scan
from disco.cli.line import read_line
from disco.cli.render import folder_in, typed_in
from disco.run.folder.files import write_json
from disco.settings.config import compose, load, to_dict, without_hydra
from disco.settings.overrides import is_sweep

SETTINGS = {"prompt": "a red star over the sea", "steps": 4}


def job_of(said, folder: Path) -> dict:
    return jobs.job_of(said, folder, "000012")


def composed(words: list[str]):
    """What the command makes of words; and the axes among them."""
    line = read_line(words)
    overrides = typed_in(line, line.words)
    plain = [override for override in overrides if not is_sweep(override)]
    return compose(plain), [override for override in overrides if override not in plain], line.multirun


@pytest.mark.parametrize(
    "name", ["runs", "a b", "it's", 'a "b"', "a,b=c", "${oc.env:HOME}", "{id} {x}", "ü #?%20", "a\\b"]
)
def test_a_run_goes_where_its_job_says(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    job = job_of({"kind": "render", "settings": SETTINGS}, folder)
    assert job["folder"].startswith("disco/20") and job["folder"].endswith("-000012")
    config, _, multirun = composed(job["words"])
    assert folder_in(config, "run") == folder / job["folder"] and not multirun
    assert without_hydra(config).prompt == SETTINGS["prompt"]


def test_a_study_goes_where_its_job_says(tmp_path):
    said = {"kind": "study", "settings": {**SETTINGS, "batch_name": "my pictures"}, "axes": {"seed": "0,1"}}
    job = job_of(said, tmp_path)
    config, axes, multirun = composed(job["words"])
    assert folder_in(config, "sweep") == tmp_path / job["folder"] and multirun and axes == ["seed=0,1"]
    assert job["folder"].startswith("my pictures/study-") and (job["cells"], job["steps"]) == (2, 4)
    assert "hydra" not in job["shown"]


def test_drafts_are_of_the_steps_that_the_full_picture_has(tmp_path):
    job = job_of({"kind": "scan", "settings": {**SETTINGS, "steps": 8, "n_batches": 3}, "seeds": "0-3"}, tmp_path)
    asked, line = scan.read_words(job["words"][1:])
    assert (asked.seeds, asked.steps, asked.stop_at) == ((0, 1, 2, 3), 8, "25%")
    assert not [word for word in line.words if word.startswith(("n_batches", "seed="))]


def test_batches_are_steps_too_and_pictures_of_one_batch_are_not(tmp_path):
    job = job_of({"kind": "render", "settings": {**SETTINGS, "n_batches": 3, "batch_size": 2}}, tmp_path)
    assert job["steps"] == 12


@pytest.mark.parametrize(
    "settings, title",
    [
        ({"prompt": "a  red\nstar"}, "a red star"),
        ({"prompts": ["a red star:2", "a boat"]}, "a red star:2"),
        ({"prompts": {"0": ["a red star"], "0.5": ["a boat"]}}, "a red star"),
        ({"prompt": "a red star over the sea " * 5}, ("a red star over the sea " * 5)[: TITLE - 1] + "…"),
    ],
)
def test_a_job_is_known_by_its_prompt(tmp_path, settings, title):
    assert job_of({"kind": "render", "settings": {"steps": 4, **settings}}, tmp_path)["title"] == title


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"kind": ["render"]},
        {"kind": "study", "settings": SETTINGS},
        {"kind": "scan", "settings": SETTINGS},
        {"kind": "scan", "settings": SETTINGS, "seeds": "0-3 hydra.run.dir=/tmp"},
        {"kind": "scan", "settings": SETTINGS, "seeds": ["0"]},
        {"kind": "enlarge"},
        {"kind": "enlarge", "picture": "x.png", "by": True},
        {"kind": "resume", "picture": "."},
        {"kind": "resume", "picture": "../x"},
        {"kind": "render", "settings": {**SETTINGS, "init_image": "/etc/passwd"}},
    ],
)
def test_what_is_no_job_is_refused(tmp_path, said):
    with pytest.raises((Refusal, ValueError)):
        job_of(said, tmp_path)


def test_an_enlargement_outside_is_not_gone_on_with(tmp_path: Path):
    declared = {"settings": to_dict(load(["prompt=a red star"])), "source": {"path": "/etc/passwd"}}
    (tmp_path / "x").mkdir()
    write_json(tmp_path / "x" / "jobs.json", {"kind": "enlarge", "declared": declared, "status": "interrupted"})
    with pytest.raises(Refusal, match="outside"):
        job_of({"kind": "resume", "picture": "x"}, tmp_path)
    declared["source"] = {"path": str(tmp_path / "picture.png")}
    write_json(tmp_path / "x" / "jobs.json", {"kind": "enlarge", "declared": declared, "status": "interrupted"})
    assert job_of({"kind": "resume", "picture": "x"}, tmp_path)["words"] == ["resume", str(tmp_path / "x")]

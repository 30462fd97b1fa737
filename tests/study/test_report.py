"""The report from folders alone, whatever lies in them."""

from __future__ import annotations

import csv
import json

import pytest
from PIL import Image

from disco.cli.main import main
from disco.errors import SettingsError
from disco.study.report import write_report

FILES = {"results.csv", "grid.png", "index.html"}


def names(folder) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.is_file()}


def test_a_study(tmp_path, study_of):
    study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]})
    assert write_report(tmp_path) == tmp_path / "index.html"
    assert names(tmp_path) == FILES | {"study.json"}
    first = (tmp_path / "index.html").read_bytes()
    write_report(tmp_path)  # again, over its own files
    assert names(tmp_path) == FILES | {"study.json"} and (tmp_path / "index.html").read_bytes() == first


def test_runs_that_were_no_study(tmp_path, run_of):
    for number, clamp in enumerate((0.05, 0.1, 0.2)):
        run_of(tmp_path / f"run{number}", {"clamp_max": clamp})
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").write_text("not a run")
    write_report(tmp_path)
    with open(tmp_path / "results.csv", newline="") as file:
        assert [row["guidance.clamp_max"] for row in csv.DictReader(file)] == ["0.05", "0.1", "0.2"]


def test_a_single_run(tmp_path, run_of):
    run = run_of(tmp_path / "run", {"seed": 3})
    assert write_report(run) == run / "index.html" and names(run) > FILES


@pytest.mark.parametrize("spoil", ["half a record", "no picture", "half a picture", "half a line", "foreign steps"])
def test_half_finished_runs(tmp_path, study_of, spoil):
    study = study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]})
    folder = study.cells[0].folder
    if spoil == "half a record":
        (folder / "run.json").write_bytes((folder / "run.json").read_bytes()[:100])
    elif spoil == "no picture":
        (folder / "image_0.png").unlink()
    elif spoil == "half a picture":
        (folder / "image_0.png").write_bytes((folder / "image_0.png").read_bytes()[:2000])
    elif spoil == "half a line":
        (folder / "steps.jsonl").write_bytes((folder / "steps.jsonl").read_bytes()[:-40] + b"\xff\xfe")
    else:
        (folder / "steps.jsonl").write_text('[]\n"a"\n{"pictures": 3}\n{"pictures": [0], "losses": [1]}\nnull\n')
    write_report(tmp_path)
    assert Image.open(tmp_path / "grid.png").size[0] > 256


def test_a_study_of_which_nothing_is_rendered_yet(tmp_path, study_of):
    study_of(tmp_path, {"guidance.clamp_max": [0.05]}, special={(0.05,): ("missing", None)})
    write_report(tmp_path)
    assert names(tmp_path) == FILES | {"study.json"}


def test_the_command(tmp_path, study_of, capsys):
    study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]})
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'index.html'}\n"


@pytest.mark.parametrize("given", ["empty", "foreign", "nowhere", "file", "none", "two", "flag"])
def test_what_is_refused(tmp_path, capsys, given):
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign" / "inner").mkdir(parents=True)
    (tmp_path / "foreign" / "inner" / "data.txt").write_text("x")
    (tmp_path / "foreign" / "run.txt").write_text("{}")
    (tmp_path / "file").write_text("x")
    words = {"none": [], "two": ["a", "b"], "flag": ["--all"]}.get(given, [str(tmp_path / given)])
    before = sorted(tmp_path.rglob("*"))
    assert main(["report", *words]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("disco: error: ") and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_takes_nothing(tmp_path, study_of, monkeypatch):
    study_of(tmp_path, {"guidance.clamp_max": [0.05]})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("disco.study.grid.write_png", full)
    with pytest.raises(SettingsError, match="No space left"):
        write_report(tmp_path)


def test_records_of_strange_contents(tmp_path, study_of):
    """A record that someone else wrote, right in form and odd in content."""
    study = study_of(tmp_path, {"guidance.clamp_max": [0.05, 0.1]})
    path = study.cells[0].folder / "run.json"
    record = json.loads(path.read_text())
    record |= {"notes": 7, "metrics": "none", "seeds": {"a": 1}, "seconds": "long", "weights": None}
    record["settings"]["guidance"]["unheard_of"] = {"a": [1, None]}
    path.write_text(json.dumps(record))
    write_report(tmp_path)


def test_a_rank(tmp_path, study_of, capsys):
    study_of(tmp_path, {"seed": [0, 1, 2]})
    assert main(["report", str(tmp_path), "rank=detail"]) == 0
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '"order":"detail","descending":true' in text
    assert main(["report", str(tmp_path), "rank=-saturation"]) == 0
    assert '"order":"saturation","descending":false' in (tmp_path / "index.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["report", str(tmp_path), "rank=beauty"]) == 2
    assert "rank is 'beauty', but must be one of detail, saturation" in capsys.readouterr().err
    for words in (["rank=detail"], [str(tmp_path), "detail"], [str(tmp_path), "rank=detail", "rank=detail"]):
        assert main(["report", *words]) == 2

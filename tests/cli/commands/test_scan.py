"""disco scan, and disco promote of what it found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disco.cli.commands.scan import read_words
from disco.cli.main import main
from disco.run.folder.reading import read_settings
from disco.settings.config import by_path, from_dict
from disco.study.read import read_study

QUICK = ["cut_overview=1", "cut_innercut=1", "display_rate=0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a red star"], 'a scan needs seeds, such as seeds=0-63: disco scan "a prompt" seeds=0-63'),
        (["a red star", "seeds=x"], "seeds is 'x', but must be numbers and ranges"),
        (["a red star", "seeds=0-3", "seeds=4"], "seeds is given twice; give it once"),
        (["a red star", "seeds=0-3", "seed=1"], "seed=1 is given, but a scan takes its seeds as seeds=0-63"),
        (["a red star", "seeds=0-3", "batch_size=2"], "but a scan renders one picture for each seed; leave it out"),
        (["a red star", "seeds=0-3", "eta=0,1"], "sampler.eta=0,1 holds several values, but a scan varies the seed"),
        (["a {!red|blue} star", "seeds=0-3"], "has a part marked !, each option of which"),
        (["a red star", "seeds=0-3", "-m"], "a scan is a study of its own, without -m, study="),
        (["a red star", "seeds=0-3", "steps=many"], "steps is 'many', but must be a count, of the steps of a draft"),
        (["a red star", "seeds=0-3", "steps=50"], "a draft has at least 1 and fewer than the 50 of the full run"),
        (["a red star", "seeds=0-3", "stop_at=1.5"], "stop_at is '1.5', but must be a count of steps, or a share"),
        (["a red star", "seeds=0-3", "rank=beauty"], "rank is 'beauty', but must be one of detail"),
        (["a red star", "seeds=2,0-3"], "seed has the value 2 twice; give it once"),
        (["seeds=0-3"], "prompt"),
        (["a red star", "seeds=0-3", "clamp=1"], "clamp"),
    ],
)
def test_words_that_make_no_scan(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["scan", *words]) == 2
    told = capsys.readouterr().err
    assert said in told and told.startswith("disco: error: ") and told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_words_of_a_scan_and_the_settings() -> None:
    words = ["a red star", "seeds=0-2", "steps=12", "eta=0", "rank=-clipping", "--dry-run", "--", "seeds=1"]
    asked, line = read_words(words)
    assert (asked.seeds, asked.steps, asked.stop_at, asked.rank) == ((0, 1, 2), 12, None, "-clipping")
    assert line.words == ["a red star", "eta=0"] and line.texts == ["seeds=1"] and line.dry


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_drafts_are_scanned_and_promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scan = [
        "scan",
        "a {red|blue|green} star",
        "seeds=0-1,7",
        "steps=4",
        "stop_at=50%",
        "rank=detail",
        "skip_steps=1",
        *QUICK,
    ]
    assert main(scan) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1]).parent
    assert re.fullmatch(r"scan-[0-9a-f]{6}", folder.name)
    drafts = {cell.values[0]: cell for cell in read_study(folder).cells}
    assert sorted(drafts) == [0, 1, 7]
    declared = json.loads((folder / "study.json").read_text())
    assert declared["rank"] == "detail" and declared["full"] == {"sampler.skip_end_steps": 0}
    assert declared["command"] == ["disco", *scan]
    assert main(scan) == 0  # the same command finds everything done
    assert "3 of 3 cells are there already" in capsys.readouterr().err

    assert main(["promote", str(folder), "7", "intermediate_saves=[0]"]) == 0
    capsys.readouterr()
    (full,) = read_study(folder / "promoted").cells
    settings, draft = (by_path(from_dict(read_settings(cell.folder / "run.json"))) for cell in (full, drafts[7]))
    differing = {name for name in settings if settings[name] != draft[name]}
    assert differing == {"sampler.skip_end_steps", "output.intermediate_saves"} and settings["seed"] == 7
    prompts = {json.dumps(cell.settings["expanded_prompts"]) for cell in drafts.values()}
    assert len(prompts) > 1 and json.dumps(full.settings["expanded_prompts"]) in prompts  # each has its own
    # Of the three steps, of which the draft took the first, that step is the same to the bit.
    (partial,) = (full.folder / "partials").iterdir()
    assert np.array_equal(pixels(partial), pixels(drafts[7].pictures[0].path))
    assert (folder / "promoted" / "pairs.png").exists()

    for words, said in (
        ([str(folder), "3"], "there is no draft of seed 3; there are 0-1,7"),
        ([str(folder)], "promote needs seeds of drafts"),
        ([str(folder), "7", "a prompt"], "promote does not know 'a prompt'"),
        ([str(folder), "7", "preset=disco57"], "change single ones instead of preset"),
        ([str(folder), "7", "eta=0,1"], "holds several values, but every seed is promoted once"),
        ([str(folder), "7", "prompt=a {!red|blue} star"], "prompt has several values, but every seed is promoted once"),
        ([str(folder / "promoted"), "7"], "holds no scan, whose drafts could be promoted; disco scan makes one"),
        (["nowhere", "7"], "is no folder"),
        ([], "promote takes the folder of a scan"),
    ):
        assert main(["promote", *words]) == 2
        told = capsys.readouterr().err
        assert said in told and told.count("\n") == 1
    assert main(["promote", str(folder), "0", "7", "steps=8", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "2 cells, 0 done, in " in out and out.splitlines()[0].endswith("promoted-2")

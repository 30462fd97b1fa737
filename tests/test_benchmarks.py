"""The benchmarks run and print JSON with positive figures; how large they are is the machine's business."""

from __future__ import annotations

import importlib
import importlib.util
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from support import processes

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
QUICK = {
    "study": ["--steps", "1", "--cells", "2"],
    "run": ["a red star", "steps=2"],
    "step": ["width=32", "height=32", "--repeats", "1", "--threads", "1"],
    "cutouts": ["--repeats", "1"],
    "losses": ["--repeats", "1", "--sizes", "64x64"],
    "sphere": ["--repeats", "1", "--cases", "embedded"],
    "norm": ["--repeats", "1", "--cases", "embedded"],
    "memory": ["--cases", "smallest"],
    "precision": ["--prompts", "2", "--steps", "2"],
    "guards": ["--size", "smoke"],
    "importing": ["--size", "smoke"],
    "films": ["--size", "smoke"],
    "app": ["--size", "smoke"],
    "record": ["--only", "sphere"],
}


#: Those that start processes whose memory is not what they measure.
FORKED = ("run", "study", "films")


def figures(tree: dict[str, Any]) -> Iterator[float]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from figures(value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from figures(value[0])
        elif isinstance(value, float) and name not in ("difference", "judge"):  # which may be below 0
            yield value


def test_every_benchmark_is_tested():
    assert {path.stem for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text()} == {
        *QUICK,
        "critics",
        "placement",
        "drafts",
        "enlarge",
        "edits",
        "concepts",
        "resume",
        "progress",
        "guidance",
    }


def module_of(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ways_to_use_the_cores_are_compared_in_turns():
    module, asked = module_of("neighbours"), []

    class Worker:
        def __init__(self, way, settings):
            self.way = way

        def seconds(self, steps):
            asked.append(self.way)
            alone = len(asked) <= len(module.WAYS) or len(asked) > 2 * len(module.WAYS)
            return {"default": 1.0, module.FORMERLY: 0.8 if alone else 9.0}.get(self.way, 2.0)

        def close(self):
            asked.append(f"{self.way} is closed")

    found = module.compare([], 1, rounds=1, worker=Worker)
    assert asked[: len(module.WAYS)] == list(module.WAYS) and sum("is closed" in each for each in asked) == len(
        module.WAYS
    )
    assert found["seconds_beside"]["0"][module.FORMERLY] == 0.8 and found["seconds_beside"]["1"]["default"] == 1.0
    assert found["worst_ratio"] == found["idle_ratio"] == 1.0 / 0.8


def test_a_worker_tells_the_mean_of_the_steps_that_it_was_asked_for(capsys):
    ran = []
    module_of("neighbours").serve(lambda: ran.append(1), ["2\n", "3\n"])
    assert len(ran) == 1 + 3 + 4 and len([float(line) for line in capsys.readouterr().out.split()]) == 2


class Counting:
    """A stand-in for a run that can be killed: it writes a state for each step, the newest last, then its picture."""

    name = "ddim"
    code = """
import sys, time
from pathlib import Path
folder, shade = Path(sys.argv[1]), int(sys.argv[2])
(folder / "state").mkdir(parents=True, exist_ok=True)
for step in range(5):
    (folder / "state" / f"{step}.safetensors").write_bytes(bytes(200))
    time.sleep(0.02)
from PIL import Image
Image.new("L", (2, 2), shade).save(folder / "image_0.png")
"""

    def __init__(self, place: Path, shade: int) -> None:
        self.place, self.shade, self.damaged = place, shade, b""

    def start(self, folder: Path, shade: int = 0) -> subprocess.Popen[str]:
        words = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}" + self.code]
        return subprocess.Popen([*words, str(folder), str(shade)], stderr=subprocess.PIPE, text=True, process_group=0)

    def go_on(self, folder: Path) -> str:
        newest = max((folder / "state").iterdir())
        self.damaged = newest.read_bytes()
        self.start(folder, self.shade).communicate()
        return f"{newest.name} is damaged"


@pytest.mark.parametrize("shade", [0, 1])
def test_kills_are_counted_and_pictures_compared(shade, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    resume, chance = importlib.import_module("resume"), random.Random(0)
    run = Counting(tmp_path, shade)
    assert resume.kills(run, 2, chance) == {"count": 2, "mid": 2, "same": 2 * (shade == 0)}
    assert resume.damaged(run, "a bit", chance) == {"said": True, "same": shade == 0}
    assert sum(run.damaged) == 1 and len(run.damaged) == 200


def test_the_bar_is_held_against_the_clock(monkeypatch):
    """Ten steps of two seconds, of which the bar told after the first that twelve seconds were left."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    progress = importlib.import_module("progress")
    moments = [(2.0 * number, 12.0 if number == 1 else 0.0) for number in range(1, 11)]
    assert progress.error_of(moments) == pytest.approx(12 / 18 - 1)
    run = progress.Watched(2, quiet=True)
    run.step()
    run.step()
    assert len(run.moments) == 2 and run.moments[-1][1] == 0


@pytest.mark.slow
def test_what_states_take_is_a_share_of_the_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    settings = {"steps": 4, "width": 32, "height": 32, "cut_overview": 1, "cut_innercut": 1, "state_rate": 1}
    share, states = importlib.import_module("resume").share_of_states(settings, tmp_path / "run")
    assert 0 < share < 1 and states == 3  # after the last step there is a picture instead


@pytest.fixture
def threads():
    """As many threads after a benchmark as before it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("name", QUICK)
def test_the_benchmark_runs(name, tmp_path, monkeypatch, capsys):
    """In this process, which has loaded torch; what is measured in one of its own is forked from another that has."""
    monkeypatch.chdir(tmp_path)
    if name in FORKED:
        monkeypatch.setattr(subprocess, "run", processes.run)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [name, *QUICK[name]])
    monkeypatch.delitem(sys.modules, name, raising=False)
    try:
        importlib.import_module(name).main()
    finally:
        sys.modules.pop(name, None)
    found = list(figures(json.loads(capsys.readouterr().out)))
    assert len(found) >= 3 and min(found) >= 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("name", "more"), [("placement", []), ("critics", ["--scales", "0", "100"])])
def test_what_is_compared_has_an_interval_around_it(name, more, tmp_path, monkeypatch, capsys):
    """Differences may be below zero, and are nothing where nothing differs: of critics at the first scale."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [name, "--size", "smoke", *more])
    monkeypatch.delitem(sys.modules, name, raising=False)
    try:
        importlib.import_module(name).main()
    finally:
        sys.modules.pop(name, None)
    told = json.loads(capsys.readouterr().out)
    if name == "placement":
        assert all(0 < ratio < 4 for ratios in told["gradient"].values() for ratio in ratios.values())
        compared = list(told["pictures"].values())
    else:
        scores = told["scales"]
        assert list(scores) == ["0", "100"] and all(not any(each["difference"]) for each in scores["0"].values())
        assert {"critic", "judge", "judge2"} <= set(scores["100"])
        compared = [figures for each in scores["100"].values() for figures in each.values()]
    assert compared and all(low <= mean <= high for mean, low, high in compared)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_drafts_are_ranked_and_likened(tmp_path, monkeypatch, capsys):
    """Correlations may be below zero, so each figure is held to its own range, and its interval to the figure."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", ["drafts", "--size", "smoke", "--prompts", "1", "--seeds", "3"])
    monkeypatch.delitem(sys.modules, "drafts", raising=False)
    drafts = importlib.import_module("drafts")
    try:
        drafts.main()
    finally:
        sys.modules.pop("drafts", None)
    told = json.loads(capsys.readouterr().out)
    assert {*drafts.DRAFTS} <= {*told}
    for name in drafts.DRAFTS:
        for noise in ("equal", "other"):
            for figure in ("spearman", "ssim"):
                mean, low, high = told[name][noise][figure]
                assert -1 <= low <= mean <= high <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_enlargements_are_measured(tmp_path, monkeypatch, capsys):
    """Figures may lie on either side of zero, so each is held to its interval; the kill is for real."""
    processes.fork_what_is_spawned(monkeypatch)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    words = ["width=64", "height=64", "strength=0.4", "cut_overview=2", "cut_innercut=2"]
    monkeypatch.setattr(sys, "argv", ["enlarge", "--size", "smoke", *words])
    monkeypatch.delitem(sys.modules, "enlarge", raising=False)
    try:
        importlib.import_module("enlarge").main()
    finally:
        sys.modules.pop("enlarge", None)
    told = json.loads(capsys.readouterr().out)
    for name, figure in (("border", "enlarged"), ("judge", "gain"), ("detail", "gain"), ("time", "by_steps")):
        mean, low, high = told[name][figure]
        assert low <= mean <= high
    assert told["time"]["by_steps"][0] > 1 and told["kills"] == {"count": 1, "same": True}
    assert 0.8 < told["memory"]["ratio"] < 1.2


def test_steps_across_borders_are_told_from_others():
    enlarge = module_of("enlarge")
    levels = np.zeros((8, 12))
    levels[:, 5:] = 30  # a seam beside column 5, and nothing else
    borders = SimpleNamespace(
        rows=(SimpleNamespace(start=0, end=8),),
        columns=(SimpleNamespace(start=0, end=8), SimpleNamespace(start=5, end=12)),
    )
    at, off = enlarge.steps_across(levels, borders, 1)
    assert at == 15 / 2 and off == 0  # one of two borders, on one of two axes
    borders.columns = (SimpleNamespace(start=0, end=4), SimpleNamespace(start=2, end=12))
    at, off = enlarge.steps_across(levels, borders, 1)
    assert at == 0 and off == 30 / 9 / 2
    # Of the places 1 and 3 and those that lie alike, every second one, the seam at 4 is none.
    assert enlarge.steps_across(levels, borders, 2) == (0, 0)


def imported(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A benchmark as its own command has it, for the time of a test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


@pytest.fixture
def edits(monkeypatch) -> Iterator[Any]:
    yield from imported("edits", monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_edits_are_judged_and_measured(edits, monkeypatch, capsys):
    """In two steps nothing is drawn well; but what is black stays, and strength 0 gives the picture back."""
    monkeypatch.setattr(sys, "argv", ["edits", "--size", "smoke"])
    edits.main()
    told = json.loads(capsys.readouterr().out)
    found, strength = told["edits"], told["strengths"]
    assert all(0 <= low <= mean <= high <= 1 for mean, low, high in (found["new"], found["old"]))
    assert found["kept"] == found["pasted"] == strength["distance"]["0"] == [0, 0, 0]
    assert min(found[name][0] for name in ("seam", "seam_pasted", "original")) > 0
    assert found["seam_pasted"][0] < found["seam_unfitted"][0]
    assert strength["distance"]["0.25"][0] > 0 and set(strength["rises"]) == {"0.25", "0.5", "0.75", "1"}
    assert told["pairs"]["rises"] == {"1": strength["rises"]["1"]}  # of the same picture
    for gone in told["vanishing"].values():
        assert gone["less"][0] == pytest.approx(gone["likeness"]["without"][0] - gone["likeness"]["with"][0], abs=2e-4)


def test_a_seam_is_held_against_the_rest(edits):
    """Slopes of 1 and an edge of 6 are six times as steep; a mask that ends where nothing changes has no seam."""
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 255
    slope = np.repeat(np.repeat(np.arange(8, dtype=np.uint8)[None, :, None], 8, 0), 3, 2)
    jump = slope + np.where(np.arange(8) < 4, 0, 5)[None, :, None].astype(np.uint8)
    inside = 6 * 8 / (7 * 8 + 6 * 8)  # of the other neighbours those in a row differ by 1, those in a column by 0
    assert edits.seam_ratio(slope, mask) == pytest.approx(1 / inside)
    assert edits.seam_ratio(jump, mask) == pytest.approx(6 / inside)
    old, new = edits.scenes(3)
    assert old.subject != new.subject and old.colour != new.colour and old.place == new.place
    white = np.argwhere(edits.mask_of(old))
    rows, columns = (white[:, axis].max() - white[:, axis].min() + 1 for axis in (0, 1))
    assert len(white) == rows * columns and 100 < len(white) < edits.SIDE**2


@pytest.fixture
def newcomers(monkeypatch) -> Iterator[Any]:
    yield from imported("concepts", monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_concepts_are_learned_rendered_and_seen(newcomers, monkeypatch, capsys):
    """Too few updates and steps to show anything, but what is true is named, and nothing else changes."""
    monkeypatch.setattr(sys, "argv", ["concepts", "--size", "smoke"])
    newcomers.main()
    told = json.loads(capsys.readouterr().out)
    assert set(told["figures"]) == {"embedded_vit", "embedded_resnet", "embedded_vit8"}
    assert set(told["judges"]) == set(newcomers.JUDGES) and told["drift"] < 1e-5
    for seen in told["judges"].values():
        for measure in ("nearness", "named", "colour", "place"):
            assert all(-1 <= low <= mean <= high <= 1 for mean, low, high in seen[measure].values())
        near = {way: figures[0] for way, figures in seen["nearness"].items()}
        assert near["true"] > max(near[way] for way in newcomers.WAYS)
        assert seen["over_control"][0] == pytest.approx(near["concept"] - near["control"], abs=2e-4)


def test_newcomers_are_asked_for_as_they_were_not_learned(newcomers):
    for name in newcomers.NEWCOMERS:
        learned = list(zip(*newcomers.chances(name), strict=True))[: newcomers.PICTURES]
        asked = [newcomers.asked(name, number) for number in range(12)]
        assert not set(learned) & set(asked) and len(set(asked)) == 12
    first, second = (newcomers.true_pictures(name, "red", "meadow", 1)[0] for name in ("key", "teapot"))
    assert (first != second).any() and (first == second).mean() > 0.3  # the same ground, another thing on it

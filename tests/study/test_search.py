"""A search: what it proposes, what it makes of the answers, and that it goes on where it was."""

from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image

from disco.cli.main import main
from disco.planning.plan import inputs_of
from disco.settings.config import Settings, by_path, to_dict
from disco.study.locks import WORK
from disco.study.read import read_study
from disco.study.search import Goal, open_search, score

optuna = pytest.importorskip("optuna")

SEARCH = ["-m", "a red star", "hydra/sweeper=disco_optuna", "hydra.sweeper.objective=contrast"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """A world in which contrast is highest at clamp_max 0.3, and lower for the seed 1 by 0.2; steps 7 fail."""
    import disco.cli.render
    import disco.run.api

    runs: list[Settings] = []

    def render_settings(settings: Settings, folder: Path, quiet: bool = False, **_: object) -> None:
        if settings.sampler.steps == 7:
            raise MemoryError("too large")
        runs.append(settings)
        contrast = 1 - abs(settings.guidance.clamp_max - 0.3) - 0.2 * settings.seed
        record: dict[str, Any] = {"settings": to_dict(settings), "seeds": [settings.seed], "status": "finished"}
        record |= {"metrics": [{"contrast": contrast, "seen": "cat", "judge": None}], "seconds": 2.0}
        record["inputs"] = [picture.record(False) for picture in inputs_of(settings)]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / "image_0.png")
        (folder / "run.json").write_text(json.dumps(record))

    monkeypatch.setattr(disco.run.api, "render_settings", render_settings)
    monkeypatch.setattr(disco.cli.render, "check_machine", lambda plan: None)
    monkeypatch.setattr("disco.study.report.write_report", lambda folder: folder / "index.html")
    return runs


def test_it_finds_the_best_and_goes_on(rendered, capsys):
    line = [*SEARCH, "clamp_max=interval(0.05,0.9)", "sampler=ddim,plms", "seed=0,1"]
    assert main([*line, "hydra.sweeper.trials=10"]) == 0
    assert len(rendered) == 20
    out, said = capsys.readouterr()
    folder = Path(out.splitlines()[-1]).parent
    study = open_search(folder, Goal("contrast", "maximize", 10, 0))
    assert len(study.trials) == 10
    for trial in study.trials:  # the mean over both seeds
        assert trial.value == pytest.approx(1 - abs(trial.params["guidance.clamp_max"] - 0.3) - 0.1)
    assert f"disco: best contrast: {study.best_value:.4g} with " in said
    proposed = {settings.guidance.clamp_max for settings in rendered}
    assert len(proposed) == 10 and all(0.05 <= value <= 0.9 for value in proposed)

    assert main([*line, "hydra.sweeper.trials=20"]) == 0
    again = {settings.guidance.clamp_max for settings in rendered}
    assert len(rendered) == 40 and len(again) == 20 and proposed < again
    late = [settings.guidance.clamp_max for settings in rendered[-20:]]
    early = [settings.guidance.clamp_max for settings in rendered[:20]]
    assert distance(late) < distance(early)
    assert main([*line, "hydra.sweeper.trials=20"]) == 0 and len(rendered) == 40
    declared = read_study(folder)
    assert [axis.setting for axis in declared.axes] == ["guidance.clamp_max", "sampler", "seed"]
    assert len(declared.cells) == 40 and declared.notes == ()


def distance(values: list[float]) -> float:
    return sum(abs(value - 0.3) for value in values) / len(values)


def test_the_same_seed_searches_alike(rendered):
    line = [*SEARCH, "clamp_max=interval(0.05,0.9)", "hydra.sweeper.trials=2"]
    for more in ("batch_name=a", "batch_name=b", "hydra.sweeper.search_seed=1"):
        assert main([*line, more]) == 0
    first, second, third = ([settings.guidance.clamp_max for settings in rendered[n : n + 2]] for n in (0, 2, 4))
    assert first == second != third


def test_kinds_of_axes(rendered):
    axes = ["cut_ic_pow=tag(log,interval(0.5,50))", "cutn=int(interval(4,9))", "steps=range(10,50,10)", "eta=0,0.5"]
    assert main([*SEARCH, *axes, "clamp_max=0.3", "hydra.sweeper.trials=6"]) == 0
    for settings in rendered:
        values = by_path(settings)
        assert 0.5 <= values["cutouts.cut_ic_pow"] <= 50
        assert values["cutouts.cutn"] in range(4, 10)
        assert values["sampler.steps"] in (10, 20, 30, 40)
        assert values["sampler.eta"] in (0, 0.5)


def test_trials_that_fail_and_workers_that_died(rendered, capsys):
    line = [*SEARCH, "steps=7,8", "hydra.sweeper.trials=6"]
    assert main(line) == 1
    out, said = capsys.readouterr()
    folder = Path(out.splitlines()[-1]).parent
    study = open_search(folder, Goal("contrast", "maximize", 6, 0))
    states = [trial.state.name for trial in study.trials]
    assert sorted(set(states)) == ["COMPLETE", "FAIL"] and len(states) == 6
    assert "1 of its cells have no contrast" in said and "Traceback" not in said
    study.ask()  # and its worker is killed
    assert main([*line[:-1], "hydra.sweeper.trials=7"]) == 1
    states = [trial.state.name for trial in open_search(folder, Goal("contrast", "maximize", 7, 0)).trials]
    assert len(states) == 8 and states[6] == "FAIL" and "RUNNING" not in states


@pytest.mark.parametrize("another", [None, "blue"])
def test_a_picture_that_changes_or_goes_fails_its_trials_alone(another, rendered, monkeypatch, capsys):
    import disco.run.api

    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8), "red" if name == "a.png" else "green").save(name)
    render = disco.run.api.render_settings

    def then_change(settings: Settings, *given: Any, **named: Any) -> None:
        render(settings, *given, **named)
        Image.new("RGB", (8, 8), another).save("b.png") if another else Path("b.png").unlink(missing_ok=True)

    monkeypatch.setattr(disco.run.api, "render_settings", then_change)
    trials = ["hydra.sweeper.trials=5", "hydra.sweeper.search_seed=1"]
    assert main([*SEARCH, "init_image=a.png,b.png", "clamp_max=interval(0.1,0.9)", "skip_steps=1", *trials]) == 1
    out, said = capsys.readouterr()
    study = open_search(Path(out.splitlines()[-1]).parent, Goal("contrast", "maximize", 5, 0))
    assert len(study.trials) == 5 and "worker died" not in said and "best contrast" in said
    used = [settings.init.init_image for settings in rendered]
    assert "a.png" in used and used[1:].count("b.png") == 0
    reason = "is another picture than when" if another else "there is no such file"
    assert 1 <= said.count(f"init_image='b.png'{': ' * (not another) or ' '}{reason}") == 5 - len(used)


def test_two_trials_of_one_cell(rendered, capsys):
    """The second waits until another worker has rendered it, and scores it too."""
    line = [*SEARCH, "clamp_max=interval(0.2,0.2)"]
    assert main([*line, "hydra.sweeper.trials=1"]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1]).parent
    (cell,) = read_study(folder).cells
    aside = folder.with_name("aside")
    cell.folder.rename(aside)
    lock, locked = FileLock(folder / WORK / f"{cell.key}.lock"), Event()

    def other_worker() -> None:
        lock.acquire()
        locked.set()
        while not (folder / WORK / "trial-1.lock").exists():
            time.sleep(0.01)
        aside.rename(cell.folder)
        lock.release()

    working = Thread(target=other_worker)
    working.start()
    locked.wait()
    assert main([*line, "hydra.sweeper.trials=2"]) == 0
    working.join()
    study = open_search(folder, Goal("contrast", "maximize", 2, 0))
    assert [trial.value for trial in study.trials] == [pytest.approx(0.9)] * 2 and len(rendered) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["clamp_max=interval(0,1)", "hydra.sweeper.objective=beauty"],
            "objective is 'beauty', but must be one of detail",
        ),
        (
            ["clamp_max=interval(0,1)", "metrics=[detail]"],
            "objective is 'contrast', but must be one of detail, seconds",
        ),
        (
            ["clamp_max=interval(0,1)", "metrics=[detail]", "animation=2d"],
            "objective is 'contrast', but must be one of detail, flicker, drift, seconds",
        ),
        (
            ["clamp_max=interval(0,1)", "hydra.sweeper.direction=up"],
            "direction is 'up', but must be maximize or minimize",
        ),
        (["clamp_max=interval(0,1)", "hydra.sweeper.trials=0"], "trials is 0, but must be an integer of at least 1"),
        (["clamp_max=interval(-1,1)"], "clamp_max"),
        (["steps=int(interval(1,2000))"], "steps is 2000, but must be an integer from 1 to 1000"),
        (["sampler=ddim,plmz"], "sampler is 'plmz'"),
        (["seed=0,1"], "a search takes at least one axis"),
        (["clamp_max=interval(0,1)", "seed=interval(0,10)"], "seed is no axis of a search"),
        (["clamp_max=interval(0,1)", "concepts=a,b"], "concepts is an axis of a grid and of no search; give one value"),
        (["clampmax=interval(0,1)"], "there is no setting 'clampmax'"),
    ],
)
def test_wrong_searches(arguments, said, rendered, capsys):
    assert main([*SEARCH, *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert rendered == [] and not any(Path.cwd().iterdir())


def test_what_it_would_do(rendered, capsys):
    assert main([*SEARCH, "clamp_max=interval(0.05,0.9)", "seed=0,1", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("a search for contrast (maximize): 20 trials of 2 cells, in ")
    assert "guidance.clamp_max=interval(0.05,0.9)" in out and rendered == []


def test_scores(tmp_path):
    record: dict[str, Any] = {"settings": {}, "seconds": 3, "metrics": [{"detail": 1, "judge": None}, {"detail": 2}]}
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert (score(tmp_path, "detail"), score(tmp_path, "seconds")) == (1.5, 3)
    assert score(tmp_path, "judge") is score(tmp_path, "nothing") is None

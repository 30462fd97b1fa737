"""What a study would do, said without doing it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from disco.cli.main import main
from disco.planning.plan import build_plan
from disco.resources import estimate, speed
from disco.settings.config import compose, load, to_dict
from disco.settings.overrides import from_arguments, from_python, is_sweep
from disco.study.cells import Job
from disco.study.declare import Sweep, declare
from disco.study.outlook import outlook, shape_of


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


#: What was counted and measured, by the name of the function.
COUNTED: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step's work is counted for the first plan, for it takes seconds, and is that of all; so is the speed."""

    def once(module: Any, name: str) -> Callable[..., Any]:
        function = getattr(module, name)

        def found(*given: Any) -> Any:
            if name not in COUNTED:
                COUNTED[name] = function(*given)
            return COUNTED[name]

        return found

    for module, name in ((estimate, "estimate"), (speed, "measure_speed")):
        monkeypatch.setattr(module, name, once(module, name))


def sweep_of(*arguments: str) -> Sweep:
    overrides = from_arguments(arguments, multirun=True)
    return declare(compose([override for override in overrides if not is_sweep(override)]), overrides, "config")


def finish(sweep: Sweep, job: Job, seconds: float) -> None:
    folder = sweep.folder / job.key
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "image_0.png")
    record = {"settings": to_dict(job.settings), "seeds": [0], "status": "finished", "seconds": seconds}
    (folder / "run.json").write_text(json.dumps(record))


@pytest.mark.slow
def test_cells_differences_and_the_median(capsys):
    sweep = sweep_of("a red star", "steps=3", "clamp_max=0.1,0.2,0.3,0.4", "seed=0,1,2")
    for job, seconds in zip(sweep.jobs, (100.0, 10.0, 12.0), strict=False):
        finish(sweep, job, seconds)
    lines = outlook(sweep, workers=2).splitlines()
    assert lines[0] == f"12 cells, 3 done, in {sweep.folder}"
    assert lines[1:3] == ["  guidance.clamp_max (4): 0.1, 0.2, 0.3, 0.4", "  seed (3): 0, 1, 2"]
    assert lines[3] == f"  {sweep.jobs[0].key}  clamp_max=0.1 seed=0  (done)"
    assert lines[6] == f"  {sweep.jobs[3].key}  clamp_max=0.2 seed=0"
    assert lines[11] == "  ... and 4 more"
    assert lines[12].startswith("disk: at most ")
    assert lines[13] == "time: about 54 s on 2 workers, as those that are done took"  # 9 cells of 12 s
    assert lines[14].startswith("memory: at most ") and lines[14].endswith("MiB a worker, beside the program itself")


def test_cells_of_another_shape_are_counted():
    sweep = sweep_of("a red star", "steps=3,30", "seed=0,1")
    for job in sweep.jobs[:2]:
        finish(sweep, job, 1.0)
    assert "worker, from a few steps tried, for want of measured ones like 2 of them" in outlook(sweep, 1)
    for job in sweep.jobs[2:]:
        finish(sweep, job, 1.0)
    assert "time" not in outlook(sweep, 1)


def test_shapes():
    def shape(**given):
        return shape_of(build_plan(load(from_python({"prompt": "a red star", "steps": 4} | given))))

    assert shape(clamp_max=0.3) == shape(seed=5) == shape(prompt="a blue boat") == shape()
    others = [{"steps": 5}, {"width": 192}, {"cut_overview": 9}, {"cutn_batches": 2}, {"n_batches": 2}]
    others += [{"clip_models": ["embedded_vit"]}, {"use_secondary_model": True}, {"skip_steps": 1}, {"threads": 2}]
    assert len({shape(), *(shape(**given) for given in others)}) == 1 + len(others)


@pytest.mark.slow
def test_a_dry_run_leaves_nothing(capsys):
    for line, said in (
        (["-m", "a red star", "steps=3", "seed=0,1"], "2 cells, 0 done, in "),
        (["study=eta", "seed=0"], "14 cells, 0 done, in "),
        (["a red star", "steps=3"], "1 picture of 128 x 128 pixels in 3 steps, seed 0\ntime: about "),
        (["a red star", "steps=3", "memory_limit=1MiB"], "time and memory: not known, for here it would not run: "),
    ):
        assert main([*line, "--dry-run", "device=cpu"]) == 0
        assert said in capsys.readouterr().out
    assert not any(Path.cwd().iterdir())
    assert main(["a red star", "-m", "steps=3,0", "--dry-run"]) == 2

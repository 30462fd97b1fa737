"""What was left unmeasured is measured, once, and pictures are held against the reference's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disco.critics.metrics import METRICS, distance, measure
from disco.settings.config import load, to_dict
from disco.settings.overrides import from_python
from disco.study.locks import lock_of
from disco.study.measure import complete, with_distances
from disco.study.read import read_study

USUAL = to_dict(load(from_python({"prompt": "a red star"})))


def picture(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def run(folder: Path, images, status: str = "finished", more: dict | None = None, **given) -> Path:
    """A run folder with pictures, unmeasured; given: settings by their full name, two underscores for the dot."""
    tree = json.loads(json.dumps(USUAL))
    for name, value in given.items():
        group, _, leaf = name.rpartition("__")
        (tree[group] if group else tree)[leaf] = value
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        image.save(folder / f"image_{number}.png")
    record = {"version": "0", "settings": tree, "status": status, "weights": {}, "seconds": 1.0}
    record["seeds"] = [tree["seed"] + number for number in range(len(images))]
    (folder / "run.json").write_text(json.dumps(record | (more or {})))
    return folder


def on_disk(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def test_an_old_folder_is_measured_once(tmp_path, monkeypatch):
    run(tmp_path / "0", [picture(1), picture(2)])
    before = on_disk(tmp_path / "0")
    study = complete(tmp_path)
    for number, found in enumerate(study.cells[0].pictures):
        assert found.metrics.items() >= measure(picture(number + 1)).items()
        assert {"judge", "recognition", "recognition_subject", "recognition_colour", "seen"} <= set(found.metrics)
    assert on_disk(tmp_path / "0") == before | {"metrics": [found.metrics for found in study.cells[0].pictures]}
    written = (tmp_path / "0" / "run.json").stat().st_mtime_ns
    monkeypatch.setattr("disco.study.measure.measure", None)
    assert complete(tmp_path) == study == read_study(tmp_path)
    assert (tmp_path / "0" / "run.json").stat().st_mtime_ns == written


def test_only_what_is_missing_is_measured(tmp_path):
    run(tmp_path / "0", [picture(1)], more={"metrics": [{"detail": 7.0, "judge": None, "own": 3}]})
    metrics = complete(tmp_path).cells[0].pictures[0].metrics
    assert metrics["detail"] == 7.0 and metrics["judge"] is None and metrics["own"] == 3
    assert metrics["contrast"] == measure(picture(1))["contrast"]
    assert set(metrics) == {*METRICS, "judge", "own"}


def test_runs_in_every_state(tmp_path):
    run(tmp_path / "0", [picture(1)], "running")
    run(tmp_path / "1", [picture(1)], "interrupted", seed=1)
    run(tmp_path / "2", [], "failed", seed=2)
    run(tmp_path / "3", [picture(1)], seed=3)
    (tmp_path / "3" / "image_0.png").write_bytes(b"half a pic")
    study = complete(tmp_path)
    assert [[bool(found.metrics) for found in cell.pictures] for cell in study.cells] == [[False], [True], [], [False]]
    assert "metrics" not in on_disk(tmp_path / "0")
    [note] = study.notes
    assert note.startswith("3: not measured, picture=") and "image_0.png" in note


def test_a_picture_in_the_middle_may_be_missing(tmp_path):
    run(tmp_path / "0", [picture(1), picture(2), picture(3)])
    (tmp_path / "0" / "image_1.png").unlink()
    complete(tmp_path)
    metrics = on_disk(tmp_path / "0")["metrics"]
    assert [bool(found) for found in metrics] == [True, False, True]
    assert metrics[2].items() >= measure(picture(3)).items()


@pytest.mark.parametrize(
    "given", [{"prompt": None, "prompts": 7}, {"prompt": ""}, {"prompt": None}, {"prompt": "a storm"}]
)
def test_prompts_that_say_nothing_have_no_verdict(tmp_path, given):
    run(tmp_path / "0", [picture(1)], **given)
    metrics = complete(tmp_path).cells[0].pictures[0].metrics
    assert metrics["judge"] is metrics["recognition"] is None


def test_the_last_stage_counts_and_other_models_are_not_judged(tmp_path):
    stages = {"0": ["a castle by night"], "50%": ["a blue fish"]}
    run(tmp_path / "0", [picture(1)], prompt=None, prompts=stages)
    run(tmp_path / "1", [picture(1)], model__diffusion_model="another")
    judged, other = (cell.pictures[0].metrics for cell in complete(tmp_path).cells)
    assert "recognition_colour" in judged and "recognition_sky" not in judged
    assert other["judge"] is None


def test_a_folder_that_cannot_be_written_costs_a_note(tmp_path, monkeypatch):
    run(tmp_path / "0", [picture(1)])

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("disco.study.measure.write_json", refuse)
    study = complete(tmp_path)
    assert study.cells[0].pictures[0].metrics["contrast"] > 0
    assert study.notes == ("0: its metrics could not be written into run.json: Permission denied",)


@pytest.mark.parametrize("meanwhile", ["again", "gone", "held"])
def test_a_run_that_changed_meanwhile_is_left_alone(tmp_path, monkeypatch, meanwhile):
    """Since it was read, a worker renders it again, or has cleared it away, or has it in hand."""
    folder = run(tmp_path / "0", [picture(1)], "interrupted")
    lock = lock_of(tmp_path, "0")
    before = on_disk(folder)

    def while_measuring(*given):
        if meanwhile == "again":
            (folder / "run.json").write_text(json.dumps(before | {"status": "running"}))
        elif meanwhile == "gone":
            (folder / "run.json").unlink()
        else:
            lock.acquire()
        return measure(*given)

    monkeypatch.setattr("disco.study.measure.measure", while_measuring)
    study = complete(tmp_path)
    assert study.cells[0].pictures[0].metrics["contrast"] > 0 and study.notes == ()
    if meanwhile == "gone":
        assert not (folder / "run.json").exists()
    else:
        assert on_disk(folder) == before | ({"status": "running"} if meanwhile == "again" else {})
    lock.release()


def test_distances_pair_seeds(tmp_path):
    images = {(power, seed): picture(10 * power + seed) for power in (1, 5) for seed in (0, 1)}
    for number, ((power, seed), image) in enumerate(images.items()):
        run(tmp_path / str(number), [image], seed=seed, cutouts__cut_ic_pow=power)
    run(tmp_path / "4", [picture(99)], seed=2, cutouts__cut_ic_pow=5)
    run(tmp_path / "5", [picture(98, (32, 48))], seed=0, cutouts__cut_ic_pow=9)
    found = {cell.key: cell.pictures[0].metrics["distance"] for cell in with_distances(read_study(tmp_path)).cells}
    assert found == {
        "0": 0,
        "1": 0,
        "2": distance(images[5, 0], images[1, 0]),
        "3": distance(images[5, 1], images[1, 1]),
        "4": None,
        "5": None,
    }
    assert 0 < found["2"] < 1
    assert "distance" not in json.dumps([on_disk(tmp_path / key) for key in found])


def test_seeds_alone_are_not_compared(tmp_path):
    for seed in range(2):
        run(tmp_path / str(seed), [picture(seed)], seed=seed)
    assert with_distances(read_study(tmp_path)) == read_study(tmp_path)


def test_measured_folders_are_read_without_torch(tmp_path):
    run(tmp_path / "0", [picture(1)])
    complete(tmp_path)
    code = (
        "import sys; from disco.study.measure import complete; complete(sys.argv[1]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == 0

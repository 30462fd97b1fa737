"""What trackers are told: names and numbers of steps, and what a run is known by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from disco.run.folder.reading import STUDY_FILE
from disco.run.tracking.base import Tracked, named, scalars, values_of

RUN = Tracked(Path("runs/disco/a_run"), {}, "2026-01-02T03:04:05+0000", 1, "mine")


def test_scalars_of_nested_values() -> None:
    nested = {"a": 1, "b": {"c": True, "d": [0.5, "text", None]}, "e": None}
    assert dict(scalars("x", nested)) == {"x/a": 1.0, "x/b/c": 1.0, "x/b/d/0": 0.5}


def test_the_values_of_a_picture_s_step() -> None:
    line = {
        "pictures": [4, 5],
        "number": 3,
        "losses": {"clip/a": [1.0, 2.0], "tv": [3.0, None]},
        "gradient_rms": [0.1, 0.2],
        "measures": {"grey": [0.0, 0.5]},
        "skipped": [False, False],
        "clamp_max": 0.3,
        "clamp_grad": True,
        "cuts": {"inner": 2},
        "perceptor_weights": [1, 5],
        "seconds": 0.5,
    }
    schedules = {"schedules/clamp_max": 0.3, "schedules/clamp_grad": 1, "schedules/cuts/inner": 2}
    weights = {"schedules/perceptor_weights/a": 1, "schedules/perceptor_weights/b": 5}
    shared = {**schedules, **weights, "time/seconds": 0.5}
    assert values_of(line, 0, ("a", "b")) == {
        "losses/clip/a": 1,
        "losses/tv": 3,
        "gradient/rms": 0.1,
        "measures/grey": 0,
        **shared,
    }
    assert values_of(line, 1, ("a", "b")) == {"losses/clip/a": 2, "gradient/rms": 0.2, "measures/grey": 0.5, **shared}
    assert named(4, {"gradient/rms": 0.1}) == {"image_4/gradient/rms": 0.1}


def test_the_cells_of_a_study_share_its_name_and_its_stores(tmp_path: Path) -> None:
    cell = replace(RUN, folder=tmp_path / "cell")
    assert (cell.group, cell.store("aim")) == ("mine", tmp_path / "cell" / "aim")
    (tmp_path / STUDY_FILE).touch()
    assert (cell.group, cell.store("aim")) == (tmp_path.name, tmp_path / "aim")


def test_an_identity_is_of_one_run_and_stays_its_own() -> None:
    others = [replace(RUN, started="2026-01-02T03:04:06+0000"), replace(RUN, folder=Path("runs/disco/another"))]
    assert len({RUN.identity, *(other.identity for other in others)}) == 3
    assert replace(RUN, going_on={0: 5}, pictures=3).identity == RUN.identity
    assert len(RUN.identity) == 32 and int(RUN.identity, 16)

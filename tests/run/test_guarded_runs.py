"""Whole runs with hostile settings: warned of, stopped, taken back; gone on with and replayed to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from disco.errors import RenderError, SettingsError
from disco.planning.plan import build_plan
from disco.run.api import render, render_settings, resume
from disco.run.guards.measures import MEASURES
from disco.run.state import states_in
from disco.settings.config import load
from disco.settings.overrides import from_python

#: Gradients without a limit: the picture leaves the range of colours at once.
HOSTILE: dict[str, Any] = dict(
    clamp_max=0.3,
    prompt="a red star over the sea",
    clamp_grad=False,
    clip_guidance_scale=200000,
    steps=8,
    width=32,
    height=32,
    cut_overview=1,
    cut_innercut=1,
    clip_models=["embedded_vit"],
    metrics=False,
    threads=1,
)
#: It goes wrong in the midst.
LATE: dict[str, Any] = {**HOSTILE, "clamp_grad": "[1]*500+[0]*500", "steps": 7}


def level(folder: Path, number: int = 0) -> np.ndarray:
    return np.asarray(Image.open(folder / f"image_{number}.png"))


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text())


def steps(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]


def stop_at(*numbers: int) -> Any:
    """Interrupts at the n-th step that is told, for each of the numbers in turn."""
    asked: list[int] = []

    def stop(event: Any) -> None:
        asked.append(event.step.number)
        if len(asked) in numbers:
            raise KeyboardInterrupt

    return stop


def test_a_warning_is_said_at_once_and_once_and_changes_no_bit(tmp_path: Path) -> None:
    told: list[str] = []
    after: list[int] = []

    def heard(note: str) -> None:
        told.append(note)
        after.append(len(steps(tmp_path / "warned")))

    settings = load(from_python({**HOSTILE, "n_batches": 2}))
    run = render_settings(settings, tmp_path / "warned", quiet=True, on_note=heard)
    first, likewise = told
    assert first.startswith("picture 0 runs out of the range of colours") and "set clamp_grad=true" in first
    assert after[0] < 8 and likewise == "exploding likewise: picture 1"
    assert run.notes[-2:] == (first, likewise) and record(tmp_path / "warned")["notes"][-2:] == [first, likewise]
    assert [each["picture"] for each in record(tmp_path / "warned")["guard"]] == [0, 1]
    assert set(steps(tmp_path / "warned")[0]["measures"]) == set(MEASURES)
    render(folder=tmp_path / "off", **HOSTILE, guard="off", n_batches=2)
    assert all(np.array_equal(level(tmp_path / "off", each), level(tmp_path / "warned", each)) for each in (0, 1))
    assert "measures" not in steps(tmp_path / "off")[0] and "guard" not in record(tmp_path / "off")


def test_a_run_that_the_guard_ends_keeps_its_picture_and_can_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(
        RenderError, match="^guard=stop ended the run: picture 0 .*; disco resume .* goes on all"
    ) as end:
        render(folder=folder, **HOSTILE, guard="stop", n_batches=2)
    (picture,) = end.value.run.pictures
    kept, count = level(folder), len(steps(folder))
    assert picture.path == folder / "image_0.png" and count < 8
    assert (record(folder)["status"], record(folder)["error"]) == ("failed", str(end.value))
    assert record(folder)["guard"][0]["did"] == "stopped"
    with pytest.raises(RenderError, match="guard=stop ended the run"):
        resume(folder)
    assert np.array_equal(level(folder), kept) and len(steps(folder)) == count
    resume(folder, overrides=["output.guard=warn"])
    render(folder=tmp_path / "whole", **HOSTILE, n_batches=2)
    assert record(folder)["status"] == "finished" and "error" not in record(folder)
    assert all(np.array_equal(level(folder, each), level(tmp_path / "whole", each)) for each in (0, 1))


def test_a_run_may_not_begin_or_cease_to_go_back_in_its_midst(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        render(folder=tmp_path, on_step=stop_at(2), **HOSTILE)
    with pytest.raises(SettingsError, match="guard cannot change in the middle of a run"):
        resume(tmp_path, overrides=["output.guard=back"])


def test_going_back_mends_the_picture_and_is_on_record(tmp_path: Path) -> None:
    render(folder=tmp_path / "warned", **HOSTILE)
    run = render(folder=tmp_path / "back", **HOSTILE, guard="back")
    assert (
        [line["number"] for line in run.steps]
        == list(range(8))
        == [line["number"] for line in steps(tmp_path / "back")]
    )
    (first, *_) = record(tmp_path / "back")["guard"]
    assert (first["did"], first["back_to"], first["eased"]) == ("went back", 0, {"clamp_max": 0.3})
    assert any("guard=back goes to the beginning, and on with clamp_max of at most 0.3" in note for note in run.notes)
    overflow = [steps(tmp_path / name)[-1]["measures"]["overflow"][0] for name in ("warned", "back")]
    assert overflow[1] < 0.1 < overflow[0]


#: To draw anew on the right, through a soft edge.
MASK = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[None], 32, 0)
PICTURE = np.stack([MASK, MASK.T, 255 - MASK], 2)

#: What a run has to remember: each sampler's state, two pictures, a film.
RUNS: dict[str, dict[str, Any]] = {
    "ddim": {"eta": 0.8},
    "ddpm": {"diffusion_sampling_mode": "ddpm"},
    "plms": {"diffusion_sampling_mode": "plms", "plms_order": 4, "eta": 0},
    "secondary": {"use_secondary_model": True},
    "batch": {"batch_size": 2},
    "film": {"video": "gif"},
    "masked": {"resamples": 2, "resample_jump": 3, "init_image": PICTURE, "mask": MASK, "strength": 0.9},
}


@pytest.mark.parametrize(
    "name", [each if each == "plms" else pytest.param(each, marks=pytest.mark.slow) for each in RUNS]
)
def test_a_run_that_went_back_is_the_same_again_interrupted_and_in_a_batch(tmp_path: Path, name: str) -> None:
    given = {**LATE, **RUNS[name], "guard": "back", "state_rate": 1}
    whole = tmp_path / "whole"
    seen: list[int] = []
    render(folder=whole, on_step=lambda event: seen.append(event.step.number), **given)
    backs = [each for each in record(whole)["guard"] if each["did"] == "went back"]
    assert backs and backs[0]["back_to"] > 0 and len(seen) > LATE["steps"]
    turn = next(place for place in range(1, len(seen)) if seen[place] <= seen[place - 1])
    for at in (turn, turn + 2) if name == "plms" else (turn + 2,):  # before it goes back, and after
        with pytest.raises(KeyboardInterrupt):
            render(folder=tmp_path / f"run_{at}", on_step=stop_at(at), **given)
        assert states_in(tmp_path / f"run_{at}")
        resume(tmp_path / f"run_{at}")
        for picture in sorted(whole.glob("image_*.png")):
            again = tmp_path / f"run_{at}" / picture.name
            assert np.array_equal(np.asarray(Image.open(again)), np.asarray(Image.open(picture)))
        assert record(tmp_path / f"run_{at}")["guard"] == record(whole)["guard"]
        assert not (tmp_path / f"run_{at}" / "state").exists()
        if name == "film":
            frames = [films(folder) for folder in (whole, tmp_path / f"run_{at}")]
            assert frames[0] == frames[1]
    if name == "batch":
        render(folder=tmp_path / "alone", **given | {"batch_size": 1, "seed": 1})
        assert np.array_equal(level(tmp_path / "alone"), level(whole, 1))


def films(folder: Path) -> list[bytes]:
    with Image.open(folder / "image_0.gif") as film:
        return [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(film)]


def test_the_film_of_a_run_that_went_back_shows_each_step_once(tmp_path: Path) -> None:
    render(folder=tmp_path, **LATE, guard="back", video="gif", track=["tensorboard"])
    plan = build_plan(load(from_python(LATE)))
    durations = []
    with Image.open(tmp_path / "image_0.gif") as film:
        for frame in ImageSequence.Iterator(film):
            durations.append(frame.info["duration"])
    assert sum(durations) == pytest.approx(1000 * len(plan.steps) / 12, abs=10)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(tmp_path / "tensorboard" / "image_0"))
    log.Reload()
    assert [event.step for event in log.Scalars("gradient/rms")] == list(range(LATE["steps"]))
    overflow = [line["measures"]["overflow"][0] for line in steps(tmp_path)]
    assert [event.value for event in log.Scalars("measures/overflow")] == pytest.approx(overflow, rel=1e-5)


def test_without_a_folder_it_goes_back_too() -> None:
    run = render(**HOSTILE, guard="back")
    assert run.steps[0]["guard"][0]["did"] == "went back" and run.steps[-1]["measures"]["overflow"][0] < 0.1

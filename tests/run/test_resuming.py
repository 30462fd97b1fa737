"""Runs that go on in their middle end as if they had not stopped, to the bit."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from disco.errors import SettingsError
from disco.planning.expansion import with_expanded_prompts
from disco.planning.plan import build_plan
from disco.run.api import render, resume
from disco.run.resuming import changed, pinned
from disco.run.state import states_in
from disco.settings.config import load
from disco.settings.overrides import from_python
from support.processes import started

SMALL: dict[str, Any] = dict(
    steps=7, width=32, height=32, cut_overview=1, cut_innercut=1, clip_models=["embedded_vit"], metrics=False
)
#: The usual perceptors, each with cuts of its own.
ALL = ["embedded_vit", "embedded_resnet", "embedded_vit8"]

COLOURS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)

#: What has a state of its own: each sampler, the switch between two, batches, mirrors, inits, changing prompts, masks.
RUNS: dict[str, dict[str, Any]] = {
    "ddim": {"eta": 0.8, "clip_models": ALL},
    "ddpm": {"diffusion_sampling_mode": "ddpm"},
    "plms": {"diffusion_sampling_mode": "plms", "plms_order": 4, "eta": 0},
    "switch": {"diffusion_sampling_mode": "plms", "ddim_switch": 0.5, "eta": 0.5},
    "batch": {"batch_size": 2, "n_batches": 2},
    "init": {"perlin_init": True, "skip_steps": 2, "init_scale": 100, "init_loss": "perceptors"},
    "mirror": {"use_vertical_symmetry": True, "transformation_percent": [0.6]},
    "secondary": {"use_secondary_model": True, "secondary_model": "embedded_secondary", "cutn_batches": 2},
    "critic": {"critic_scale": 300, "critic_weights": {"embedded_critic": "[1]*500+[2]*500"}},
    "stages": {"prompts": {"0%": ["a red star"], "50%": ["a blue boat"]}},
    "mask": {"init_image": COLOURS, "mask": COLOURS[..., 0] > 99, "mask_blur": 2, "resamples": 2, "resample_jump": 2},
    "mask_plms": {
        "init_image": COLOURS,
        "extend": "left=8",
        "diffusion_sampling_mode": "plms",
        "eta": 0,
        "resamples": 2,
        "resample_jump": 1,
    },
}


def stop_at(number: int) -> Any:
    def stop(event: Any) -> None:
        if event.step.number == number:
            raise KeyboardInterrupt

    return stop


def levels(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("image_*.png"))}


def prompted(given: dict[str, Any]) -> dict[str, Any]:
    return SMALL | ({} if "prompts" in given else {"prompt": "a red star"}) | given


@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_where_it_stopped(tmp_path: Path, name: str) -> None:
    given = prompted(RUNS[name])
    render(folder=tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        render(folder=tmp_path / "run", on_step=stop_at(3), **given)
    assert states_in(tmp_path / "run")
    asked = []
    resume(tmp_path / "run", on_step=lambda event: asked.append(event.step.number))
    assert asked[0] == 3
    whole, ours = levels(tmp_path / "whole"), levels(tmp_path / "run")
    assert whole.keys() == ours.keys() and all(np.array_equal(ours[key], whole[key]) for key in whole)
    assert not (tmp_path / "run" / "state").exists()


def test_a_film_and_event_files_go_on_too(tmp_path: Path) -> None:
    given = prompted({"video": "gif", "track": ["tensorboard"], "display_rate": 1})
    render(folder=tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        render(folder=tmp_path / "run", on_step=stop_at(3), **given)
    resume(tmp_path / "run")
    whole, ours = (Image.open(tmp_path / name / "image_0.gif") for name in ("whole", "run"))
    frames = [[np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)] for film in (whole, ours)]
    assert len(frames[1]) > 2
    assert all(np.array_equal(one, other) for one, other in zip(*frames, strict=True))
    assert _logged(tmp_path / "run") == _logged(tmp_path / "whole")


def _logged(folder: Path) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(folder / "tensorboard" / "image_0"))
    log.Reload()
    return [(event.step, event.value) for event in log.Scalars("gradient/rms")]


def test_the_rest_is_computed_as_the_beginning_was(tmp_path: Path) -> None:
    """In its arrangement of memory, whatever would be chosen now; the record keeps its settings."""
    given = prompted({"cuts_at_once": 1, "checkpointing": "on", "precision": "float32"})
    render(folder=tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        render(folder=tmp_path / "run", on_step=stop_at(3), **given)
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    for name, value in dict(cuts_at_once="auto", checkpointing="auto", precision="auto").items():
        record["settings"]["machine"][name] = value
    path.write_text(json.dumps(record))
    resume(tmp_path / "run")
    assert np.array_equal(levels(tmp_path / "run")["image_0.png"], levels(tmp_path / "whole")["image_0.png"])
    now = json.loads(path.read_text())
    assert now["settings"] == record["settings"]
    assert (now["memory"]["checkpointing"], now["memory"]["cuts_at_once"]) == (True, 1)


def test_a_plan_is_pinned_to_all_that_was_chosen() -> None:
    """Threads, kernels and programs too, which would take their time to try."""
    plan = build_plan(load(from_python({"prompt": "a red star", "cut_overview": 3, "cut_innercut": 4})))
    memory = {"precision": "float32", "checkpointing": False, "cuts_at_once": 0}
    chosen = {"threads": {"each": 5}, "kernels": {"chosen": "reference"}, "compile": {"chosen": "default"}}
    machine = pinned(plan, {"memory": memory, **chosen}).settings.machine
    assert (machine.precision, machine.checkpointing, machine.threads) == ("float32", "off", 5)
    assert (machine.kernels, machine.compile) == ("reference", "default")
    assert machine.cuts_at_once == 7 * plan.steps[0].cuts.batches  # all of them together
    with pytest.raises(SettingsError, match="does not say how it was computed"):
        pinned(plan, {"memory": memory})


def test_what_says_how_a_run_is_followed_may_change_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        render(folder=tmp_path, on_step=stop_at(3), **prompted({}))
    for override, said in (
        ("guidance.clamp_max=0.2", "clamp_max cannot change in the middle of a run, for it makes the picture"),
        ("sampler.steps=14", "steps cannot change in the middle of a run, for the steps so far were laid out for"),
        ("seed=3", "seed cannot change"),
        ("output.video=gif", "video cannot change"),
    ):
        with pytest.raises(SettingsError, match=said) as caught:
            resume(tmp_path, overrides=[override])
        typed = override.removeprefix("guidance.").removeprefix("sampler.").removeprefix("output.")
        assert f"disco replay {tmp_path / 'run.json'} {typed} renders" in str(caught.value)
    run = resume(tmp_path, overrides=["n_batches=2", "output.display_rate=1"])
    assert [picture.seed for picture in run.pictures] == [0, 1]
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["seeds"], record["settings"]["n_batches"]) == ([0, 1], 2)


def test_more_pictures_draw_their_own_prompts(tmp_path: Path) -> None:
    """And those that there were keep theirs, whatever would be drawn for them now."""
    settings = load(from_python({"prompt": "a {red|blue|green} star", "seed": 5, "n_batches": 2}))
    before = replace(settings, expanded_prompts=("a black star", "a white star"))
    now = changed(before, ["n_batches=4"], "run.json")
    whole = with_expanded_prompts(replace(settings, n_batches=4)).expanded_prompts
    assert len(set(whole)) > 1
    assert now.expanded_prompts == ("a black star", "a white star", *whole[2:])
    one = changed(replace(settings, n_batches=1, expanded_prompts=("a black star",)), ["n_batches=2"], "run.json")
    assert one.expanded_prompts == ("a black star", whole[1])
    lost = replace(before, prompt="a {red|__nowhere__} star")  # the file is gone, and nobody needs it any more
    assert changed(lost, ["output.display_rate=1"], "run.json").expanded_prompts == before.expanded_prompts
    typed = replace(before, wildcards=None)
    assert changed(typed, ["n_batches=4"], "run.json").expanded_prompts == before.expanded_prompts


def test_states_that_are_not_wanted_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        render(folder=tmp_path, on_step=stop_at(3), **prompted({"state_rate": 0}))
    assert not (tmp_path / "state").exists()
    asked = []
    resume(tmp_path, on_step=lambda event: asked.append(event.step.number))
    assert asked[0] == 0


def test_a_damaged_state_costs_the_steps_since_the_one_before(tmp_path: Path) -> None:
    given = prompted({"state_rate": 1})
    render(folder=tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        render(folder=tmp_path / "run", on_step=stop_at(3), **given)
    newest = states_in(tmp_path / "run")[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    asked = []
    run = resume(tmp_path / "run", on_step=lambda event: asked.append(event.step.number))
    assert asked[0] == 2 and f"the state {newest.name} is damaged" in " ".join(run.notes)
    assert np.array_equal(levels(tmp_path / "run")["image_0.png"], levels(tmp_path / "whole")["image_0.png"])


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(tmp_path: Path) -> None:
    given = {**SMALL, "state_rate": 1, "steps": 30, "clip_models": "[embedded_vit]"}
    render("a red star", folder=tmp_path / "whole", **{**given, "clip_models": ["embedded_vit"]})
    words = ["a red star", *(f"{name}={value}" for name, value in given.items()), f"hydra.run.dir={tmp_path / 'run'}"]
    victim = started(*words, cwd=tmp_path)
    until = time.monotonic() + 120
    while len(states_in(tmp_path / "run")) < 2 and time.monotonic() < until and victim.poll() is None:
        time.sleep(0.01)
    victim.kill()
    assert victim.wait() == -signal.SIGKILL
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running"
    asked = []
    resume(tmp_path / "run", on_step=lambda event: asked.append(event.step.number))
    assert asked[0] > 0
    assert np.array_equal(levels(tmp_path / "run")["image_0.png"], levels(tmp_path / "whole")["image_0.png"])

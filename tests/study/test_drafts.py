"""Drafts: what stops early is the beginning of the full run, step by step; fewer steps start at the same level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.planning.plan import build_plan
from disco.run.api import render_settings
from disco.settings.config import Settings, by_path, load, value_of, with_values
from disco.settings.overrides import from_python
from disco.study.drafts import KEPT, check_seeds, draft_of, full_of, in_ranges, scaled, seeds_of
from disco.study.sweeps import MOST_CELLS


@cache
def usual() -> Settings:
    return load(from_python({"prompt": "a red star"}))


def of(**values: Any) -> Settings:
    """The usual settings but for these; not composed anew, which takes a while."""
    return with_values(usual(), values)


def with_paths(full: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with others, by full name."""
    return with_values(full, {name.rpartition(".")[2]: value for name, value in values.items()})


# Seeds


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [3]), ("0-3", [0, 1, 2, 3]), ("0-2,20", [0, 1, 2, 20]), ("5,1-2", [5, 1, 2])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert seeds_of(text) == seeds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "seeds is '', but must be numbers and ranges of them, such as 0-63 or 0-9,20"),
        ("0..3", "seeds is '0..3', but must be numbers"),
        ("1,", "seeds is '1,', but must be numbers"),
        ("٣", "but must be numbers"),
        ("9-0", "seeds holds 9-0, which ends before it starts; write 0-9"),
        ("0-999999999", "which are 1,000,000,000, but a scan takes at most 10,000"),
    ],
)
def test_seeds_that_are_none(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        seeds_of(text)
    assert said in str(error.value)


@given(st.sets(st.integers(0, 60), min_size=1, max_size=MOST_CELLS))
def test_ranges_are_read_back(seeds: set[int]) -> None:
    assert seeds_of(in_ranges(seeds)) == sorted(seeds)


def test_seeds_without_a_draft() -> None:
    check_seeds([3, 1], [0, 1, 2, 3])
    with pytest.raises(SettingsError, match=r"there is no draft of seed 4-5; there are 0-3,9"):
        check_seeds([1, 5, 4], [0, 1, 2, 3, 9])


# An early end

AS_PLANNED = ("share", "stage", "save_partial", "show_progress")


@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(5, 60),
    skipped=st.sampled_from([0, 1, "25%"]),
    at_the_end=st.sampled_from([0, 1, "10%"]),
    percent=st.integers(20, 90),
    switch=st.sampled_from([0, 0.1, 0.37, 0.5, 1]),
    starts=st.sets(st.integers(1, 99), max_size=3),
    resamples=st.integers(1, 3),
    jump=st.integers(1, 12),
)
@example(steps=50, skipped=0, at_the_end=0, percent=40, switch=0.2, starts={1, 2, 40}, resamples=1, jump=1)
@example(steps=10, skipped=0, at_the_end=0, percent=50, switch=0, starts=set(), resamples=3, jump=5)
def test_what_stops_early_is_the_beginning_of_the_full_run(
    steps: int,
    skipped: Any,
    at_the_end: Any,
    percent: int,
    switch: float,
    starts: set[int],
    resamples: int,
    jump: int,
) -> None:
    prompts = {"0": "a red star", **{f"{start}.0%": f"a blue boat:{start}" for start in starts}}
    full = of(
        prompt=None,
        prompts=prompts,
        steps=steps,
        skip_steps=skipped,
        skip_end_steps=at_the_end,
        diffusion_sampling_mode="plms",
        ddim_switch=switch,
        symmetry_loss_scale=10,
        symmetry_switch=f"{100 - percent}%",
        use_horizontal_symmetry=True,
        transformation_percent=(0.1,),
        intermediate_saves=1,
        resamples=resamples,
        resample_jump=jump,
    )
    whole = build_plan(full)
    kept = len({step.index for step in whole.steps}) * percent // 100
    if kept == 0:
        with pytest.raises(SettingsError, match="but a draft has at least 1"):
            draft_of(full, stop_at=f"{percent}%")
        return
    draft = draft_of(full, stop_at=f"{percent}%")
    part = build_plan(with_paths(full, draft))
    assert len({step.index for step in part.steps}) == kept
    assert len(part.steps) <= len(whole.steps)
    for mine, theirs in zip(part.steps, whole.steps, strict=False):
        assert part.stages[mine.stage].prompts == whole.stages[theirs.stage].prompts
        values, others = asdict(mine), asdict(theirs)
        assert all(values[name] == others[name] for name in values if name not in AS_PLANNED)
    assert by_path(full) == by_path(with_paths(full, draft)) | full_of(draft, full)


SMALL = dict(cut_overview=1, cut_innercut=1, seed=3, width=32, height=32, clip_models=("embedded_vit",))


@pytest.mark.parametrize("sampler", ["ddim", pytest.param("plms", marks=pytest.mark.slow)])
def test_a_draft_of_an_edited_picture_is_the_beginning_of_it(sampler: str, tmp_path: Path) -> None:
    """Under a mask with a wide soft edge, of which more comes free from step to step."""
    given = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    ramp = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[None], 32, 0)
    for name, pixels in (("init", given), ("mask", ramp)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    paths = {"init_image": str(tmp_path / "init.png"), "mask": str(tmp_path / "mask.png")}
    full = of(steps=8, strength=0.75, diffusion_sampling_mode=sampler, resamples=2, resample_jump=1, **SMALL, **paths)
    told: list[dict[int, np.ndarray]] = []
    for each in (full, with_paths(full, draft_of(full, stop_at="50%"))):
        seen: dict[int, np.ndarray] = {}
        told.append(seen)
        render_settings(
            each, quiet=True, on_step=lambda event, seen=seen: seen.update({event.step.number: event.x0.numpy()})
        )
    whole, part = told
    assert len(part) == 5 < len(whole)
    # The last one of a run has the known levels to the bit, pasted.
    assert all(np.array_equal(part[number], whole[number]) for number in list(part)[:-1])
    free = ramp > 0
    assert np.array_equal(part[max(part)][0][:, free], whole[max(part)][0][:, free])


def test_a_draft_that_stops_early_is_what_the_full_run_predicts_there() -> None:
    full = of(steps=4, cut_overview=1, cut_innercut=1, seed=3)
    seen: dict[int, np.ndarray] = {}
    render_settings(full, quiet=True, on_step=lambda event: seen.update({event.step.number: event.x0.numpy().copy()}))
    part = with_paths(full, draft_of(full, stop_at="50%"))
    drawn: dict[int, np.ndarray] = {}
    render_settings(part, quiet=True, on_step=lambda event: drawn.update({event.step.number: event.x0.numpy().copy()}))
    assert list(drawn) == [0, 1]
    assert all(np.array_equal(drawn[number], seen[number]) for number in drawn)


@pytest.mark.parametrize("stop_at", ["0%", "100%", "200%", 0, 50, "half", ""])
def test_where_no_draft_can_stop(stop_at: Any) -> None:
    with pytest.raises(SettingsError, match="stop_at is"):
        draft_of(of(), stop_at=stop_at)


# Fewer steps


def level(settings: Settings) -> float:
    """The noise level of the first step."""
    return build_plan(settings).steps[0].t


@settings(max_examples=15, deadline=None)
@given(steps=st.integers(10, 120), skipped=st.integers(1, 9), others=st.integers(2, 250))
def test_counts_of_skipped_steps_keep_the_first_level(steps: int, skipped: int, others: int) -> None:
    full = of(steps=steps, skip_steps=skipped)
    found = scaled(full, others)
    nearest = min(abs(1000 * (others - skip - 1) / others - level(full)) for skip in range(others))
    assert abs(level(with_paths(full, found)) - level(full)) == pytest.approx(nearest)


def test_shares_stay_and_full_noise_stays() -> None:
    assert scaled(of(steps=50, skip_steps="40%", skip_end_steps="10%"), 12) == {"sampler.steps": 12}
    assert scaled(of(steps=50), 250) == {"sampler.steps": 250}
    assert scaled(of(steps=50, skip_end_steps=10), 25) == {"sampler.steps": 25, "sampler.skip_end_steps": 5}


def test_steps_of_a_draft() -> None:
    assert draft_of(of(steps=50), 20) == {"sampler.steps": 20}
    assert draft_of(of(steps=50, intermediate_saves=4, video="gif"), 20) == {"sampler.steps": 20, **KEPT}
    for steps in (0, 50, 60):
        with pytest.raises(SettingsError, match=f"steps is {steps}, but a draft has at least 1 and fewer than the 50"):
            draft_of(of(steps=50), steps)


def test_a_draft_by_default_takes_a_quarter_of_the_work() -> None:
    full = of(steps=48)
    draft = with_paths(full, draft_of(full))
    assert 4 * len(build_plan(draft).steps) == len(build_plan(full).steps)
    assert value_of(draft, "seed") == value_of(full, "seed")

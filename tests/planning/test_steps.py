"""The steps of a plan."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from disco.diffusion.levels import Diffusion
from disco.errors import SettingsError
from disco.models import catalog
from disco.planning.steps import single_precision_t, way_of
from support.plans import plan


def test_steps_run_from_noise_to_picture() -> None:
    steps = plan(steps=250).steps
    assert [step.number for step in steps] == list(range(250))
    assert [step.index for step in steps] == list(range(249, -1, -1))
    assert (steps[0].t, steps[-1].t, steps[125].t, steps[125].share) == (996.0, 0.0, 496.0, 0.5)


@pytest.mark.parametrize("steps", [1, 7, 25, 250, 333, 1000])
def test_t_is_what_the_original_hands_to_its_guidance(steps: int) -> None:
    """Its own number: the position in the stretched schedule, times the rescaling of 1000 / diffusion_steps."""
    diffusion_steps = 1000 // steps * steps
    for step in plan(steps=steps).steps:
        position = step.index * (diffusion_steps // steps)
        assert step.t == pytest.approx(position * 1000 / diffusion_steps)


@pytest.mark.parametrize("spacing", ["karras", "log_snr"])
def test_schedules_are_read_at_the_level_where_a_step_lies(spacing: str) -> None:
    steps = plan(steps=20, timestep_spacing=spacing, tv_scale="[1]*900+[7]*100").steps
    levels = Diffusion.spaced(20, catalog.unet("embedded").noise_schedule, spacing).timesteps
    assert [step.t for step in steps] == levels[::-1].tolist()
    assert [step.tv_scale for step in steps] == [7 if 999 - int(t) >= 900 else 1 for t in levels[::-1]]
    assert sum(step.tv_scale == 7 for step in steps) > 4  # more than the two of even steps


@pytest.mark.parametrize(
    ("given", "said"),
    [({"diffusion_sampling_mode": "plms", "eta": 0}, "PLMS extrapolates"), ({"compat": "disco57"}, "compat=disco57")],
)
def test_what_needs_even_steps_refuses_others(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=f"timestep_spacing is karras, but {said}"):
        plan(timestep_spacing="karras", **given)


def test_compat_reads_schedules_at_the_originals_single_precision_level() -> None:
    """Against guided-diffusion's own respacing and rescaling of the level, at every number of steps."""
    differ = 0
    for steps in range(1, 1001):
        diffusion_steps = 1000 // steps * steps
        positions = torch.arange(0, diffusion_steps, 1000 // steps)
        levels = (positions.float() * (1000.0 / diffusion_steps)).int()
        ours = torch.tensor([int(single_precision_t(index, steps)) for index in range(steps)])
        assert ours.equal(levels)
        differ += not levels.equal(torch.arange(steps) * 1000 // steps)
    assert differ == 89
    every = "+".join(f"[{entry}]" for entry in range(1000))
    at_30 = {
        compat: plan(steps=240, cutn=1, tv_scale=every, compat=compat).steps[239 - 30].tv_scale
        for compat in ("none", "disco57")
    }
    assert at_30 == {"none": 874, "disco57": 875}


@pytest.mark.parametrize(
    ("skip", "skip_end", "first", "last", "number"),
    [
        (10, 0, 239, 0, 240),
        (0, 10, 249, 10, 240),
        ("4%", "10%", 239, 25, 215),
        (0.04, 0.1, 239, 25, 215),
        ("10", "0", 239, 0, 240),
        ("0.5%", 0, 248, 0, 249),  # 1.25 steps, rounded down
        (249, 0, 0, 0, 1),
    ],
)
def test_skipped_steps(skip: Any, skip_end: Any, first: int, last: int, number: int) -> None:
    steps = plan(steps=250, skip_steps=skip, skip_end_steps=skip_end).steps
    assert (steps[0].index, steps[-1].index, len(steps)) == (first, last, number)
    assert steps[0].t == 1000 * first / 250


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"skip_steps": 50}, "skip_steps=50 .* leave nothing of 50 steps"),
        ({"skip_steps": 60}, "leave nothing"),
        ({"skip_steps": "50%", "skip_end_steps": 25}, "leave nothing"),
        ({"skip_steps": -1}, "skip_steps is -1, but must be at least 0"),
        ({"skip_steps": 1.0}, "skip_steps is 1.0, which may mean one step or all"),
        ({"skip_steps": 1.5}, "skip_steps is 1.5, but must be a count of steps, or a share"),
        ({"skip_steps": "101%"}, "skip_steps is '101%', but must be a count"),
        ({"skip_steps": True}, "skip_steps is True"),
        ({"skip_end_steps": None}, "skip_end_steps is None"),
    ],
)
def test_skipping_too_much(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(steps=50, **values)


def test_no_cuts_where_nothing_looks() -> None:
    assert plan(cut_overview=0, cut_innercut=0, clip_guidance_scale=0).steps[0].cuts.inner == 0
    assert plan(cut_overview=0, cut_innercut=0, cutout_family="random").steps[0].cuts.cutn > 0
    weights = dict.fromkeys(("embedded_vit", "embedded_resnet", "embedded_vit8"), 0)
    off = plan(cut_overview=0, cut_innercut=0, perceptor_weights=weights)
    assert "perceptor_weights are 0 at every step: no prompt guides the run" in off.notes


def test_plms_becomes_ddim() -> None:
    steps = plan(diffusion_sampling_mode="plms", steps=10, ddim_switch="50%").steps
    assert [step.sampler for step in steps] == ["plms"] * 5 + ["ddim"] * 5
    assert {step.sampler for step in plan(diffusion_sampling_mode="plms").steps} == {"plms"}
    assert {step.sampler for step in plan(diffusion_sampling_mode="plms", ddim_switch=0).steps} == {"ddim"}
    for bad in (2, "soon", -0.1):
        with pytest.raises(SettingsError, match="ddim_switch is"):
            plan(diffusion_sampling_mode="plms", ddim_switch=bad)


def test_symmetry_switch() -> None:
    for switch, number in ((3, 3), ("50%", 5), (0.5, 5), ("100%", 10), (0, 0), (99, 10)):
        steps = plan(steps=10, symmetry_loss_scale=7, symmetry_switch=switch).steps
        assert [step.symmetry_loss_scale for step in steps] == [7] * number + [0] * (10 - number)


@pytest.mark.parametrize(
    ("saves", "numbers"),
    [
        (0, []),
        (1, [25]),
        (2, [16, 33]),
        (4, [10, 20, 30, 40]),
        ("50%", [25]),
        (["25%", "50%"], [12, 25]),
        ([5, 9, 0.98], [5, 9, 49]),
    ],
)
def test_partials(saves: Any, numbers: list[int]) -> None:
    assert [step.number for step in plan(intermediate_saves=saves).steps if step.save_partial] == numbers


@pytest.mark.parametrize(
    ("saves", "numbers"),
    [(0, []), (1, [119, 238]), (2, [79, 158, 237]), (200, list(range(1, 240))), ([5, 9], [5, 9])],
)
def test_partials_in_compat_are_multiples(saves: Any, numbers: list[int]) -> None:
    """Every (steps - skip_steps - 1) // (n + 1) steps, as long as the run lasts: often a picture more than asked."""
    steps = plan(steps=250, skip_steps=10, intermediate_saves=saves, compat="disco57").steps
    assert [step.number for step in steps if step.save_partial] == numbers


def test_progress_pictures() -> None:
    assert [step.number for step in plan(display_rate=20).steps if step.show_progress] == [0, 20, 40, 49]
    assert [step.number for step in plan(display_rate=0).steps if step.show_progress] == [49]


def repaint_levels(count: int, resamples: int, jump: int) -> list[int]:
    """The levels in the order in which RePaint visits them (Lugmayr et al. 2022, appendix): x is at `count` first."""
    jumps = {level: resamples - 1 for level in range(0, count - jump, jump)}
    level, levels = count, []
    while level >= 1:
        level -= 1
        levels.append(level)
        if jumps.get(level, 0) > 0:
            jumps[level] -= 1
            for _ in range(jump):
                level += 1
                levels.append(level)
    return levels


@pytest.mark.parametrize(("count", "resamples", "jump"), [(6, 3, 1), (10, 2, 3), (50, 10, 10), (7, 1, 2), (3, 4, 5)])
def test_steps_are_taken_again_in_repaint_s_order(count: int, resamples: int, jump: int) -> None:
    order, levels = way_of(count, resamples, jump), []
    for place, _, up in order:
        levels += [count - place - up + n for n in range(1, up + 1)]  # noised up, level by level
        levels.append(count - place - 1)
    assert levels == repaint_levels(count, resamples, jump)
    assert len(order) == count + (resamples - 1) * jump * len(range(0, count - jump, jump))
    for n, (place, visit, _) in enumerate(order):
        assert visit == sum(earlier == place for earlier, _, _ in order[:n])


@pytest.mark.parametrize("after", [1, 2, 3, 7])
def test_what_ends_before_a_clean_picture_is_the_beginning_of_what_does_not(after: int) -> None:
    whole = way_of(12, 3, 3)
    part = way_of(12 - after, 3, 3, after)
    assert part == whole[: len(part)] and max(place for place, _, _ in part) == 11 - after


def test_repeated_steps_are_the_same_steps_and_are_told() -> None:
    given = dict(
        steps=8, intermediate_saves=[3], display_rate=1, prompts={"0%": ["a red star"], "50%": ["a blue boat"]}
    )
    once, again = (plan(prompt=None, resamples=n, resample_jump=2, **given) for n in (1, 3))
    assert [step.number for step in again.steps] == list(range(len(again.steps))) and len(again.steps) == 8 + 2 * 2 * 3
    assert again.notes == ("resamples=3 takes 20 steps instead of 8",)
    like = {step.index: step for step in once.steps}
    for step in again.steps:
        assert (step.t, step.share, step.stage, step.cuts) == (
            like[step.index].t,
            like[step.index].share,
            like[step.index].stage,
            like[step.index].cuts,
        )
    last = {step.index: step.number for step in again.steps}
    assert [step.number for step in again.steps if step.save_partial] == [last[8 - 1 - 3]]
    assert [step.number for step in again.steps if step.show_progress] == sorted(last.values())
    (note,) = plan(steps=8, resamples=2, resample_jump=8).notes
    assert note.startswith("resamples is without effect: resample_jump=8")

"""The steps of a run, all schedules read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from disco.errors import SettingsError
from disco.losses import LOSSES, Loss
from disco.planning.effects import notes_on_guidance, without_effect
from disco.planning.prompts import Stage, parse_share
from disco.planning.schedules import name_of_critic, name_of_weight, schedules_of
from disco.planning.symmetry import mirrors_of
from disco.planning.values import count_of_steps, skipped_steps
from disco.settings.config import SamplerConfig, Settings, is_usual, value_of
from disco.step import Cuts, Step


def steps_of(settings: Settings, stages: Sequence[Stage], notes: list[str]) -> tuple[Step, ...]:
    """The steps of the run, all schedules read."""
    sampler, compat = settings.sampler, settings.compat == "disco57"
    schedules = schedules_of(settings, notes)
    total = sampler.steps
    skipped = skipped_steps(settings)
    number_of_steps = total - skipped - count_of_steps("skip_end_steps", sampler.skip_end_steps, total)
    if number_of_steps < 1:
        raise SettingsError(
            f"{_said_of_the_start(settings)} and skip_end_steps={sampler.skip_end_steps} leave nothing of "
            f"{total} steps; skip fewer"
        )
    levels = levels_of(settings)
    samplers = samplers_of(sampler, number_of_steps)
    mirrors = mirrors_of(settings, total - skipped, number_of_steps, notes)
    partials = partials_of(settings.output.intermediate_saves, number_of_steps, compat)
    display_rate = settings.output.display_rate
    ends = {loss.scale: end_of(loss, settings, number_of_steps) for loss in LOSSES}

    steps = []
    for number in range(number_of_steps):
        index = total - skipped - 1 - number
        t = levels(index)
        share = number / number_of_steps
        value = {name: each.at(t) for name, each in schedules.items()}
        weights = tuple(value[name_of_weight(name)] for name in settings.perceptors.clip_models)
        cuts = Cuts(
            family=settings.cutouts.cutout_family,
            overview=int(value["cut_overview"]),
            inner=int(value["cut_innercut"]),
            ic_pow=value["cut_ic_pow"],
            icgray_p=value["cut_icgray_p"],
            cutn=int(value["cutn"]),
            batches=int(value["cutn_batches"]),
            skip_augs=bool(value["skip_augs"]),
            placement=settings.cutouts.cut_placement,
        )
        scales = {scale: value[scale] if number < end else 0.0 for scale, end in ends.items()}
        guided = value["clip_guidance_scale"] != 0 and any(weights)
        if guided and cuts.family == "scheduled" and cuts.overview + cuts.inner == 0:
            raise SettingsError(
                f"cut_overview and cut_innercut are both 0 at entry {999 - int(t)}, where the perceptors would see "
                "nothing; give one of them at least 1"
            )
        steps.append(
            Step(
                number=number,
                index=index,
                t=t,
                share=share,
                sampler=samplers[number],
                eta=value["eta"],
                **scales,
                clamp_grad=bool(value["clamp_grad"]),
                clamp_max=value["clamp_max"],
                cuts=cuts,
                perceptor_weights=weights,
                critic_weights=tuple(value[name_of_critic(name)] for name in settings.guidance.critics),
                stage=sum(stage.share <= share for stage in stages) - 1,
                mirrors=mirrors.get(index, ()),
                save_partial=number in partials,
                show_progress=number == number_of_steps - 1 or bool(display_rate and number % display_rate == 0),
                visit=0,
                jump=0,
            )
        )
    steps = walked(steps, sampler.resamples, sampler.resample_jump, notes)
    notes += notes_on_guidance(steps)
    notes += [
        f"{name} is without effect{why}"
        for name, why in without_effect(settings, steps, schedules)
        if not is_usual(settings, name)  # what nobody typed need not be said
    ]
    return tuple(steps)


def _said_of_the_start(settings: Settings) -> str:
    """The setting that says where the run starts."""
    strength = settings.init.strength
    return f"skip_steps={settings.sampler.skip_steps}" if strength is None else f"strength={strength}"


def walked(steps: list[Step], resamples: int, jump: int, notes: list[str]) -> list[Step]:
    """The steps in the order in which the run takes them, some of them several times.

    Lugmayr et al. (2022, arXiv:2201.09865): wherever the number of levels left is a multiple of `jump`, and so many are
    above, x is noised back up by as many levels, `resamples - 1` times. Levels count as left down to a clean picture,
    so that a run which ends before is the beginning of one that does not. A step that is taken several times is shown
    and saved at its last.
    """
    order = way_of(len(steps), resamples, jump, steps[-1].index)
    if resamples > 1:
        notes.append(
            f"resamples={resamples} takes {len(order)} steps instead of {len(steps)}"
            if len(order) > len(steps)
            else f"resamples is without effect: resample_jump={jump} is as long as the run of {len(steps)} steps"
        )
    last = {place: number for number, (place, _, _) in enumerate(order)}
    return [
        replace(
            steps[place],
            number=number,
            visit=visit,
            jump=up,
            save_partial=steps[place].save_partial and number == last[place],
            show_progress=steps[place].show_progress and number == last[place],
        )
        for number, (place, visit, up) in enumerate(order)
    ]


def way_of(count: int, resamples: int, jump: int, after: int = 0) -> list[tuple[int, int, int]]:
    """The order of so many steps: the place of each, how often it was taken before, and the levels jumped up to it.

    after: how many levels are left when all are done.
    """
    left = dict.fromkeys(range(0, count + after - jump, jump), resamples - 1)
    order, visits = [], [0] * count
    place = up = 0
    while place < count:
        order.append((place, visits[place], up))
        visits[place] += 1
        place, up = place + 1, 0
        if left.get(count + after - place, 0):
            left[count + after - place] -= 1
            place, up = place - jump, jump
    return order


def end_of(loss: Loss, settings: Settings, number_of_steps: int) -> int:
    """The number of the step from which a loss is off; that after the last where it never is."""
    if loss.until is None:
        return number_of_steps
    return count_of_steps(loss.until, value_of(settings, loss.until), number_of_steps)


def levels_of(settings: Settings) -> Callable[[int], float]:
    """The noise level of each index, 0 to 1000, as timestep_spacing places them.

    Raises SettingsError where what else is set needs them even.
    """
    sampler, total = settings.sampler, settings.sampler.steps
    compat, spacing = settings.compat == "disco57", sampler.timestep_spacing
    if spacing == "uniform":
        return partial(single_precision_t, total=total) if compat else lambda index: 1000 * index / total
    if compat:
        raise SettingsError(f"timestep_spacing is {spacing}, but compat=disco57 spaces its steps evenly; give uniform")
    if sampler.diffusion_sampling_mode == "plms" and sampler.plms_order > 1:
        raise SettingsError(
            f"timestep_spacing is {spacing}, but PLMS extrapolates over even steps; give uniform, or another sampler "
            "such as dpmpp_2m"
        )
    from disco.diffusion.levels import Diffusion  # takes a moment, and other plans do without
    from disco.models import catalog

    noise_schedule = catalog.unet(settings.model.diffusion_model).noise_schedule
    return Diffusion.spaced(total, noise_schedule, spacing).timesteps.tolist().__getitem__


def single_precision_t(index: int, total: int) -> float:
    """The noise level as the original works it out, in float32: 1000 index / total, or the number just below it.

    At some step counts a whole number comes out just below, so that `int` reads the schedules' next entry: of 240 steps
    the one of index 30 reads entry 875, where t = 125 has entry 874.
    """
    import numpy as np  # takes a moment, and other plans do without

    stride = 1000 // total
    return float(np.float32(index * stride) * np.float32(1000 / (stride * total)))


def samplers_of(sampler: SamplerConfig, number_of_steps: int) -> list[str]:
    """The sampler of every step."""
    mode = sampler.diffusion_sampling_mode
    switch = parse_share(sampler.ddim_switch, "ddim_switch")
    if mode != "plms":
        return [mode] * number_of_steps
    return ["ddim" if number >= switch * number_of_steps else "plms" for number in range(number_of_steps)]


def partials_of(given: Any, number_of_steps: int, compat: bool) -> frozenset[int]:
    """The steps at which partial pictures are saved.

    compat: the original rounds the distance between n pictures down and goes on to the end, which often makes one more.
    """
    name = "intermediate_saves"
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < number_of_steps:
        if compat and given:
            every = max(1, (number_of_steps - 1) // (given + 1))
            return frozenset(range(every, number_of_steps, every))
        return frozenset(number_of_steps * part // (given + 1) for part in range(1, given + 1))
    if isinstance(given, str) and given.strip().endswith("%"):
        given = (given,)
    if not isinstance(given, tuple):
        raise SettingsError(
            f"{name} is {given!r}, but must be a count below {number_of_steps}, or a list of steps or shares, such as "
            "[25%,50%]"
        )
    steps = {item: count_of_steps(name, item, number_of_steps) for item in given}
    for item, step in steps.items():
        if step >= number_of_steps:
            raise SettingsError(
                f"{name} holds {item}, which is not on the way; steps are 0 to {number_of_steps - 1}, shares below "
                "100%, and the finished picture is saved in any case"
            )
    return frozenset(steps.values())

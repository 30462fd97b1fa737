"""Drafts: which settings render a cheap picture that tells what the full run will give.

A draft starts from the same noise as the full run, at the same level, and draws the same numbers where it comes by the
same level (`disco.diffusion.streams`). There are two kinds. One stops early: it does what the full run does, to the
bit, up to where it stops. The other takes fewer steps over the whole way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from disco.errors import SettingsError
from disco.planning.prompts import parse_share
from disco.planning.values import count_of_steps, skipped_steps
from disco.settings.config import Settings, by_path, value_of
from disco.study.results import Value
from disco.study.sweeps import MOST_CELLS

#: What a draft keeps beside its picture: nothing. Partial pictures may be asked for at steps that it does not have.
KEPT: dict[str, Value] = {"output.intermediate_saves": 0, "output.video": "none"}

#: Where a draft stops of which nothing is said. At the same cost it is more like the full picture than a draft of a
#: quarter of the steps (SSIM 0.42 instead of 0.37, `benchmarks/drafts.py`).
USUAL = "25%"

SEEDS = re.compile(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*", re.ASCII)


def seeds_of(text: str) -> list[int]:
    """The seeds of 0-63, of 3, or of 0-9,20. Raises SettingsError for what is none, and for too many."""
    if not SEEDS.fullmatch(text):
        raise SettingsError(f"seeds is {text!r}, but must be numbers and ranges of them, such as 0-63 or 0-9,20")
    ranges = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ranges.append(range(int(first), int(last or first) + 1))
        if not ranges[-1]:
            raise SettingsError(f"seeds holds {part}, which ends before it starts; write {last}-{first}")
    count = sum(map(len, ranges))
    if count > MOST_CELLS:
        raise SettingsError(f"seeds is {text!r}, which are {count:,}, but a scan takes at most {MOST_CELLS:,}")
    return [seed for each in ranges for seed in each]


def in_ranges(seeds: Iterable[int]) -> str:
    """Seeds as they are typed: 0-9,20."""
    found: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if found and seed == found[-1][1] + 1:
            found[-1][1] = seed
        else:
            found.append([seed, seed])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)


def draft_of(settings: Settings, steps: int | None = None, stop_at: Any = None) -> dict[str, Value]:
    """What a draft has otherwise than the full run, by full name.

    settings: those of the full run, which can be planned. steps: how many the draft takes; with stop_at, of the whole
    run that it is the beginning of. stop_at: where it stops, a share of the steps or a count. Neither: see `USUAL`.

    Raises SettingsError for what leaves no step, or is no less than the full run.
    """
    if steps is None or stop_at is not None:
        return _changed(settings, stopped(settings, USUAL if stop_at is None else stop_at) | KEPT)
    total = settings.sampler.steps
    if not 0 < steps < total:
        raise SettingsError(f"steps is {steps}, but a draft has at least 1 and fewer than the {total} of the full run")
    return _changed(settings, scaled(settings, steps) | KEPT)


def _changed(settings: Settings, values: Mapping[str, Value]) -> dict[str, Value]:
    usual = by_path(settings)
    return {name: value for name, value in values.items() if usual[name] != value}


# Fewer steps


def scaled(settings: Settings, steps: int) -> dict[str, Value]:
    """The settings of the same run in another number of steps, by full name.

    Counts of steps become counts of so many: skip_steps so that the first step has the noise level nearest to the one
    that it had, 1000 (steps - skip_steps - 1) / steps. Shares stay.
    """
    sampler, ratio = settings.sampler, Fraction(steps, settings.sampler.steps)
    found: dict[str, Value] = {"sampler.steps": steps}
    skipped = _count(sampler.skip_steps)
    if skipped and settings.init.strength is None:
        found["sampler.skip_steps"] = max(0, round((skipped + 1) * ratio) - 1)
    elif skipped:  # said twice; strength is a share, and says it for any number of steps
        found["sampler.skip_steps"] = 0
    counted = ["sampler.skip_end_steps", *(["guidance.symmetry_switch"] if _is_symmetric(settings) else [])]
    for name in counted:
        given = _count(value_of(settings, name.rpartition(".")[2]))
        if given:
            found[name] = round(given * ratio)
    return found


def _is_symmetric(settings: Settings) -> bool:
    """Whether symmetry_switch means anything."""
    return bool(settings.guidance.symmetry_loss_scale != 0)


def _count(given: Any) -> int | None:
    """A number of steps that is given as a count; None for a share."""
    if isinstance(given, str) and given.strip().isdecimal():
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


# An early end


def stopped(settings: Settings, stop_at: Any) -> dict[str, Value]:
    """The settings of the same run that stops after a share of its steps, or a count; by full name.

    What is said in shares of the run (stages of the prompt, ddim_switch, symmetry_switch) stays at the steps where the
    full run has it.
    """
    sampler = settings.sampler
    left = sampler.steps - skipped_steps(settings)
    running = left - count_of_steps("skip_end_steps", sampler.skip_end_steps, sampler.steps)
    kept = count_of_steps("stop_at", stop_at, running)
    if not 0 < kept < running:
        raise SettingsError(
            f"stop_at is {stop_at}, which is {kept} of {running} steps, but a draft has at least 1 and stops before "
            "the last; give a share such as 40%"
        )
    found: dict[str, Value] = {"sampler.skip_end_steps": left - kept}
    if sampler.diffusion_sampling_mode == "plms":
        found["sampler.ddim_switch"] = _share(_first(sampler.ddim_switch, "ddim_switch", running), kept)
    if _is_symmetric(settings):
        switch = settings.guidance.symmetry_switch
        found["guidance.symmetry_switch"] = count_of_steps("symmetry_switch", switch, running)
    if isinstance(settings.prompts, Mapping):
        found["prompts"] = _stages(settings.prompts, running, kept)
    return found


def _first(share: Any, name: str, count: int) -> int:
    """The first of so many steps, from 0, that a share of the run has reached."""
    return math.ceil(parse_share(share, name) * count)


def _share(step: int, count: int) -> float:
    """A share that is first reached at this of so many steps, with room for rounding; 1 for one that comes later."""
    return 1 if step >= count else max(0, round((step - 0.5) / count, 9))


def _stages(prompts: Mapping[Any, Any], running: int, kept: int) -> dict[str, Any]:
    """The stages of a prompt that start within the steps that are kept, at the same steps."""
    starts: dict[int, Any] = {}
    for key in sorted(prompts, key=lambda key: parse_share(key, "prompts")):
        starts[_first(key, "prompts", running)] = prompts[key]  # of two that start at a step, the later holds
    return {str(_share(step, kept)): texts for step, texts in starts.items() if step < kept}


# The pictures that they become


def full_of(draft: Mapping[str, Value], settings: Settings) -> dict[str, Value]:
    """What the full run has where its draft has something else, by full name. draft: see `draft_of`."""
    values = by_path(settings)
    return {name: values[name] for name in draft}


def check_seeds(asked: Sequence[int], there: Iterable[Value]) -> None:
    """Refuse seeds that are no drafts."""
    known = [seed for seed in there if isinstance(seed, int)]
    missing = [seed for seed in asked if seed not in known]
    if missing:
        raise SettingsError(f"there is no draft of seed {in_ranges(missing)}; there are {in_ranges(known)}")

"""How a run is arranged so that it fits into memory: the fastest way that does."""

from __future__ import annotations

from dataclasses import replace

import torch

from disco.arrangement import Arrangement
from disco.errors import SettingsError
from disco.models import catalog
from disco.planning.plan import Plan
from disco.planning.values import memory_limit
from disco.resources.advice import refusal
from disco.resources.candidates import candidates
from disco.resources.estimate import Estimate, estimate, least_needed, needed
from disco.resources.watch import memory_budget
from disco.units import format_bytes

#: What the shipped models need less than (tests/resources/test_arrange.py), at no more than these pixels and cuts.
SMALL = 2**29
SMALL_PIXELS, SMALL_CUTS = 128 * 128, 64


def arrange(
    plan: Plan, device: torch.device, limit: int | None = None, spare: int = 0
) -> tuple[Arrangement, Estimate | None]:
    """The first arrangement that fits, from the fastest on, and what it takes (None where nothing needs deciding).

    limit: bytes; None = the setting memory_limit, or what the device has free and, beside it, spare, which will be
    free. On the CPU, where the same settings make the same bits, those come first that change no bit.

    Raises SettingsError where none fits, with the cheapest changes of settings that would.
    """
    asked = limit if limit is not None else memory_limit(plan.settings)
    room = (memory_budget(plan, device) + (spare if asked is None else 0)) if limit is None else limit
    choices = list(candidates(plan, device.type))
    if asked is None and len(plan.perceptors) and needs_no_estimate(plan) and room > SMALL:
        return replace(choices[0], why="small enough to need no planning"), None
    there = f"{'memory_limit is' if asked is not None else 'free are'} {format_bytes(room)}"
    # The last of each precision, for in tiny runs half precision takes no less.
    floors = {choice: least_needed(plan, choice, device.type) for choice in {c.precision: c for c in choices}.values()}
    least = min(floors.values())
    for number, arrangement in enumerate(choices if least <= room else ()):
        if number == 2:  # the likeliest two do not fit: before all the others, see whether any can
            possible = [choice for choice, weights in floors.items() if weights <= room]
            least = min(needed(estimate(plan, choice, device.type)) for choice in possible)
            if least > room:
                break
        if least_needed(plan, arrangement, device.type) > room:
            continue
        found = estimate(plan, arrangement, device.type)
        if needed(found) <= room:
            why = "too little for a faster arrangement" if number else "enough for the fastest arrangement"
            return replace(arrangement, why=f"{there}, {why}"), found
        least = needed(found)  # the last one's, at the end
    raise SettingsError(refusal(plan, least, room, there, device.type))


def needs_no_estimate(plan: Plan) -> bool:
    """Whether the shipped models do something so small that counting would take longer than it is worth."""
    pixels = plan.width * plan.height * plan.settings.batch_size
    cuts = max(step.cuts.number for step in plan.steps)
    shipped = (
        catalog.all_shipped(plan.settings.model, plan.perceptors, plan.critics)
        and plan.settings.init.init_loss != "lpips"
    )
    return shipped and pixels <= SMALL_PIXELS and cuts * plan.settings.batch_size <= SMALL_CUTS

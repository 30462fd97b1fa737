"""The schedules of a run: those of its timed settings, in the ranges that the schema gives."""

from __future__ import annotations

import dataclasses
from typing import Any

from disco.settings import schedule
from disco.settings.config import Settings, specs
from disco.settings.schedule import Schedule


def schedule_of(name: str, value: Any) -> Schedule:
    """The schedule of a timed setting, in the range that its schema gives."""
    spec = specs()[name]
    return schedule.parse(value, name, low=spec.low, high=spec.high, integer=spec.integer)


def schedules_of(settings: Settings, notes: list[str]) -> dict[str, Schedule]:
    """The schedules of all timed settings by their names, those of weights by "perceptor_weights of NAME"."""
    found = {}
    for group in (settings.cutouts, settings.guidance, settings.sampler, settings.init):
        for item in dataclasses.fields(group):
            if specs()[item.name].timed and item.name != "critic_weights":
                found[item.name] = schedule_of(item.name, getattr(group, item.name))
    weights = settings.perceptors.perceptor_weights
    for name in settings.perceptors.clip_models:
        found[name_of_weight(name)] = schedule.parse(weights.get(name, 1), name_of_weight(name), low=0)
    for name in settings.guidance.critics:
        weight = settings.guidance.critic_weights.get(name, 1)
        found[name_of_critic(name)] = schedule.parse(weight, name_of_critic(name))
    for name, each in found.items():
        if each.length > each.count:
            notes.append(f"{name} has {each.length} entries; those after the first {each.count} are never read")
    return found


def name_of_weight(perceptor: str) -> str:
    return f"perceptor_weights of {perceptor}"


def name_of_critic(critic: str) -> str:
    return f"critic_weights of {critic}"

"""What is said of a run that does not fit: how much it needs, and which settings would fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from disco.errors import SettingsError
from disco.models import catalog
from disco.planning.plan import Plan, build_plan
from disco.planning.values import cuts_at_once
from disco.resources.candidates import candidates
from disco.resources.cost import bytes_of, fake_network
from disco.resources.estimate import estimate, least_needed, needed
from disco.settings.config import Settings, with_values
from disco.units import format_bytes


def refusal(plan: Plan, least: float, room: int, there: str, device_type: str) -> str:
    """The line that says what is needed at least, what there is, and what would fit."""
    found = []
    for words, settings in alternatives(plan):
        try:
            other = build_plan(settings)
        except SettingsError:  # a quarter of 8 pixels is no picture
            continue
        *_, last = candidates(other, device_type)
        if least_needed(other, last, device_type) > room:
            continue
        peak = needed(estimate(other, last, device_type))
        if peak <= room:
            found.append(f"{words} ({format_bytes(peak)})")
        if len(found) == 2:
            break
    advice = f"this would fit: {', or '.join(found)}" if found else "nothing was found that would fit"
    return f"the run needs {format_bytes(least)} of memory at least, and {there}; {advice}"


def alternatives(plan: Plan) -> Iterator[tuple[str, Settings]]:
    """Changes of settings that take less memory, in words to type: each alone, then together."""
    settings, machine = plan.settings, plan.settings.machine
    changes: list[dict[str, Any]] = []
    if machine.checkpointing == "off" or cuts_at_once(settings) is not None:
        changes.append({"checkpointing": "auto", "cuts_at_once": "auto"})
    if machine.precision == "float32":
        changes.append({"precision": "auto"})
    if not settings.model.use_secondary_model:
        changes.append({"use_secondary_model": True})
    sizes = [{"width": int(plan.width * share), "height": int(plan.height * share)} for share in (0.75, 0.5)]
    for change in [*changes, *sizes]:
        yield in_settings(change), with_values(settings, change)
    together = {name: value for change in changes for name, value in change.items()}
    fewer = with_fewer_perceptors(settings)
    words = f"clip_models=[{','.join(fewer.perceptors.clip_models)}]" if fewer != settings else ""
    for change in (together, together | sizes[-1]):
        yield f"{words} {in_settings(change)}".strip(), with_values(fewer, change)


def with_fewer_perceptors(settings: Settings) -> Settings:
    """The settings with the smallest of their perceptors alone."""
    perceptors = settings.perceptors
    smallest = min(
        perceptors.clip_models, key=lambda name: bytes_of(fake_network(catalog.perceptor(name), "float32").network)
    )
    weights = {name: weight for name, weight in perceptors.perceptor_weights.items() if name == smallest}
    return replace(settings, perceptors=replace(perceptors, clip_models=(smallest,), perceptor_weights=weights))


def in_settings(change: dict[str, Any]) -> str:
    return " ".join(f"{name}={str(value).lower()}" for name, value in change.items())

"""disco doctor: what this machine can run, in which arrangement, and about how fast."""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError
from disco.phases import phase, phases_taken
from disco.planning.plan import Plan, build_plan
from disco.units import format_bytes, format_seconds

if TYPE_CHECKING:
    import torch

    from disco.arrangement import Arrangement
    from disco.resources.speed import Speed

USAGE = "disco doctor                                 what this machine can run, and about how fast\n"

#: What is tried: a name for it, and its settings.
CANDIDATES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("the shipped models, 128 x 128", {}),
    ("preset=disco57, 512 x 512", {"preset": "disco57", "width": 512, "height": 512}),
    ("preset=disco57, 1280 x 768", {"preset": "disco57"}),
    (
        "preset=disco57, 512 x 512, guided through the UNet",
        {"preset": "disco57", "width": 512, "height": 512, "use_secondary_model": False},
    ),
)


def run(words: list[str]) -> int:
    """Print the report. Raises `disco.errors.SettingsError` for any word."""
    if words in (["help"], ["--help"], ["-h"]):
        print(USAGE, end="")
        return 0
    if words:
        raise SettingsError(f"disco doctor takes no words, and was given {' '.join(words)!r}")
    with phase("import"):
        from disco.arrangement import PRECISIONS
        from disco.resources.candidates import auto_precisions
        from disco.resources.device import choose_device
        from disco.resources.speed import measure_speed

    device = choose_device("auto")
    dtype = PRECISIONS[auto_precisions(device.type)[0]]
    speed = measure_speed(device, dtype)
    show_machine(device, dtype, speed)
    plans = {name: plan_of(given) for name, given in CANDIDATES}
    show_models(list(plans.values()))
    show_candidates(plans, device, speed)
    print(f"\n{check(plans[CANDIDATES[0][0]], device, dtype)}")
    print(f"This command's own seconds: {in_words(phases_taken())}.")
    return 0


def show_machine(device: torch.device, dtype: torch.dtype, speed: Speed) -> None:
    """What there is to compute with. speed: in that dtype."""
    import torch

    from disco.resources.watch import free_memory

    print(f"disco doctor\n\nThe machine ({platform.system()} {platform.machine()}, Python {platform.python_version()})")
    print(f"  computes on     {device_in_words(device)}")
    print(f"  free memory     {format_bytes(free_memory(device))}")
    name = str(dtype).removeprefix("torch.")
    print(f"  PyTorch         {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"  matrix products {speed.flops / 1e9:.0f} GFLOP/s in {name}, {speed.moved / 1e9:.1f} GB/s of memory")


def show_models(plans: Sequence[Plan]) -> None:
    """Which of the networks that the plans use are here."""
    from disco.models.files import store
    from disco.run.session import specs_of

    print("\nModels")
    specs = dict.fromkeys(spec for plan in plans for spec in specs_of(plan))
    missing = [spec for spec in specs if store.find(spec.weights) is None]
    for spec in specs:
        print(f"  {'missing' if spec in missing else 'here   '} {spec.name}")
    if missing:
        print("  disco models fetch preset=disco57 brings the missing ones")


def show_candidates(plans: Mapping[str, Plan], device: torch.device, speed: Speed) -> None:
    """Which of the plans the machine can run, in which arrangement, and about how fast."""
    from disco.resources.arrange import arrange
    from disco.resources.estimate import estimate

    print("\nWhat it can run, for one picture; seconds are estimates (counting takes a while)", flush=True)
    for name, plan in plans.items():
        try:
            arrangement, found = arrange(plan, device)
        except SettingsError as error:
            print(f"  no   {name}: {error}")
            continue
        found = found or estimate(plan, arrangement, device.type)
        step = speed.seconds(found.work)
        print(
            f"  yes  {name}: {format_bytes(found.peak)}, {format_seconds(step)} a step, "
            f"{format_seconds(step * len(plan.steps))} in all; {arrangement_in_words(arrangement)}",
            flush=True,
        )


def plan_of(given: dict[str, Any]) -> Plan:
    """The plan of these settings."""
    from disco.settings.config import load
    from disco.settings.overrides import from_python

    return build_plan(load(from_python({"prompt": "a red star", **given})))


def device_in_words(device: torch.device) -> str:
    """What computes."""
    import torch

    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return f"the processor, {os.cpu_count()} cores" if device.type == "cpu" else str(device)


def arrangement_in_words(arrangement: Arrangement) -> str:
    """How the run would be laid out."""
    words = [arrangement.precision]
    if arrangement.checkpointing:
        words.append("with checkpointing")
    if arrangement.cuts_at_once:
        words.append(f"{arrangement.cuts_at_once} cuts at a time")
    return ", ".join(words)


def in_words(phases: Mapping[str, float]) -> str:
    """What each phase took, in seconds."""
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in phases.items())


def check(plan: Plan, device: torch.device, dtype: torch.dtype) -> str:
    """Hold the estimate of seconds against some steps of the shipped models, computed as a run of them is."""
    from disco.resources.arrange import arrange
    from disco.resources.estimate import estimate
    from disco.resources.speed import measure_speed
    from disco.resources.threads import side_by_side
    from disco.resources.torch_context import torch_context
    from disco.run.session import SESSION
    from disco.run.steps import render_batch

    plan = dataclasses.replace(plan, steps=plan.steps[:8])
    arrangement, _ = arrange(plan, device)
    with torch_context(plan) as threads, side_by_side(threads.side_by_side) as call_all:
        with phase("load"):
            networks = SESSION.networks(plan, device, arrangement)._replace(call_all=call_all)
        with phase("steps"):
            lines = [result.line for result in render_batch(plan, networks, plan.seeds[:1], device)]
        planned = measure_speed(device, dtype).seconds(estimate(plan, arrangement, device.type).work)
    measured = statistics.median(line["seconds"] for line in lines[2:])
    return (
        f"Checked with the shipped models: a step took {measured:.3g} s, the estimate was {planned:.3g} s "
        f"({planned / measured:.2f} of it)."
    )

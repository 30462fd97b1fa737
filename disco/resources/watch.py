"""The memory that there is, the limit that a run is held to, and what it took in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import torch

from disco.arrangement import Arrangement
from disco.planning.plan import Plan
from disco.planning.values import memory_limit
from disco.resources.estimate import Estimate


def memory_budget(plan: Plan, device: torch.device) -> int:
    """Bytes that the run may take: the setting memory_limit, or what the device had free."""
    asked = memory_limit(plan.settings)
    return free_memory(device) if asked is None else asked


@lru_cache(maxsize=8)
def free_memory(device: torch.device) -> int:
    """Bytes that a run may take, asked once a process, so that all runs of a study are arranged alike."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    free = psutil.virtual_memory().available
    return min(free, left_in_cgroup(Path("/sys/fs/cgroup"), free))


def left_in_cgroup(group: Path, without: int) -> int:
    """Bytes that a control group leaves: a container may have less than the machine. `without` where it has no limit.

    Files that were read or written and can be read again are no one's memory, although they count as the group's.
    """
    try:
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return limit - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return without


def hold_to_limit(plan: Plan, device: torch.device) -> None:
    """Let the allocator of cuda hand out no more than the setting memory_limit says."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        limit = memory_limit(plan.settings) or total
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), device)


def watch_memory(device: torch.device) -> Callable[[], int | None]:
    """What to ask, after a run, for the most bytes it held: on cuda its tensors, else the process beside its libraries.

    The answer is None where the system does not say.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return lambda: torch.cuda.max_memory_allocated(device)
    try:
        without_runs = baseline_memory()
        reset_peak()
    except OSError:  # no Linux, or a container that forbids it
        return lambda: None
    return lambda: max(0, process_memory("VmHWM") - without_runs)


@lru_cache(maxsize=1)
def baseline_memory() -> int:
    """Bytes that the process held before its first run, so that all its runs count alike."""
    return process_memory("VmRSS")


def reset_peak() -> None:
    """Let VmHWM, the most the process held, begin anew. Raises OSError where the system does not."""
    Path("/proc/self/clear_refs").write_text("5")


def process_memory(line: str) -> int:
    """A line of Linux's status of the process, in bytes. Raises OSError on other systems."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) * 1024 for each in lines if each.startswith(f"{line}:"))


def memory_record(arrangement: Arrangement, estimate: Estimate | None, peak: int | None = None) -> dict[str, Any]:
    """How the run is laid out in memory and why; what it should take, and what it took, in bytes (None: not known)."""
    planned = {} if estimate is None else {"parts": estimate.parts}
    return asdict(arrangement) | {"planned_peak": estimate and estimate.peak, **planned, "measured_peak": peak}

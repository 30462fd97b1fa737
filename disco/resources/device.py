"""On which device a run is computed and with which kernels, and why so."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from disco.errors import SettingsError
from disco.kernels import backend
from disco.planning.plan import Plan
from disco.planning.values import DEVICE


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why, for the record of the run."""

    chosen: str
    why: str


def choose_device(name: str) -> torch.device:
    """The device of the setting: auto is cuda or mps where there is one. Raises SettingsError for an absent one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if not DEVICE.fullmatch(name):
        raise SettingsError(f"device is {name!r}, but must be auto, cpu, cuda, cuda:N or mps")
    device = torch.device(name)
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if (device.index or 0) >= there[device.type]:
        found = ", ".join(name for name, count in there.items() if count)
        raise SettingsError(f"device is {name!r}, which this machine lacks; it has {found}: use one, or device=auto")
    return device


def choose_kernels(plan: Plan, device: torch.device) -> Choice:
    """Whether Triton's kernels run, "triton", or their references. Raises SettingsError where they cannot but must."""
    asked = plan.settings.machine.kernels
    if asked == "reference":
        return Choice("reference", "as asked")
    if backend.can_run(device) and (asked == "triton" or device.type == "cuda"):
        return Choice("triton", "as asked" if asked == "triton" else "on cuda")
    why = "Triton is not installed" if not backend.has_triton() else f"Triton has no {device.type}"
    if asked == "triton":
        raise SettingsError(f"kernels is triton, but {why}; use kernels=auto, or a device that is a GPU")
    return Choice("reference", why)

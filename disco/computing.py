"""How a run is computed: on which device, with which kernels, compiled or not, in which precision; and why so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from disco.errors import SettingsError
from disco.kernels import backend
from disco.models.places import models_folder
from disco.plan import DEVICE, Plan

#: Guided steps from which compiling is worth the minutes that it takes on a GPU, where nothing is cached yet.
WORTH_COMPILING = 1000

#: Where the user wants what is compiled. Asked before open_clip is imported, which has torch fill in a folder for
#: temporary files, where it would be lost.
CACHE_ASKED_FOR = os.environ.get("TORCHINDUCTOR_CACHE_DIR")

#: Ways to compile that hand out the same memory at every call.
RECYCLING = ("reduce-overhead", "max-autotune")


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
    asked = plan.settings.model.kernels
    if asked == "reference":
        return Choice("reference", "as asked")
    if backend.can_run(device) and (asked == "triton" or device.type == "cuda"):
        return Choice("triton", "as asked" if asked == "triton" else "on cuda")
    why = "Triton is not installed" if not backend.has_triton() else f"Triton has no {device.type}"
    if asked == "triton":
        raise SettingsError(f"kernels is triton, but {why}; use kernels=auto, or a device that is a GPU")
    return Choice("reference", why)


def choose_compile(plan: Plan, device: torch.device) -> Choice:
    """How torch.compile treats the networks; "off" where it does not."""
    asked = plan.settings.model.compile
    if asked != "auto":
        return Choice(asked, "as asked")
    evaluations = len(plan.steps) * len(plan.seeds)
    if device.type != "cuda":
        return Choice("off", f"compiling takes longer than it saves on {device.type}")
    if evaluations < WORTH_COMPILING:
        return Choice("off", f"{evaluations} steps are too few to make up for compiling")
    return Choice("default", f"{evaluations} steps make up for compiling")


@contextmanager
def computing(plan: Plan) -> Iterator[None]:
    """Torch computes on the plan's threads meanwhile (0 = as many as it does anyway), with its kernels."""
    before = torch.get_num_threads()
    torch.set_num_threads(plan.settings.model.threads or before)
    try:
        with backend.using(plan.settings.model.kernels):
            yield
    finally:
        torch.set_num_threads(before)


def compiled(network: Callable[..., Tensor], mode: str) -> Callable[..., Tensor]:
    """The network through torch.compile, one program for every shape of its input; itself where mode is "off".

    What is compiled is kept below the models folder, and a later run finds it there.
    """
    return network if mode == "off" else _compiled(network, mode)


def forget_compiled() -> None:
    """Let go of the networks that were compiled; what came of it stays on the disk."""
    _compiled.cache_clear()


@lru_cache(maxsize=64)
def _compiled(network: Callable[..., Tensor], mode: str) -> Callable[..., Tensor]:
    if CACHE_ASKED_FOR is None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(models_folder() / "compiled")
    program = torch.compile(network, mode=None if mode == "default" else mode, dynamic=False)
    if mode not in RECYCLING:
        return program

    def copied(*given: Any) -> Tensor:
        """The next call may overwrite what this one returned, and predictions are kept."""
        return program(*given).clone()

    return copied


def in_precision(network: Callable[..., Tensor], device: torch.device, dtype: torch.dtype) -> Callable[..., Tensor]:
    """The network computing in `dtype` where that is safe: its norms and its softmax stay float32 (autocast)."""
    if dtype == torch.float32:
        return network

    def cast(*given: Any) -> Tensor:
        with torch.autocast(device.type, dtype):
            return network(*given)

    return cast

"""How networks are called: compiled or not, in which precision."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from disco.errors import SettingsError
from disco.models.folder import models_folder
from disco.planning.plan import Plan
from disco.resources.device import Choice

#: Guided steps from which compiling is worth the minutes that it takes on a GPU, where nothing is cached yet.
WORTH_COMPILING = 1000

#: Where the user wants what is compiled. Asked before open_clip is imported, which has torch fill in a folder for
#: temporary files, where it would be lost.
CACHE_ASKED_FOR = os.environ.get("TORCHINDUCTOR_CACHE_DIR")

#: Ways to compile that hand out the same memory at every call.
RECYCLING = ("reduce-overhead", "max-autotune")


def choose_compile(plan: Plan, device: torch.device) -> Choice:
    """How torch.compile treats the networks; "off" where it does not."""
    asked = plan.settings.machine.compile
    if asked != "auto":
        return Choice(asked, "as asked")
    evaluations = len(plan.steps) * len(plan.seeds)
    if device.type != "cuda":
        return Choice("off", f"compiling takes longer than it saves on {device.type}")
    if evaluations < WORTH_COMPILING:
        return Choice("off", f"{evaluations} steps are too few to make up for compiling")
    return Choice("default", f"{evaluations} steps make up for compiling")


def compiled(network: Callable[..., Tensor], mode: str) -> Callable[..., Tensor]:
    """The network through torch.compile, one program for every shape of its input; itself where mode is "off".

    What is compiled is kept below the models folder, and a later run finds it there. Raises SettingsError where that
    cannot be made.
    """
    return network if mode == "off" else _compiled(network, mode)


def forget_compiled() -> None:
    """Let go of the networks that were compiled; what came of it stays on the disk."""
    _compiled.cache_clear()


@lru_cache(maxsize=64)
def _compiled(network: Callable[..., Tensor], mode: str) -> Callable[..., Tensor]:
    if CACHE_ASKED_FOR is None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(_folder_of_compiled())
    program = torch.compile(network, mode=None if mode == "default" else mode, dynamic=False)
    if mode not in RECYCLING:
        return program

    def copied(*given: Any) -> Tensor:
        """The next call may overwrite what this one returned, and predictions are kept."""
        return program(*given).clone()

    return copied


def _folder_of_compiled() -> Path:
    """Where what was compiled is kept. Raises SettingsError where it cannot be made."""
    folder = models_folder() / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"compile: nothing can be kept in {folder} ({error.strerror}); name another folder in the environment "
            "variable DISCO_MODELS, or compile=off"
        ) from error
    return folder


def in_precision(network: Callable[..., Tensor], device: torch.device, dtype: torch.dtype) -> Callable[..., Tensor]:
    """The network computing in `dtype` where that is safe: its norms and its softmax stay float32 (autocast)."""
    if dtype == torch.float32:
        return network

    def cast(*given: Any) -> Tensor:
        with torch.autocast(device.type, dtype):
            return network(*given)

    return cast

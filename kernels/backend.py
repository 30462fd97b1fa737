"""Which way an operation runs: its Triton kernel, or its reference in plain torch.

Every operation of `disco.kernels` that has a kernel asks `by_triton` once, in its forward; its backward goes the way
that its forward went.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor

#: What can be asked for: kernels where they can run, kernels or an error, references.
KERNELS = ("auto", "triton", "reference")

#: What the kernels compute with.
DTYPES = (torch.float32, torch.float16, torch.bfloat16)

#: The choice, each thread's own: runs beside one another may have chosen differently.
_chosen: ContextVar[str] = ContextVar("chosen", default="auto")
_watched: ContextVar[list[str] | None] = ContextVar("watched", default=None)


@cache
def has_triton() -> bool:
    """Whether Triton is installed; importing it takes a while, and is left to the first kernel."""
    return importlib.util.find_spec("triton") is not None


def interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels, on tensors of the CPU; read when Triton is first imported."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def can_run(device: torch.device) -> bool:
    """Whether kernels can run on tensors of this device."""
    return has_triton() and (device.type == "cuda" or (device.type == "cpu" and interpreted()))


@contextmanager
def using(kernels: str) -> Iterator[None]:
    """Run operations this way meanwhile, in this thread. Raises ValueError for what is none of `KERNELS`."""
    if kernels not in KERNELS:
        raise ValueError(f"kernels={kernels!r}: allowed are {', '.join(KERNELS)}")
    token = _chosen.set(kernels)
    try:
        yield
    finally:
        _chosen.reset(token)


def as_chosen_here(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its operations run as is chosen now and in this thread, wherever and whenever it is called."""
    chosen = _chosen.get()

    def called(*given: Any, **named: Any) -> Any:
        with using(chosen):
            return function(*given, **named)

    return called


@contextmanager
def watching() -> Iterator[list[str]]:
    """A list that every operation in this thread adds "name:triton" or "name:reference" to meanwhile."""
    ran: list[str] = []
    token = _watched.set(ran)
    try:
        yield ran
    finally:
        _watched.reset(token)


def by_triton(operation: str, *tensors: Tensor) -> bool:
    """Whether this call of an operation is its kernel's.

    auto: on cuda, where all floating point tensors are of `DTYPES`. triton: wherever kernels can run. reference: never,
    and neither do they run inside torch.compile, which fuses the reference by itself.

    Raises RuntimeError where kernels are asked for and cannot run on these tensors.
    """
    if torch.compiler.is_compiling():
        return False
    kernels = _chosen.get()
    fit = all(can_run(each.device) and (each.dtype in DTYPES or not each.is_floating_point()) for each in tensors)
    if kernels == "triton" and not fit:
        found = ", ".join(sorted({f"{each.dtype} on {each.device}" for each in tensors}))
        raise RuntimeError(f"{operation} has no kernel for {found}")
    on_gpu = all(each.is_cuda for each in tensors)
    answer = fit and (kernels == "triton" or (kernels == "auto" and on_gpu))
    watched = _watched.get()
    if watched is not None:
        watched.append(f"{operation}:{'triton' if answer else 'reference'}")
    return answer

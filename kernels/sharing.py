"""Operations that several threads share, to the bits that one thread alone has.

In which bits a sum ends may depend on how many threads have added it up. Where operations are `shared`, those that
would differ are computed by one thread alone, and whoever shares them is told how far things have got.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

#: GNU's OpenMP, which PyTorch computes with on Linux.
OPENMP = "libgomp.so.1"

#: What is called between operations that are shared; None where none are. Each thread's own.
_passed: ContextVar[Callable[[], object] | None] = ContextVar("passed", default=None)


@cache
def setter(library: str = OPENMP) -> Callable[[int], object]:
    """What sets the number of threads: the library itself, or torch where that does not compute with it."""
    before = torch.get_num_threads()
    try:
        directly = ctypes.CDLL(library).omp_set_num_threads
    except (OSError, AttributeError):
        return torch.set_num_threads
    directly(before + 1)
    heard = torch.get_num_threads() == before + 1  # which it is not where torch computes with another OpenMP
    directly(before)
    return directly if heard else torch.set_num_threads


def set_threads(count: int) -> None:
    """Let so many threads share the operations of this thread from here on.

    Where that is possible without torch's own function, which also has it forget what it has prepared for convolutions:
    measured, each call took 3 ms of a backward pass of 17.
    """
    setter()(count)


@contextmanager
def shared(passed: Callable[[], object]) -> Iterator[None]:
    """Operations of this thread have the bits of one thread meanwhile, however many share them.

    passed: called between operations, some dozen times in a network, and in the same places of its backward pass,
    whenever that is. It may change the number of threads.
    """
    token = _passed.set(passed)
    try:
        yield
    finally:
        _passed.reset(token)


def alone(function: Callable[..., T], *given: Any) -> T:
    """What the function returns, computed by one thread where operations are `shared`.

    For operations whose bits depend on the number of threads. Their gradient is left to itself.
    """
    passed = None if torch.compiler.is_compiling() else _passed.get()
    if passed is None:
        return function(*given)
    passed()
    threads = torch.get_num_threads()
    set_threads(1)
    try:
        return function(*given)
    finally:
        set_threads(threads)


def told_of(x: Tensor) -> Tensor:
    """x; where operations are `shared`, the backward pass tells when it has come to it."""
    passed = None if torch.compiler.is_compiling() else _passed.get()
    if passed is not None and x.requires_grad:

        def tell(_: Tensor) -> None:
            passed()

        x.register_hook(tell)
    return x

"""The state of torch that a run computes in: its own, whatever the caller's is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Lock
from typing import Any

import torch

from disco.kernels import backend
from disco.planning.plan import Plan
from disco.resources.device import choose_device
from disco.resources.threads import Threads, choose_threads


def _float32_by(part: Any, wanted: str) -> tuple[Callable[[], str], Callable[[str], None], str]:
    """How a part of torch computes in float32."""
    return partial(getattr, part, "fp32_precision"), partial(setattr, part, "fp32_precision"), wanted


#: What pictures depend on and torch has once for all threads: how to ask, how to set it, and torch's own default.
GLOBAL_SETTINGS: list[tuple[Callable[[], Any], Callable[[Any], None], Any]] = [
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32)
]

if hasattr(torch.backends.mkldnn, "matmul"):  # from torch 2.9 on, whose types leave them out
    cudnn: Any = torch.backends.cudnn
    mkldnn: Any = torch.backends.mkldnn
    GLOBAL_SETTINGS += [
        _float32_by(torch.backends.cuda.matmul, "ieee"),
        _float32_by(cudnn.conv, "tf32"),
        _float32_by(mkldnn.matmul, "ieee"),
        _float32_by(mkldnn.conv, "ieee"),
    ]
else:
    GLOBAL_SETTINGS.append((torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"))


class GlobalState:
    """What torch has once for all threads: the first of the runs at work sets it, and the last puts it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs = 0
        self._before: list[Any] = []
        self._threads = 0

    @contextmanager
    def at_work(self) -> Iterator[int]:
        """A run is at work. Gives the number of threads that torch computed on when none was.

        Each thread has a number of its own, but a new one begins with that which any of them has set last.
        """
        with self._lock:
            if not self._runs:
                self._threads = torch.get_num_threads()
                self._before = [ask() for ask, _, _ in GLOBAL_SETTINGS]
                for _, put, wanted in GLOBAL_SETTINGS:
                    put(wanted)
            self._runs += 1
            threads = self._threads
        try:
            yield threads
        finally:
            with self._lock:
                self._runs -= 1
                if not self._runs:
                    for (_, put, _), value in zip(GLOBAL_SETTINGS, self._before, strict=True):
                        put(value)


STATE = GlobalState()


@contextmanager
def torch_context(plan: Plan) -> Iterator[Threads]:
    """Torch computes as the plan says meanwhile, whatever state the caller has put it in, and is in that state after.

    On the threads that are chosen for the plan, which are handed out, with its kernels; with gradients even inside
    `torch.inference_mode()`, in the networks' own dtypes inside `torch.autocast`, in float32 and on the CPU where
    nothing else is said, whatever the defaults. Runs in several threads at once do not disturb one another.

    Raises SettingsError for a device that this machine lacks.
    """
    device = choose_device(plan.settings.machine.device)
    with ExitStack() as stack:
        before = stack.enter_context(STATE.at_work())
        stack.callback(torch.set_num_threads, before)
        threads = choose_threads(plan, device, before)
        torch.set_num_threads(threads.each)
        stack.enter_context(backend.using(plan.settings.machine.kernels))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in {"cpu", device.type}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":  # a default costs every call of torch a little
            stack.enter_context(torch.device("cpu"))
        yield threads

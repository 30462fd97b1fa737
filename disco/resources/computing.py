"""How a run is computed: on which device, with which kernels, compiled or not, in which precision; and why so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache, partial
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from disco.errors import SettingsError
from disco.guidance.gradient import CallAll, one_by_one
from disco.kernels import backend
from disco.models import catalog
from disco.models.places import models_folder
from disco.planning.plan import DEVICE, Plan

#: Guided steps from which compiling is worth the minutes that it takes on a GPU, where nothing is cached yet.
WORTH_COMPILING = 1000

#: Where the user wants what is compiled. Asked before open_clip is imported, which has torch fill in a folder for
#: temporary files, where it would be lost.
CACHE_ASKED_FOR = os.environ.get("TORCHINDUCTOR_CACHE_DIR")

#: What says how threads wait for one another, where it is set before torch is loaded.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

#: Pixels of all pictures that are computed at once, up to which the shipped networks have too little to do for threads
#: that share every operation: they would wait for one another some thousand times a step, and for whatever else takes a
#: core from one of them. Measured by `benchmarks/step.py --neighbour`; the README has the figures.
FEW_PIXELS = 128 * 128

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


@dataclass(frozen=True)
class Threads:
    """How the processor's cores are used.

    each: threads that share every operation. side_by_side: how many pictures of a batch, or perceptors of a picture
    that is alone, are computed at once, a thread each, which changes no bit. why: in a few words, for the record.
    """

    each: int
    side_by_side: int = 1
    why: str = ""


def choose_threads(plan: Plan, device: torch.device, cores: int | None = None) -> Threads:
    """How many threads compute the plan. cores: how many it may use; None = as many as torch does."""
    asked, cores = plan.settings.model.threads, cores or torch.get_num_threads()
    if asked > 1 or device.type != "cpu":
        return Threads(asked or cores, 1, "as asked" if asked else f"{device.type} computes")
    if not asked and not is_small(plan):
        return Threads(cores, 1, "every operation is long enough to be shared")
    compiling = choose_compile(plan, device).chosen != "off"  # torch.compile compiles in one thread at a time
    several = plan.settings.batch_size if plan.settings.batch_size > 1 else len(plan.perceptors)
    at_once = 1 if compiling or not is_small(plan) else min(cores, several)
    return Threads(1, at_once, "as asked" if asked else "operations are too short to be shared")


def is_small(plan: Plan) -> bool:
    """Whether every operation of the plan is so short that threads sharing it would mostly wait for one another."""
    specs = catalog.networks_of(plan.settings.model, plan.perceptors)
    return all(spec.weights.shipped for spec in specs) and plan.width * plan.height <= FEW_PIXELS


@contextmanager
def side_by_side(threads: int) -> Iterator[CallAll]:
    """Functions are called in so many threads meanwhile; in this one, where it is one."""
    if threads == 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(threads, "side by side") as pool:

        def call_all(calls: Iterable[Callable[[], Any]]) -> list[Any]:
            waiting = [pool.submit(copy_context().run, call) for call in calls]
            return [each.result() for each in waiting]

        yield call_all


# What surrounds a run


@contextmanager
def computing(plan: Plan) -> Iterator[Threads]:
    """Torch computes as the plan says meanwhile, whatever state the caller has put it in, and is in that state after.

    On the threads that are chosen for the plan, which are handed out, with its kernels; with gradients even inside
    `torch.inference_mode()`, in the networks' own dtypes inside `torch.autocast`, in float32 and on the CPU where
    nothing else is said, whatever the defaults. Runs in several threads at once do not disturb one another.

    Raises SettingsError for a device that this machine lacks.
    """
    device = choose_device(plan.settings.model.device)
    with ExitStack() as stack:
        before = stack.enter_context(PROCESS.at_work())
        stack.callback(torch.set_num_threads, before)
        threads = choose_threads(plan, device, before)
        torch.set_num_threads(threads.each)
        stack.enter_context(backend.using(plan.settings.model.kernels))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in {"cpu", device.type}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":  # a default costs every call of torch a little
            stack.enter_context(torch.device("cpu"))
        yield threads


def _float32_by(part: Any, wanted: str) -> tuple[Callable[[], str], Callable[[str], None], str]:
    """How a part of torch computes in float32."""
    return partial(getattr, part, "fp32_precision"), partial(setattr, part, "fp32_precision"), wanted


#: What pictures depend on and torch has once for all threads: how to ask, how to set it, and torch's own default.
PROCESS_WIDE: list[tuple[Callable[[], Any], Callable[[Any], None], Any]] = [
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32)
]
if hasattr(torch.backends.mkldnn, "matmul"):  # from torch 2.9 on, whose types leave them out
    cudnn: Any = torch.backends.cudnn
    mkldnn: Any = torch.backends.mkldnn
    PROCESS_WIDE += [
        _float32_by(torch.backends.cuda.matmul, "ieee"),
        _float32_by(cudnn.conv, "tf32"),
        _float32_by(mkldnn.matmul, "ieee"),
        _float32_by(mkldnn.conv, "ieee"),
    ]
else:
    PROCESS_WIDE.append((torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"))


class Process:
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
                self._before = [ask() for ask, _, _ in PROCESS_WIDE]
                for _, put, wanted in PROCESS_WIDE:
                    put(wanted)
            self._runs += 1
            threads = self._threads
        try:
            yield threads
        finally:
            with self._lock:
                self._runs -= 1
                if not self._runs:
                    for (_, put, _), value in zip(PROCESS_WIDE, self._before, strict=True):
                        put(value)


PROCESS = Process()


# How networks are called


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

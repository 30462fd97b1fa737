"""The one training loop: resumable, deterministic, with moving averages of the weights and curves of the losses.

A step's chance depends on the seed and its own number alone, so that a run of so many steps, interrupted and resumed,
ends in the same state as one that was not. A run of so many minutes instead fits its learning rate to the clock.

The averages are power-function averages (Karras et al. 2024, arXiv:2312.02696, eq. 121 to 126): their length is a share
of the run so far, so that one setting suits runs of any length and the random start is soon forgotten.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from disco.models.files.weights import halved
from disco.training.curves import draw_curves
from disco.training.muon import Muon, is_matrix

#: `(model, numpy generator, torch generator on the device, share of the run that is over)` -> the loss, and figures to
#: report; without a host sync.
LossAt = Callable[[nn.Module, np.random.Generator, torch.Generator, float], tuple[Tensor, Mapping[str, Tensor]]]
#: `model` -> figures on pictures that are never trained on.
HeldOut = Callable[[nn.Module], Mapping[str, Tensor]]


#: What a run can be resumed or exported from: all of it, and the averaged weights alone in half precision.
STATES = ("state.pt", "small.safetensors")


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast and where.

    run: the folder of the run's state and curves. steps, minutes: the length; where both are given, what ends first.
    emas: lengths of the averages (standard deviation over the run's length), the preferred first.
    precision: "bfloat16" computes in autocast, "float32" without. warmup: steps of rising learning rate.
    decay_share: the last share of the run, over which the learning rate falls to zero.
    save_seconds: from one saved state to the next; 0 saves after every step. deadline: a time of `time.monotonic` at
    which the run stops where it is, its state saved, to be resumed by another call. compile: run the network through
    torch.compile, which takes a while to begin with. muon: move matrices by Muon, the rest by AdamW; else all by AdamW.
    """

    run: Path
    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    emas: tuple[float, ...] = (0.05,)
    seed: int = 0
    device: str = "cpu"
    precision: str = "bfloat16"
    warmup: int = 200
    decay_share: float = 0.4
    save_seconds: float = 120.0
    report_every: int = 100
    deadline: float | None = None
    compile: bool = False
    muon: bool = False

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise ValueError("a run is given its length in steps or in minutes")

    def share(self, step: int, seconds: float) -> float:
        """How much of the run is over after so many steps in so many seconds."""
        by_steps = 0.0 if self.steps is None else step / max(1, self.steps)
        by_time = 0.0 if self.minutes is None else seconds / max(1e-9, 60 * self.minutes)
        return max(by_steps, by_time)

    def learning_rate_at(self, step: int, seconds: float) -> float:
        """Linear warm-up, a plateau, and a linear fall to zero at the end."""
        left = (1 - self.share(step, seconds)) / max(1e-9, self.decay_share)
        return self.learning_rate * max(0.0, min((step + 1) / max(1, self.warmup), 1.0, left))

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """The context in which networks compute."""
        kind, half = torch.device(self.device).type, self.precision == "bfloat16"
        # A processor's fused attention takes three times as long backwards in bfloat16; in float32 it is the quicker.
        with torch.autocast(kind, torch.bfloat16, enabled=half):
            with sdpa_kernel(SDPBackend.MATH) if half and kind == "cpu" else nullcontext():
                yield


@dataclass(frozen=True)
class Trained:
    """Where a run stands: the averaged models by their length, which of them is best, and whether it is at its end.

    The best has the lowest held-out loss; without held-out pictures it is that of the preferred length.
    """

    averages: dict[float, nn.Module]
    best: float
    step: int
    seconds: float
    finished: bool

    @property
    def model(self) -> nn.Module:
        return self.averages[self.best]


def power_of(length: float) -> float:
    """The exponent gamma of an average of a relative length: length^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3))."""
    inverse = length**-2
    return float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())


def kept_share(step: int, length: float) -> float:
    """How much of the average stays when step number `step`, from 0, joins it: (1 - 1/t)^(gamma + 1), t = step + 1."""
    return (1 - 1 / (step + 1)) ** (power_of(length) + 1)


def averaged(run: Path) -> dict[str, Tensor]:
    """The best averaged weights of a run, else its small file's; FileNotFoundError when there is neither yet."""
    small = run / "small.safetensors"
    if small.exists() and not (run / "state.pt").exists():
        return load_file(small)
    state = torch.load(run / "state.pt", map_location="cpu", weights_only=True)
    return state["averages"][state["best"]]


def write_small(trained: Trained, run: Path) -> None:
    """The best average in half precision, as `small.safetensors`: a run whose state was lost goes on from it."""
    part = run / "small.part"
    save_file(halved(trained.model.state_dict()), part, {"step": str(trained.step), "seconds": str(trained.seconds)})
    part.replace(run / "small.safetensors")


def read_small(run: Path, model: nn.Module) -> tuple[int, float]:
    """Fill a model from `small.safetensors`; the step and the seconds at which it was written."""
    with safe_open(run / "small.safetensors", "pt") as file:
        model.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        noted = file.metadata()
    return int(noted["step"]), float(noted["seconds"])


def optimisers_of(model: nn.Module, plan: TrainingPlan) -> list[torch.optim.Optimizer]:
    """What moves the parameters: AdamW, and Muon for the matrices when the plan says so."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in model.parameters():
        (matrices if plan.muon and is_matrix(parameter) else others).append(parameter)
    adam = torch.optim.AdamW(
        others,
        plan.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=plan.weight_decay,
        fused=torch.device(plan.device).type == "cuda",
    )
    return [adam, Muon(matrices, plan.learning_rate)] if matrices else [adam]


class Training:
    """A run under way: the model, what moves it, its averages, and how far it is.

    It begins where its folder stands: with `state.pt`, or else with `small.safetensors` and a fresh optimiser.
    """

    def __init__(self, model: nn.Module, plan: TrainingPlan) -> None:
        plan.run.mkdir(parents=True, exist_ok=True)
        self.model, self.plan, self.log = model.to(plan.device), plan, Log(plan.run)
        self.path = plan.run / "state.pt"
        self.step, self.before = 0, 0.0
        if not self.path.exists() and (plan.run / "small.safetensors").exists():
            self.step, self.before = read_small(plan.run, model)
        self.averages = {length: copy.deepcopy(model).eval().requires_grad_(False) for length in plan.emas}
        self.optimisers = optimisers_of(model, plan)
        self.best = plan.emas[0]
        if self.path.exists():
            self._read()
        self.clock, self.first = time.monotonic(), self.step

    def _read(self) -> None:
        state = torch.load(self.path, map_location=self.plan.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for length, average in self.averages.items():
            average.load_state_dict(state["averages"][length])
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.step, self.before, self.best = state["step"], state["seconds"], state["best"]

    @property
    def seconds(self) -> float:
        """Since the run began, without the time between its parts."""
        return self.before + time.monotonic() - self.clock

    @property
    def share(self) -> float:
        """How much of the run is over."""
        return self.plan.share(self.step, self.seconds)

    @property
    def stops(self) -> bool:
        """Whether it is at its end, or its deadline has passed."""
        late = self.plan.deadline is not None and time.monotonic() >= self.plan.deadline
        return late or self.share >= 1

    def trained(self) -> Trained:
        return Trained(self.averages, self.best, self.step, self.seconds, self.share >= 1)

    def advance(self, network: nn.Module, loss_at: LossAt) -> dict[str, Tensor]:
        """A step of the model, called through `network`, and of its averages: the loss and its figures."""
        plan, step = self.plan, self.step
        for group in (group for optimiser in self.optimisers for group in optimiser.param_groups):
            group["lr"] = plan.learning_rate_at(step, self.seconds)
        torch_rng = torch.Generator(plan.device).manual_seed(plan.seed * 1_000_003 + step)
        loss, figures = loss_at(network, np.random.default_rng((plan.seed, step)), torch_rng, self.share)
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self._average()
        self.step += 1
        return {name: value.detach() for name, value in {"loss": loss, **figures}.items()}

    @torch.no_grad()
    def _average(self) -> None:
        for length, average in self.averages.items():
            for mean, weight in zip(average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(weight, 1 - kept_share(self.step, length))
            for kept, fresh in zip(average.buffers(), self.model.buffers(), strict=True):
                kept.copy_(fresh)

    def report(self, means: Mapping[str, float]) -> None:
        """Write the means since the last report. Raises FloatingPointError where the loss is no longer a number."""
        if not math.isfinite(means["loss"]):
            raise FloatingPointError(f"the loss is {means['loss']} before step {self.step}; try a lower learning rate")
        pace = (self.seconds - self.before) / (self.step - self.first)
        self.log.write(self.step, self.seconds, means)
        self.log.tell(self.plan, self.step, self.seconds, pace, means)

    def save(self, held_out: HeldOut | None, on_save: Callable[[Trained], None] | None) -> Trained:
        """Replace `state.pt` and the curves, choosing the best average before."""
        if held_out is not None:
            with torch.no_grad(), self.plan.autocast():
                found = {length: held_out(average) for length, average in self.averages.items()}
            self.best = min(found, key=lambda length: found[length]["loss"].item())
            figures = {f"held_out_{name}": value.item() for name, value in found[self.best].items()}
            self.log.write(self.step, self.seconds, {"best": self.best} | figures)
        state = {
            "model": self.model.state_dict(),
            "averages": {length: average.state_dict() for length, average in self.averages.items()},
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        part = self.path.with_suffix(".part")
        torch.save({**state, "step": self.step, "seconds": self.seconds, "best": self.best}, part)
        part.replace(self.path)
        trained = self.trained()
        draw_curves(self.log.lines, self.plan.run / "losses.png")
        if on_save is not None:
            on_save(trained)
        return trained


def train(
    model: nn.Module,
    loss_at: LossAt,
    plan: TrainingPlan,
    *,
    held_out: HeldOut | None = None,
    on_save: Callable[[Trained], None] | None = None,
) -> Trained:
    """Run the plan from where its folder stands.

    `state.pt` in the run folder is replaced atomically; where it is missing, `small.safetensors` does with a fresh
    optimiser. `losses.jsonl` gains a line every `report_every` steps (means since the line before), and
    `losses.png` shows them. With every saved state `held_out`, whose figures include "loss", is asked of every average,
    and `on_save` is handed them.

    Raises FloatingPointError when the loss is no longer a number; the state saved before is kept.
    """
    training = Training(model, plan)
    if training.stops:
        return training.trained()
    training.log.forget_after(training.step)
    model.train()
    network: Any = torch.compile(model) if plan.compile else model
    saved, reported = time.monotonic(), training.step
    sums: dict[str, Tensor] = {}
    while not training.stops:
        for name, value in training.advance(network, loss_at).items():
            sums[name] = value + sums.get(name, 0.0)
        over = training.share >= 1
        due = over or time.monotonic() - saved >= plan.save_seconds
        if due or training.step % plan.report_every == 0:
            steps, reported = training.step - reported, training.step
            training.report({name: value.item() / steps for name, value in sums.items()})
            sums = {}
        if due and not over:
            training.save(held_out, on_save)
            saved = time.monotonic()
    return training.save(held_out, on_save)


class Log:
    """The lines of `losses.jsonl`: step, seconds, and the means of what was reported."""

    def __init__(self, run: Path) -> None:
        self.path = run / "losses.jsonl"
        self.lines: list[dict[str, float]] = []

    def forget_after(self, step: int) -> None:
        """Read what there is, and drop what belongs to steps that a resumed run takes again."""
        if self.path.exists():
            lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
            self.lines = [line for line in lines if line["step"] <= step]
        self.path.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")

    def write(self, step: int, seconds: float, means: Mapping[str, float]) -> None:
        self.lines.append({"step": step, "seconds": round(seconds, 2), **means})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.lines[-1]) + "\n")

    @staticmethod
    def tell(plan: TrainingPlan, step: int, seconds: float, pace: float, means: Mapping[str, float]) -> None:
        told = " ".join(f"{name} {value:.4f}" for name, value in means.items())
        share = 100 * min(1.0, plan.share(step, seconds))
        print(f"step {step} ({share:.0f} %) {told} {pace:.3f} s/step", flush=True)

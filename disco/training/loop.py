"""The one training loop: resumable, deterministic, with an exponential moving average of the weights.

A step depends on the seed and its own number alone, so that a run interrupted and resumed ends in the same
state as one that was not.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Plan:
    """How long and how fast: `steps` optimiser steps, a peak learning rate, where checkpoints go."""

    run: Path
    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    ema: float = 0.999
    seed: int = 0
    device: str = "cpu"
    warmup: int = 200
    decay_share: float = 0.4
    save_every: int = 500
    report_every: int = 100


def learning_rate_factor(step: int, plan: Plan) -> float:
    """Linear warm-up, a plateau, and a linear fall to zero over the last `decay_share` of the steps."""
    left = (plan.steps - step) / max(1, round(plan.steps * plan.decay_share))
    return max(0.0, min((step + 1) / plan.warmup, 1.0, left))


def ema_factor(step: int, plan: Plan) -> float:
    """The average forgets faster while it is young, or the random start would linger in it."""
    return min(plan.ema, (1 + step) / (10 + step))


def autocast(device: str) -> torch.autocast:
    return torch.autocast(torch.device(device).type, torch.bfloat16)


def train(
    model: nn.Module,
    loss_at: Callable[[nn.Module, np.random.Generator, torch.Generator], tuple[Tensor, dict[str, float]]],
    plan: Plan,
) -> nn.Module:
    """Runs the plan from where its run folder stands and returns the averaged model.

    `loss_at(model, numpy_rng, torch_rng)` draws a batch from generators that belong to the step and returns
    the loss and figures to print. The checkpoint `state.pt` in the run folder is replaced atomically.
    """
    plan.run.mkdir(parents=True, exist_ok=True)
    state_path = plan.run / "state.pt"
    model.to(plan.device)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(
        model.parameters(), plan.learning_rate, betas=(0.9, 0.99), weight_decay=plan.weight_decay
    )
    start = 0
    if state_path.exists():
        state = torch.load(state_path, map_location=plan.device, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        start = state["step"]

    def save(step: int) -> None:
        part = state_path.with_suffix(".part")
        state = {"model": model.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save({**state, "step": step}, part)
        part.replace(state_path)

    model.train()
    clock = time.monotonic()
    figures: dict[str, float] = {}
    for step in range(start, plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * learning_rate_factor(step, plan)
        torch_rng = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        loss, values = loss_at(model, np.random.default_rng((plan.seed, step)), torch_rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            keep = ema_factor(step, plan)
            for mean, now in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
            for kept, fresh in zip(average.buffers(), model.buffers(), strict=True):
                kept.copy_(fresh)
        for name, value in {"loss": loss.item(), **values}.items():
            figures[name] = value if name not in figures else 0.98 * figures[name] + 0.02 * value
        done = step + 1
        if done % plan.report_every == 0 or done == plan.steps:
            pace = (time.monotonic() - clock) / (done - start)
            told = " ".join(f"{name} {value:.4f}" for name, value in figures.items())
            print(f"step {done}/{plan.steps} {told} {pace:.3f} s/step", flush=True)
        if done % plan.save_every == 0 or done == plan.steps:
            save(done)
    return average

"""A pipeline's steps as a run tells of them: what each predicted, and its line of steps.jsonl."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from disco.guidance.calls import one_by_one
from disco.guidance.gradient import Report
from disco.pipeline.build import Networks, Pipeline, Position, build
from disco.pipeline.start import start_of
from disco.planning.plan import Plan
from disco.run.guards.measures import MEASURES, measures
from disco.run.guards.watch import looks_of
from disco.samplers.base import Sampled
from disco.step import Step

#: Devices that work through a queue: they are handed the next step before anyone waits for the numbers of the last.
AHEAD = {"cuda"}

T = TypeVar("T")


class StepResult(NamedTuple):
    """A finished step: the pictures it predicts, [B, 3, H, W], its line of steps.jsonl, and where each then stands."""

    step: Step
    x0: Tensor
    line: dict[str, Any]
    positions: tuple[Position, ...]


def render_batch(
    plan: Plan,
    networks: Networks,
    seeds: Sequence[int],
    device: torch.device,
    positions: Sequence[Position] = (),
    own: Sequence[Plan] = (),
) -> Iterator[StepResult]:
    """Render the pictures of these seeds side by side, step by step.

    positions: where each goes on, all after as many steps; none for the beginning. own: the plan of each, where the
    guard has eased steps of theirs; none where all have that of the run.

    Each is computed on its own, with the memory of one, or of as many as `networks.call_all` calls at once. Computed in
    one tensor, a picture's rounding would depend on its mates', and guidance is chaotic: 1e-6 after the first step is
    another picture after the tenth.
    """
    plans = own or [plan] * len(seeds)
    if len(seeds) == 1:
        yield from results_of(build(plans[0], networks, start_of(plan, seeds, device)), *positions)
        return
    alone = networks._replace(call_all=one_by_one)
    places = [[position] for position in positions] or [[] for _ in seeds]
    pictures = [
        render_batch(each, alone, [seed], device, at) for each, seed, at in zip(plans, seeds, places, strict=True)
    ]
    clock = time.perf_counter()
    for step in plan.steps[positions[0].done if positions else 0 :]:
        results: list[StepResult] = networks.call_all(partial(next, each) for each in pictures)
        line = joined([result.line for result in results]) | {"seconds": time.perf_counter() - clock}
        there = tuple(position for result in results for position in result.positions)
        yield StepResult(step, torch.cat([result.x0 for result in results]), line, there)
        clock = time.perf_counter()  # whoever was handed the result may have taken a while


def joined(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One step's lines of several pictures as one: their lists in a row."""
    first = lines[0]
    return first | {
        "losses": {name: [line["losses"][name][0] for line in lines] for name in first["losses"]},
        "loss": None if first["loss"] is None else sum(line["loss"] for line in lines) / len(lines),
        "gradient_rms": [line["gradient_rms"][0] for line in lines],
        "skipped": [line["skipped"][0] for line in lines],
        "finite": [line["finite"][0] for line in lines],
        **(
            {"measures": {name: [line["measures"][name][0] for line in lines] for name in MEASURES}}
            if "measures" in first
            else {}
        ),
    }


def results_of(pipeline: Pipeline, position: Position | None = None) -> Iterator[StepResult]:
    """Sample the pipeline's pictures in one tensor, step by step, from a position on or from the beginning."""
    clock = time.perf_counter()
    launched = launch(pipeline, position)
    for step, sampled, numbers in one_behind(launched) if pipeline.x.device.type in AHEAD else launched:
        line = line_of(step, numbers)
        line["seconds"] = time.perf_counter() - clock
        yield StepResult(step, sampled.x0, line, (Position(step.number + 1, sampled.x, sampled.state),))
        clock = time.perf_counter()  # whoever was handed the result may have taken a while


def launch(pipeline: Pipeline, position: Position | None = None) -> Iterator[tuple[Step, Sampled, Numbers]]:
    """Every step with what came of it, and its numbers on their way."""
    guidance, steps = pipeline.guidance, pipeline.plan.steps[position.done if position else 0 :]
    looks = looks_of(pipeline.plan)
    for step, sampled in zip(steps, pipeline.sample(position), strict=True):
        report, guidance.report = guidance.report, None
        yield step, sampled, Numbers(report, sampled.x0, measures(sampled.x0) if step.number in looks else ())


def one_behind(items: Iterable[T]) -> Iterator[T]:
    """The items, each handed on when the next one is there."""
    held: list[T] = []
    for item in items:
        yield from held
        held = [item]
    yield from held


class Numbers:
    """What a step predicted and what the guidance reported of it, on the way to the processor; a list entry a picture.

    report: None where nothing guided. x0: [B, 3, H, W]. seen: what the guard measured of it, if it looked.
    """

    def __init__(self, report: Report | None, x0: Tensor, seen: Sequence[Tensor] = ()) -> None:
        self._unguided, self._seen = report is None, len(seen)
        self._names = () if report is None else tuple(report.losses)
        finite = x0.isfinite().flatten(1).all(1)
        if report is None:
            rows = [torch.zeros_like(finite), torch.zeros_like(finite), finite]
        else:
            rows = [*report.losses.values(), report.gradient_rms, report.skipped, finite]
        there = torch.stack([row.to(x0.dtype) for row in (*seen, *rows)])
        self._ready: torch.cuda.Event | None = None
        if there.is_cuda:
            self._here = torch.empty(there.shape, dtype=there.dtype, pin_memory=True)
            self._here.copy_(there, non_blocking=True)
            self._ready = torch.cuda.Event()
            self._ready.record(torch.cuda.current_stream(there.device))  # cuda:1 need not be the current device
        else:
            self._here = there.cpu()

    def read(self) -> dict[str, Any]:
        """The losses by name and their mean, the gradient's RMS, whether it was dropped, whether x0 is finite.

        Where the guard looked, its measures too. Waits until they are here.
        """
        if self._ready is not None:
            self._ready.synchronize()
        rows = self._here.tolist()
        seen, (*losses, rms, skipped, finite) = rows[: self._seen], rows[self._seen :]
        return {
            "losses": dict(zip(self._names, losses, strict=True)),
            "loss": None if self._unguided else sum(map(sum, losses)) / len(rms),
            "gradient_rms": rms,
            "skipped": [bool(each) for each in skipped],
            "finite": [bool(each) for each in finite],
            **({"measures": dict(zip(MEASURES, seen, strict=True))} if seen else {}),
        }


def line_of(step: Step, numbers: Numbers) -> dict[str, Any]:
    """A step's line for steps.jsonl: its schedule values, and what the guidance saw, a list entry a picture."""
    line = {key: value for key, value in asdict(step).items() if key not in ("save_partial", "show_progress")}
    return line | numbers.read()

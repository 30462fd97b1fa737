"""What a study would do: its cells, what of them is there already, and how long the rest takes.

Seconds of cells that are done, here or in a narrower grid of the same study, tell most; they go for cells of the same
shape, which is all that the work depends on. For other shapes a few steps are tried; where those would take long, or
the models are not here, the work is counted (`disco.resources.estimate`).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from disco.animation.disk import disk_use_of
from disco.animation.frames import plan_of, steps_of
from disco.errors import SettingsError
from disco.planning.plan import Plan
from disco.resources.disk import DiskUse
from disco.run.folder.reading import read_record, record_file
from disco.run.outlook import not_known
from disco.run.step_time import seconds_of_step
from disco.study.cells import Job, is_done
from disco.study.declare import Sweep
from disco.units import format_bytes, format_file_size, format_seconds

if TYPE_CHECKING:
    from disco.arrangement import Arrangement
    from disco.resources.estimate import Estimate

#: How many cells are listed before they are only counted.
LISTED = 8
#: The longest list of values, in letters.
WIDTH = 80
#: Of how many runs steps are tried.
MOST_TRIED = 8


def outlook(sweep: Sweep, workers: int) -> str:
    """The outlook of a study, in lines. workers: how many would render it."""
    done = [job for job in sweep.jobs if is_done(sweep.folder, job)]
    keys = {job.key for job in done}
    left = [job for job in sweep.jobs if job.key not in keys]
    lines = [f"{in_number(len(sweep.jobs), 'cell')}, {len(done)} done" + (f", in {sweep.folder}" if sweep.axes else "")]
    for axis in sweep.axes:
        values = ", ".join(map(str, axis.values))
        shown = values if len(values) <= WIDTH else f"{values[:WIDTH]}..."
        lines.append(f"  {axis.setting} ({len(axis.values)}): {shown}")
    for job in sweep.jobs[:LISTED]:
        lines.append(f"  {job.key}  {job.words()}".rstrip() + ("  (done)" if job.key in keys else ""))
    if len(sweep.jobs) > LISTED:
        lines.append(f"  ... and {len(sweep.jobs) - LISTED} more")
    if left:
        uses = disk_uses(sweep, left)
        lines.append(f"disk: at most {format_file_size(sum(use.most for use in uses))} more")
    try:
        costs = list(_costs(sweep, done, left, workers)) if left else []
    except SettingsError as error:  # which another machine's workers need not mind
        costs = [not_known(error)]
    return "\n".join([*lines, *costs])


def disk_uses(sweep: Sweep, left: Sequence[Job] | None = None) -> list[DiskUse]:
    """What cells write, each: those that are given, else all that are not done."""
    if left is None:
        left = [job for job in sweep.jobs if not is_done(sweep.folder, job)]
    known: dict[str, DiskUse] = {}
    return [known.get(kind) or known.setdefault(kind, disk_use_of(job.settings)) for job, kind in _kinds(left)]


def _kinds(jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
    """Each job with what its files depend on, as a text."""
    for job in jobs:
        given = job.settings
        counts = given.n_batches, given.batch_size, given.image_prompts
        yield job, repr((given.model, given.sampler, given.output, given.init, given.animation, counts))


def shape_of(plan: Plan) -> tuple[Any, ...]:
    """What the work of a run depends on: networks, size, pictures, steps, and how much they look at."""
    model, machine = plan.settings.model, plan.settings.machine
    networks = (model.diffusion_model, model.use_secondary_model and model.secondary_model, plan.perceptors)
    how = (machine.device, machine.precision, machine.threads)
    looks = sum(step.cuts.number for step in plan.steps)
    return networks, how, plan.width, plan.height, len(plan.seeds), len(plan.steps), looks


def layout_of(plan: Plan) -> tuple[Any, ...]:
    """What the memory of a run depends on, and the work of its mean step: all of its shape but the number of steps."""
    *others, count, looks = shape_of(plan)
    return *others, max(step.cuts.number for step in plan.steps), round(looks / count)


def weight_of(plan: Plan) -> tuple[int, int]:
    """What sorts runs by how much a step of theirs takes: pixels, then looks."""
    return plan.width * plan.height, sum(step.cuts.number for step in plan.steps) // len(plan.steps)


def _costs(sweep: Sweep, done: Sequence[Job], left: Sequence[Job], workers: int) -> Iterator[str]:
    """Lines on time and memory."""
    measured: dict[Any, list[float]] = {}
    for job in done:
        seconds = read_record(record_file(sweep.folder / job.key)).get("seconds")
        measured.setdefault(_work_of(job)[1:], []).append(float(seconds or 0))
    works = [_work_of(job) for job in left]
    plans = [plan for plan, *_ in works]
    arranged = _arranged({layout_of(plan): plan for plan in plans})
    known = [measured[shape, count] for _, shape, count in works if (shape, count) in measured]
    new = [(plan, count) for plan, shape, count in works if (shape, count) not in measured]
    steps = _spread({layout_of(plan): plan for plan, _ in new})
    tried = {layout: seconds_of_step(plan, *arranged[layout]) for layout, plan in steps.items()}
    usual = statistics.mean(each.seconds for each in tried.values()) if tried else 0.0
    total = sum(map(statistics.median, known))
    for plan, count in new:
        step = tried[layout_of(plan)].seconds if layout_of(plan) in tried else usual
        total += step * count
    loading = sum(each.loading for each in tried.values())
    ways = " and ".join(sorted({each.way for each in tried.values()}))
    basis = f"{ways}, for want of measured ones like {len(new)} of them" if new else "as those that are done took"
    yield f"time: about {format_seconds(total / workers + loading)} on {in_number(workers, 'worker')}, {basis}"
    peak = max(found.peak for _, found in arranged.values() if found is not None)
    yield f"memory: at most {format_bytes(peak)} a worker, beside the program itself"


def _work_of(job: Job) -> tuple[Plan, tuple[Any, ...], int]:
    """The plan of a cell, the shape of its run or of its frames', and how many steps of a picture it takes in all."""
    plan = plan_of(job.settings)
    return plan, shape_of(plan), steps_of(job.settings, plan)


def _arranged(plans: Mapping[Any, Plan]) -> dict[Any, tuple[Arrangement, Estimate | None]]:
    """How runs are laid out, by their layouts, and what they take; of those that fit anyway, the heaviest alone."""
    from disco.resources.arrange import arrange
    from disco.resources.device import choose_device
    from disco.resources.estimate import estimate

    devices = {layout: choose_device(plan.settings.machine.device) for layout, plan in plans.items()}
    arranged = {layout: arrange(plan, devices[layout]) for layout, plan in plans.items()}
    small = [layout for layout, (_, found) in arranged.items() if found is None]
    if small:
        heaviest = max(small, key=lambda layout: weight_of(plans[layout]))
        arrangement, _ = arranged[heaviest]
        arranged[heaviest] = arrangement, estimate(plans[heaviest], arrangement, devices[heaviest].type)
    return arranged


def _spread(plans: Mapping[Any, Plan]) -> dict[Any, Plan]:
    """At most MOST_TRIED of these, from the lightest to the heaviest."""
    layouts = sorted(plans, key=lambda layout: weight_of(plans[layout]))
    count = min(len(layouts), MOST_TRIED)
    return {layout: plans[layout] for layout in (layouts[len(layouts) * number // count] for number in range(count))}


def in_number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"

"""What a study would do: its cells, what of them is there already, and how long the rest takes.

Seconds of cells that are done, here or in a narrower grid of the same study, tell most; they go for cells of the same
shape, which is all that the work depends on. For other shapes the work is counted (`disco.memory`).
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from disco.errors import SettingsError
from disco.outputs import read_record
from disco.plan import Plan, build_plan
from disco.study.cells import Job, Sweep, is_done

#: How many cells are listed before they are only counted.
LISTED = 8
#: The longest list of values, in letters.
WIDTH = 80


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
    try:
        costs = list(_costs(sweep, done, left, workers)) if left else []
    except SettingsError as error:  # which another machine's workers need not mind
        costs = [f"time and memory: not known, for here it would not run: {error}"]
    return "\n".join([*lines, *costs])


def shape_of(plan: Plan) -> tuple[Any, ...]:
    """What the work of a run depends on: networks, size, pictures, steps, and how much they look at."""
    model = plan.settings.model
    looks = sum(
        (cuts.cutn if cuts.family == "random" else cuts.overview + cuts.inner) * cuts.batches
        for cuts in (step.cuts for step in plan.steps)
    )
    networks = (model.diffusion_model, model.use_secondary_model and model.secondary_model, plan.perceptors)
    how = (model.device, model.precision, model.threads)
    return networks, how, plan.width, plan.height, len(plan.seeds), len(plan.steps), looks


def _costs(sweep: Sweep, done: Sequence[Job], left: Sequence[Job], workers: int) -> Iterator[str]:
    """Lines on time and memory."""
    from disco.computing import choose_device
    from disco.memory import arrange, estimate, measure_speed
    from disco.memory import in_words as in_bytes
    from disco.memory import seconds as counted

    measured: dict[Any, list[float]] = {}
    for job in done:
        seconds = read_record(sweep.folder / job.key / "run.json").get("seconds")
        measured.setdefault(shape_of(build_plan(job.settings)), []).append(float(seconds or 0))
    plans = [build_plan(job.settings) for job in left]
    counts = Counter(map(shape_of, plans))
    total, peak, guessed = 0.0, 0, 0
    for shape, plan in {shape_of(plan): plan for plan in plans}.items():
        device = choose_device(plan.settings.model.device)
        arrangement, found = arrange(plan, device)
        found = found or estimate(plan, arrangement, device.type)
        peak = max(peak, found.peak)
        if shape in measured:
            total += counts[shape] * statistics.median(measured[shape])
        else:
            total += counts[shape] * counted(plan, found, measure_speed(device, arrangement.dtype))
            guessed += counts[shape]
    basis = f"counted, for want of measured ones like {guessed} of them" if guessed else "as those that are done took"
    yield f"time: about {in_words(total / workers)} on {in_number(workers, 'worker')}, {basis}"
    yield f"memory: at most {in_bytes(peak)} a worker, beside the program itself"


def in_number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def in_words(seconds: float) -> str:
    """A duration, to two digits or to the unit."""
    unit, length = ("s", 1) if seconds < 90 else ("min", 60) if seconds < 5400 else ("h", 3600)
    value = seconds / length
    return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"

"""What a study would do: its cells, what of them is there already, and how long the rest takes.

Seconds of cells that are done, here or in a narrower grid of the same study, tell most; they go for cells of the same
shape, which is all that the work depends on.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

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
    lines = [f"{len(sweep.jobs)} cells, {len(done)} of them done, in {sweep.folder}"]
    for axis in sweep.axes:
        values = ", ".join(map(str, axis.values))
        shown = values if len(values) <= WIDTH else f"{values[:WIDTH]}..."
        lines.append(f"  {axis.setting} ({len(axis.values)}): {shown}")
    for job in sweep.jobs[:LISTED]:
        lines.append(f"  {job.key}  {job.words()}{'  (done)' if job.key in keys else ''}".rstrip())
    if len(sweep.jobs) > LISTED:
        lines.append(f"  ... and {len(sweep.jobs) - LISTED} more")
    return "\n".join([*lines, *_costs(sweep, done, left, workers)])


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
    if not left:
        return
    known: dict[Any, list[float]] = {}
    for job in done:
        seconds = read_record(sweep.folder / job.key / "run.json").get("seconds")
        known.setdefault(shape_of(build_plan(job.settings)), []).append(float(seconds or 0))
    counts = Counter(shape_of(build_plan(job.settings)) for job in left)
    total = sum(count * statistics.median(known[shape]) for shape, count in counts.items() if shape in known)
    unknown = sum(count for shape, count in counts.items() if shape not in known)
    if unknown:
        yield f"time: not known yet for {unknown} of {len(left)} cells, none of whose kind is done"
    else:
        yield f"time: about {in_words(total / workers)}, by the cells that are done{_shared(workers)}"


def _shared(workers: int) -> str:
    return f", among {workers} workers" if workers > 1 else ""


def in_words(seconds: float) -> str:
    """A duration, to about two digits."""
    if seconds < 90:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.2g} min" if seconds < 5400 else f"{seconds / 3600:.2g} h"

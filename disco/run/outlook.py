"""What a run would take, said without rendering it: seconds, memory, room on the disk."""

from __future__ import annotations

from typing import NamedTuple

from disco.errors import SettingsError
from disco.planning.plan import Plan
from disco.resources.disk import disk_use
from disco.units import format_bytes, format_file_size, format_seconds


class Costs(NamedTuple):
    """What a run of one plan takes on this machine.

    step: seconds of a picture's mean step. loading: seconds until the first. way: how they were found out. peak: the
    most bytes, beside the program itself.
    """

    step: float
    loading: float
    way: str
    peak: int

    def seconds(self, steps: int) -> float:
        """Seconds of so many steps of a picture, loading included."""
        return self.loading + steps * self.step

    def lines(self, steps: int) -> list[str]:
        """The same for a reader."""
        return [
            f"time: about {format_seconds(self.seconds(steps))}, {self.way}",
            f"memory: at most {format_bytes(self.peak)}, beside the program itself",
        ]


def costs_of(plan: Plan, try_some: bool = True, spare: int = 0) -> Costs:
    """Try a few steps of a plan, or count their work where that would take long.

    try_some: as for `disco.run.step_time.seconds_of_step`. spare: bytes that another process, which would render it,
    holds now and could use for it; what would not fit without them is not tried.

    Raises `SettingsError` where this machine could not render it.
    """
    from disco.resources.arrange import arrange
    from disco.resources.device import choose_device
    from disco.resources.estimate import estimate, needed
    from disco.resources.watch import memory_budget
    from disco.run.step_time import seconds_of_step

    device = choose_device(plan.settings.machine.device)
    arrangement, found = arrange(plan, device, spare=spare)
    if found is None:
        found = estimate(plan, arrangement, device.type)
    try_some = try_some and not (spare and needed(found) > memory_budget(plan, device))
    step = seconds_of_step(plan, arrangement, found, try_some)
    return Costs(step.seconds, step.loading, step.way, found.peak)


def cost_lines(plan: Plan, steps: int, seconds: float = 0.0, memory: int = 0) -> list[str]:
    """What so many steps of a plan take, for a reader; or why that is not known here.

    seconds, memory: what comes on top of the steps, in seconds of the whole and in bytes, which go where both do not
    fit (see `disco.run.session.Session.make_room`).
    """
    try:
        costs = costs_of(plan)
    except SettingsError as error:
        return [not_known(error)]
    peak, told = beside(costs.peak, memory, plan)
    lines = costs._replace(loading=costs.loading + seconds, peak=peak).lines(steps)
    return [*lines[:-1], lines[-1] + told]


def beside(peak: int, memory: int, plan: Plan) -> tuple[int, str]:
    """The most bytes of runs and of what works between them, and what is to be said of that."""
    from disco.resources.device import choose_device
    from disco.resources.estimate import MARGIN
    from disco.resources.watch import memory_budget

    room = memory_budget(plan, choose_device(plan.settings.machine.device))
    if not memory or peak * MARGIN + memory <= room:
        return peak + memory, ""
    return max(peak, memory), f"; not both at once, of {format_bytes(room)}, so each leaves for the other"


def not_known(error: SettingsError) -> str:
    """The line in the place of time and memory where this machine could not render it, which another need not mind."""
    return f"time and memory: not known, for here it would not run: {error}"


def outlook(plan: Plan) -> str:
    """What a run would be and take, in lines."""
    pictures, steps = len(plan.seeds), len(plan.steps)
    seeds = f"seed {plan.seeds[0]}" if pictures == 1 else f"seeds {plan.seeds[0]} to {plan.seeds[-1]}"
    what = "1 picture" if pictures == 1 else f"{pictures} pictures"
    first = f"{what} of {plan.width} x {plan.height} pixels in {steps} steps, {seeds}"
    disk = f"disk: at most {format_file_size(disk_use(plan).most)}"
    return "\n".join([first, *cost_lines(plan, pictures * steps), disk])

"""Steps where the prediction changes: as many as are paid for, closer together where it changes faster.

Solvers that adapt their step (DPM-Solver-12 and -23, Lu et al. 2022, arXiv:2206.00927, appendix C) compare two orders
and refuse a step that strays; what they cost is known when they are done. Here the time is given, so the number of
evaluations is, and what adapts is where they lie: after each, the way that is left is shared out among those that are
left, and the next share is the longer the slower the guided prediction moved over the last one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from disco.guidance.gradient import root_mean_square
from disco.pipeline.build import Networks, Pipeline, Position
from disco.planning.plan import Plan, build_plan
from disco.samplers.base import Sampled, SamplerState, guided_eps
from disco.samplers.ddim import ddim_sigma, ddim_to
from guides.method import Params

#: Levels of the plan to each that is evaluated.
FINER = 8


def finely(plan: Plan, params: Params) -> Plan:
    """A method's plan: the values of many levels, of which as many are evaluated as the settings have steps."""
    settings, count = plan.settings, len(plan.steps)
    finer = max(1, min(params.get("finer", FINER), 1000 // count))
    sampler = replace(settings.sampler, steps=count * finer)
    return replace(build_plan(replace(settings, sampler=sampler)), settings=settings)


@dataclass(frozen=True)
class Adaptive(Pipeline):
    """A pipeline that walks its plan by DDIM in steps of several levels.

    evaluations: how many steps. reach: how many times the even step the next may be, or its inverse; 1 = all even.
    """

    evaluations: int = 1
    reach: float = 1.0

    def sample(self, position: Position | None = None) -> Iterator[Sampled]:
        """As of `Pipeline`, from the beginning alone."""
        assert position is None, "it is not gone on with"
        steps, x, at, before, pace = self.plan.steps, self.x, 0, None, Pace(self.reach)
        last = len(steps) - 1
        for left in range(min(self.evaluations, len(steps)) - 1, -1, -1):
            step = steps[at]
            x = self.before(x, step)
            now = self.denoiser(x, step)
            eps = guided_eps(now, self.diffusion, step.index)
            guided = self.diffusion.x0_from_eps(x.detach(), step.index, eps)
            if before is not None:
                pace.saw(float(root_mean_square(guided - before[0]).mean()) / (at - before[1]))
            before = guided, at
            shown = now.x0
            for constraint in self.constraints:
                shown = constraint.after(shown, step)
            # The last evaluation is at the cleanest level, and those between keep a level each.
            on = at + pace.stride(last - at, left) if left else at
            a_next = float(self.diffusion.alphas_cumprod[steps[on].index]) if left else 1.0
            sigma = ddim_sigma(float(self.diffusion.alphas_cumprod[step.index]), a_next, step.eta)
            x = ddim_to(a_next, guided, eps, sigma, self.noise(step)())
            at = on
            yield Sampled(x, shown, SamplerState("adaptive"))


class Pace:
    """How long the next step is, by how fast the prediction moved in the last one against how fast it did so far."""

    def __init__(self, reach: float) -> None:
        self.reach = reach
        self.speeds: list[float] = []

    def saw(self, speed: float) -> None:
        self.speeds.append(math.log(max(speed, 1e-12)))

    def stride(self, levels: int, evaluations: int) -> int:
        """How many levels on, where so many are left for so many evaluations: 1 at least, and 1 left for each other."""
        even = levels / evaluations
        if not self.speeds:
            return round(even)
        # The error of a step grows with its square, so it is even where a step is as the root of the speed.
        wanted = math.exp((sum(self.speeds) / len(self.speeds) - self.speeds[-1]) / 2)
        stride = round(even * min(max(wanted, 1 / self.reach), self.reach))
        return levels if evaluations == 1 else max(1, min(stride, levels - (evaluations - 1)))


def adaptive(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    """A method's change: steps are closer together where the prediction changes."""
    own = {each.name: getattr(pipeline, each.name) for each in fields(pipeline)}
    return Adaptive(**own, evaluations=pipeline.plan.settings.sampler.steps, reach=params["reach"])

"""What is likely to blame for a picture that goes wrong, which setting to change, and how going back eases it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from disco.losses import CLIP, LOSSES, RANGE, SAT, SYMMETRY, TV, Loss
from disco.planning.plan import Plan
from disco.step import Step

#: Going back leaves a gradient this share of the strength that it had.
EASED = 0.25

#: The most cuts, in an inner cut's exponent, that repeats nothing in pictures of the embedded models.
MUCH_CUT_IC_POW = 10


@dataclass(frozen=True)
class Scene:
    """A picture at the step at which it was found at fault.

    step: its values, with what was eased before. losses: by the names of steps.jsonl. rms: of the gradient, before it
    was clamped; the largest of the run so far.
    """

    plan: Plan
    step: Step
    losses: Mapping[str, float]
    rms: float

    def value(self, loss: Loss) -> float:
        return float(getattr(self.step, loss.scale))

    def share(self, loss: Loss) -> float:
        """What a loss has of all, by size."""
        sizes = {name: abs(value) for name, value in self.losses.items() if not math.isnan(value)}
        own = sum(size for name, size in sizes.items() if name.partition("/")[0] == loss.name)
        return own / total if (total := sum(sizes.values())) else 0.0

    @property
    def strength(self) -> float:
        """RMS of what pulled: the gradient's, or clamp_max where that is less."""
        return min(self.rms, self.step.clamp_max) if self.step.clamp_grad else self.rms

    @property
    def skipped(self) -> int:
        """Steps that were left out before the first."""
        return self.plan.total_steps - 1 - self.plan.steps[0].index

    @property
    def left_out(self) -> int:
        """Steps that are left out after the last."""
        return self.plan.steps[-1].index


@dataclass(frozen=True)
class Cause:
    """One thing that may be to blame.

    applies: whether it does. why: what is wrong, as a clause. remedy: what to do, as an imperative. ease: the setting
    that going back lowers, and the size that it is to have at most; None where that would not help.
    """

    applies: Callable[[Scene], bool]
    why: Callable[[Scene], str]
    remedy: Callable[[Scene], str]
    ease: Callable[[Scene], tuple[str, float]] | None = None


def told(number: float) -> str:
    """A number as it would be typed."""
    return f"{number:.2g}"


def _largest(scene: Scene, losses: Sequence[Loss]) -> Loss:
    return max(losses, key=scene.share)


def _negative(loss: Loss) -> Cause:
    return Cause(
        lambda scene: scene.value(loss) < 0,
        lambda scene: f"{loss.scale}={scene.value(loss):g} is negative, which pulls towards what it is to prevent",
        lambda scene: f"set {loss.scale} to 0 or more",
        lambda scene: (loss.scale, 0.0),
    )


#: A negative weight of a loss that limits something.
NEGATIVE = tuple(_negative(loss) for loss in (RANGE, SAT, TV))

NOT_GUIDED = Cause(
    lambda scene: scene.rms == 0,
    lambda scene: "nothing guided it, so the model's weights or their precision are at fault",
    lambda scene: "set precision=float32, and check the files with disco models verify",
)

NOT_FINITE = Cause(
    lambda scene: True,
    lambda scene: (
        f"NaN or infinity came up in precision={scene.plan.settings.machine.precision}, "
        f"where the gradient had an RMS of {told(scene.rms)}"
    ),
    lambda scene: (
        "set precision=float32" + ("" if scene.step.clamp_grad else " and clamp_grad=true, or smaller scales")
    ),
    lambda scene: ("clamp_max", EASED * scene.step.clamp_max),
)

NOT_CLAMPED = Cause(
    lambda scene: not scene.step.clamp_grad,
    lambda scene: f"clamp_grad=false lets a gradient of RMS {told(scene.rms)} pull as it is",
    lambda scene: "set clamp_grad=true, or a smaller clip_guidance_scale",
    lambda scene: ("clamp_max", scene.step.clamp_max),
)

PULLED_TOO_HARD = Cause(
    lambda scene: True,
    lambda scene: (
        f"the guidance pulls too hard: a gradient of RMS {told(scene.rms)} under clamp_max={scene.step.clamp_max:g}"
    ),
    lambda scene: f"lower clamp_max, such as clamp_max={told(EASED * scene.strength)}, or clip_guidance_scale",
    lambda scene: ("clamp_max", EASED * scene.strength),
)

#: Losses that leave nothing of a picture where they are all that counts.
SMOOTHING = (TV, SAT, RANGE, SYMMETRY)

SMOOTHED_AWAY = Cause(
    lambda scene: max(map(scene.share, SMOOTHING)) > 0.5,
    lambda scene: (
        f"{(loss := _largest(scene, SMOOTHING)).scale}={scene.value(loss):g} outweighs the prompt, with "
        f"{100 * scene.share(loss):.0f} % of the loss"
    ),
    lambda scene: (
        f"lower {_largest(scene, SMOOTHING).scale} to a tenth or less"
        + (", and let clip_guidance_scale pull" if scene.value(CLIP) == 0 else "")
    ),
    lambda scene: ((loss := _largest(scene, SMOOTHING)).scale, abs(scene.value(loss)) * _fair_share(scene, loss)),
)


def _fair_share(scene: Scene, loss: Loss) -> float:
    """The factor at which a loss counts a tenth of what the prompts' does."""
    return 0.1 * scene.share(CLIP) / scene.share(loss)


LATE_START = Cause(
    lambda scene: _starts_late(scene) and not scene.plan.init_image and not scene.plan.settings.init.perlin_init,
    lambda scene: (
        f"skip_steps={scene.plan.settings.sampler.skip_steps} leaves {len(scene.plan.steps)} of "
        f"{scene.plan.total_steps} steps, and there is no init to start from"
    ),
    lambda scene: "lower skip_steps, or give init_image=... or perlin_init=true",
)

KEPT_START = Cause(
    lambda scene: _starts_late(scene),
    lambda scene: (
        f"skip_steps={scene.plan.settings.sampler.skip_steps} leaves {len(scene.plan.steps)} of "
        f"{scene.plan.total_steps} steps to change what it starts from"
    ),
    lambda scene: "lower skip_steps, or give another init_image",
)

ENDS_EARLY = Cause(
    lambda scene: scene.left_out > 0,
    lambda scene: f"skip_end_steps={scene.plan.settings.sampler.skip_end_steps} ends before the noise is gone",
    lambda scene: "lower skip_end_steps",
)

TOO_WEAK = Cause(
    lambda scene: scene.strength < 0.05,
    lambda scene: f"the guidance hardly pulls: a gradient of RMS {told(scene.strength)} after clamp_max",
    lambda scene: "raise clamp_max, or clip_guidance_scale",
)

NOTHING_TO_SHOW = Cause(
    lambda scene: True,
    lambda scene: "the prompt may ask for it; else the guidance is too weak for it",
    lambda scene: "raise clamp_max, or take more steps; guard=off if it is meant to be so",
)


def _starts_late(scene: Scene) -> bool:
    return scene.skipped >= 0.3 * scene.plan.total_steps


def _too_large(scene: Scene) -> bool:
    from disco.models import catalog

    plan = scene.plan
    return max(plan.width, plan.height) > 1.5 * max(catalog.unet(plan.settings.model.diffusion_model).sizes[0])


SMALL_CUTS = Cause(
    lambda scene: (
        scene.step.cuts.family == "scheduled"
        and (scene.step.cuts.overview < scene.step.cuts.inner or scene.step.cuts.ic_pow > MUCH_CUT_IC_POW)
    ),
    lambda scene: (
        f"cut_overview={scene.step.cuts.overview}, cut_innercut={scene.step.cuts.inner} and "
        f"cut_ic_pow={scene.step.cuts.ic_pow:g} show the perceptors small parts, each pulled to the whole prompt"
    ),
    lambda scene: "more cut_overview and fewer cut_innercut at the start, and a smaller cut_ic_pow",
)

TOO_LARGE = Cause(
    _too_large,
    lambda scene: f"{scene.plan.width}x{scene.plan.height} is larger than what the model learned",
    lambda scene: "a size nearer to the model's",
)

REPEATED = Cause(
    lambda scene: True,
    lambda scene: "what it starts from, or its prompt, repeats itself",
    lambda scene: "try another seed, or more cut_overview at the start",
)


def eased(plan: Plan, since: int, eased_to: Mapping[str, float]) -> Plan:
    """The plan with settings lowered from a step on. eased_to: by name, the size that each has at most."""
    steps = [step if step.number < since else _eased(step, eased_to) for step in plan.steps]
    return replace(plan, steps=tuple(steps))


def _eased(step: Step, eased_to: Mapping[str, float]) -> Step:
    values: dict[str, Any] = {}
    for name, most in eased_to.items():
        values[name] = max(-most, min(most, getattr(step, name)))
        if name == "clamp_max":
            values["clamp_grad"] = True
    return replace(step, **values)


#: The settings that `eased` may be given.
EASABLE = ("clamp_max", *(loss.scale for loss in LOSSES))

"""Plan + networks + start -> Pipeline: the only place where one is put together.

Whoever renders, measures or counts a step takes it from here: a run with the networks that it has loaded, the estimate
of memory with stand-ins on tensors without contents, the benchmarks, the evaluation of the shipped models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams, NoiseSource
from disco.guidance.calls import CallAll, one_by_one
from disco.guidance.cutouts import Cutouts
from disco.guidance.gradient import Guidance
from disco.guidance.perceptor import Perceptor
from disco.guidance.targets import targets_of
from disco.guidance.terms.base import Term
from disco.guidance.terms.clip import Clip, View
from disco.guidance.terms.critic import Critic, Critics
from disco.guidance.terms.init import init, likeness
from disco.guidance.terms.range import range_of_x0
from disco.guidance.terms.sat import sat
from disco.guidance.terms.symmetry import symmetry
from disco.guidance.terms.temporal import temporal
from disco.guidance.terms.tv import tv
from disco.losses import INIT, LOSSES
from disco.models import catalog
from disco.pipeline.constraints import Constraint, Kept, Resampling, Symmetry
from disco.pipeline.denoiser import GuidedDenoiser, SecondaryDenoiser, UNetDenoiser
from disco.pipeline.start import Start
from disco.planning.plan import Plan
from disco.samplers.base import Sampled, Sampler, SamplerState, sample
from disco.samplers.registry import samplers
from disco.step import Step


class Networks(NamedTuple):
    """The networks of a plan, any callables, and how they are called.

    unet, secondary: as of `disco.pipeline.denoiser`; secondary None where the plan has none. unet_spec: what the UNet
    predicts, its noise schedule and its classes. lpips: pictures [B, 3, H, W] twice -> distances [B]; only for plans
    that need it. critics: those of the plan. cuts_at_once: how many cuts a perceptor looks at together, 0 = all.
    call_all: how perceptors are asked, one by one or side by side.
    """

    unet: Callable[..., Tensor]
    unet_spec: catalog.UNetSpec
    secondary: Callable[..., Tensor] | None = None
    perceptors: tuple[Perceptor, ...] = ()
    lpips: Callable[[Tensor, Tensor], Tensor] | None = None
    cuts_at_once: int = 0
    call_all: CallAll = one_by_one
    critics: tuple[Critic, ...] = ()


@dataclass(frozen=True)
class Position:
    """Where a run stands between two steps, and all that it needs to go on.

    done: how many steps are. x: [B, 3, H, W] at the level of the next one. state: the sampler's.
    """

    done: int
    x: Tensor
    state: SamplerState


@dataclass(frozen=True)
class Pipeline:
    """All that renders some pictures in one tensor, from x [B, 3, H, W] at the level of the plan's first step.

    constraints: what holds for them, in the order in which it is seen to. source: of the noise of the steps.
    samplers: by the names that the steps have for them.
    """

    plan: Plan
    diffusion: Diffusion
    guidance: Guidance
    denoiser: GuidedDenoiser
    constraints: Sequence[Constraint]
    source: NoiseSource
    samplers: Mapping[str, Sampler]
    x: Tensor

    def sample(self, position: Position | None = None) -> Iterator[Sampled]:
        """Render, step by step; the picture of the last step is the run's.

        position: where to go on, which gives what the steps from there on gave; None for the beginning.
        """
        steps, denoiser = self.plan.steps[position.done if position else 0 :], self.denoiser
        x = self.x if position is None else position.x
        compat = self.plan.settings.compat == "disco57"
        sampled_steps = sample(
            denoiser,
            x,
            self.diffusion,
            steps,
            noise=self.noise,
            state=None if position is None else position.state,
            samplers=self.samplers,
            transform=self.before,
            denoise_ahead=(lambda first, x, step: denoiser.guided_as_at(x, step, first.index)) if compat else None,
        )
        for step, sampled in zip(steps, sampled_steps, strict=True):
            x0 = sampled.x0
            for constraint in self.constraints:
                x0 = constraint.after(x0, step)
            yield sampled._replace(x0=x0)

    def before(self, x: Tensor, step: Step) -> Tensor:
        """x as the step is to see it."""
        for constraint in self.constraints:
            x = constraint.before(x, step)
        return x

    def noise(self, step: Step) -> Callable[[], Tensor]:
        """What draws the noise [B, 3, H, W] that a sampler lays over x at a step."""
        return self.source.drawn(step.stream("steps"), step.t, self.x.shape[1:], self.x.device, self.x.dtype)


def build(plan: Plan, networks: Networks, start: Start) -> Pipeline:
    """The pipeline of the plan, on the device and in the dtype of `start.noise`.

    Raises SettingsError for prompts that a perceptor cannot take.
    """
    spec, device = networks.unet_spec, start.noise.device
    diffusion = Diffusion.spaced(plan.total_steps, spec.noise_schedule, plan.settings.sampler.timestep_spacing)
    x = start.noised(diffusion, plan.steps[0].index)
    guidance = Guidance(diffusion, terms_of(plan, networks, start), start.mask.region if start.mask else None)
    labels = None
    if spec.num_classes is not None:
        labels = ClassLabels(start.streams, spec.num_classes, plan.settings.model.randomize_class, device)
    denoiser = GuidedDenoiser(
        UNetDenoiser(networks.unet, diffusion, spec.predicts, labels),
        guidance,
        None if networks.secondary is None else SecondaryDenoiser(networks.secondary, diffusion),
        plan.settings.model.clip_denoised,
    )
    constraints, sampler = constraints_of(plan, start, diffusion), plan.settings.sampler
    source = start.source or NoiseSource(start.streams)
    known = samplers(sampler.plms_order, sampler.extrapolate_guidance)
    return Pipeline(plan, diffusion, guidance, denoiser, constraints, source, known, x)


def constraints_of(plan: Plan, start: Start, diffusion: Diffusion) -> tuple[Constraint, ...]:
    """What holds for the pictures; what is kept comes last, for it stays whatever else is done to them."""
    finish = plan.steps[-1].number
    compat = plan.settings.compat == "disco57"
    constraints: list[Constraint] = [Resampling(diffusion, start.streams), Symmetry(finish=None if compat else finish)]
    if start.known is not None and start.mask is not None:
        levels, mask = plan.steps[0].index + 1, start.mask
        blend, wrap = plan.settings.init.mask_blend, tuple(plan.wrap)
        constraints.append(
            Kept(start.known, mask.free, mask.paste, finish, levels, diffusion, start.streams, blend, wrap)
        )
    return tuple(constraints)


def terms_of(plan: Plan, networks: Networks, start: Start) -> tuple[Term, ...]:
    """Every term of the loss that the plan has what it needs for, in the order of `disco.losses.LOSSES`.

    None where nothing of the picture can move.
    """
    if start.mask is not None and start.mask.region is None:
        return ()
    views = [view_of(plan, perceptor, start) for perceptor in networks.perceptors]
    terms: list[Term] = [
        Clip(views, networks.cuts_at_once, networks.call_all),
        tv(plan.wrap),
        sat(),
        symmetry(plan.symmetry_axis),
        range_of_x0(plan.settings.compat == "disco57"),
    ]
    if start.init is not None and plan.pulls(INIT):
        terms.append(init(distance_to_init(plan, networks, start.init)))
    if start.previous is not None:
        terms.append(temporal(*start.previous))
    if plan.critics:
        each = [plan.stages_of(stream.seed) for stream in start.streams]
        asked = [
            [[(one.text, one.weight) for one in stage.prompts] for stage in stages]
            for stages in zip(*each, strict=True)
        ]
        terms.append(Critics([critic.told(asked) for critic in networks.critics]))
    return tuple(sorted(terms, key=lambda term: LOSSES.index(term.loss)))


def view_of(plan: Plan, perceptor: Perceptor, start: Start) -> View:
    """A perceptor with its cutouts and with the prompts of every stage."""
    targets, weights = targets_of(plan, perceptor, start.image_prompts, start.streams, start.noise.device)
    region = start.mask.region if start.mask else None
    cutouts = Cutouts(perceptor.resolution, plan.settings.compat == "disco57", plan.wrap, region)
    return View(perceptor, cutouts, targets, weights, start.streams)


def distance_to_init(plan: Plan, networks: Networks, picture: Tensor) -> Callable[[Tensor], Tensor]:
    """How far pictures are from `picture`, [B, 3, H, W] -> [B], as init_loss measures it."""
    if not INIT.uses_lpips(plan.settings):
        return likeness(networks.perceptors, picture)
    distance = networks.lpips
    if distance is None:
        raise ValueError("the plan measures with LPIPS, and the networks lack it")
    return lambda x_in: distance(x_in, picture)


@dataclass(frozen=True)
class ClassLabels:
    """The class each picture is drawn as: one at random, another at every level t where `again`. int64 [B]."""

    streams: Sequence[ImageStreams]
    count: int
    again: bool
    device: torch.device

    def __call__(self, t: float) -> Tensor:
        generators = [stream.generator("classes", t if self.again else None) for stream in self.streams]
        return torch.stack([torch.randint(self.count, (), generator=each) for each in generators]).to(self.device)

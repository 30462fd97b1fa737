"""How much memory a run takes, and what work it is, known before a weight is loaded.

The pipeline that a run has (`disco.pipeline.build`) makes a step of a picture without contents, with stand-ins for the
networks that enter in the ledger what those took (`disco.resources.cost`). What such a step does not show was measured
and is named below.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from disco.arrangement import Arrangement
from disco.diffusion.streams import ImageStreams
from disco.guidance.gradient import looks
from disco.guidance.perceptor import Perceptor
from disco.guidance.terms.critic import Critic, ReadingCritic
from disco.kernels import backend
from disco.losses import CLIP, LOSSES, TEMPORAL, Loss
from disco.models import catalog
from disco.models.networks.critic import build_critic, heard_by, scored_by_head, scored_by_texts
from disco.models.networks.image_reward import unread
from disco.models.networks.lpips import BACKBONE
from disco.pipeline.build import Networks, build
from disco.pipeline.start import Start, mask_of
from disco.planning.plan import Plan
from disco.resources.cost import Cost, bytes_of, cost_of, cost_of_cuts, fake_network
from disco.resources.ledger import BLOCK, Ledger, Work
from disco.step import Step

#: Bytes that the libraries take beside tensors once a network has run. cuda: cuBLAS's workspace, not measured. Where
#: numbers take two bytes, oneDNN keeps that much more on the CPU, whatever the picture's size: its code for each shape.
LIBRARIES = {"cuda": 64 * 2**20, "cpu": 8 * 2**20}
HALF_LIBRARIES = {"cpu": 56 * 2**20}

#: Pictures that the engine keeps from step to step for each picture it renders: x, noise, predictions.
KEPT_PICTURES = 6

#: A plan fits if it does with this much to spare, for the estimate may be that far off.
MARGIN = 1.15


@dataclass(frozen=True)
class Estimate:
    """What a run takes.

    parts: bytes by what holds them: the weights of each network, and the activations at their peak. count: what counts
    the work when somebody asks for it, for that takes as long again.
    """

    parts: Mapping[str, int]
    count: Callable[[], Work] = Work

    @property
    def peak(self) -> int:
        """Bytes, all parts together."""
        return sum(self.parts.values())

    @cached_property
    def work(self) -> Work:
        """The work of a step, the mean over the run."""
        return self.count()

    @property
    def flops(self) -> int:
        """Of a step, the mean over the run."""
        return round(self.work.flops)


def estimate(plan: Plan, arrangement: Arrangement, device_type: str) -> Estimate:
    """What the plan takes when it is laid out so, on a device of that type ("cpu", "cuda", "mps").

    Right within 15 % where it was measured (benchmarks/memory.py, docs/memory.md), which was on the CPU only.
    """
    # The networks first, whose libraries are imported then: torchvision has torch.fx keep the frames that import it in
    # a cycle, and with them all tensors of a simulation that is under way.
    fixed = fixed_memory(plan, arrangement.precision, device_type)
    simulated = SimulatedPipeline(plan, arrangement, device_type)

    def count() -> Work:
        return sum((work_of(step, simulated) for step in plan.steps), Work()) * (1 / len(plan.steps))

    return Estimate(fixed | {"activations": simulated.peak}, count)


def fixed_memory(plan: Plan, precision: str, device_type: str) -> dict[str, int]:
    """Bytes that the run holds from beginning to end, whatever its activations are; known without simulating a step."""
    pictures = KEPT_PICTURES * plan.settings.batch_size * 3 * plan.width * plan.height * 4
    libraries = LIBRARIES.get(device_type, 0)
    if precision != "float32":
        libraries += HALF_LIBRARIES.get(device_type, 0)
    return weights_of(plan, precision, device_type) | {"pictures": pictures, "libraries": libraries}


def weights_of(plan: Plan, precision: str, device_type: str) -> dict[str, int]:
    """Bytes of weights on the device, by network."""
    specs = catalog.networks_of(plan.settings.model, plan.perceptors, plan.critics)
    if plan.needs_lpips:
        specs.append(BACKBONE)
    found = {}
    for spec in specs:
        _, network, other = fake_network(spec, precision)
        found[spec.name] = bytes_of(network) + (other if device_type == "cpu" else 0)
    for name in plan.critics:
        own = catalog.critic(name).score
        if isinstance(own, nn.Module):
            found[name] = bytes_of(own)
    return found


def needed(found: Estimate) -> float:
    """Bytes that there have to be for a run that takes so much."""
    return found.peak * MARGIN


def least_needed(plan: Plan, arrangement: Arrangement, device_type: str) -> float:
    """Bytes below those `needed`, known without counting activations, which takes seconds."""
    return sum(fixed_memory(plan, arrangement.precision, device_type).values()) * MARGIN


def work_of(step: Step, simulated: SimulatedPipeline) -> Work:
    """The work of one step of the plan: what it looks at, as a share of what the simulated one looked at."""
    pulls = simulated.pipeline.guidance.wants(step)
    pulling = frozenset(loss for loss in LOSSES if pulls and getattr(step, loss.scale))
    blind = simulated.works(pulling - {CLIP})
    work = sum(blind.values(), Work())
    if not looks(step):
        return work
    share = step.cuts.number / simulated.step.cuts.number
    shares = {REST: share}
    for name, weight in zip(simulated.plan.perceptors, step.perceptor_weights, strict=True):
        shares[name] = share if weight else 0
    for name, both in simulated.works(pulling).items():
        work += (both + blind.get(name, Work()) * -1) * shares.get(name, 1)
    return work


def heaviest(plan: Plan) -> Step:
    """A step with all that any step of the plan does, with the most cuts."""
    most = max(plan.steps, key=lambda step: step.cuts.number if looks(step) else -1)
    clamps = any(step.clamp_max or not step.clamp_grad for step in plan.steps)
    return replace(
        most,
        **{loss.scale: max((getattr(step, loss.scale) for step in plan.steps), key=abs) for loss in LOSSES},
        perceptor_weights=tuple(map(max, zip(*(step.perceptor_weights for step in plan.steps), strict=True))),
        critic_weights=tuple(
            max(each, key=abs) for each in zip(*(step.critic_weights for step in plan.steps), strict=True)
        ),
        clamp_grad=True,
        clamp_max=1.0 if clamps else 0.0,
        cuts=replace(most.cuts, skip_augs=all(step.cuts.skip_augs for step in plan.steps)),
        stage=0,
    )


class StandIn(torch.autograd.Function):
    """In place of a network's call: nothing is computed, and the ledger is told what the network would have taken."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cost: Cost, ledger: Ledger) -> Tensor:
        ctx.save_for_backward(x)  # as any network does
        ctx.cost, ctx.ledger = cost, ledger
        ledger.spike(cost.forward)
        ledger.hold(cost.held)
        shape, dtype = cost.output
        return x.new_empty(shape, dtype=dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        ctx.ledger.hold(-ctx.cost.held)
        ctx.ledger.spike(ctx.cost.backward)
        return torch.empty_like(ctx.saved_tensors[0]), None, None


def without_contents(score: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A function of somebody else's that can be called with tensors without contents.

    One that cannot, for it looks at them or keeps tensors of its own, counts as next to nothing.
    """
    with suppress(Exception):
        own = copy.deepcopy(score).to("meta") if isinstance(score, nn.Module) else score
        if own(torch.empty(1, 3, 64, 64, device="meta")).shape == (1,):
            return own
    return lambda pictures: pictures.mean((1, 2, 3))


#: By which name the work is counted that no network does.
REST = "rest"


class SimulatedPipeline:
    """The plan's pipeline on one picture without contents, with stand-ins for its networks.

    step: the heaviest of the plan, which was simulated. peak: bytes that it held at most, what was built for it
    included.
    """

    def __init__(self, plan: Plan, arrangement: Arrangement, device_type: str) -> None:
        self.plan, self.arrangement, self.device_type = plan, arrangement, device_type
        self.step, at_once = heaviest(plan), arrangement.cuts_at_once
        if 0 < at_once * self.step.cuts.batches <= self.step.cuts.number:  # batches in turn: one is as heavy as all
            self.step = replace(self.step, cuts=replace(self.step.cuts, batches=1))
        self.ledger = Ledger("meta", BLOCK.get(device_type, 64), malloc=device_type == "cpu")
        self._counted: dict[str, Work] = {}
        with self.ledger:
            self.pipeline = build(plan, self._networks(), self._start())
        self.step_without_contents(self.step)  # makes the constants that are kept, before anything is counted
        self.ledger.peak = self.ledger.live
        everything = self.simulate(self.step)
        self.peak = self.ledger.peak
        self._works = {frozenset(loss for loss in LOSSES if getattr(self.step, loss.scale)): everything}

    def works(self, pulling: frozenset[Loss]) -> dict[str, Work]:
        """The work of the step, were these the losses that pull, by the networks that have it and the rest."""
        if pulling not in self._works:
            off: dict[str, Any] = {loss.scale: 0.0 for loss in LOSSES if loss not in pulling}
            self._works[pulling] = self.simulate(replace(self.step, **off))
        return self._works[pulling]

    def simulate(self, step: Step) -> dict[str, Work]:
        """Do a step: its work, by the networks that had it and the rest."""
        self._counted, self.ledger.work = {}, Work()
        with self.ledger:
            self.step_without_contents(step)
        return self._counted | {REST: self.ledger.work}

    @backend.using("reference")  # a kernel computes nothing without contents
    def step_without_contents(self, step: Step) -> None:
        self.pipeline.denoiser(self.pipeline.x, step)

    def _start(self) -> Start:
        """The pictures of a batch are computed one by one; how large an image prompt is changes little."""
        picture = torch.empty(1, 3, self.plan.height, self.plan.width, device="meta")
        starts = self.plan.init_image is not None or self.plan.settings.init.perlin_init
        prompts = [torch.empty_like(picture[0]) for _ in self.plan.image_prompts]
        init = torch.empty_like(picture) if starts else None
        previous = (picture, picture[:, :1]) if self.plan.pulls(TEMPORAL) else None
        return Start(picture, [ImageStreams(0)], init, prompts, init, mask_of(self.plan, picture), previous)

    def _networks(self) -> Networks:
        plan, model, on = self.plan, self.plan.settings.model, self.arrangement.checkpointing
        spec = catalog.unet(model.diffusion_model)
        secondary = None
        if model.use_secondary_model:
            secondary = self._stand_in("secondary", catalog.secondary(model.secondary_model), False)
        return Networks(
            self._stand_in("unet", spec, on),
            spec,
            secondary,
            tuple(self._perceptor(name) for name in plan.perceptors),
            self._stand_in("lpips", BACKBONE, False),
            self.arrangement.cuts_at_once,
            critics=tuple(self._critic(name) for name in plan.critics),
        )

    def _perceptor(self, name: str) -> Perceptor:
        spec = catalog.perceptor(name)
        look = self._stand_in(name, spec, self.arrangement.checkpointing)
        return Perceptor(
            name,
            spec.resolution,
            spec.mean,
            spec.std,
            look,
            lambda texts: torch.empty(len(texts), spec.embed_dim, device="meta"),
        )

    def _critic(self, name: str) -> Critic:
        """A critic as it is, without contents, but for what a head stands on."""
        spec = catalog.critic(name)
        if spec.score is not None:
            return Critic(name, spec.resolution, without_contents(spec.score))
        if spec.perceptor is None:
            with torch.device("meta"):
                network = build_critic(spec).requires_grad_(False).eval()
            if spec.kind == "reward":
                return ReadingCritic(name, spec.resolution, network, unread)
            return Critic(name, spec.resolution, network)
        beneath = self._perceptor(spec.perceptor)
        if spec.kind == "likeness":
            read = partial(heard_by, beneath.target)
            return ReadingCritic(name, spec.resolution, partial(scored_by_texts, beneath.embed), read)
        width = torch.empty(catalog.perceptor(spec.perceptor).embed_dim, device="meta")
        return Critic(name, spec.resolution, partial(scored_by_head, beneath.embed, width, width[0]))

    def _stand_in(self, name: str, spec: catalog.NetworkSpec, checkpointing: bool) -> Callable[..., Tensor]:
        """The stand-in for a network; those that draw the picture see it tile, if it does."""
        wrap = self.plan.wrap if isinstance(spec, catalog.UNetSpec | catalog.SecondarySpec) else ()
        precision, most = self.arrangement.precision, self.step.cuts.number

        def call(x: Tensor, *_: Tensor) -> Tensor:
            gradient = torch.is_grad_enabled() and x.requires_grad
            if isinstance(spec, catalog.PerceptorSpec) and gradient:
                cost = cost_of_cuts(spec, len(x), most, precision, checkpointing, self.device_type)
            else:
                cost = cost_of(spec, tuple(x.shape), precision, checkpointing, gradient, self.device_type, wrap)
            self._counted[name] = self._counted.get(name, Work()) + cost.work
            return StandIn.apply(x, cost, self.ledger)

        return call

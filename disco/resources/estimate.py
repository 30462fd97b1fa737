"""How much memory a run takes, and what work it is, known before a weight is loaded.

The guidance itself makes a step of a picture without contents, with stand-ins for the networks that enter in the ledger
what those took (`disco.resources.cost`). What such a run does not show was measured and is named below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from disco.arrangement import Arrangement
from disco.diffusion.levels import Diffusion
from disco.guidance.cutouts import Cutouts
from disco.guidance.gradient import Guidance, View, likeness, looks, number_of
from disco.guidance.perceptor import FUZZY_COPIES, IMAGE_PROMPT_CUTS, Perceptor
from disco.kernels import backend
from disco.models import catalog
from disco.models.networks.lpips import BACKBONE
from disco.pipeline.denoiser import GuidedDenoiser, SecondaryDenoiser, UNetDenoiser
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

    parts: bytes by what holds them: the weights of each network, and the activations at their peak. peak: their sum.
    flops: of a guided step, the mean over the run. work: the same with everything that takes time.
    """

    parts: dict[str, int]
    peak: int
    flops: int
    work: Work


@backend.using("reference")  # a kernel computes nothing without contents
def estimate(plan: Plan, arrangement: Arrangement, device_type: str) -> Estimate:
    """What the plan takes when it is laid out so, on a device of that type ("cpu", "cuda", "mps").

    Right within 15 % where it was measured (benchmarks/memory.py, docs/memory.md), which was on the CPU only.
    """
    # Where torch does an operation for the first time, it leaves tensors in cycles, which would be counted as held.
    SimulatedStep(plan, arrangement, device_type)
    simulated = SimulatedStep(plan, arrangement, device_type)
    parts = fixed_memory(plan, arrangement.precision, device_type) | {"activations": simulated.ledger.peak}
    works = [work_of(step, simulated) for step in plan.steps]
    work = sum(works, Work()) * (1 / len(works))
    return Estimate(parts, sum(parts.values()), round(work.flops), work)


def fixed_memory(plan: Plan, precision: str, device_type: str) -> dict[str, int]:
    """Bytes that the run holds from beginning to end, whatever its activations are; known without simulating a step."""
    pictures = KEPT_PICTURES * plan.settings.batch_size * 3 * plan.width * plan.height * 4
    libraries = LIBRARIES.get(device_type, 0)
    if precision != "float32":
        libraries += HALF_LIBRARIES.get(device_type, 0)
    return weights_of(plan, precision, device_type) | {"pictures": pictures, "libraries": libraries}


def weights_of(plan: Plan, precision: str, device_type: str) -> dict[str, int]:
    """Bytes of weights on the device, by network."""
    specs = catalog.networks_of(plan.settings.model, plan.perceptors)
    if plan.needs_lpips:
        specs.append(BACKBONE)
    found = {}
    for spec in specs:
        _, network, other = fake_network(spec, precision)
        found[spec.name] = bytes_of(network) + (other if device_type == "cpu" else 0)
    return found


def needed(found: Estimate) -> float:
    """Bytes that there have to be for a run that takes so much."""
    return found.peak * MARGIN


def least_needed(plan: Plan, arrangement: Arrangement, device_type: str) -> float:
    """Bytes below those `needed`, known without counting activations, which takes seconds."""
    return sum(fixed_memory(plan, arrangement.precision, device_type).values()) * MARGIN


def work_of(step: Step, simulated: SimulatedStep) -> Work:
    """The work of one step of the plan: what it looks at, as a share of what the simulated one looked at."""
    plan, works = simulated.plan, dict(simulated.works)
    unet = works.pop("unet")
    if not simulated.guidance.wants(step):
        model, shape = plan.settings.model, (1, 3, plan.height, plan.width)
        spec, precision = catalog.unet(model.diffusion_model), simulated.arrangement.precision
        on = simulated.arrangement.checkpointing
        return cost_of(spec, shape, precision, on, False, simulated.device_type, plan.wrap).work
    share = number_of(step.cuts) / number_of(simulated.step.cuts) if looks(step) else 0.0
    work = unet + simulated.ledger.work * share + works.pop(INIT, Work()) * bool(step.init_scale)
    for name, weight in zip(plan.perceptors, step.perceptor_weights, strict=True):
        work += works.pop(name, Work()) * (share if weight else 0)
    return sum(works.values(), work)


def heaviest(plan: Plan) -> Step:
    """A step with all that any step of the plan does, with the most cuts."""
    most = max(plan.steps, key=lambda step: number_of(step.cuts) if looks(step) else -1)
    scales = ("clip_guidance_scale", "tv_scale", "range_scale", "sat_scale", "symmetry_loss_scale", "init_scale")
    clamps = any(step.clamp_max or not step.clamp_grad for step in plan.steps)
    return replace(
        most,
        **{scale: max((getattr(step, scale) for step in plan.steps), key=abs) for scale in scales},
        perceptor_weights=tuple(map(max, zip(*(step.perceptor_weights for step in plan.steps), strict=True))),
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


#: By which name the work of what init_scale compares pictures by is counted, beside those of the perceptors.
INIT = "init"


@dataclass
class SimulatedStep:
    """A guided step on pictures without contents: what it holds, and what work each network and the rest had."""

    plan: Plan
    arrangement: Arrangement
    device_type: str
    step: Step = field(init=False)  # the heaviest of the plan
    guidance: Guidance = field(init=False)
    ledger: Ledger = field(init=False)
    most: int = field(init=False)  # cuts that a perceptor could look at together
    works: dict[str, Work] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.step, at_once = heaviest(self.plan), self.arrangement.cuts_at_once
        if 0 < at_once * self.step.cuts.batches <= number_of(self.step.cuts):  # batches in turn: one is as heavy as all
            self.step = replace(self.step, cuts=replace(self.step.cuts, batches=1))
        self.ledger = Ledger("meta", BLOCK.get(self.device_type, 64), malloc=self.device_type == "cpu")
        with self.ledger:
            self._step(self.step)

    def network(self, name: str, spec: catalog.NetworkSpec, checkpointing: bool = False) -> Callable[..., Tensor]:
        """The stand-in for a network; those that draw the picture see it tile, if it does."""
        wrap = self.plan.wrap if isinstance(spec, catalog.UNetSpec | catalog.SecondarySpec) else ()
        precision = self.arrangement.precision

        def call(x: Tensor, *_: Tensor) -> Tensor:
            gradient = torch.is_grad_enabled() and x.requires_grad
            if isinstance(spec, catalog.PerceptorSpec) and gradient:
                cost = cost_of_cuts(spec, len(x), self.most, precision, checkpointing, self.device_type)
            else:
                cost = cost_of(spec, tuple(x.shape), precision, checkpointing, gradient, self.device_type, wrap)
            self.works[name] = self.works.get(name, Work()) + cost.work
            return StandIn.apply(x, cost, self.ledger)

        return call

    def _step(self, step: Step) -> None:
        plan, settings = self.plan, self.plan.settings
        model = settings.model
        self.most = number_of(step.cuts)
        unet_spec = catalog.unet(model.diffusion_model)
        diffusion = Diffusion.spaced(plan.total_steps, unet_spec.noise_schedule)
        x = torch.empty(1, 3, plan.height, plan.width, device="meta")  # the pictures of a batch are computed one by one
        views = [self._view(name) for name in plan.perceptors]
        self.guidance = Guidance(
            diffusion,
            views,
            self._init_loss(x) if plan.pulls_to_init else None,
            plan.symmetry_axis,
            compat=settings.compat == "disco57",
            cuts_at_once=self.arrangement.cuts_at_once,
            wrap=plan.wrap,
        )
        self.works.clear()  # of what the init is compared by: once a run
        unet = UNetDenoiser(
            self.network("unet", unet_spec, self.arrangement.checkpointing), diffusion, unet_spec.predicts
        )
        secondary = None
        if model.use_secondary_model:
            spec = catalog.secondary(model.secondary_model)
            secondary = SecondaryDenoiser(self.network("secondary", spec), diffusion)
        GuidedDenoiser(unet, self.guidance, secondary, model.clip_denoised)(x, step)

    def _view(self, name: str) -> View:
        plan, spec = self.plan, catalog.perceptor(name)
        prompts = max(len(stage.prompts) for stage in plan.stages) + IMAGE_PROMPT_CUTS * len(plan.image_prompts)
        prompts *= FUZZY_COPIES if plan.settings.guidance.fuzzy_prompt else 1
        perceptor = self._perceptor(name, name)
        targets = torch.empty(1, prompts, spec.embed_dim, device="meta")
        return View(
            perceptor,
            Cutouts(spec.resolution, plan.settings.compat == "disco57", plan.wrap),
            [targets],
            [torch.empty(prompts, device="meta")],
            [torch.Generator()],
        )

    def _perceptor(self, name: str, counted: str) -> Perceptor:
        """counted: by which name its work is."""
        spec = catalog.perceptor(name)
        look = self.network(counted, spec, self.arrangement.checkpointing)
        return Perceptor(name, spec.resolution, spec.mean, spec.std, look, lambda texts: torch.empty(0))

    def _init_loss(self, init: Tensor) -> Callable[[Tensor], Tensor]:
        if self.plan.settings.init.init_loss == "perceptors":
            return likeness([self._perceptor(name, INIT) for name in self.plan.perceptors], init)
        return self.network(INIT, BACKBONE)

"""How much memory a run takes, known before a weight is loaded, and how the run is arranged so that it fits.

Nothing is estimated by formula. The networks are built from the catalog on tensors that have a shape and no contents,
and run forward and backward as the engine runs them; a ledger follows every block of memory from the operation that
makes it to its release. Then the guidance itself walks over a picture without contents, with stand-ins for the
networks that enter in the ledger what those took. What such a run does not show was measured and is named below.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils.flop_counter import flop_registry

from disco.diffusion.levels import Diffusion
from disco.errors import SettingsError
from disco.guidance.cutouts import Cutouts
from disco.guidance.gradient import Guidance, View, likeness, looks, number_of
from disco.guidance.perceptor import FUZZY_COPIES, IMAGE_PROMPT_CUTS, Perceptor
from disco.kernels import backend
from disco.models import catalog
from disco.models.networks.circular import circular
from disco.models.networks.clip import build_clip, freeze_clip, set_tower_checkpointing
from disco.models.networks.lpips import BACKBONE, Lpips
from disco.models.networks.secondary import build_secondary
from disco.models.networks.unet import UNet, freeze_unet
from disco.pipeline.denoiser import GuidedDenoiser, SecondaryDenoiser, UNetDenoiser
from disco.planning.plan import Plan, Step, build_plan, cuts_at_once, memory_limit
from disco.settings.config import Settings

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

#: Memory is handed out in multiples of this many bytes: by the allocator of cuda, and by malloc.
BLOCK = {"cuda": 512, "cpu": 64}

#: Bytes that the libraries take beside tensors once a network has run. cuda: cuBLAS's workspace, not measured. Where
#: numbers take two bytes, oneDNN keeps that much more on the CPU, whatever the picture's size: its code for each shape.
LIBRARIES = {"cuda": 64 * 2**20, "cpu": 8 * 2**20}
HALF_LIBRARIES = {"cpu": 56 * 2**20}

#: malloc hands smaller blocks than these (bytes) out of a heap with holes; measured from the second step on, the heap
#: is larger than what is in use by this factor, more where numbers take two bytes. Larger blocks come from the system
#: and go back to it.
HEAP_BLOCK, HEAP_SLACK, HALF_SLACK = 32 * 2**20, 1.2, 2.0

#: Operations of the CPU whose floating-point operations torch does not count, and those that do the same elsewhere.
SAME_WORK = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: torch.ops.aten._scaled_dot_product_flash_attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        torch.ops.aten._scaled_dot_product_flash_attention_backward
    ),
}

#: Pictures that the engine keeps from step to step for each picture it renders: x, noise, predictions.
KEPT_PICTURES = 6

#: A plan fits if it does with this much to spare, for the estimate may be that far off.
MARGIN = 1.15


@dataclass(frozen=True)
class Arrangement:
    """How a run is laid out in memory, which changes no picture but for rounding.

    precision: "float32", "float16" or "bfloat16". checkpointing: of the UNet and of the perceptors' image towers.
    cuts_at_once: how many cuts a perceptor looks at together, 0 = all. why: in a few words, for the record.
    """

    precision: str
    checkpointing: bool = False
    cuts_at_once: int = 0
    why: str = field(default="", compare=False)

    @property
    def dtype(self) -> torch.dtype:
        return PRECISIONS[self.precision]


@dataclass(frozen=True)
class Work:
    """What a device is asked for: floating-point operations (a multiply-add is two), bytes read or written, calls."""

    flops: float = 0
    moved: float = 0
    calls: float = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.flops + other.flops, self.moved + other.moved, self.calls + other.calls)

    def __mul__(self, times: float) -> Work:
        return Work(self.flops * times, self.moved * times, self.calls * times)


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


# Following memory


class Ledger(TorchDispatchMode):
    """Follows the memory of the tensors on one device through everything that is done while it is entered.

    live: bytes held now. peak: the most so far. work: what was computed. block: what sizes are rounded up to. malloc:
    whether memory comes from it, with its holes and with what oneDNN takes from it.
    """

    def __init__(self, device: str, block: int, malloc: bool = False) -> None:
        super().__init__()
        self.device, self.block, self.malloc = device, block, malloc
        self.live = self.peak = 0
        self.work = Work()
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        made = tensors_in((out,))
        for tensor in made:
            self.enter(tensor)
        if not func.is_view:
            count = flop_registry.get(SAME_WORK.get(func.overloadpacket, func.overloadpacket))
            flops = 0 if count is None else count(*args, **(kwargs or {}), out_val=out)
            self.work += Work(flops, sum(tensor.nbytes for tensor in [*tensors_in(args), *made]), 1)
        if self.malloc:
            self.spike(reordering(func, args, made) + tiles(func, args))
        self.spike(0)
        return out

    def enter(self, tensor: Tensor) -> None:
        """Count the memory of a tensor until it is released."""
        if tensor.device.type != self.device or (key := self._ignore(tensor)) is None:
            return
        size = self.size_of(tensor)
        self.live += size
        weakref.finalize(tensor.untyped_storage(), self._release, key, size)

    def size_of(self, tensor: Tensor) -> int:
        """What the memory of a tensor takes where it is handed out."""
        size = -(-tensor.untyped_storage().nbytes() // self.block) * self.block
        if not self.malloc or size >= HEAP_BLOCK:
            return size
        return round(size * (HALF_SLACK if tensor.element_size() == 2 else HEAP_SLACK))

    def ignore(self, tensors: Iterator[Tensor]) -> None:
        """Leave these out, with all their views: somebody else counts them. They must outlive the ledger's use."""
        for tensor in tensors:
            self._ignore(tensor)

    def hold(self, size: int) -> None:
        """Enter memory without a tensor; a negative size releases it."""
        self.live += size
        self.spike(0)

    def spike(self, size: int) -> None:
        """Note memory that was taken and given back."""
        self.peak = max(self.peak, self.live + size)

    def _ignore(self, tensor: Tensor) -> int | None:
        key = tensor.untyped_storage()._cdata
        if key in self._known:
            return None
        self._known.add(key)
        return key

    def _release(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def tensors_in(values: Sequence[Any]) -> list[Tensor]:
    """The tensors among an operation's arguments or results, those in its lists included."""
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [item for item in value if isinstance(item, Tensor)]
    return found


def reordering(func: Any, args: Any, made: Sequence[Tensor]) -> int:
    """Bytes that oneDNN takes for a convolution's tensors in its own order of channels, beside the result.

    Measured: source and weights are copied, the result is made in that order and copied back. Small convolutions that
    are spared it are counted as if they were not.
    """
    if func is torch.ops.aten.convolution.default:
        source, weight, result = args[0], args[1], made[0]
    elif func is torch.ops.aten.convolution_backward.default:
        source, weight, result = args[0], args[2], made[0]
    else:
        return 0
    return max(source.nbytes + weight.nbytes, result.nbytes)


def tiles(func: Any, args: Any) -> int:
    """Bytes that attention takes on the CPU for what its threads work on, beside the result.

    Of PyTorch's FlashAttentionKernel.cpp, in float32: a thread has a tile of so many queries by at most 512 keys and
    their sums; in the backward pass two tiles, and all threads the product of output and gradient, summed by query.
    """
    forward = func is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
    if not forward and func is not torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default:
        return 0
    queries, keys = args[:2] if forward else args[1:3]
    count, width = queries.shape[2:]
    rows, columns = min(256 if count >= 768 else 64 if count >= 192 else 32, count), min(keys.shape[2], 512)
    tile = rows * (columns + 2 + width) if forward else rows * columns * 2
    shared = 0 if forward else queries.numel() + queries.numel() // width
    return 4 * (tile * torch.get_num_threads() + shared)


# What a network takes


@dataclass(frozen=True)
class Cost:
    """What one call of a network takes beside its weights and its input, in bytes counted from before the call.

    forward: at most while it computes. held: afterwards, for the backward pass, without the output. backward: at most
    during the backward pass. output: its shape and dtype. work: of both passes.
    """

    forward: int
    held: int
    backward: int
    output: tuple[tuple[int, ...], torch.dtype]
    work: Work


class Shape(NamedTuple):
    """A network without contents, and the mode that its tensors live in."""

    mode: FakeTensorMode
    network: nn.Module
    other: int  # bytes of the weights that are loaded with it and compute nothing in a step


@lru_cache(maxsize=64)
def shape_of(spec: catalog.NetworkSpec, precision: str, device_type: str = "cpu") -> Shape:
    """The network of a catalog entry as the engine loads it, without contents."""
    mode, other = FakeTensorMode(allow_non_fake_inputs=True), 0
    network: nn.Module
    with torch.device("meta"):
        if isinstance(spec, catalog.UNetSpec):
            network = freeze_unet(UNet(spec), PRECISIONS[precision])
        elif isinstance(spec, catalog.PerceptorSpec):
            model = freeze_clip(build_clip(spec), PRECISIONS[precision])
            network = model.visual
            other = bytes_of(model) - bytes_of(network)
        elif isinstance(spec, catalog.SecondarySpec):
            network = build_secondary(spec)
    with mode:
        network = Lpips() if isinstance(spec, catalog.BackboneSpec) else network.to_empty(device="cpu")
    if precision != "float32" and device_type == "cuda" and isinstance(spec, catalog.PerceptorSpec):
        norm_in_float32(network)
    return Shape(mode, network.requires_grad_(False).eval(), other)


def norm_in_float32(network: nn.Module) -> None:
    """Let a network that runs on the CPU do what autocast does on cuda: norms take and make float32."""

    def in_float32(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return forward(x.float()).to(x.dtype)

    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            module.forward = partial(in_float32, module.forward)  # type: ignore[method-assign]


def bytes_of(network: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in [*network.parameters(), *network.buffers()])


@lru_cache(maxsize=1024)
def cost_of(
    spec: catalog.NetworkSpec,
    shape: tuple[int, ...],
    precision: str,
    checkpointing: bool,
    gradient: bool,
    device_type: str,
    wrap: tuple[int, ...] = (),
) -> Cost:
    """Run a network forward and, with `gradient`, backward, on an input [B, 3, H, W] without contents.

    wrap: dimensions along which its picture tiles.
    """
    mode, network, _ = shape_of(spec, precision, device_type)
    network = circular(network, wrap)
    if isinstance(network, UNet):
        network.set_checkpointing(checkpointing)
    elif isinstance(spec, catalog.PerceptorSpec):
        set_tower_checkpointing(network, checkpointing)
    half = precision != "float32" and not isinstance(spec, catalog.UNetSpec)  # whose half is its own
    ledger = Ledger("cpu", BLOCK.get(device_type, 64), malloc=device_type == "cpu")
    ledger.ignore(iter([*network.parameters(), *network.buffers()]))
    with _disable_current_modes(), mode, torch.set_grad_enabled(gradient):
        x = torch.empty(shape).requires_grad_(gradient)
        others = others_of(spec, x)
        ledger.ignore(iter([x, *others]))
        with ledger:
            with torch.autocast("cpu", PRECISIONS[precision], enabled=half):
                y = network(x, *others)
            forward, held = ledger.peak, ledger.live - ledger.size_of(y)
            output = tuple(y.shape), y.dtype
            if not gradient:
                return Cost(forward, 0, 0, output, ledger.work)
            ledger.peak = 0
            seed = torch.empty_like(y)
            ledger.hold(-ledger.size_of(seed) - ledger.size_of(y))  # the caller's, both
            torch.autograd.grad(y, x, seed)
            return Cost(forward, held, ledger.peak, output, ledger.work)


def others_of(spec: catalog.NetworkSpec, x: Tensor) -> list[Tensor]:
    """What a network takes beside its picture."""
    if isinstance(spec, catalog.UNetSpec):
        labels = [] if spec.num_classes is None else [torch.zeros(len(x), dtype=torch.int64)]
        return [torch.empty(len(x)), *labels]
    if isinstance(spec, catalog.SecondarySpec):
        return [torch.empty(len(x))]
    return [] if isinstance(spec, catalog.PerceptorSpec) else [torch.empty_like(x)]


def cost_of_cuts(
    spec: catalog.PerceptorSpec, count: int, most: int, precision: str, checkpointing: bool, device_type: str
) -> Cost:
    """What `count` of at most `most` cuts take: on the line between one and all, which is never too little.

    Each of a cost's figures is the largest of several that grow with the count in a straight line.
    """

    def cost(count: int) -> Cost:
        side = spec.resolution
        return cost_of(spec, (count, 3, side, side), precision, checkpointing, True, device_type)

    if count == 1 or count >= most:
        return cost(count)
    one, all_cuts, share = cost(1), cost(most), (count - 1) / (most - 1)

    def between(name: str) -> int:
        low, high = getattr(one, name), getattr(all_cuts, name)
        return round(low + share * (high - low))

    (_, *shape), dtype = all_cuts.output
    work = one.work * (1 - share) + all_cuts.work * share
    return Cost(between("forward"), between("held"), between("backward"), ((count, *shape), dtype), work)


# What a guided step takes


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
class Walk:
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


@backend.using("reference")  # a kernel computes nothing without contents
def estimate(plan: Plan, arrangement: Arrangement, device_type: str) -> Estimate:
    """What the plan takes when it is laid out so, on a device of that type ("cpu", "cuda", "mps").

    Right within 15 % where it was measured (benchmarks/memory.py; the README has the table), which was on the CPU only.
    """
    # Where torch does an operation for the first time, it leaves tensors in cycles, which would be counted as held.
    Walk(plan, arrangement, device_type)
    walk = Walk(plan, arrangement, device_type)
    parts = standing(plan, arrangement.precision, device_type) | {"activations": walk.ledger.peak}
    works = [work_of(step, walk) for step in plan.steps]
    work = sum(works, Work()) * (1 / len(works))
    return Estimate(parts, sum(parts.values()), round(work.flops), work)


def standing(plan: Plan, precision: str, device_type: str) -> dict[str, int]:
    """Bytes that the run holds from beginning to end, whatever its activations are; known without a walk."""
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
        _, network, other = shape_of(spec, precision)
        found[spec.name] = bytes_of(network) + (other if device_type == "cpu" else 0)
    return found


def work_of(step: Step, walk: Walk) -> Work:
    """The work of one step of the walk's plan: what it looks at, as a share of what the walk looked at."""
    plan, works = walk.plan, dict(walk.works)
    unet = works.pop("unet")
    if not walk.guidance.wants(step):
        model, shape = plan.settings.model, (1, 3, plan.height, plan.width)
        spec, precision = catalog.unet(model.diffusion_model), walk.arrangement.precision
        on = walk.arrangement.checkpointing
        return cost_of(spec, shape, precision, on, False, walk.device_type, plan.wrap).work
    share = number_of(step.cuts) / number_of(walk.step.cuts) if looks(step) else 0.0
    work = unet + walk.ledger.work * share + works.pop(INIT, Work()) * bool(step.init_scale)
    for name, weight in zip(plan.perceptors, step.perceptor_weights, strict=True):
        work += works.pop(name, Work()) * (share if weight else 0)
    return sum(works.values(), work)


# How it is arranged


def arrange(plan: Plan, device: torch.device, limit: int | None = None) -> tuple[Arrangement, Estimate | None]:
    """The first arrangement that fits, from the fastest on, and what it takes (None where nothing needs deciding).

    limit: bytes; None = the setting memory_limit, or what the device has free. On the CPU, where the same settings make
    the same bits, those come first that change no bit.

    Raises SettingsError where none fits, with the cheapest changes of settings that would.
    """
    asked = limit if limit is not None else memory_limit(plan.settings)
    room = room_of(plan, device) if limit is None else limit
    choices = list(candidates(plan, device.type))
    if asked is None and len(plan.perceptors) and is_small(plan) and room > SMALL:
        return replace(choices[0], why="small enough to need no planning"), None
    there = f"{'memory_limit is' if asked is not None else 'free are'} {in_words(room)}"
    # The last of each precision, for in tiny runs half precision takes no less.
    floors = {choice: floor(plan, choice, device.type) for choice in {c.precision: c for c in choices}.values()}
    least = min(floors.values())
    for number, arrangement in enumerate(choices if least <= room else ()):
        if number == 2:  # the likeliest two do not fit: before all the others, see whether any can
            possible = [choice for choice, weights in floors.items() if weights <= room]
            least = min(needed(estimate(plan, choice, device.type)) for choice in possible)
            if least > room:
                break
        if floor(plan, arrangement, device.type) > room:
            continue
        found = estimate(plan, arrangement, device.type)
        if needed(found) <= room:
            why = "too little for a faster arrangement" if number else "enough for the fastest arrangement"
            return replace(arrangement, why=f"{there}, {why}"), found
        least = needed(found)  # the last one's, at the end
    raise SettingsError(refusal(plan, least, room, there, device.type))


def room_of(plan: Plan, device: torch.device) -> int:
    """Bytes that the run may take: the setting memory_limit, or what the device had free."""
    asked = memory_limit(plan.settings)
    return available(device) if asked is None else asked


def needed(found: Estimate) -> float:
    """Bytes that there have to be for a run that takes so much."""
    return found.peak * MARGIN


def floor(plan: Plan, arrangement: Arrangement, device_type: str) -> float:
    """Bytes below those `needed`, known without counting activations, which takes seconds."""
    return sum(standing(plan, arrangement.precision, device_type).values()) * MARGIN


#: What the shipped models need less than (tests/test_memory.py), at no more than these pixels and cuts.
SMALL = 2**29
SMALL_PIXELS, SMALL_CUTS = 128 * 128, 64


def is_small(plan: Plan) -> bool:
    """Whether the shipped models do something so small that counting would take longer than it is worth."""
    specs = catalog.networks_of(plan.settings.model, plan.perceptors)
    pixels = plan.width * plan.height * plan.settings.batch_size
    cuts = max(number_of(step.cuts) for step in plan.steps)
    shipped = all(spec.weights.shipped for spec in specs) and plan.settings.init.init_loss != "lpips"
    return shipped and pixels <= SMALL_PIXELS and cuts * plan.settings.batch_size <= SMALL_CUTS


def candidates(plan: Plan, device_type: str) -> Iterator[Arrangement]:
    """The arrangements that the settings allow, in the order to be tried."""
    model = plan.settings.model
    precisions = auto_precisions(device_type) if model.precision == "auto" else (model.precision,)
    switch = {"auto": (False, True), "on": (True,), "off": (False,)}[model.checkpointing]
    cuts = number_of(heaviest(plan).cuts)
    given = cuts_at_once(plan.settings)
    chunks = [0] if given is None else [given if given < cuts else 0]
    while given is None and cuts > 1:
        cuts = -(-cuts // 2)
        chunks.append(cuts)
    for precision in precisions:
        pairs = [(on, chunk) for on in switch for chunk in chunks]
        if device_type == "cpu":  # a chunk changes rounding, checkpointing nothing
            pairs.sort(key=lambda pair: (chunks.index(pair[1]), pair[0]))
        for on, chunk in pairs:
            yield Arrangement(precision, on, chunk)


def auto_precisions(device_type: str) -> tuple[str, ...]:
    """What precision=auto may be, the preferred first; the later ones only where memory asks for them."""
    if device_type == "cpu":
        return ("bfloat16",) if multiplies_in_half() else ("float32", "bfloat16")
    return ("float16",) if device_type == "cuda" else ("float32",)


def multiplies_in_half() -> bool:
    """Whether the processor has instructions for products in bfloat16 (AMX, AVX-512); where it has none, they are slow.

    A PyTorch that cannot tell yet counts as none.
    """
    can: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(can.get("amx_bf16") or can.get("avx512_bf16"))


def refusal(plan: Plan, least: float, room: int, there: str, device_type: str) -> str:
    """The line that says what is needed at least, what there is, and what would fit."""
    found = []
    for words, settings in alternatives(plan):
        try:
            other = build_plan(settings)
        except SettingsError:  # a quarter of 8 pixels is no picture
            continue
        *_, last = candidates(other, device_type)
        if floor(other, last, device_type) > room:
            continue
        peak = needed(estimate(other, last, device_type))
        if peak <= room:
            found.append(f"{words} ({in_words(peak)})")
        if len(found) == 2:
            break
    advice = f"this would fit: {', or '.join(found)}" if found else "nothing was found that would fit"
    return f"the run needs {in_words(least)} of memory at least, and {there}; {advice}"


def alternatives(plan: Plan) -> Iterator[tuple[str, Settings]]:
    """Changes of settings that take less memory, in words to type: each alone, then together."""
    settings, model = plan.settings, plan.settings.model
    changes: list[dict[str, Any]] = []
    if model.checkpointing == "off" or cuts_at_once(settings) is not None:
        changes.append({"checkpointing": "auto", "cuts_at_once": "auto"})
    if model.precision == "float32":
        changes.append({"precision": "auto"})
    if not model.use_secondary_model:
        changes.append({"use_secondary_model": True})
    sizes = [{"width": int(plan.width * share), "height": int(plan.height * share)} for share in (0.75, 0.5)]
    for change in [*changes, *sizes]:
        yield in_settings(change), with_model(settings, change)
    together = {name: value for change in changes for name, value in change.items()}
    fewer = with_fewer_perceptors(settings)
    words = f"clip_models=[{','.join(fewer.perceptors.clip_models)}]" if fewer != settings else ""
    for change in (together, together | sizes[-1]):
        yield f"{words} {in_settings(change)}".strip(), with_model(fewer, change)


def with_fewer_perceptors(settings: Settings) -> Settings:
    """The settings with the smallest of their perceptors alone."""
    perceptors = settings.perceptors
    smallest = min(
        perceptors.clip_models, key=lambda name: bytes_of(shape_of(catalog.perceptor(name), "float32").network)
    )
    weights = {name: weight for name, weight in perceptors.perceptor_weights.items() if name == smallest}
    return replace(settings, perceptors=replace(perceptors, clip_models=(smallest,), perceptor_weights=weights))


def with_model(settings: Settings, change: dict[str, Any]) -> Settings:
    return replace(settings, model=replace(settings.model, **change))


def in_settings(change: dict[str, Any]) -> str:
    return " ".join(f"{name}={str(value).lower()}" for name, value in change.items())


def in_words(size: float) -> str:
    """Bytes, as memory_limit takes them."""
    return f"{size / 2**30:.1f}GiB" if size >= 2**30 else f"{max(size / 2**20, 1):.0f}MiB"


@lru_cache(maxsize=8)
def available(device: torch.device) -> int:
    """Bytes that a run may take, asked once a process, so that all runs of a study are arranged alike."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    free = psutil.virtual_memory().available
    return min(free, left_in(Path("/sys/fs/cgroup"), free))


def left_in(group: Path, without: int) -> int:
    """Bytes that a control group leaves: a container may have less than the machine. `without` where it has no limit.

    Files that were read or written and can be read again are no one's memory, although they count as the group's.
    """
    try:
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return limit - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return without


# How long it takes


@dataclass(frozen=True)
class Speed:
    """What a device does in a second: floating-point operations, bytes read or written, calls of an operation."""

    flops: float
    moved: float
    calls: float

    def seconds(self, work: Work) -> float:
        return work.flops / self.flops + work.moved / self.moved + work.calls / self.calls


def measure_speed(device: torch.device, dtype: torch.dtype = torch.float32) -> Speed:
    """Measure a device, in about a second, on as many threads as torch computes on now."""
    return _measured_speed(device, dtype, torch.get_num_threads())


@lru_cache(maxsize=8)
def _measured_speed(device: torch.device, dtype: torch.dtype, threads: int) -> Speed:
    """threads: those of the present, by which what was measured is known again."""
    a, b = (torch.randn(1024, 1024, device=device).to(dtype) for _ in range(2))
    large = torch.randn(2**23, device=device)
    out = torch.empty_like(large)
    small = torch.randn(16, device=device, requires_grad=True)
    return Speed(
        flops=2 * 1024**3 * rate(lambda: a @ b, device),
        moved=2 * large.nbytes * rate(lambda: torch.neg(large, out=out), device),
        calls=rate(lambda: small * small, device),
    )


def rate(call: Callable[[], object], device: torch.device, seconds: float = 0.3) -> float:
    """How often a second something can be done: the best of a few stretches, since others may be at work here too."""
    best, stretch = 0.0, 0
    call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not stretch:
        start, stretch = time.perf_counter(), stretch + 1
        for _ in range(10):
            call()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        best = max(best, 10 / (time.perf_counter() - start))
    return best


def seconds(plan: Plan, estimate: Estimate, speed: Speed) -> float:
    """How long a run takes, loading left out; see `disco doctor` for how far off this was here."""
    return speed.seconds(estimate.work) * len(plan.steps) * len(plan.seeds)

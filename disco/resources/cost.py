"""What one call of a network takes: memory and work, known before a weight is loaded.

Nothing is estimated by formula. The networks are built from the catalog on tensors that have a shape and no contents,
and run forward and backward as the engine runs them, with a ledger following.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disco.arrangement import PRECISIONS
from disco.models import catalog
from disco.models.networks.circular import circular
from disco.models.networks.clip import build_clip, freeze_clip, set_tower_checkpointing
from disco.models.networks.critic import build_critic
from disco.models.networks.lpips import Lpips
from disco.models.networks.secondary import build_secondary
from disco.models.networks.unet import UNet, freeze_unet
from disco.resources.ledger import BLOCK, Ledger, Work
from disco.resources.torch_private import FakeTensorMode, without_modes


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


class FakeNetwork(NamedTuple):
    """A network without contents, and the mode that its tensors live in."""

    mode: FakeTensorMode
    network: nn.Module
    other: int  # bytes of the weights that are loaded with it and compute nothing in a step


@lru_cache(maxsize=64)
def fake_network(spec: catalog.NetworkSpec, precision: str, device_type: str = "cpu") -> FakeNetwork:
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
        elif isinstance(spec, catalog.CriticSpec):
            network = nn.Identity() if spec.kind == "head" else build_critic(spec)
    with mode:
        network = Lpips() if isinstance(spec, catalog.BackboneSpec) else network.to_empty(device="cpu")
    if precision != "float32" and device_type == "cuda" and isinstance(spec, catalog.PerceptorSpec):
        norm_in_float32(network)
    return FakeNetwork(mode, network.requires_grad_(False).eval(), other)


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

    wrap: dimensions along which its picture attention_buffers.
    """
    mode, network, _ = fake_network(spec, precision, device_type)
    network = circular(network, wrap)
    if isinstance(network, UNet):
        network.set_checkpointing(checkpointing)
    elif isinstance(spec, catalog.PerceptorSpec):
        set_tower_checkpointing(network, checkpointing)
    half = precision != "float32" and not isinstance(spec, catalog.UNetSpec)  # whose half is its own
    ledger = Ledger("cpu", BLOCK.get(device_type, 64), malloc=device_type == "cpu")
    ledger.ignore(iter([*network.parameters(), *network.buffers()]))
    with without_modes(), mode, torch.set_grad_enabled(gradient):
        x = torch.empty(shape).requires_grad_(gradient)
        others = other_inputs(spec, x)
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


def other_inputs(spec: catalog.NetworkSpec, x: Tensor) -> list[Tensor]:
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

"""Following the memory of tensors through everything that is done with them, and counting the work.

What the libraries take beside tensors is added from measurements, named here.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from disco.resources.torch_private import TorchDispatchMode

#: Memory is handed out in multiples of this many bytes: by the allocator of cuda, and by malloc.
BLOCK = {"cuda": 512, "cpu": 64}

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
            self.spike(convolution_buffers(func, args, made) + attention_buffers(func, args))
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
        key = id(tensor.untyped_storage())  # the same for all views, as long as any of them is there
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


def convolution_buffers(func: Any, args: Any, made: Sequence[Tensor]) -> int:
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


def attention_buffers(func: Any, args: Any) -> int:
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

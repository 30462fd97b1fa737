"""Group normalisation with scale, shift and SiLU, forward and backward, against the plain way. Prints JSON.

    python benchmarks/norm.py [--repeats 15] [--threads 1] [--device cpu] [--dtype float32] [--cases embedded small]

"plain" is what guided-diffusion's blocks do: they normalise in float32, turn back to the dtype of the activations,
scale, shift, and apply SiLU, an operation each. On a CPU our reference is measured against it; on a GPU
(--device cuda --dtype bfloat16) the kernel against the reference, the reference compiled, and the plain way. A case is
named by where it comes from: the embedded UNet at its finest and coarsest, a UNet of 256 channels, and OpenAI's at full
size. All take turns in one process. Seconds are medians, and "..._times" the median over turns of that way / ours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from disco.kernels.norm import group_norm_silu
from losses import by, in_turns  # beside this file
from torch import Tensor

#: [N, C, H, W] of the activations; whether a scale and shift follow.
CASES = {
    "embedded": ((1, 64, 32, 32), True),
    "embedded_coarsest": ((1, 128, 8, 8), True),
    "small": ((1, 256, 64, 64), True),
    "small_without": ((1, 256, 64, 64), False),
    "large": ((1, 256, 768, 1280), True),
}

GROUPS = 32


def plain(x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    h = F.group_norm(x.float(), GROUPS, weight, bias).to(x.dtype)
    if scale is not None and shift is not None:
        h = h * (1 + scale[..., None, None].to(x.dtype)) + shift[..., None, None].to(x.dtype)
    return F.silu(h)


def ours(x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    return group_norm_silu(x, GROUPS, weight, bias, scale=scale, shift=shift)


def compare(shape: tuple[int, ...], moved: bool, options: argparse.Namespace) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    n, channels = shape[:2]

    def draw(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator).to(options.device)

    x, upstream = (draw(*shape).to(getattr(torch, options.dtype)) for _ in range(2))
    x.requires_grad_()
    given = [draw(channels), draw(channels), *((draw(n, channels), draw(n, channels)) if moved else (None, None))]
    compiled = torch.compile(ours, dynamic=False)
    ways = {"reference": ("reference", ours), "plain": ("reference", plain)}
    if options.device.type == "cuda":
        ways = {"kernel": ("triton", ours), "compiled": ("reference", compiled)} | ways

    def run(kernels: str, way: Callable[..., Tensor]) -> object:
        return by(kernels, lambda: torch.autograd.grad(way(x, *given), x, upstream))

    return in_turns({name: partial(run, *way) for name, way in ways.items()}, options.repeats, options.device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=None)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    everywhere = [name for name in CASES if name != "large" or options.device.type == "cuda"]
    results = {name: compare(*CASES[name], options) for name in options.cases or everywhere}
    name = torch.cuda.get_device_name(options.device) if options.device.type == "cuda" else "cpu"
    about = {"torch": torch.__version__, "device": name, "dtype": options.dtype, "threads": options.threads}
    print(json.dumps(about | results, indent=2))


if __name__ == "__main__":
    main()

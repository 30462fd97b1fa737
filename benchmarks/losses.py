"""The picture losses with their gradient, against the plain way to get both. Prints JSON.

    python benchmarks/losses.py [--repeats 15] [--threads 1] [--device cpu] [--sizes 128x128 512x768 768x1280]

On a CPU: our reference against the single losses of `disco.guidance.terms` and autograd. On a GPU (--device cuda): the
kernel against the reference, the reference compiled, and autograd. "default" is what a run without further settings
asks for, the range loss alone; "all" has tv, sat and both symmetries too. All take turns in one process, so that
whatever else the machine does slows all. Seconds are medians, and "..._times" the median over turns of that way / ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from disco.kernels import backend
from disco.kernels.losses import picture_losses
from torch import Tensor

from disco.guidance.terms.range import range_loss
from disco.guidance.terms.sat import sat_loss
from disco.guidance.terms.symmetry import symmetry_loss
from disco.guidance.terms.tv import tv_loss

CASES = {
    "default": {"range_scale": 150.0},
    "all": {"tv_scale": 1.0, "sat_scale": 1.0, "range_scale": 150.0, "symmetry_scale": 1.0},
}

#: Calls between two looks at the clock on a GPU, which works on while Python prepares the next.
GPU_CALLS = 20


def in_turns(ways: dict[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, float]:
    """Median seconds of each way; how many times longer than the first the others take."""

    def seconds(way: Callable[[], object]) -> float:
        calls = GPU_CALLS if device.type == "cuda" else 1
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        for _ in range(calls):
            way()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return (time.perf_counter() - start) / calls

    for way in ways.values():
        seconds(way)
    turns = [{name: seconds(way) for name, way in ways.items()} for _ in range(repeats)]
    first, *others = ways
    found = {f"{name}_seconds": statistics.median(turn[name] for turn in turns) for name in ways}
    return found | {f"{name}_times": statistics.median(turn[name] / turn[first] for turn in turns) for name in others}


def by(kernels: str, way: Callable[[], object]) -> object:
    with backend.using(kernels):
        return way()


def autograd(x: Tensor, scales: dict[str, float]) -> Tensor:
    x = x.detach().requires_grad_()
    single: dict[str, Callable[[Tensor], Tensor]] = {
        "tv_scale": tv_loss,
        "sat_scale": sat_loss,
        "range_scale": range_loss,
        "symmetry_scale": partial(symmetry_loss, axis="both"),
    }
    total = torch.stack([scale * single[name](x) for name, scale in scales.items()]).sum()
    return torch.autograd.grad(total, x)[0]


def compare(height: int, width: int, scales: dict[str, float], repeats: int, device: torch.device) -> dict[str, float]:
    x = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0)).to(device)
    ours = partial(picture_losses, x, **scales, symmetry_axis="both")
    plain = partial(autograd, x, scales)
    if device.type == "cpu":
        return in_turns({"reference": partial(by, "reference", ours), "autograd": plain}, repeats, device)
    compiled = partial(torch.compile(picture_losses), x, **scales, symmetry_axis="both")
    ways = {"kernel": partial(by, "triton", ours), "reference": partial(by, "reference", ours)}
    ways |= {"compiled": partial(by, "reference", compiled), "autograd": plain}
    return in_turns(ways, repeats, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--sizes", nargs="+", default=["128x128", "512x768", "768x1280"], help="height x width")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = options.device
    results = {
        size: {
            name: compare(*map(int, size.split("x")), scales, options.repeats, device) for name, scales in CASES.items()
        }
        for size in options.sizes
    }
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(json.dumps({"torch": torch.__version__, "device": name, "threads": options.threads, **results}, indent=2))


if __name__ == "__main__":
    main()

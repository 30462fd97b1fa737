"""The pull of prompts on cuts with its gradient, against autograd through the distances. Prints JSON.

    python benchmarks/sphere.py [--repeats 15] [--threads 1] [--device cpu] [--cases embedded disco57 many]

On a CPU: our reference against `disco.guidance.terms.clip.spherical_distance` and autograd. On a GPU (--device cuda):
the kernel against the reference, the reference compiled, and autograd. All take turns in one process. Seconds are
medians of a forward and a backward pass, and "..._times" the median over turns of that way / ours.
"""

from __future__ import annotations

import argparse
import json
from functools import partial

import torch
from disco.kernels.sphere import spherical_pull
from losses import by, in_turns  # beside this file
from torch import Tensor

from disco.guidance.terms.clip import spherical_distance

#: Pictures, cuts of each, prompts, width of the embeddings.
CASES = {"embedded": (1, 16, 1, 256), "disco57": (1, 64, 3, 512), "many": (2, 64, 8, 1024)}


def autograd(u: Tensor, v: Tensor, weights: Tensor) -> Tensor:
    return (spherical_distance(u[:, :, None], v[:, None]) * weights).sum(-1)


def compare(images: int, cuts: int, prompts: int, width: int, repeats: int, device: torch.device) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    shapes = (images, cuts, width), (1, prompts, width), (prompts,)
    u, v, weights = (torch.randn(shape, generator=generator).to(device) for shape in shapes)

    def run(pull) -> Tensor:
        leaf = u.detach().requires_grad_()
        return torch.autograd.grad(pull(leaf, v, weights).sum(), leaf)[0]

    ours, plain = partial(run, spherical_pull), partial(run, autograd)
    if device.type == "cpu":
        return in_turns({"reference": partial(by, "reference", ours), "autograd": plain}, repeats, device)
    ways = {"kernel": partial(by, "triton", ours), "reference": partial(by, "reference", ours)}
    ways |= {"compiled": partial(by, "reference", partial(run, torch.compile(spherical_pull))), "autograd": plain}
    return in_turns(ways, repeats, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = options.device
    results = {case: compare(*CASES[case], options.repeats, device) for case in options.cases}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(json.dumps({"torch": torch.__version__, "device": name, "threads": options.threads, **results}, indent=2))


if __name__ == "__main__":
    main()

"""A guided step against a straightforward writing of the original's, in turns in one process. Prints JSON.

    python benchmarks/step.py [--repeats 15] [--threads 2] [--overview 12] [--inner 4]

The straightforward step is what Disco Diffusion 5.7 does, on the same networks: cut after cut through torchvision's
augmentations and an antialiased resize, perceptor after perceptor, and the UNet evaluated twice (once to sample, once
more inside the guidance). Both guide through the UNet of the embedded models at 64x64. Seconds are medians; "times" is
the median over turns of straightforward / ours.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from cutouts import loop  # the cuts one by one, beside this file
from torch import Tensor

from disco.config import load
from disco.denoiser import GuidedDenoiser, UNetDenoiser
from disco.diffusion import Diffusion
from disco.engine import Networks, load_networks, view_of
from disco.guidance.gradient import Guidance, View
from disco.memory import Arrangement
from disco.noise import ImageNoise
from disco.overrides import from_python
from disco.plan import Step, build_plan
from disco.samplers import ddim, guided_eps

CPU = torch.device("cpu")


def straightforward(
    networks: Networks, views: list[View], diffusion: Diffusion, step: Step, x: Tensor, noise: Tensor
) -> Tensor:
    """One step of the original, x [1, 3, H, W] -> x one level cleaner."""
    unet = UNetDenoiser(networks.unet, diffusion, networks.unet_spec.predicts)
    with torch.no_grad():
        eps = unet(x, step.index).eps
    x = x.detach().requires_grad_()
    x0 = unet(x, step.index).x0
    _, sigma = diffusion.alpha_sigma(step.index)
    x_in = x0 * sigma + x * (1 - sigma)
    pull = torch.zeros_like(x_in)
    for view in views:
        perceptor = view.perceptor
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (perceptor.mean, perceptor.std))
        cuts = loop((x_in + 1) / 2, perceptor.resolution, step.cuts.overview, step.cuts.inner, view.generators[0])
        embeddings = F.normalize(perceptor.encode_image((cuts - mean) / std), dim=-1)[:, None]
        targets = F.normalize(view.targets[0], dim=-1)
        distances = (embeddings - targets).norm(dim=-1).div(2).arcsin().pow(2).mul(2)
        loss = (distances * view.weights[0]).sum(-1).mean() * step.clip_guidance_scale
        pull += torch.autograd.grad(loss, x_in, retain_graph=True)[0]
    excess = (x0 - x0.clamp(-1, 1)).pow(2).mean() * step.range_scale
    gradient = torch.autograd.grad([x_in, excess], x, [pull, torch.ones(())])[0]
    rms = gradient.square().mean().sqrt()
    gradient = gradient * rms.clamp(max=step.clamp_max) / rms
    return ddim(x.detach(), eps + sigma * gradient, diffusion, step.index, step.eta, noise)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--overview", type=int, default=12)
    parser.add_argument("--inner", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    given = dict(prompt="a red star over the sea", cut_overview=options.overview, cut_innercut=options.inner)
    plan = build_plan(load(from_python(given)))
    step = plan.steps[len(plan.steps) // 2]
    networks = load_networks(plan, CPU, Arrangement("float32"))
    diffusion = Diffusion.spaced(plan.total_steps)
    noises = [ImageNoise(0)]
    views = [view_of(plan, perceptor, noises, CPU) for perceptor in networks.perceptors]
    guidance = Guidance(diffusion, views)
    denoise = GuidedDenoiser(UNetDenoiser(networks.unet, diffusion, networks.unet_spec.predicts), guidance)
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(1, 3, plan.height, plan.width, generator=generator) for _ in range(2))

    def ours() -> Tensor:
        now = denoise(x, step)
        return ddim(x, guided_eps(now, diffusion, step.index), diffusion, step.index, step.eta, noise)

    def plain() -> Tensor:
        return straightforward(networks, views, diffusion, step, x, noise)

    seconds(ours), seconds(plain)
    turns = [(seconds(ours), seconds(plain)) for _ in range(options.repeats)]
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "machine": platform.machine(),
                "threads": options.threads,
                "overview": options.overview,
                "inner": options.inner,
                "ours_seconds": statistics.median(a for a, _ in turns),
                "straightforward_seconds": statistics.median(b for _, b in turns),
                "times": statistics.median(b / a for a, b in turns),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()

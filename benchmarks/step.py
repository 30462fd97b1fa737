"""How long a guided step takes, where the time goes, and how far the machine's own products are from it. Prints JSON.

    python benchmarks/step.py [name=value ...] [--random] [--repeats 41] [--threads 2] [--no-reference]
    python benchmarks/step.py [name=value ...] --neighbour 1 [--repeats 9]

Settings are those of a run (`preset=disco57 width=768 height=512`), the embedded models' without any; the step measured
is the one in the middle of the run. --random fills the networks with random numbers, so that published architectures
are measured without their weights.

- seconds: medians over turns, in which everything below is measured once. unet, perceptors, cutouts: each on its own,
  with its backward pass; rest: what the step takes beside them.
- flops: counted over one step as torch's own counter does, a multiply-add being two. ceiling: what a product of two
  square matrices reaches here in the step's precision, in the same process. share_of_ceiling: the step's by it.
- speedup_vs_reference: the median over turns of reference / ours. The reference is a straightforward writing of Disco
  Diffusion 5.7's step with guided-diffusion's and open_clip's networks as they are, of the same weights: the UNet
  evaluated twice, cut after cut through torchvision's augmentations and an antialiased resize, perceptor after
  perceptor, batch after batch.
- threads: how the cores are used; as a run chooses, where --threads does not say.

--neighbour N measures ways to use the cores instead, in turns, alone and beside N busy processes (`neighbours.py`).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from cutouts import loop  # the cuts one by one, beside this file
from neighbours import compare, serve
from torch import Tensor, nn

from disco.guidance.calls import one_by_one
from disco.guidance.terms.clip import View
from disco.models import catalog
from disco.models.files import store, weights
from disco.models.networks import clip, secondary, unet
from disco.pipeline.build import Networks, build
from disco.pipeline.denoiser import UNetDenoiser
from disco.pipeline.start import start_of
from disco.planning.plan import Plan, build_plan
from disco.resources.candidates import candidates
from disco.resources.compile import choose_compile, in_precision
from disco.resources.device import choose_device, choose_kernels
from disco.resources.ledger import Ledger
from disco.resources.sharing import Sharing
from disco.resources.threads import side_by_side
from disco.resources.torch_context import torch_context
from disco.run.session import Loaders, Session
from disco.samplers.ddim import ddim
from disco.settings.config import load
from disco.settings.overrides import from_arguments
from disco.step import Step

PROMPT = "a red star over the sea"


# Networks of random numbers, and networks as their libraries build them


def filled(network: nn.Module) -> nn.Module:
    """The network with small random weights, born-zero layers included, so that gradients are numbers."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.data = torch.randn(parameter.shape, generator=generator) * (2 / parameter[0].numel()) ** 0.5 / 2
    return network.eval().requires_grad_(False)


def random_unet(spec: catalog.UNetSpec, device: torch.device, dtype: torch.dtype = torch.float32) -> unet.UNet:
    return unet.freeze_unet(filled(unet.UNet(spec)), dtype).to(device)


def random_secondary(spec: catalog.SecondarySpec, device: torch.device) -> nn.Module:
    return filled(secondary.build_secondary(spec)).to(device)


def random_perceptor(
    spec: catalog.PerceptorSpec, device: torch.device, dtype: torch.dtype | None = None
) -> clip.LoadedPerceptor:
    model = clip.freeze_clip(filled(clip.build_clip(spec)), dtype)
    model.visual.to(device)
    return clip.LoadedPerceptor(spec, model, device)


RANDOM = Loaders(random_unet, random_secondary, random_perceptor)


def plain_unet(spec: catalog.UNetSpec, device: torch.device, dtype: torch.dtype, random: bool) -> nn.Module:
    """guided-diffusion's network without a change of ours."""
    network = unet.UNet(spec)
    if random:
        filled(network)
    else:
        state = weights.load_state(store.weights_path(spec), None)
        state = {key: value for key, value in state.items() if key not in spec.unused}
        unet.fill_unet(network, state, spec.name)
    network.eval().requires_grad_(False)
    if dtype != torch.float32:
        network.net.dtype = dtype
        for part in (network.net.input_blocks, network.net.middle_block, network.net.output_blocks):
            part.apply(lambda module: module.to(dtype) if isinstance(module, (nn.Conv1d, nn.Conv2d)) else module)
    return network.to(device)


def plain_tower(spec: catalog.PerceptorSpec, device: torch.device, dtype: torch.dtype, random: bool) -> Any:
    """open_clip's image tower without a change of ours."""
    from open_clip.model import convert_weights_to_lp

    model = clip.build_clip(spec)
    if random:
        filled(model)
    else:
        weights.fill(model, clip.as_built(model, weights.load_state(store.weights_path(spec), None)), spec.name)
    tower = model.eval().requires_grad_(False).visual
    if dtype != torch.float32:
        convert_weights_to_lp(tower, dtype)
    return in_precision(tower.to(device), device, dtype)


# The step, ours and the straightforward one


@dataclass
class Bench:
    """A plan's middle step on networks that are loaded, with its first picture and noise."""

    plan: Plan
    networks: Networks
    device: torch.device
    step: Step

    def __post_init__(self) -> None:
        plan = replace(self.plan, steps=(self.step,))
        self.pipeline = build(plan, self.networks, start_of(plan, [0], self.device))
        self.diffusion, self.views = self.pipeline.diffusion, self.pipeline.guidance.terms[0].views
        self.unet, self.secondary = self.pipeline.denoiser.unet, self.pipeline.denoiser.secondary
        self.x = self.pipeline.x
        self.noise = torch.randn(self.x.shape, generator=torch.Generator().manual_seed(0)).to(self.device)

    def ours(self) -> Tensor:
        return next(self.pipeline.sample()).x

    def straightforward(self, network: nn.Module, towers: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        """One step of the original, x [1, 3, H, W] -> x one level cleaner."""
        diffusion, step = self.diffusion, self.step
        unet = UNetDenoiser(network, diffusion, self.networks.unet_spec.predicts)
        with torch.no_grad():
            eps = unet(self.x, step.index).eps
        x = self.x.detach().requires_grad_()
        x0 = (self.secondary or unet)(x, step.index).x0
        _, sigma = diffusion.alpha_sigma(step.index)
        x_in = x0 * sigma + x * (1 - sigma)
        pull = torch.zeros_like(x_in)
        for view, tower in zip(self.views, towers, strict=True):
            perceptor = view.perceptor
            mean, std = (torch.tensor(v).view(3, 1, 1).to(self.device) for v in (perceptor.mean, perceptor.std))
            generators = view.generators(step)
            for _ in range(step.cuts.batches):
                (drawn,) = generators
                cuts = loop((x_in + 1) / 2, perceptor.resolution, step.cuts.overview, step.cuts.inner, drawn)
                embeddings = F.normalize(tower((cuts - mean) / std).float(), dim=-1)[:, None]
                targets = F.normalize(view.targets[0], dim=-1)
                distances = (embeddings - targets).norm(dim=-1).div(2).arcsin().pow(2).mul(2)
                loss = (distances * view.weights[0]).sum(-1).mean() * step.clip_guidance_scale / step.cuts.batches
                pull += torch.autograd.grad(loss, x_in, retain_graph=True)[0]
        excess = (x0 - x0.clamp(-1, 1)).pow(2).mean() * step.range_scale
        gradient = torch.autograd.grad([x_in, excess], x, [pull, torch.ones_like(excess)])[0]
        rms = gradient.square().mean().sqrt()
        gradient = gradient * rms.clamp(max=step.clamp_max) / rms
        return ddim(x.detach(), eps + sigma * gradient, diffusion, step.index, step.eta, self.noise)

    # Its parts, each on its own

    def predict(self) -> None:
        """The UNet as the step runs it: with its gradient where it guides by itself."""
        with torch.set_grad_enabled(self.secondary is None):
            x = self.x.clone().requires_grad_(self.secondary is None)
            x0 = self.unet(x, self.step.index).x0
            if self.secondary is None:
                torch.autograd.grad(x0.sum(), x)
        if self.secondary is not None:
            x = self.x.clone().requires_grad_()
            torch.autograd.grad(self.secondary(x, self.step.index).x0.sum(), x)

    def cut(self) -> None:
        for resolution in {view.perceptor.resolution for view in self.views}:
            views = [view for view in self.views if view.perceptor.resolution == resolution]
            generators = [[generator for view in views for generator in view.generators(self.step)]]
            x = self.x.clone().requires_grad_()
            drawn = [views[0].cutouts.together(x, self.step.cuts, generators) for _ in range(self.step.cuts.batches)]
            cuts = torch.cat(drawn, dim=2)
            torch.autograd.grad(cuts, x, torch.ones_like(cuts))

    def look(self) -> None:
        self.networks.call_all(partial(self.pull, view) for view in self.views)

    def pull(self, view: View) -> None:
        side = view.perceptor.resolution
        cuts = torch.full((1, self.step.cuts.number, 3, side, side), 0.5, device=self.device)
        view.pull(cuts, self.step, 1.0, self.networks.cuts_at_once)


# Measuring


def seconds(run: Callable[[], object], device: torch.device) -> float:
    wait(device)
    start = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ceiling(device: torch.device, dtype: torch.dtype, products: int) -> float:
    """Operations a second of the best of so many products of square matrices."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    a @ b
    return 2 * side**3 / min(seconds(lambda: a @ b, device) for _ in range(products))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*")
    parser.add_argument("--random", action="store_true", help="random weights")
    parser.add_argument("--repeats", type=int, default=41)
    parser.add_argument("--threads", type=int, default=0, help="0: as a run chooses")
    parser.add_argument("--no-reference", action="store_true", help="ours alone")
    parser.add_argument("--neighbour", type=int, help="busy processes to run beside")
    parser.add_argument("--serve", action="store_true", help="run steps as standard input asks")
    options = parser.parse_args()
    if options.neighbour is not None:
        found = {"machine": platform.machine(), "device": processor(), "settings": options.settings}
        print(json.dumps(found | compare(options.settings, options.neighbour, options.repeats), indent=2))
        return
    plan = build_plan(load(from_arguments([PROMPT, f"threads={options.threads}", *options.settings])))
    found = measure(plan, options)
    if not options.serve:
        print(json.dumps(found, indent=2))


def measure(plan: Plan, options: argparse.Namespace) -> dict[str, Any]:
    device = choose_device(plan.settings.machine.device)
    arrangement = next(iter(candidates(plan, device.type)))
    cores = torch.get_num_threads()
    with torch_context(plan) as threads, side_by_side(threads.side_by_side) as call_all:
        session = Session(RANDOM) if options.random else Session()
        networks = session.networks(plan, device, arrangement)._replace(call_all=call_all)
        networks = Sharing(threads.unet).used_by(networks, plan, arrangement)
        bench = Bench(plan, networks, device, plan.steps[len(plan.steps) // 2])
        if options.serve:
            serve(bench.ours)
            return {}
        found = measured(bench, arrangement.dtype, options, options.threads or cores)
    return {
        "torch": torch.__version__,
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "threads": threads.each,
        "side_by_side": threads.side_by_side,
        "settings": options.settings,
        "random_weights": options.random,
        "size": [plan.width, plan.height],
        "precision": arrangement.precision,
        "kernels": asdict(choose_kernels(plan, device)),
        "compile": asdict(choose_compile(plan, device)),
        **found,
    }


def processor() -> str:
    """What the processor calls itself, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def measured(bench: Bench, dtype: torch.dtype, options: argparse.Namespace, cores: int) -> dict[str, Any]:
    """cores: on how many threads the reference computes, which has nothing to do side by side."""
    plan, device, step, networks = bench.plan, bench.device, bench.step, bench.networks
    runs: dict[str, Callable[[], object]] = {
        "step": bench.ours, "unet": bench.predict, "perceptors": bench.look, "cutouts": bench.cut
    }  # fmt: skip
    found: dict[str, Any] = {"cuts": [step.cuts.overview, step.cuts.inner, step.cuts.batches]}
    with Ledger(device.type, 1) as counted:  # which sees what its own thread does
        Bench(plan, networks._replace(call_all=one_by_one), device, step).ours()
    found["flops"] = float(counted.work.flops)
    if device.type == "cuda":
        bench.ours()
        torch.cuda.reset_peak_memory_stats(device)
        bench.ours()
        found["peak_bytes"] = float(torch.cuda.max_memory_allocated(device))
    if not options.no_reference:
        network = plain_unet(networks.unet_spec, device, dtype, options.random)
        towers = [plain_tower(catalog.perceptor(p), device, dtype, options.random) for p in plan.perceptors]

        def reference() -> None:
            ours = torch.get_num_threads()
            torch.set_num_threads(cores)
            bench.straightforward(network, towers)
            torch.set_num_threads(ours)

        runs["reference"] = reference
        if device.type == "cuda":
            bench.straightforward(network, towers)
            torch.cuda.reset_peak_memory_stats(device)
            bench.straightforward(network, towers)
            found["peak_bytes_of_reference"] = float(torch.cuda.max_memory_allocated(device))
    for run in runs.values():
        run()
    turns = [{name: seconds(run, device) for name, run in runs.items()} for _ in range(options.repeats)]
    medians = {name: statistics.median(turn[name] for turn in turns) for name in runs}
    medians["rest"] = max(0.0, medians["step"] - sum(medians[name] for name in ("unet", "perceptors", "cutouts")))
    found["seconds"] = medians
    found["ceiling_flops_per_second"] = ceiling(device, dtype, min(options.repeats, 10))
    found["share_of_ceiling"] = found["flops"] / medians["step"] / found["ceiling_flops_per_second"]
    if not options.no_reference:
        found["speedup_vs_reference"] = statistics.median(turn["reference"] / turn["step"] for turn in turns)
    return found


if __name__ == "__main__":
    main()

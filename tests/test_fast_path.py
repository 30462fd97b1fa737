"""A whole run, as it is made fast, against the same run written plainly: the same picture."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms import functional as TF

from disco.arrangement import Arrangement
from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams, normal
from disco.guidance.cutouts.boxes import inner_boxes
from disco.models import catalog
from disco.models.files import store, weights
from disco.models.networks import clip, unet
from disco.pipeline.build import Networks, build
from disco.pipeline.start import start_of
from disco.planning.plan import Plan, build_plan
from disco.run.session import Loaders, Session
from disco.run.steps import results_of
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.step import Step

CPU = torch.device("cpu")
SETTINGS = dict(
    prompt="a red star over the sea", seed=3, steps=8, width=48, height=32, cutn_batches=2, skip_augs=True,
    cut_overview="[5]*400+[2]*600", cut_innercut=2, cut_icgray_p=0.5, cut_ic_pow=2,
    tv_scale=5, sat_scale=20, range_scale=150, symmetry_loss_scale=10,
)  # fmt: skip


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """guided-diffusion casts its norms and its softmax to float32: to float64 here.

    Guidance is chaotic: what differs by 1e-7 after a step differs by 1 after twelve. In float64 it has room to grow.
    """
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def plain_networks(plan: Plan) -> tuple[nn.Module, dict[str, nn.Module]]:
    """guided-diffusion's UNet and open_clip's towers as they build them, with the shipped weights, in float64."""
    spec = catalog.unet("embedded")
    drawer = unet.UNet(spec)
    unet.fill_unet(drawer, weights.load_state(store.weights_path(spec)), spec.name)
    towers = {}
    for name in plan.perceptors:
        model = clip.build_clip(catalog.perceptor(name))
        state = weights.load_state(store.weights_path(catalog.perceptor(name)))
        weights.fill(model, clip.as_built(model, state), name)
        towers[name] = model.visual
    for network in (drawer, *towers.values()):
        network.double().eval().requires_grad_(False)
    drawer.net.dtype = torch.float64
    return drawer, towers


def fast_networks(plan: Plan) -> Networks:
    """Ours, with the same weights, in float64."""

    def load_unet(*given: object) -> unet.UNet:
        network = unet.load_unet(*given).double()  # type: ignore[arg-type]
        network.net.dtype = torch.float64
        return network

    def load_perceptor(spec: catalog.PerceptorSpec, *_: object) -> clip.LoadedPerceptor:
        model = clip.build_clip(spec)
        weights.fill(model, clip.as_built(model, weights.load_state(store.weights_path(spec))), spec.name)
        model.visual.double()  # before it is made fast, which rounds
        return clip.LoadedPerceptor(spec, clip.freeze_clip(model), CPU)

    return Session(Loaders(load_unet, perceptor=load_perceptor)).networks(plan, CPU, Arrangement("float32"))


def cut_plainly(picture: Tensor, step: Step, resolution: int, generator: torch.Generator) -> list[Tensor]:
    """One cut after the other, each cropped out and resized by torch's own antialiased cubic."""
    _, height, width = picture.shape
    boxes = inner_boxes(step.cuts.inner, height, width, resolution, step.cuts.ic_pow, generator)
    spare = max(height, width) - torch.tensor([height, width])
    top, left = (spare // 2).tolist()
    square = F.pad(picture, (left, left, top, top))

    def resized(crop: Tensor) -> Tensor:
        return F.interpolate(crop[None], (resolution, resolution), mode="bicubic", antialias=True)[0]

    whole = resized(square)
    both = [whole, TF.rgb_to_grayscale(whole, 3)]
    some = [*both, *(TF.hflip(each) for each in both)] if step.cuts.overview <= 4 else [whole] * step.cuts.overview
    cuts = some[: step.cuts.overview]
    for number in range(step.cuts.inner):
        y, x, side = (int(values[number]) for values in (boxes.top, boxes.left, boxes.height))
        crop = resized(picture[:, y : y + side, x : x + side])
        cuts.append(TF.rgb_to_grayscale(crop, 3) if number < int(step.cuts.icgray_p * step.cuts.inner) else crop)
    return cuts


def gradient_plainly(x: Tensor, x0_of: Callable[[Tensor], Tensor], plan: Plan, step: Step, looks: dict) -> Tensor:
    """The clamped gradient of all losses by autograd, as the original goes about it."""
    x = x.detach().requires_grad_()
    x0 = x0_of(x)
    alpha = Diffusion.spaced(plan.total_steps, catalog.unet("embedded").noise_schedule).alpha_sigma(step.index)[0]
    sigma = math.sqrt(1 - alpha**2)
    x_in = x0 * sigma + x * (1 - sigma)
    loss = x.new_zeros(())
    for name, (tower, perceptor, target, streams) in looks.items():
        mean, std = (
            torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (perceptor.mean, perceptor.std)
        )
        generator = streams.generator(f"cuts/{name}", step.t)
        for _ in range(step.cuts.batches):
            cuts = cut_plainly((x_in[0] + 1) / 2, step, perceptor.resolution, generator)
            seen = F.normalize(torch.stack([tower((cut[None] - mean) / std)[0] for cut in cuts]), dim=-1)
            angle = 2 * torch.asin((seen - target).norm(dim=-1) / 2)
            loss = loss + step.clip_guidance_scale * (angle.square() / 2).mean() / step.cuts.batches
    across, down = x_in.diff(dim=-1).square().sum(), x_in.diff(dim=-2).square().sum()
    loss = loss + step.tv_scale * (across + down) / x_in.numel()
    loss = loss + step.sat_scale * (x_in - x_in.clamp(-1, 1)).abs().mean()
    left, right = x_in.chunk(2, dim=-1)
    loss = loss + step.symmetry_loss_scale * (left - right.flip(-1)).square().mean()
    loss = loss + step.range_scale * (x0 - x0.clamp(-1, 1)).square().mean()
    (gradient,) = torch.autograd.grad(loss, x)
    size = gradient.square().mean().sqrt()
    return gradient * min(1.0, step.clamp_max / size.item())


def run_plainly(plan: Plan) -> list[Tensor]:
    """Every prediction of a run of DDIM: the original's step, the UNet asked twice."""
    drawer, towers = plain_networks(plan)
    streams = ImageStreams(plan.seeds[0])
    shape = (3, plan.height, plan.width)
    diffusion = Diffusion.spaced(plan.total_steps, catalog.unet("embedded").noise_schedule)
    looks = {}
    for name, tower in towers.items():
        perceptor = clip.load_perceptor(catalog.perceptor(name), CPU)
        target = F.normalize(perceptor.encode_text([plan.stages[0].prompts[0].text]).double(), dim=-1)
        looks[name] = (tower, perceptor, target, streams)
    x = normal([streams.generator("start")], shape, CPU).double()
    found = []
    for step in plan.steps:
        alpha, sigma = diffusion.alpha_sigma(step.index)
        t = torch.tensor([float(diffusion.timesteps[step.index])])

        def x0_of(x: Tensor, alpha: float = alpha, sigma: float = sigma, t: Tensor = t) -> Tensor:
            return alpha * x - sigma * drawer(x, t)[:, :3]

        gradient = gradient_plainly(x, x0_of, plan, step, looks)
        with torch.no_grad():
            x0 = x0_of(x)
            found.append(x0)
            eps = (x - alpha * x0) / sigma + sigma * gradient
            a, a_next = alpha**2, float(diffusion.alphas_cumprod_prev[step.index])
            spread = step.eta * math.sqrt((1 - a_next) / (1 - a) * (1 - a / a_next))
            fresh = normal([streams.generator("steps", step.t)], shape, CPU).double()
            x = math.sqrt(a_next) * (x - sigma * eps) / alpha + math.sqrt(1 - a_next - spread**2) * eps + spread * fresh
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("exact")
def test_a_whole_run_is_the_plain_one():
    plan = build_plan(load(from_python(SETTINGS)))
    plain = run_plainly(plan)
    pipeline = build(plan, fast_networks(plan), start_of(plan, plan.seeds, CPU, torch.float64))
    fast = [result.x0 for result in results_of(pipeline)]
    apart = [(ours - theirs).abs().max().item() for ours, theirs in zip(fast, plain, strict=True)]
    assert len(apart) == 8 and max(apart) < 1e-4, apart
    assert (plain[-1] - plain[0]).abs().max() > 0.1  # it goes somewhere

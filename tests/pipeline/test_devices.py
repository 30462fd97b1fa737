"""Device errors without a device: host tensors hold numbers, those of "cuda" have shapes alone, and may not meet them.

Backward passes cannot be walked so: where a gradient is asked for its device is checked, and zeros are handed out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from disco.kernels import backend, cutouts
from PIL import Image
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from disco.arrangement import Arrangement
from disco.guidance.perceptor import Perceptor
from disco.models import catalog
from disco.pipeline.build import Networks, build
from disco.pipeline.start import Start, start_of
from disco.planning.plan import Plan, build_plan
from disco.resources.ledger import tensors_in
from disco.resources.torch_private import FakeTensorMode
from disco.run.session import Session
from disco.settings.config import load
from disco.settings.overrides import from_python

CUDA = torch.device("cuda")


class Generator(torch.Generator):
    """A generator that says it belongs to any device: one of the host, of which the seed tells whose it is."""

    of_the_device: set[int] = set()

    def __new__(cls, device: Any = "cpu") -> Generator:
        return super().__new__(cls, "cpu")

    def __init__(self, device: Any = "cpu") -> None:
        self.belongs = torch.device(device).type

    def manual_seed(self, seed: int) -> Generator:
        super().manual_seed(seed)
        if self.belongs == "cuda":
            self.of_the_device.add(self.initial_seed())
        return self


class FakeDevice(FakeTensorMode):
    """Tensors of cuda without contents beside real ones of the host.

    Raises RuntimeError where they meet, where one's numbers are drawn by the other's generator, and where the host
    waits for the device (`.item()`, `.tolist()`, `if tensor:`).
    """

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = tensors_in((*args, *kwargs.values()))
        if not (made_there(kwargs) or any(hasattr(tensor, "fake_mode") for tensor in given)):
            return func(*args, **kwargs)
        made = super().__torch_dispatch__(func, types, args, kwargs)
        generator = kwargs.get("generator")
        if generator is not None and generator.initial_seed() not in Generator.of_the_device:
            raise RuntimeError(f"{func} draws numbers of {made.device} by a generator of the host")
        return made


def made_there(kwargs: dict[str, Any]) -> bool:
    """Whether an operation with these arguments makes its result on the device."""
    device = kwargs.get("device")
    return device is not None and torch.device(device).type == "cuda"


class ZeroGradients(TorchFunctionMode):
    """Gradients are zeros; RuntimeError for one that comes from another device than its output."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch.autograd.grad:
            return func(*args, **(kwargs or {}))
        outputs, inputs, *gradients = ([each] if isinstance(each, Tensor) else each for each in args)
        for output, gradient in zip(outputs, *gradients, strict=True) if gradients else ():
            if output.device != gradient.device:
                raise RuntimeError(f"a gradient on {gradient.device} for what is on {output.device}")
        return tuple(map(torch.zeros_like, inputs))


@pytest.fixture
def device(monkeypatch):
    """The device, and the references in place of kernels, which nothing could run."""
    monkeypatch.setattr(torch, "Generator", Generator)  # torch makes none for a device that is not there
    cutouts._axes.cache_clear()
    with FakeDevice(), ZeroGradients(), backend.using("reference"):
        yield CUDA
    cutouts._axes.cache_clear()


def plan_of(**given: Any) -> Plan:
    quick = dict(prompt="a red star", steps=2, cut_overview=2, cut_innercut=2, width=32, height=32, compile="off")
    return build_plan(load(from_python({**quick, "clip_models": ["embedded_vit"], **given})))


class Look(nn.Module):
    """The smallest perceptor with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 8))

    def forward(self, cuts: Tensor) -> Tensor:
        return cuts.mean((2, 3)) @ self.weight


class Noise(nn.Conv2d):
    """The smallest UNet with a parameter, a learned variance and, if it is given any, classes."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__(3, channels, 1)

    def forward(self, x: Tensor, t: Tensor, *classes: Tensor) -> Tensor:
        return super().forward(x) * sum((y.view(-1, 1, 1, 1) for y in classes), start=t.view(-1, 1, 1, 1))


def distance(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().mean((1, 2, 3))


def small_networks(plan: Plan, **changed: Any) -> Networks:
    spec = replace(catalog.unet("embedded"), predicts="eps", num_classes=changed.pop("classes", None))
    perceptors = tuple(
        Perceptor(name, side, (0.5,) * 3, (0.5,) * 3, Look().to(CUDA), lambda texts: torch.ones(len(texts), 8).to(CUDA))
        for side, name in enumerate(plan.perceptors, 16)
    )
    return Networks(Noise().to(CUDA), spec, perceptors=perceptors, lpips=distance)._replace(**changed)


def walk(plan: Plan, networks: Networks, start: Start | None = None) -> None:
    """From start to picture; every x and picture on the device, every step's report too."""
    pipeline = build(plan, networks, start or start_of(plan, [3], CUDA))
    for sampled in pipeline.sample():
        report = pipeline.guidance.report
        losses = [] if report is None else [*report.losses.values(), report.gradient_rms, report.skipped]
        assert {each.device.type for each in [*sampled[:2], *sampled.state.tensors, *losses]} == {"cuda"}


WALKS = {
    "ddpm": {"diffusion_sampling_mode": "ddpm"},
    "plms": {"diffusion_sampling_mode": "plms", "steps": 4, "ddim_switch": 0.75},
    "unguided": {"clamp_max": 0, "clip_denoised": True},
    "random cuts": {"cutout_family": "random", "cutn": 8},
    "random cuts of the original": {"cutout_family": "random", "cutn": 8, "compat": "disco57"},
    "scheduled cuts of the original": {"compat": "disco57", "cut_icgray_p": 0.5},
    "plain cuts in turn": {"skip_augs": True, "cutn_batches": 2, "cuts_at_once": 1},
    "two perceptors and stages": {
        "prompt": None,
        "prompts": {0: ["a red star:2", "a blue moon"], 0.5: ["a green tree"]},
        "clip_models": ["embedded_vit", "embedded_resnet"],
    },
    "fuzzy prompts": {"fuzzy_prompt": True},
    "tiles": {"tile": "both", "tv_scale": 10, "cutout_family": "random", "cutn": 4},
    "symmetry": {"use_horizontal_symmetry": True, "transformation_percent": [0.5], "symmetry_loss_scale": 10},
    "a quarter turn": {
        "symmetry_loss_scale": 10,
        "symmetry_axis": "radial",
        "radial_symmetry_order": 4,
        "sat_scale": 3,
    },
    "clouds": {"perlin_init": True, "skip_steps": 1, "steps": 3, "init_scale": 100},
    "clouds of the original": {
        **{"perlin_init": True, "skip_steps": 1, "steps": 3, "compat": "disco57"},
        **{"init_scale": 100, "init_loss": "lpips"},
    },
}


@pytest.mark.parametrize("given", WALKS.values(), ids=WALKS)
def test_a_run_stays_on_its_device(given, device):
    plan = plan_of(**given)
    walk(plan, small_networks(plan))


def test_a_run_with_pictures_stays_on_its_device(device, tmp_path):
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "picture.png")
    picture = str(tmp_path / "picture.png")
    plan = plan_of(image_prompts=[picture], init_image=picture, init_noise=0.5, skip_steps=1, steps=3, init_scale=9)
    walk(plan, small_networks(plan))


@pytest.mark.parametrize("anew", [False, True])
def test_classes_stay_on_their_device(anew, device):
    plan = plan_of(randomize_class=anew)
    walk(plan, small_networks(plan, classes=10))


@pytest.mark.parametrize("model", [{}, {"use_secondary_model": True, "tile": "both"}])
def test_the_shipped_networks_are_loaded_onto_the_device_and_stay_there(model, device):
    plan = plan_of(steps=1, clip_models=["embedded_vit", "embedded_resnet"], **model)
    walk(plan, Session().networks(plan, device, Arrangement("float32")))


def host_prompts(plan: Plan) -> dict[str, Any]:
    perceptors = small_networks(plan).perceptors
    return {
        "perceptors": tuple(replace(each, encode_text=lambda texts: torch.ones(len(texts), 8)) for each in perceptors)
    }


FAULTS = {
    "prompts": host_prompts,
    "unet": lambda plan: {"unet": Noise()},
    "secondary": lambda plan: {"secondary": lambda x, t: torch.zeros(x.shape)},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_is_left_on_the_host_is_told(fault, device):
    plan = plan_of()
    with pytest.raises(RuntimeError, match="device"):
        walk(plan, small_networks(plan, **fault(plan)))


def test_an_init_on_the_host_is_told(device):
    plan = plan_of(perlin_init=True, skip_steps=1)
    start = start_of(plan, [3], device)
    with pytest.raises(RuntimeError, match="device"):
        walk(plan, small_networks(plan), replace(start, init=torch.zeros(start.noise.shape)))


def test_waiting_for_the_device_and_its_numbers_drawn_by_the_host_are_told(device):
    x = torch.ones(3, device=device)
    with pytest.raises(RuntimeError):
        x.sum().item()
    with pytest.raises(RuntimeError, match="generator of the host"):
        torch.randn(3, device=device, generator=torch.Generator().manual_seed(11))
    assert torch.ones(3).sum().item() == 3  # the host has its numbers

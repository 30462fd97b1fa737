"""Every network the engine knows, as data: shapes, names of files, hashes.

Reading the catalog imports neither torch nor open_clip, so that settings are checked before anything is loaded.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from disco.errors import SettingsError

EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
# The statistics of CLIP's training set, https://github.com/openai/CLIP/blob/main/clip/clip.py
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    `name`: what it is called in the models folder. `sha256`: of the file as published, in hexadecimal, None where
    nobody published it. `size`: in bytes. `addresses`: where it can be had, the likeliest first. `shipped`: it comes
    with the package.
    """

    name: str
    sha256: str | None = None
    size: int | None = None
    licence: str = ""
    addresses: tuple[str, ...] = ()
    shipped: bool = False


@dataclass(frozen=True)
class UNetSpec:
    """A diffusion UNet, with guided-diffusion's names for its shape.

    `multiple`: picture sides must be multiples of it. `predicts`: what the network's first three channels are; with
    `learn_sigma` three more follow. `noise_schedule`: the betas it was trained with, over 1000 steps.
    `attention_downsampling`: at which factors of downsampling attention runs (image_size / attention_resolutions).
    `patch`: pixels of a patch folded into channels before the network, see `disco.models.unet.UNet`.
    """

    name: str
    weights: WeightsFile
    image_size: int
    multiple: int
    predicts: Literal["eps", "v"]
    learn_sigma: bool
    noise_schedule: Literal["linear", "cosine"]
    num_channels: int
    channel_mult: tuple[float, ...]
    num_res_blocks: int
    attention_downsampling: tuple[int, ...]
    num_head_channels: int
    resblock_updown: bool
    use_scale_shift_norm: bool
    num_classes: int | None = None
    patch: int = 1


@dataclass(frozen=True)
class SecondarySpec:
    """A small v-model used for guidance only.

    `architecture`: "imagenet_2" is Crowson's SecondaryDiffusionImageNet2; "embedded" our own. `channels`: the widths
    of its levels, from the full size down. `multiple`: picture sides must be multiples of it.
    """

    name: str
    weights: WeightsFile
    architecture: Literal["imagenet_2", "embedded"]
    channels: tuple[int, ...]
    multiple: int


@dataclass(frozen=True)
class PerceptorSpec:
    """A CLIP: `open_clip_name` where open_clip knows the architecture, else the towers' shapes.

    `resolution`: the side of the square picture it sees, in pixels. `mean`, `std`: the statistics its pixels, in
    0..1, are normalised with. `context_length`: tokens of a text, start and end included. `guides`: whether it may
    guide; the judge must not.
    """

    name: str
    weights: WeightsFile
    resolution: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context_length: int
    embed_dim: int
    open_clip_name: str | None = None
    vision: VisionShape | None = None
    text: TextShape | None = None
    guides: bool = True


@dataclass(frozen=True)
class VisionShape:
    """An image tower of open_clip: a ViT, a ModifiedResNet (layers is a tuple), or one of timm's networks.

    `small_stem`: a ModifiedResNet that keeps its stem's resolution (no pooling there) and so reads a picture of
    half of the side it is built for.
    """

    layers: int | tuple[int, ...] = 0
    width: int = 0
    patch_size: int = 0
    head_width: int = 64
    timm_model_name: str | None = None
    small_stem: bool = False


@dataclass(frozen=True)
class TextShape:
    """A text transformer of open_clip."""

    width: int
    heads: int
    layers: int


Spec = TypeVar("Spec", UNetSpec, SecondarySpec, PerceptorSpec)


@cache
def embedded_hashes() -> dict[str, str]:
    """SHA-256 of every shipped file, as `python -m disco.training export` wrote them."""
    path = EMBEDDED_FOLDER / "sha256.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _shipped(file: str) -> WeightsFile:
    return WeightsFile(file, embedded_hashes().get(file), licence="MIT", shipped=True)


def _openai_unet(name: str, image_size: int) -> UNetSpec:
    mult = {512: (0.5, 1, 1, 2, 2, 4, 4), 256: (1, 1, 2, 2, 4, 4)}[image_size]
    return UNetSpec(
        name=name,
        weights=WeightsFile(f"{name}.pt"),
        image_size=image_size,
        multiple=64,
        predicts="eps",
        learn_sigma=True,
        noise_schedule="linear",
        num_channels=256,
        channel_mult=mult,
        num_res_blocks=2,
        attention_downsampling=tuple(image_size // side for side in (32, 16, 8)),
        num_head_channels=64,
        resblock_updown=True,
        use_scale_shift_norm=True,
    )


def _openai_clip(name: str, open_clip_name: str, resolution: int, embed_dim: int) -> PerceptorSpec:
    return PerceptorSpec(
        name=name,
        # OpenAI's own files are TorchScript, which is code; these are open_clip's conversions, tensors only.
        weights=WeightsFile(f"{name.replace('/', '-')}.safetensors"),
        resolution=resolution,
        mean=CLIP_MEAN,
        std=CLIP_STD,
        context_length=77,
        embed_dim=embed_dim,
        open_clip_name=open_clip_name,
    )


UNETS: tuple[UNetSpec, ...] = (
    UNetSpec(
        name="embedded",
        weights=_shipped("unet.safetensors"),
        image_size=64,
        multiple=8,
        predicts="v",
        learn_sigma=False,
        noise_schedule="linear",
        num_channels=32,
        channel_mult=(1, 2, 4),
        num_res_blocks=1,
        attention_downsampling=(4,),
        num_head_channels=32,
        resblock_updown=False,
        use_scale_shift_norm=True,
        patch=2,
    ),
    _openai_unet("512x512_diffusion_uncond_finetune_008100", 512),
    _openai_unet("256x256_diffusion_uncond", 256),
)

SECONDARIES: tuple[SecondarySpec, ...] = (
    SecondarySpec(
        name="embedded_secondary",
        weights=_shipped("secondary.safetensors"),
        architecture="embedded",
        channels=(32, 64, 96),
        multiple=8,
    ),
    SecondarySpec(
        name="secondary_model_imagenet_2",
        weights=WeightsFile("secondary_model_imagenet_2.pth"),
        architecture="imagenet_2",
        channels=(64, 128, 128, 256, 256, 512),
        multiple=32,
    ),
)

PERCEPTORS: tuple[PerceptorSpec, ...] = (
    PerceptorSpec(
        name="embedded_vit",
        weights=_shipped("vit.safetensors"),
        resolution=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        context_length=24,
        embed_dim=96,
        vision=VisionShape(layers=4, width=128, patch_size=4, head_width=32),
        text=TextShape(width=96, heads=3, layers=2),
    ),
    PerceptorSpec(
        name="embedded_resnet",
        weights=_shipped("resnet.safetensors"),
        resolution=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        context_length=24,
        embed_dim=96,
        vision=VisionShape(layers=(2, 2, 2, 1), width=16, small_stem=True),
        text=TextShape(width=96, heads=3, layers=2),
    ),
    PerceptorSpec(
        name="embedded_judge",
        weights=_shipped("judge.safetensors"),
        resolution=64,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        context_length=24,
        embed_dim=96,
        vision=VisionShape(timm_model_name="test_convnext2"),  # a ConvNeXt of 0.35 M parameters
        text=TextShape(width=96, heads=3, layers=2),
        guides=False,
    ),
    _openai_clip("ViT-B/32", "ViT-B-32-quickgelu", 224, 512),
    _openai_clip("ViT-B/16", "ViT-B-16-quickgelu", 224, 512),
    _openai_clip("ViT-L/14", "ViT-L-14-quickgelu", 224, 768),
    _openai_clip("RN50", "RN50-quickgelu", 224, 1024),
    _openai_clip("RN101", "RN101-quickgelu", 224, 512),
    _openai_clip("RN50x4", "RN50x4-quickgelu", 288, 640),
)


def _find(kind: str, specs: tuple[Spec, ...], name: str) -> Spec:
    for spec in specs:
        if spec.name == name:
            return spec
    names = [spec.name for spec in specs]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    raise SettingsError(f"no {kind} is called {name!r}; the nearest are {', '.join(near)}")


def unet(name: str) -> UNetSpec:
    """The UNet of that name; `disco.errors.SettingsError` with the nearest names when there is none."""
    return _find("diffusion model", UNETS, name)


def secondary(name: str) -> SecondarySpec:
    """The secondary model of that name; `disco.errors.SettingsError` with the nearest names when there is none."""
    return _find("secondary model", SECONDARIES, name)


def perceptor(name: str) -> PerceptorSpec:
    """The perceptor of that name; `disco.errors.SettingsError` with the nearest names when there is none."""
    return _find("perceptor", PERCEPTORS, name)

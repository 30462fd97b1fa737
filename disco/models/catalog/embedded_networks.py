"""The shapes of the embedded models, trained on the world of `disco.training.world` by `disco.training`.

What a training can make and does not ship is not in the catalog. Half precision, all together, may take 40 MB.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from disco.models.embedded_files import embedded_hashes, shipped
from disco.models.specs import CriticSpec, PerceptorSpec, SecondarySpec, TextShape, UNetSpec, VisionShape

_UNET = UNetSpec(
    name="embedded",
    weights=shipped("unet128.safetensors"),
    image_size=128,
    multiple=16,
    predicts="v",
    learn_sigma=True,
    noise_schedule="shifted",
    num_channels=64,
    channel_mult=(1, 1.5, 3),
    num_res_blocks=1,
    attention_downsampling=(4,),
    num_head_channels=32,
    resblock_updown=False,
    use_scale_shift_norm=True,
    patch=4,
    mend=96,
    refine=16,
    sizes=((128, 128), (192, 128), (128, 192)),
    about="the embedded world at 128 x 128",
)

UNETS = (
    _UNET,
    # The same grid of 32 x 32 over patches of 2 x 2: what a training of the other begins from.
    replace(
        _UNET,
        name="embedded64",
        weights=shipped("unet64.safetensors"),
        image_size=64,
        multiple=8,
        noise_schedule="linear",
        patch=2,
        mend=0,
        refine=24,
        sizes=((64, 64), (96, 64), (64, 96)),
        about="the embedded world at 64 x 64",
    ),
)

SECONDARIES = (
    SecondarySpec(
        name="embedded_secondary",
        weights=shipped("secondary128.safetensors"),
        architecture="embedded",
        channels=(32, 64, 96),
        multiple=16,
        patch=4,
        refine=16,
    ),
)


def _perceptor(name: str, file: str, resolution: int, vision: VisionShape, **more: Any) -> PerceptorSpec:
    return PerceptorSpec(
        name=name,
        weights=shipped(file),
        resolution=resolution,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        context_length=32,
        embed_dim=128,
        vision=vision,
        text=TextShape(width=96, heads=3, layers=3),
        **more,
    )


_VIT = VisionShape(layers=4, width=96, patch_size=4, head_width=32)
_RESNET = VisionShape((2, 2, 2, 1), width=16, small_stem=True)
_VIT8 = VisionShape(layers=3, width=128, patch_size=8, head_width=32)
_CONVNEXT, _EFFICIENTNET = (VisionShape(timm_model_name=name) for name in ("test_convnext2", "test_efficientnet"))

PERCEPTORS = (
    # A cut of 32 pixels is a quarter of a picture's side at full sharpness.
    _perceptor("embedded_vit", "vit4_128.safetensors", 32, _VIT),
    _perceptor("embedded_resnet", "resnet32_128.safetensors", 32, _RESNET),
    _perceptor("embedded_vit8", "vit8_128.safetensors", 48, _VIT8),
    # The judges share nothing with them or with one another: other architectures, pictures and views.
    _perceptor("embedded_judge", "convnext_128.safetensors", 128, _CONVNEXT, guides=False),
    _perceptor("embedded_judge2", "efficientnet_128.safetensors", 128, _EFFICIENTNET, guides=False),
)


CRITICS = (CriticSpec("embedded_critic", shipped("critic64.safetensors"), resolution=64, channels=(32, 64)),)


def unet(name: str) -> UNetSpec:
    return next(spec for spec in UNETS if spec.name == name)


def perceptor(name: str) -> PerceptorSpec:
    return next(spec for spec in PERCEPTORS if spec.name == name)


def secondary(name: str) -> SecondarySpec:
    return next(spec for spec in SECONDARIES if spec.name == name)


Spec = TypeVar("Spec", UNetSpec, SecondarySpec, PerceptorSpec, CriticSpec)


def shipping(specs: tuple[Spec, ...]) -> tuple[Spec, ...]:
    """Those whose weights come with the package."""
    return tuple(spec for spec in specs if spec.weights.name in embedded_hashes())

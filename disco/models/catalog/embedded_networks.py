"""The shapes of the embedded models, trained on the world of `disco.training.world` by `disco.training`.

What a training can make and does not ship is not in the catalog. Half precision, all together, may take 32 MB.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from disco.models.embedded_files import embedded_hashes, shipped
from disco.models.specs import PerceptorSpec, SecondarySpec, TextShape, UNetSpec, VisionShape

_UNET_64 = UNetSpec(
    name="embedded",
    weights=shipped("unet64.safetensors"),
    image_size=64,
    multiple=8,
    predicts="v",
    learn_sigma=True,
    noise_schedule="linear",
    num_channels=64,
    channel_mult=(1, 1.5, 3),
    num_res_blocks=1,
    attention_downsampling=(4,),
    num_head_channels=32,
    resblock_updown=False,
    use_scale_shift_norm=True,
    patch=2,
    refine=24,
    sizes=((64, 64), (96, 64), (64, 96)),
    about="the embedded world at 64 x 64",
)

UNETS = (
    _UNET_64,
    # The same grid of 32 x 32 over patches of 4 x 4, so a step costs little more than at 64.
    replace(
        _UNET_64,
        name="embedded_128",
        weights=shipped("unet128.safetensors"),
        image_size=128,
        multiple=16,
        patch=4,
        refine=32,
        sizes=((128, 128), (192, 128), (128, 192)),
        about="the embedded world at 128 x 128",
    ),
)

SECONDARIES = (
    SecondarySpec(
        name="embedded_secondary",
        weights=shipped("secondary64.safetensors"),
        architecture="embedded",
        channels=(32, 64, 96),
        multiple=8,
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


PERCEPTORS = (
    _perceptor("embedded_vit", "vit4.safetensors", 32, VisionShape(layers=4, width=96, patch_size=4, head_width=32)),
    _perceptor("embedded_resnet", "resnet32.safetensors", 32, VisionShape((2, 2, 2, 1), width=16, small_stem=True)),
    _perceptor("embedded_vit8", "vit8.safetensors", 40, VisionShape(layers=3, width=128, patch_size=8, head_width=32)),
    # The judges share nothing with them or with one another: other architectures, pictures and views.
    _perceptor(
        "embedded_judge", "convnext.safetensors", 64, VisionShape(timm_model_name="test_convnext2"), guides=False
    ),
    _perceptor(
        "embedded_judge2",
        "efficientnet.safetensors",
        64,
        VisionShape(timm_model_name="test_efficientnet"),
        guides=False,
    ),
)


def unet(name: str) -> UNetSpec:
    return next(spec for spec in UNETS if spec.name == name)


def perceptor(name: str) -> PerceptorSpec:
    return next(spec for spec in PERCEPTORS if spec.name == name)


def shipping(specs: tuple[UNetSpec, ...]) -> tuple[UNetSpec, ...]:
    """Those whose weights come with the package."""
    return tuple(spec for spec in specs if spec.weights.name in embedded_hashes())

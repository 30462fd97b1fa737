"""The programs' names of models."""

from __future__ import annotations

import pytest

from disco.models import catalog
from disco.settings.importing.networks import ALL_SWITCHES, UNETS, perceptor, unet
from disco.settings.importing.values import Refused


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ViT-B-32::openai", "ViT-B/32"),
        ("ViT-L-14-336::openai", "ViT-L/14@336px"),
        ("ViT-B/16", "ViT-B/16"),
        ("RN50x4", "RN50x4"),
        ("[clip - mlfoundations - ViT-B-16-plus-240--laion400m_e32]", "ViT-B-16-plus-240:laion400m_e32"),
        ("RN50-quickgelu::yfcc15m", "RN50:yfcc15m"),
        ("ViTL14_336", "ViT-L/14@336px"),
    ],
)
def test_clip_models(given, expected):
    assert perceptor(given) == expected


@pytest.mark.parametrize("given", ["VIT", "", "SLIPB16", "ViT-B-32::", "a b:c", "x" * 200 + ":y"])
def test_what_is_no_clip_model(given):
    with pytest.raises(Refused):
        perceptor(given)


def test_diffusion_models():
    known = [spec.name for spec in catalog.UNETS]
    assert unet("PADexpanded", known) == "pixelartdiffusion_expanded"
    assert unet("512x512_diffusion_uncond_finetune_008100.pt", known) == "512x512_diffusion_uncond_finetune_008100"
    assert unet("custom", known) is unet("", known) is unet("portrait_generator_v002", known) is None
    assert set(UNETS.values()) <= set(known)


def test_openai_models_of_switches_are_in_the_catalog():
    names = {spec.name for spec in catalog.PERCEPTORS}
    assert {name for name in ALL_SWITCHES.values() if ":" not in name} <= names

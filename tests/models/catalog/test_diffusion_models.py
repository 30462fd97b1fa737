"""Every catalogued network builds, with the keys, shapes and heads of its reference; its facts are facts."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from guided_diffusion.script_util import create_model
from torchvision.models import vgg16

from disco.models import catalog
from disco.models.networks.secondary import build_secondary
from disco.models.networks.unet import UNet

#: The flags as their publishers write them, read here into `create_model` by nobody's code but this file's.
OPENAI = "--attention_resolutions 32,16,8 --learn_sigma True --resblock_updown True --use_scale_shift_norm True "
WIDE = OPENAI + "--num_channels 256 --num_res_blocks 2 "
NARROW = OPENAI + "--num_channels 128 --num_heads 4 --num_res_blocks 2 --class_cond False "
KALIYUGA = (
    "--attention_resolutions 16 --class_cond False --image_size 256 --learn_sigma True --num_channels 128 "
    "--num_heads 1 --num_res_blocks 2 --use_scale_shift_norm False"
)
FLAGS = {
    "64x64_diffusion": OPENAI + "--class_cond True --image_size 64 --num_channels 192 --num_head_channels 64 "
    "--num_res_blocks 3 --use_new_attention_order True",
    "128x128_diffusion": WIDE + "--class_cond True --image_size 128 --num_heads 4",
    "256x256_diffusion": WIDE + "--class_cond True --image_size 256 --num_head_channels 64",
    "512x512_diffusion": WIDE + "--class_cond True --image_size 512 --num_head_channels 64",
    "256x256_diffusion_uncond": WIDE + "--class_cond False --image_size 256 --num_head_channels 64",
    "512x512_diffusion_uncond_finetune_008100": WIDE + "--class_cond False --image_size 512 --num_head_channels 64",
    "FeiArt_Handpainted_CG_Diffusion": WIDE + "--class_cond False --image_size 512 --num_head_channels 64",
    "IsometricDiffusionRevrart512px": WIDE + "--class_cond False --image_size 512 --num_head_channels 64",
    "portrait_generator_v001": NARROW + "--image_size 512",
    "portrait_generator_v1.5": NARROW + "--image_size 512",
    "Ukiyo-e_Diffusion_All_V1.by_thegenerativegeneration": NARROW + "--image_size 256",
    "pixelartdiffusion_expanded": KALIYUGA,
    "pixel_art_diffusion_hard_256": KALIYUGA,
    "pixel_art_diffusion_soft_256": KALIYUGA,
    "pixelartdiffusion4k": KALIYUGA,
    "watercolordiffusion": KALIYUGA,
    "watercolordiffusion_2": KALIYUGA,
    "PulpSciFiDiffusion": KALIYUGA,
}


def reference(flags: str) -> torch.nn.Module:
    given: dict[str, Any] = dict(pair.split() for pair in re.findall(r"--(\w+ \S+)", flags))
    read = {"True": True, "False": False}
    values = {key: read.get(v, v if key == "attention_resolutions" else None) for key, v in given.items()}
    return create_model(**{key: int(given[key]) if value is None else value for key, value in values.items()})


def structure(model: torch.nn.Module) -> list[tuple]:
    """Every layer's place, kind and heads, beside what the state shows."""
    return [(name, type(part).__name__, getattr(part, "num_heads", 0)) for name, part in model.named_modules()]


def shapes(model: torch.nn.Module) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in model.state_dict().items()}


def test_all_published_models_have_their_flags_here():
    assert {spec.name for spec in catalog.UNETS if not spec.weights.shipped} == set(FLAGS)


@pytest.mark.parametrize("name", FLAGS)
def test_a_diffusion_model_is_guided_diffusions(name):
    spec = catalog.unet(name)
    with torch.device("meta"):
        own, oracle = UNet(spec).net, reference(FLAGS[name])
    assert shapes(own) == shapes(oracle)
    assert structure(own) == structure(oracle)
    assert spec.noise_schedule == ("cosine" if name == "64x64_diffusion" else "linear")
    assert spec.multiple % 2 ** (len(spec.channel_mult) - 1) == 0
    assert all(side % spec.multiple == 0 for size in spec.sizes for side in size)


def numbers(model: torch.nn.Module) -> int:
    return sum(value.numel() for value in model.state_dict().values())


@pytest.mark.parametrize("name", [*FLAGS, "secondary_model_imagenet_2", "vgg16"])
def test_a_file_has_the_size_of_its_numbers(name):
    """Of the published size 4 bytes a number are weights; the rest, the names and shapes, is little."""
    spec = catalog.network(name)
    if spec.weights.size is None:
        pytest.skip("nobody publishes the exact size")
    with torch.device("meta"):
        if isinstance(spec, catalog.UNetSpec):
            count = numbers(UNet(spec).net)
            count += 1000 * 4 * spec.num_channels * ("label_emb.weight" in spec.unused)
        else:
            count = numbers(build_secondary(spec) if isinstance(spec, catalog.SecondarySpec) else vgg16())
    assert 0 <= spec.weights.size - 4 * count < 2e5


@pytest.mark.parametrize(
    "spec", [*catalog.UNETS, *catalog.SECONDARIES, *catalog.BACKBONES, *catalog.PERCEPTORS], ids=lambda spec: spec.name
)
def test_facts_have_their_form(spec):
    for file in spec.weights.forms:
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.shipped or file.addresses
        for address in file.addresses:
            assert re.fullmatch(r"https://[^\s/]+/\S+|hf://[\w-]+/[\w.-]+/\S+", address)
    assert spec.weights.sha256, "the file that is looked for first can be verified"


def test_every_file_has_its_own_hash_and_its_own_name():
    specs = [*catalog.UNETS, *catalog.SECONDARIES, *catalog.BACKBONES, *catalog.PERCEPTORS]
    files = [form for spec in specs for form in spec.weights.forms]
    for facts in ([file.name for file in files], [file.sha256 for file in files if file.sha256]):
        assert len(facts) == len(set(facts))

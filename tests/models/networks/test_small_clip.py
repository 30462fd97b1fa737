"""The embedded perceptors' networks are those that open_clip builds of the same shapes, to the bit."""

from __future__ import annotations

import sys

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch import Tensor, nn

from disco.models import catalog
from disco.models.files.store import weights_path
from disco.models.files.weights import fill, load_state
from disco.models.networks import clip
from disco.models.specs import PerceptorSpec
from support import processes

EMBEDDED = [spec for spec in catalog.PERCEPTORS if spec.weights.shipped]


def of_open_clip(spec: PerceptorSpec) -> nn.Module:
    """The same perceptor out of open_clip's own classes, untrained."""
    vision, text, words = spec.vision, spec.text, clip.tokenizer(spec)
    read = CLIPTextCfg(spec.context_length, words.size, width=text.width, heads=text.heads, layers=text.layers)
    if vision.timm_model_name is not None:
        seen = CLIPVisionCfg(timm_model_name=vision.timm_model_name, image_size=spec.resolution)
    else:
        side = spec.resolution * (2 if vision.small_stem else 1)  # its stem halves the picture once more
        shape = dict(layers=vision.layers, width=vision.width, head_width=vision.head_width)
        seen = CLIPVisionCfg(**shape, patch_size=vision.patch_size or 16, image_size=side)
    model = CLIP(spec.embed_dim, seen, read)
    if vision.small_stem:
        model.visual.avgpool = nn.Identity()
    return model


def both(spec: PerceptorSpec) -> tuple[nn.Module, nn.Module]:
    """Ours and open_clip's, with the weights that ship."""
    state = load_state(weights_path(spec))
    models = clip.build_clip(spec), of_open_clip(spec)
    for model in models:
        fill(model, state, spec.name)  # every key and shape
    return models


def seen(model: nn.Module, spec: PerceptorSpec, half: bool) -> tuple[Tensor, Tensor]:
    """The embeddings of three pictures, and the gradient of a mix of them."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 3, spec.resolution, spec.resolution, generator=generator).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        out = model.encode_image(x)
    mix = torch.linspace(-1, 1, out.numel()).view_as(out)
    return out, torch.autograd.grad((out.float() * mix).sum(), x)[0]


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_perceptors_see_what_open_clips_see(spec, dtype):
    ours, theirs = (clip.freeze_clip(model, dtype) for model in both(spec))
    assert {key: value.dtype for key, value in ours.state_dict().items()} == {
        key: value.dtype for key, value in theirs.state_dict().items()
    }
    half = dtype == torch.bfloat16
    for mine, other in zip(seen(ours, spec, half), seen(theirs, spec, half), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
def test_perceptors_read_what_open_clips_read(spec):
    tokens = clip.tokenizer(spec).encode(["a red star over the sea", "", "a lighthouse " * 40])
    ours, theirs = (model.eval().encode_text(tokens) for model in both(spec))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
def test_perceptors_learn_as_open_clips_do(spec):
    """The gradient of every weight, with the statistics of the batch where there are normalisations over it."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(4, 3, spec.resolution, spec.resolution, generator=generator)
    tokens = clip.tokenizer(spec).encode(["a red star", "a castle", "a fox in snow", "the sea"])
    found = []
    for model in both(spec):
        loss = (model.train().encode_image(x) * model.encode_text(tokens)).sum()
        names, parameters = zip(*((k, p) for k, p in model.named_parameters() if k != "logit_scale"), strict=True)
        found.append(dict(zip(names, torch.autograd.grad(loss, parameters), strict=True)))
    ours, theirs = found
    assert ours.keys() == theirs.keys()
    for key, gradient in theirs.items():
        torch.testing.assert_close(ours[key], gradient, rtol=1e-4, atol=1e-5 * max(1, gradient.abs().max().item()))


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
def test_first_weights_spread_as_open_clips_do(spec):
    """Of every tensor that is drawn: as wide, to within what so many numbers tell."""
    torch.manual_seed(0)
    ours, theirs = clip.build_clip(spec).state_dict(), of_open_clip(spec).state_dict()
    for key, value in theirs.items():
        if not value.is_floating_point() or value.numel() < 64:
            continue
        spread = value.std().item()
        assert ours[key].std().item() == pytest.approx(spread, abs=6 * spread / value.numel() ** 0.5), key
        assert ours[key].mean().item() == pytest.approx(value.mean().item(), abs=8 * spread / value.numel() ** 0.5), key


def test_guides_and_the_judge_do_without_open_clip():
    """It takes longer to import than they take to draw a small picture."""
    names = [spec.name for spec in EMBEDDED if spec.vision.timm_model_name != "test_efficientnet"]
    check = (
        "import sys, torch; from disco.models import catalog; from disco.models.networks.clip import load_perceptor\n"
        f"for name in {names}: load_perceptor(catalog.perceptor(name), 'cpu', torch.bfloat16).set_checkpointing(True)\n"
        "print(sorted({'open_clip', 'timm', 'torchvision', 'torch._dynamo', 'sympy'} & set(sys.modules)))"
    )
    said = processes.run([sys.executable, "-c", check], check=True).stdout
    assert said == "[]\n"

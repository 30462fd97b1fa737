"""Perceptors answer to every name they go by, and are what open_clip would build for their weights."""

from __future__ import annotations

import functools
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import open_clip
import pytest
import torch
from open_clip.pretrained import get_pretrained_cfg
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog.perceptors import QUICK_GELU, RELEASED, open_clip_names
from disco.models.networks import clip
from disco.settings.legacy import SHORT_NAMES

#: The tags of every architecture.
PAIRS: dict[str, list[str]] = {}
for _architecture, _tag in open_clip.list_pretrained():
    PAIRS.setdefault(_architecture, []).append(_tag)


@pytest.mark.parametrize(
    ("names", "canonical"),
    [
        (["ViTB32", "ViT-B-32:openai", "ViT-B-32-quickgelu:openai", "ViT-B/32:openai", "ViT-B-32::openai"], "ViT-B/32"),
        (["ViTL14_336px", "ViT-L-14-336:openai"], "ViT-L/14@336px"),
        (["RN50x4", "RN50x4:openai"], "RN50x4"),
        (["ViTB32_laion2b_e16", "ViT-B-32::laion2b_e16"], "ViT-B-32:laion2b_e16"),
        (["ViTB32_laion400m_32", "ViTB32quickgelu_laion400m_e32"], "ViT-B-32:laion400m_e32"),
        (["RN50_yffcc15m", "RN50_quickgelu_yfcc15m", "RN50-quickgelu:yfcc15m"], "RN50:yfcc15m"),
    ],
)
def test_one_network_has_one_name(names, canonical):
    specs = {catalog.perceptor(name) for name in names}
    assert {spec.name for spec in specs} == {canonical}
    assert len(specs) == 1


def test_every_short_name_is_one():
    for short in SHORT_NAMES:
        spec = catalog.perceptor(short)
        assert catalog.network(short) == spec == catalog.perceptor(spec.name)


def test_only_open_clips_own_names_ask_open_clip():
    check = (
        "import sys; from disco.models import catalog; catalog.perceptor('ViTB16'); catalog.perceptor('RN50x64'); "
        "print('open_clip' in sys.modules, 'torch' in sys.modules); sys.modules['open_clip'] = None\n"
        "try: catalog.perceptor('ViTB32_laion2b_e16')\n"
        "except ModuleNotFoundError as error: print(error.name)"  # which takes seconds to import
    )
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False", "open_clip"]


@pytest.mark.parametrize("name", ["ViT-B-32:", ":openai", "ViT-B-32:laion5b", "nothing:at:all", "ViT-B-32/openai"])
def test_what_open_clip_does_not_list_is_refused(name):
    with pytest.raises(SettingsError):
        catalog.perceptor(name)


def test_a_released_files_hash_begins_as_its_address_says():
    for name, (sha256, _, _) in RELEASED.items():
        address = catalog.perceptor(name).weights.addresses[0]
        assert sha256.startswith(address.rpartition("-")[2].partition(".")[0])
        assert catalog.perceptor(name).weights.sha256 == sha256


def test_openais_hashes_are_in_their_addresses():
    for spec in catalog.PERCEPTORS:
        if spec.open_clip_name:
            assert spec.weights.addresses[0] == get_pretrained_cfg(spec.open_clip_name, "openai")["url"]
            assert spec.weights.sha256 in spec.weights.addresses[0]
            hub = get_pretrained_cfg(spec.open_clip_name, "openai")["hf_hub"]
            assert spec.weights.instead[0].addresses == (f"hf://{hub}open_clip_model.safetensors",)


def test_no_tag_is_sent_to_the_repository_of_another():
    """open_clip's table sends ViT-B-16-plus-240's 32nd epoch to the repository of the 31st."""
    seen: dict[str, set[str]] = {}
    for name in open_clip_names():
        spec = catalog.perceptor(name)
        for form in spec.weights.forms:
            for address in form.addresses:
                seen.setdefault(address, set()).add(spec.name)
    shared = [names for names in seen.values() if len(names) > 1]
    # One file at two picture sizes whose grids of patches are the same.
    assert set(map(frozenset, shared)) == {
        frozenset({"ViT-SO400M-14-SigLIP-378:webli", "ViT-SO400M-14-SigLIP-384:webli"})
    }


class Unfilled(TorchFunctionMode):
    """What writes into a tensor does nothing: networks without contents need no first weights either."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__
        if name.endswith("_") and not name.endswith("__") and func is not Tensor.requires_grad_:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def described(model: nn.Module) -> tuple[str, dict[str, torch.Size]]:
    """Every layer with what it is made of, and the shapes of the state."""
    return str(model), {key: value.shape for key, value in model.state_dict().items()}


def built_once(kind: type[nn.Module]) -> Callable[..., nn.Module]:
    """A class of networks, of which each shape is built once."""
    built: dict[str, nn.Module] = {}

    @functools.wraps(kind, updated=())
    def build(**shape: Any) -> nn.Module:
        if repr(shape) not in built:
            built[repr(shape)] = kind(**shape)
        return built[repr(shape)]

    return build


@pytest.mark.slow
@pytest.mark.parametrize("architecture", PAIRS)
def test_a_perceptor_is_what_its_weights_were_trained_as(architecture, monkeypatch):
    """Against open_clip, under that of its two names of an architecture which has the activation of the tag."""
    monkeypatch.setattr("open_clip.factory.download_pretrained", lambda cfg, cache_dir=None: "not loaded")
    for kind in ("CLIP", "CustomTextCLIP", "CoCa"):
        monkeypatch.setattr(f"open_clip.factory.{kind}", built_once(getattr(open_clip.factory, kind)))
    ours: dict[catalog.PerceptorSpec, tuple] = {}
    for tag in PAIRS[architecture]:
        spec = catalog.perceptor(f"{architecture}:{tag}")
        if spec.hub_text is not None:
            with monkeypatch.context() as without, pytest.raises(SettingsError, match="pip install transformers"):
                without.setattr("importlib.util.find_spec", lambda name: None)
                clip.build_clip(spec)
            continue
        published = get_pretrained_cfg(architecture, tag)
        plain = published.get("quick_gelu") and not architecture.endswith(QUICK_GELU)
        with torch.device("meta"), Unfilled(), warnings.catch_warnings():
            warnings.filterwarnings("error", "QuickGELU mismatch")
            theirs = open_clip.create_model(
                architecture + QUICK_GELU * bool(plain), tag, load_weights=False, pretrained_text=False, device="meta"
            )
            # What is built depends on these alone.
            shape = replace(spec, name="", weights=catalog.WeightsFile(""), mean=(0, 0, 0), std=(1, 1, 1))
            if shape not in ours:
                ours[shape] = described(clip.build_clip(shape))
        assert ours[shape] == described(theirs)
        seen = theirs.visual.preprocess_cfg
        assert (spec.mean, spec.std) == (tuple(seen["mean"]), tuple(seen["std"]))
        assert seen["size"] in (spec.resolution, (spec.resolution, spec.resolution))
        assert spec.context_length == theirs.context_length

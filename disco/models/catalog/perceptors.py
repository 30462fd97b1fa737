"""The perceptors of the catalog: the embedded ones, OpenAI's, and every one that open_clip lists."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models.catalog import embedded_networks
from disco.models.specs import PerceptorSpec, WeightsFile

# The statistics of CLIP's training set, https://github.com/openai/CLIP/blob/main/clip/clip.py
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

JINA = "hf://jinaai/clip-models/"

#: SHA-256, size and another address of files that open_clip published with the first digits of their hash in the name.
RELEASED: dict[str, tuple[str, int | None, str]] = {
    "RN50:yfcc15m": ("455df13750cec2d6bb5e578fa84fb59a63d40e9fdbae58e7e7155672e46dc578", 408319528, "RN50-yfcc15m.pt"),
    "RN50:cc12m": ("f000538c6c3c33c07e4fad5619f1b3d4cd591864dd3143778896112d1bf4fa7d", 408319286, "RN50-cc12m.pt"),
    "RN101:yfcc15m": (
        "3e04b30eb7070e69b78db2c33f12a48cfa1f697691ed198d61fb2abbb48db5a3",
        479301100,
        "RN101-yfcc15m.pt",
    ),
    "ViT-B-32:laion400m_e31": (
        "d867053b2301634007ed9af230bfb1a217ec634f6c0329f04092133ae5c4b89e",
        None,
        "ViT-B-32-laion400m_e31.pt",
    ),
    "ViT-B-32:laion400m_e32": (
        "46683a32721d5c68911153698992361285d20ca690bb4f317c11e45c03d798fa",
        None,
        "ViT-B-32-laion400m_e32.pt",
    ),
    "ViT-B-32:laion2b_e16": (
        "af8dbd0c4bf1654db018a2a70fd839c3a6e79d2fdac33303f06d0d8aae16a65c",
        None,
        "ViT-B-32-laion2b_e16.pt",
    ),
    "ViT-B-16:laion400m_e31": (
        "00efa78fe761eb607926704cfee46a4305ce2bf63af6ab50f1eeba2ef71da988",
        598533543,
        "ViT-B-16-laion400m_e31.pt",
    ),
    "ViT-B-16:laion400m_e32": (
        "55e67d44b44d9e39aaf299a5c616aaf10a655879d6bd5854027b4a254aa2e7d5",
        598533543,
        "ViT-B-16-laion400m_e32.pt",
    ),
    "ViT-B-16-plus-240:laion400m_e31": (
        "8fb26589b9a8bab2e7a683d280e48df89b8e742f3a82132707282620b36facba",
        833559975,
        "ViT-B-16-plus-240-laion400m_e31.pt",
    ),
    "ViT-B-16-plus-240:laion400m_e32": (
        "699c4b843885d82733517f36f0911d7e1b360bcc1314dda81d8c56c76fe9524d",
        833559975,
        "ViT-B-16-plus-240-laion400m_e32.pt",
    ),
}


def _openai(
    name: str, architecture: str, resolution: int, embed_dim: int, sha256: str, size: int, hub: str
) -> PerceptorSpec:
    """One of OpenAI's: published by them as TorchScript in half precision, by timm as plain tensors."""
    file = name.replace("/", "-").replace("@", "-")
    return PerceptorSpec(
        name=name,
        weights=WeightsFile(
            f"{file}.pt",
            sha256,
            size,
            "MIT",
            (
                f"https://openaipublic.azureedge.net/clip/models/{sha256}/{file}.pt",
                f"{JINA}{file}.pt",
                f"hf://pxlpshr/pytti-models/clip/{sha256}/{file}.pt",
            ),
            instead=(
                WeightsFile(
                    f"{file}.safetensors", licence="MIT", addresses=(f"hf://timm/{hub}/open_clip_model.safetensors",)
                ),
            ),
        ),
        resolution=resolution,
        mean=CLIP_MEAN,
        std=CLIP_STD,
        context_length=77,
        embed_dim=embed_dim,
        open_clip_name=architecture,
        quick_gelu=True,
    )


PERCEPTORS: tuple[PerceptorSpec, ...] = (
    *embedded_networks.shipping(embedded_networks.PERCEPTORS),
    _openai(
        "ViT-B/32",
        "ViT-B-32",
        224,
        512,
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
        353976522,
        "vit_base_patch32_clip_224.openai",
    ),
    _openai(
        "ViT-B/16",
        "ViT-B-16",
        224,
        512,
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
        350837078,
        "vit_base_patch16_clip_224.openai",
    ),
    _openai(
        "ViT-L/14",
        "ViT-L-14",
        224,
        768,
        "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
        932768134,
        "vit_large_patch14_clip_224.openai",
    ),
    _openai(
        "ViT-L/14@336px",
        "ViT-L-14-336",
        336,
        768,
        "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
        934088680,
        "vit_large_patch14_clip_336.openai",
    ),
    _openai(
        "RN50",
        "RN50",
        224,
        1024,
        "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762",
        255827503,
        "resnet50_clip.openai",
    ),
    _openai(
        "RN101",
        "RN101",
        224,
        512,
        "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599",
        291791292,
        "resnet101_clip.openai",
    ),
    _openai(
        "RN50x4",
        "RN50x4",
        288,
        640,
        "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd",
        421854225,
        "resnet50x4_clip.openai",
    ),
    _openai(
        "RN50x16",
        "RN50x16",
        384,
        768,
        "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa",
        661125706,
        "resnet50x16_clip.openai",
    ),
    _openai(
        "RN50x64",
        "RN50x64",
        448,
        1024,
        "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c",
        1353500174,
        "resnet50x64_clip.openai",
    ),
)

#: Tags whose repository, in open_clip's table, is that of another tag.
MISDIRECTED = {("ViT-B-16-plus-240", "laion400m_e32")}

#: open_clip names the architecture with and without the activation; what a tag was trained with is known of the tag.
QUICK_GELU = "-quickgelu"


def open_clip_names() -> list[str]:
    """Every perceptor that open_clip lists, as ARCHITECTURE:TAG, one name a network. Imports open_clip."""
    from open_clip import list_pretrained

    return [f"{architecture}:{tag}" for architecture, tag in list_pretrained() if not architecture.endswith(QUICK_GELU)]


def open_clip_perceptor(name: str) -> PerceptorSpec:
    """The perceptor that open_clip calls ARCHITECTURE:TAG, OpenAI's under their own names. Imports open_clip.

    The statistics are those of the tag, and so is the activation, whichever of open_clip's two names of the
    architecture was given: `open_clip.create_model` only warns when they do not agree.

    Raises `disco.errors.SettingsError` with the nearest names when open_clip lists no such thing.
    """
    from open_clip import get_model_config
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    architecture, _, tag = name.replace("::", ":").replace("/", "-").partition(":")
    architecture = architecture.removesuffix(QUICK_GELU)
    published: dict[str, Any] = get_pretrained_cfg(architecture, tag)
    if not published:
        names = open_clip_names()
        tags = list_pretrained_tags_by_model(architecture)
        if tags:
            raise SettingsError(f"open_clip has no weights {tag!r} for {architecture}; it has {', '.join(tags)}")
        near = difflib.get_close_matches(f"{architecture}:{tag}", names, n=3, cutoff=0.3) or names[:3]
        raise SettingsError(f"open_clip has no perceptor {name!r}; the nearest are {', '.join(near)}")
    for spec in PERCEPTORS:
        if tag == "openai" and spec.open_clip_name == architecture:
            return spec
    shape: dict[str, Any] = get_model_config(architecture)
    return PerceptorSpec(
        name=f"{architecture}:{tag}",
        weights=_hub_files(architecture, tag, published),
        resolution=shape["vision_cfg"].get("image_size", 224),
        mean=published["mean"],
        std=published["std"],
        context_length=shape["text_cfg"].get("context_length", 77),
        embed_dim=shape["embed_dim"],
        open_clip_name=architecture,
        quick_gelu=shape.get("quick_gelu", False) or published.get("quick_gelu", False),
        hub_tokenizer=shape["text_cfg"].get("hf_tokenizer_name"),
        hub_text=shape["text_cfg"].get("hf_model_name"),
    )


def _hub_files(architecture: str, tag: str, published: dict[str, Any]) -> WeightsFile:
    """The files of a tag: one whose hash is known, the hub's safetensors, the hub's pickle, the first publication."""
    stem = f"{architecture}-{tag}"
    repository, _, file = published["hf_hub"].rpartition("/")
    given = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    if file and not file.endswith(".safetensors"):
        given.insert(0, f"{file.rpartition('.')[0]}.safetensors")
    if (architecture, tag) in MISDIRECTED:
        given = []
    forms = [WeightsFile(stem + Path(each).suffix, addresses=(f"hf://{repository}/{each}",)) for each in given]
    if url := published["url"]:
        sha256, size, copy = RELEASED.get(f"{architecture}:{tag}", (None, None, ""))
        addresses = (url, f"{JINA}{copy}") if copy else (url,)
        released = WeightsFile(stem + Path(url).suffix, sha256, size, addresses=addresses)
        forms.insert(0 if sha256 else len(forms), released)
    return replace(forms[0], instead=tuple(forms[1:]))

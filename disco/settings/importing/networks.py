"""The programs' names of diffusion models and CLIP models -> names of the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable

from disco.settings.importing.values import Refused, short
from disco.settings.legacy import SWITCHES

#: Switches of forks, beside those of Disco Diffusion itself.
MORE_SWITCHES: dict[str, str] = {
    "ViTL14_336": "ViT-L/14@336px",
    "ViTL14_laion2b": "ViT-L-14:laion2b_s32b_b82k",
    "ViTH14_laion2b": "ViT-H-14:laion2b_s32b_b79k",
    "ViT_H_14_laion2b": "ViT-H-14:laion2b_s32b_b79k",
    "ViT_g_14_laion2b": "ViT-g-14:laion2b_s12b_b42k",
    "clip_rn50": "RN50",
    "clip_vit_b32": "ViT-B/32",
}
ALL_SWITCHES = SWITCHES | MORE_SWITCHES
#: CLIP models of other makers, by their switches, that nothing here can load.
OTHER_SWITCHES = ("SLIPB16", "SLIPL16")

UNETS = {
    "PADexpanded": "pixelartdiffusion_expanded",
    "portrait_generator_v001_ema_0.9999_1MM": "portrait_generator_v001",
    "512x512_diffusion_uncond_finetune": "512x512_diffusion_uncond_finetune_008100",
}


def unet(given: str, known: Iterable[str]) -> str | None:
    """The catalog's name of a diffusion model: its own, another of its names, or the only one that begins so."""
    name = given.strip().removesuffix(".pt").removesuffix(".safetensors").replace("\\", "/").rpartition("/")[2]
    name = UNETS.get(name, name)
    names = list(known)
    if name in names:
        return name
    near = [each for each in names if name and each.lower() == name.lower()]
    near = near or [each for each in names if len(name) > 3 and each.startswith(name)]
    return near[0] if len(near) == 1 else None


def perceptor(given: str) -> str:
    """A CLIP model's name as the catalog has it. Raises `Refused` for what is no such name."""
    name = given.strip().strip("[]").strip()
    name = name.rpartition(" - ")[2].strip().replace("--", ":").replace("::", ":")
    if name in ALL_SWITCHES:
        return ALL_SWITCHES[name]
    if name.endswith(":openai"):
        name = {"ViT-L-14-336:openai": "ViT-L/14@336px"}.get(name, name.removesuffix(":openai"))
        name = name.removesuffix("-quickgelu")
        return re.sub(r"^ViT-([A-Z])-(\d+)$", r"ViT-\1/\2", name)
    if name in ("RN50", "RN101", "RN50x4", "RN50x16", "RN50x64") or re.fullmatch(r"ViT-[BL]/\d\d(@336px)?", name):
        return name
    if re.fullmatch(r"ViT-[BL]-\d\d", name):
        return name.replace("-", "/", 2).replace("/", "-", 1)
    if re.fullmatch(r"[A-Za-z][\w.-]{1,60}:[\w.-]{1,60}", name, re.ASCII):
        architecture, _, tag = name.partition(":")
        return f"{architecture.removesuffix('-quickgelu')}:{tag}"
    raise Refused(f"it names the CLIP model {short(given)}, which is not known")

"""Rules for models and what computes them: diffusion models, CLIP models by switches and by lists, devices."""

from __future__ import annotations

import re
from typing import Any

from disco.settings.importing import networks
from disco.settings.importing.translation import (
    CHANGED,
    IDLE,
    LOST,
    MAPPED,
    Translation,
)
from disco.settings.importing.values import Refused, is_nothing, items, number, short, switch, text


def unet(translation: Translation, key: str, value: Any) -> None:
    """diffusion_model, by any of its names."""
    given = text(value)
    found = networks.unet(given, translation.unets)
    if found is not None:
        why = f"{short(given)} -> diffusion_model={found}" if found != given else ""
        translation.put(key, why, diffusion_model=found)
        return
    path = translation.given.get("custom_path")
    file = path if isinstance(path, str) and not is_nothing(path) else f"{given}.pt"
    flags = " ".join(_flags(translation))
    translation.say(
        key,
        LOST,
        f"{short(given)} is no model of the catalog, and the preset's draws instead; if you have its file: "
        f"disco models import {short(file)} NAME{' ' if flags else ''}{flags}, then diffusion_model=NAME",
    )


#: Flags of an own UNet that `disco models import` takes, of those that notebooks have.
CUSTOM_FLAGS = ("image_size", "num_heads", "noise_schedule", "num_channels", "num_res_blocks")


def _flags(translation: Translation) -> list[str]:
    found = []
    for flag in CUSTOM_FLAGS:
        value = translation.given.get(f"custom_model_{flag}")
        if isinstance(value, int | str) and re.fullmatch(r"\w{1,20}", str(value)):
            found.append(f"{flag}={value}")
    return found


def custom(translation: Translation, key: str, value: Any) -> None:
    """Flags and path of an own UNet, which count only where it is chosen."""
    if str(translation.given.get("diffusion_model", "")).strip() == "custom":
        translation.say(key, LOST, f"{short(value)}: of a model of your own; see diffusion_model")
    else:
        translation.say(key, IDLE, "of a model of one's own, which the file does not choose")


def clip_switch(translation: Translation, key: str, value: Any) -> None:
    """A CLIP model turned on or off; progrockdiffusion's numbers scale its count of cuts."""
    if isinstance(value, str) and value.strip().startswith("<"):
        raise Refused(f"it is {short(value)}, which is drawn at random there; write true or false")
    share = number(0 if value is None else value) if not isinstance(value, str) else _share(value)
    name = networks.ALL_SWITCHES[key]
    if share > 0:
        translation.clips[key] = name
        scaled = "" if share == 1 else f"{short(value)} -> on: it scales the model's count of cuts there, not its pull"
        translation.say(key, CHANGED if scaled else MAPPED, scaled)
    else:
        translation.say(key, MAPPED, "off")


def _share(value: str) -> float:
    try:
        return float(switch(value))
    except Refused:
        return number(value)


def clip_list(translation: Translation, key: str, value: Any) -> None:
    """A list of CLIP models, by any of their names."""
    named = items(value)
    if not named:
        translation.say(key, IDLE, "no value")
        return
    if len(named) > 100:
        raise Refused(f"it names {len(named)} models")
    found = list(dict.fromkeys(networks.perceptor(text(item)) for item in named))
    translation.put(key, clip_models=found)


def merged_clips(translation: Translation) -> None:
    """The CLIP models that switches turned on, as one list; two names of one network are one.

    Those that a program turns on by itself count where the file does not choose by other names.
    """
    if "clip_vit_b32" in translation.own or "clip_rn50" in translation.own:
        translation.clips = {key: name for key, name in translation.clips.items() if key in translation.own}
    if translation.clips and "clip_models" not in translation.settings:
        on = {key: name for key, name in networks.ALL_SWITCHES.items() if key in translation.clips}
        translation.settings["clip_models"] = list(dict.fromkeys(on.values()))
        if len(translation.clips) > len(translation.settings["clip_models"]):
            translation.notes.append("of the CLIP models some are one network under two names, and are taken once")
    elif not translation.clips and any(key in networks.ALL_SWITCHES for key in translation.own):
        translation.notes.append("no CLIP model is on in the file; those of the preset it builds upon guide")


def sampler(translation: Translation, key: str, value: Any) -> None:
    """diffusion_sampling_mode; sampling_mode is that only where it names a sampler."""
    named = text(value).lower()
    if named in ("ddim", "plms", "ddpm"):
        translation.put(key, diffusion_sampling_mode=named)
    elif key == "sampling_mode" and translation.mode == "3d":
        translation.take(key, named, key)
    elif key == "sampling_mode":
        translation.say(key, IDLE, "how frames of animations in 3D are moved")
    else:
        raise Refused(f"it is {short(value)}, but must be ddim or plms")


def checkpointing(translation: Translation, key: str, value: Any) -> None:
    translation.put(key, checkpointing="auto" if switch(value) else "off")


def processor(translation: Translation, key: str, value: Any) -> None:
    if switch(value):
        translation.put(key, device="cpu")
    else:
        translation.say(key, MAPPED, "the card, if there is one")


def device(translation: Translation, key: str, value: Any) -> None:
    """cuda:0 is what every such file has, and no choice."""
    named = text(value).lower()
    if named in ("cuda", "cuda:0", "gpu", "auto"):
        translation.say(key, CHANGED, f"{short(named)} -> device=auto: the card, if there is one")
    elif re.fullmatch(r"cpu|mps|cuda:\d{1,3}", named):
        translation.put(key, device=named)
    else:
        raise Refused(f"it is {short(value)}, but must be cuda:0 or cpu")


#: The CLIP models that Disco Diffusion has on by itself.
ASSUMED_CLIPS = {"ViTB32": True, "ViTB16": True, "RN50": True}

"""Other names for what settings say here: Disco Diffusion's own, as its notebook and its settings files have them, and
those of older versions of disco.

Most of its names are ours. The others come out as our settings: `translated` takes values as Python has them, whether
they were typed, passed, or read from a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from disco.errors import SettingsError

#: Disco Diffusion 5.7's switches, its misspelt ones beside their right spelling. Its names with and without
#: "quickgelu" are one perceptor: the notebook runs the latter with an activation they were not trained with.
SHORT_NAMES: dict[str, str] = {
    "ViTB32": "ViT-B/32",
    "ViTB16": "ViT-B/16",
    "ViTL14": "ViT-L/14",
    "ViTL14_336px": "ViT-L/14@336px",
    "ViTB32_laion2b_e16": "ViT-B-32:laion2b_e16",
    "ViTB32_laion400m_e31": "ViT-B-32:laion400m_e31",
    "ViTB32_laion400m_e32": "ViT-B-32:laion400m_e32",
    "ViTB32_laion400m_32": "ViT-B-32:laion400m_e32",
    "ViTB32quickgelu_laion400m_e31": "ViT-B-32:laion400m_e31",
    "ViTB32quickgelu_laion400m_e32": "ViT-B-32:laion400m_e32",
    "ViTB16_laion400m_e31": "ViT-B-16:laion400m_e31",
    "ViTB16_laion400m_e32": "ViT-B-16:laion400m_e32",
    "RN50_yfcc15m": "RN50:yfcc15m",
    "RN50_yffcc15m": "RN50:yfcc15m",
    "RN50_cc12m": "RN50:cc12m",
    "RN50_quickgelu_yfcc15m": "RN50:yfcc15m",
    "RN50_quickgelu_cc12m": "RN50:cc12m",
    "RN101_yfcc15m": "RN101:yfcc15m",
    "RN101_quickgelu_yfcc15m": "RN101:yfcc15m",
}

#: Disco's switches, and the perceptor that each turns on or off.
SWITCHES: dict[str, str] = SHORT_NAMES | {name: name for name in ("RN50", "RN101", "RN50x4", "RN50x16", "RN50x64")}

SIZE = re.compile(r"[\[(]?\s*(\d{1,6})\s*[,x]\s*(\d{1,6})\s*[\])]?", re.ASCII)


def translated(given: Mapping[str, Any], clip_models: Callable[[], Sequence[str]]) -> dict[str, Any]:
    """Our settings by name, for values of Disco's: its switches together come out as clip_models.

    given: names of `OTHER_NAMES` and `SWITCHES`. clip_models: the perceptors that the switches start from; those that
    no switch knows are left out.

    Raises `SettingsError` for a value that the name does not take.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in SWITCHES:
            found |= OTHER_NAMES[name](name, value)
    switched = {name: _switch(name, value) for name, value in given.items() if name in SWITCHES}
    if switched:
        before = [SWITCHES.get(name, name) for name in clip_models()]
        on = {SWITCHES[name] for name, value in switched.items() if value}
        off = {SWITCHES[name] for name in switched} - on
        known = on | (set(before) & set(SWITCHES.values()) - off)
        in_order = dict.fromkeys([*before, *(SWITCHES[name] for name in switched)])
        left = [name for name in in_order if name in known]
        if left:
            found["clip_models"] = left
        elif off.intersection(before):
            raise SettingsError(f"{', '.join(switched)}: no CLIP model is left on; leave one, such as ViTB32=true")
    return found


def _prompts(name: str, value: Any) -> dict[str, Any]:
    """text_prompts: texts by the frame of an animation from which they hold, a list of texts, or one text."""
    if isinstance(value, Mapping):
        if len(value) != 1:
            frames = f" for the frames {', '.join(map(str, value))}" if value else ""
            raise SettingsError(f"{name} holds {len(value)} sets of prompts{frames}, but a picture takes one; keep one")
        (value,) = value.values()
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, list | tuple) and value and all(isinstance(text, str) for text in value):
        return {"prompts": list(value)}
    raise SettingsError(f"""{name} is {value!r}, but must hold texts, such as '{{0: ["a red star", "night:-0.3"]}}'""")


def _size(name: str, value: Any) -> dict[str, Any]:
    """width_height: two numbers."""
    sides = SIZE.fullmatch(str(list(value) if isinstance(value, tuple) else value).strip())
    if sides is None:
        raise SettingsError(f"{name} is {value!r}, but must be width and height, such as [1280,768]")
    return {"width": int(sides[1]), "height": int(sides[2])}


def _seed(name: str, value: Any) -> dict[str, Any]:
    """set_seed: a number, often as a text, or random_seed."""
    if isinstance(value, str):
        value = "random" if value == "random_seed" else int(value) if value.isdecimal() and len(value) < 20 else value
    return {"seed": value}


def _checkpointing(name: str, value: Any) -> dict[str, Any]:
    return {"checkpointing": "on" if _switch(name, value) else "off"}


def _tensorboard(name: str, value: Any) -> dict[str, Any]:
    """tensorboard: what was a switch of its own before there was track."""
    return {"track": ["tensorboard"] if _switch(name, value) else []}


def _always(name: str, value: Any) -> dict[str, Any]:
    """A switch of what is done in any case."""
    _switch(name, value)
    return {}


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        more = "; to compare several sets, write clip_models=[...],[...]" if name in SWITCHES else ""
        raise SettingsError(f"{name} is {value!r}, but must be true or false{more}")
    return value


#: What animation=video has values of its own for; the original has names of their own for them instead.
OF_VIDEOS = (
    *("steps", "clip_guidance_scale", "tv_scale", "range_scale", "sat_scale", "cutn_batches", "skip_steps"),
    *("frames_scale", "frames_skip_steps"),
)


def _of_video(name: str, value: Any) -> dict[str, Any]:
    """video_init_steps and the like."""
    return {name.removeprefix("video_init_"): value}


#: Other names but for Disco's switches, and what makes our settings of (name, value).
OTHER_NAMES: dict[str, Callable[[str, Any], dict[str, Any]]] = {
    "text_prompts": _prompts,
    "set_seed": _seed,
    "width_height": _size,
    "use_checkpoint": _checkpointing,
    "tensorboard": _tensorboard,
    "output.tensorboard": _tensorboard,
    "check_model_SHA": _always,  # files are held against their hashes whenever they are new
    **{f"video_init_{name}": _of_video for name in OF_VIDEOS},
}

#: Of those, what older versions of disco had as settings of their own, so that files of settings may hold them.
FORMER = frozenset({"tensorboard", "output.tensorboard"})


def is_legacy(name: str) -> bool:
    """Whether a name is one that `translated` takes."""
    return name in OTHER_NAMES or name in SWITCHES

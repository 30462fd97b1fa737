"""Which program wrote a settings file, by its keys: extensions and names of files say nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from disco.errors import SettingsError
from disco.settings.importing import networks
from disco.settings.importing.keys import disco as disco_keys
from disco.settings.importing.keys import discoart, others, progrock
from disco.settings.importing.keys.models import ASSUMED_CLIPS
from disco.settings.importing.translation import Table, Translation


@dataclass(frozen=True)
class Program:
    """A program whose settings are read.

    name: for people. table: what becomes of its keys. finish: what holds of all it wrote. assumed: what it takes where
    a file does not say, beside what the preset that is built upon has. base: that preset.
    """

    name: str
    table: Table
    finish: Callable[[Translation], None]
    assumed: Mapping[str, Any] = field(default_factory=dict)
    base: str = "disco57"


VISIONS_OF_CHAOS = Program("Visions of Chaos", disco_keys.VISIONS_OF_CHAOS, disco_keys.finish, ASSUMED_CLIPS)
MAJESTY = Program("majesty diffusion", others.MAJESTY, others.finish_majesty, others.ASSUMED)
PROGROCK = Program("progrockdiffusion", progrock.PROGROCK, progrock.finish, progrock.ASSUMED)
PROGROCK_EARLY = Program(
    "progrockdiffusion (a first version)", progrock.PROGROCK, progrock.finish, progrock.ASSUMED_EARLY
)
DISCOART = Program("DiscoArt", discoart.DISCOART, discoart.finish, discoart.ASSUMED)
ENTMIKE = Program("entmike's fork of Disco Diffusion", others.ENTMIKE, disco_keys.finish, ASSUMED_CLIPS)
PIXELART = Program("Pixel Art Diffusion", disco_keys.DISCO, disco_keys.finish, ASSUMED_CLIPS)
DISCOSTREAM = Program("DiscoStream", disco_keys.DISCO, disco_keys.finish, ASSUMED_CLIPS)
GUIDED = Program("clip-guided-diffusion", others.GUIDED, others.finish_guided, {"init_scale": 0, "skip_steps": 0})
PHILPAX = Program("philpax's rewrite of Disco Diffusion", disco_keys.PHILPAX, disco_keys.finish)
PYTTI = Program("pytti", others.PYTTI, others.finish_pytti)
DISCO = disco_keys.DISCO

#: Programs of other kinds, by keys that only they have.
STRANGERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Stable WarpFusion", ("style_strength_schedule", "cfg_scale_schedule", "steps_schedule", "controlnet_multimodel")),
    ("Deforum", ("strength_schedule", "cond_prompts", "ddim_eta")),
    ("the vector diffusion of pristine", ("path_schedule", "sds_mode", "sds_scale", "num_paths")),
)
SWITCHES = tuple(networks.ALL_SWITCHES)

#: Every key that one of the tables has: by these, settings are found in what is wrapped around them.
KNOWN = frozenset().union(
    *(program.table for program in (VISIONS_OF_CHAOS, MAJESTY, PROGROCK, DISCOART, ENTMIKE, PHILPAX)),
    ("scenes", "timestep_respacing", "clip_model", "num_cutouts", "cutout_power", "clip_scale", "max_h"),
)
#: Keys that hold settings wherever they are mappings of them.
WRAPPERS = ("models", "settings", "defaults", "config", "input", "args")
#: Keys of so common names that they make no settings file.
COMMON_NAMES = frozenset(
    ("name", "run", "seed", "device", "steps", "width", "height", "prompt", "prompts", "models", "fps", "size", "step")
    + ("folder", "zoom", "angle", "hydra", "compile", "cpu", "db", "cc", "lerp", "blend", "uuid", "Path", "batch_size")
    + ("Script", "transport", "eta", "output_dir", "fov", "model_list", "init_image", "cfg_scale")
)


def program_of(given: Mapping[str, Any], path: str) -> Program:
    """The program that wrote these keys. Raises SettingsError, one line, for those of another kind, and for none."""

    def has(*names: str) -> bool:
        return any(name in given for name in names)

    for name, keys in STRANGERS:
        if has(*keys) or (name == "Deforum" and "W" in given and "H" in given):
            raise SettingsError(f"{path}: settings of {name}, which is not guided by CLIP; they cannot be imported")
    if any(key.startswith("controlnet_") for key in given):
        raise SettingsError(f"{path}: settings of Stable WarpFusion, which is not guided by CLIP; not imported")
    if "scenes" in given:
        return PYTTI
    if has("perceptors", "latent_diffusion_guidance_scale", "clip_guidance_schedule", "clip_prompts"):
        return MAJESTY
    if str(given.get("Script", "")).startswith("Disco Diffusion") or has("Custom Resolution", "Line0", "cut_easing_fn"):
        return VISIONS_OF_CHAOS
    if _is_progrock(given):
        return PROGROCK_EARLY if has(*networks.OTHER_SWITCHES) else PROGROCK
    marks = "name_docarray cut_schedules_group diffusion_model_config truncate_overlength_prompt clip_models_schedules"
    if has(*marks.split(), "gif_fps", "save_rate", "on_misspelled_token") or _is_version_1(given):
        return DISCOART
    if has("cuda_device", "multipliers", "modifiers", "console_preview", "prompt_salad", "init_generator", "twilio_to"):
        return ENTMIKE
    if has("noise_injector", "sat_scale_buffer", "soft_limiter_on"):
        return PIXELART
    if has("go_big", "runtime_prompts", "generate_nsp_at_runtime"):
        return DISCOSTREAM
    if has("max_h", "max_cond", "num_cutouts", "cutout_power", "clip_model", "clip_scale") or (
        has("timestep_respacing", "txts") and not has("text_prompts", "cut_overview", "diffusion_steps")
    ):
        return GUIDED
    if has("guidance_every", "resolved_seed", "fast_fp16_secondary"):
        return PHILPAX
    if isinstance(given.get("text_prompts"), str | list) and not has(*SWITCHES) and has("width_height"):
        return DISCOART
    if not (set(given) & KNOWN - COMMON_NAMES) and not (has("text_prompts", "prompt", "prompts") and has("steps")):
        raise SettingsError(f"{path}: no settings of Disco Diffusion or a program like it; none of its keys are known")
    return Program(version_of(given), DISCO, disco_keys.finish, {} if "clip_models" in given else ASSUMED_CLIPS)


def _is_progrock(given: Mapping[str, Any]) -> bool:
    marks = (
        *("symm_switch", "fix_brightness_contrast", "gobig_scale", "skip_steps_ratio", "stop_early"),
        *("symm_loss_scale", "cut_ic_pow_final", "width_height_scale", "sloss_scale", "smooth_schedules"),
        "simple_symmetry",
    )
    numbers = any(
        isinstance(given.get(name), float) or str(given.get(name)).startswith("<") for name in networks.ALL_SWITCHES
    )
    drawn = any(
        given.get(name) in ("auto", "random") for name in ("clip_guidance_scale", "clamp_max", "eta", "tv_scale")
    )
    by_step = isinstance(given.get("text_prompts"), dict) and any(
        isinstance(each, dict) for each in given["text_prompts"].values()
    )
    interpolated = isinstance(given.get("settings"), list) and any(
        isinstance(each, dict) and "interpolation_steps" in each for each in given["settings"]
    )
    return any(name in given for name in marks) or numbers or drawn or by_step or interpolated


def _is_version_1(given: Mapping[str, Any]) -> bool:
    prompts = given.get("text_prompts")
    return isinstance(prompts, dict) and isinstance(prompts.get("prompts"), list)


def version_of(given: Mapping[str, Any]) -> str:
    """Disco Diffusion's version, as far as its keys tell."""
    name = "Disco Diffusion"
    if "skip_timesteps" in given:
        return f"{name} 3"
    if "sharpen_preset" in given or "keep_unsharp" in given:
        return f"{name} 4.1"
    if "ViTB32_laion2b_e16" in given or isinstance(given.get("cut_ic_pow"), str):
        return f"{name} 5.5 to 5.7"
    if "video_init_flow_warp" in given:
        return f"{name} 5.4"
    if any(key.startswith("ViTL14_336") for key in given) or "use_vertical_symmetry" in given:
        return f"{name} 5.3"
    if "diffusion_sampling_mode" in given:
        return f"{name} 5.1 or 5.2"
    if "turbo_mode" in given or "translation_z" in given:
        return f"{name} 5.0" if "turbo_preroll" in given else f"{name} up to 5.0, or Turbo"
    return f"{name} 4" if "skip_steps" in given and "angle" in given else name


# What is wrapped around settings


def holds_settings(node: Any, depth: int = 0) -> bool:
    """Whether a mapping has keys of settings, or holds one that has."""
    if not isinstance(node, dict) or depth > 4:
        return False
    return any(key in KNOWN or holds_settings(value, depth + 1) for key, value in node.items())


def flattened(node: Mapping[str, Any], depth: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The settings of a file by their keys, out of sections and wrappers, and the runs that stand in lists of them."""
    flat: dict[str, Any] = {}
    runs: list[dict[str, Any]] = []
    for key, value in node.items():
        listed = isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
        if listed and any(holds_settings(item) for item in value) and not _is_interpolated(value) and key != "prompts":
            runs += value
        elif (key not in KNOWN or key in WRAPPERS) and holds_settings(value) and depth < 5:
            inner, more = flattened(value, depth + 1)
            flat |= inner
            runs += more
        else:
            flat[key] = value
    return flat, runs


def _is_interpolated(value: list[Any]) -> bool:
    return any("interpolation_steps" in item for item in value)


def digits(name: str) -> int:
    """The number that a name is, for order; others come first."""
    return int(name) if re.fullmatch(r"\d{1,9}", name) else -1

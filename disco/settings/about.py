"""What is known of a setting beyond its schema, in Markdown: more of what it does, and what Disco Diffusion had.

The site and the page of `disco app` show the same.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from disco.settings.specs import Spec

#: Settings that Disco Diffusion 5.7 has under the same name; their values are those of `preset=disco57`.
SHARED = frozenset(
    "image_prompts n_batches batch_name diffusion_model use_secondary_model randomize_class clip_denoised cut_overview "
    "cut_innercut cut_ic_pow cut_icgray_p cutn_batches skip_augs clip_guidance_scale tv_scale range_scale sat_scale "
    "clamp_grad clamp_max fuzzy_prompt rand_mag diffusion_sampling_mode steps skip_steps eta use_horizontal_symmetry "
    "use_vertical_symmetry transformation_percent init_image init_scale perlin_init perlin_mode display_rate "
    "intermediate_saves angle zoom translation_x translation_y translation_z rotation_3d_x rotation_3d_y rotation_3d_z "
    "fov frames_scale frames_skip_steps turbo_mode turbo_steps turbo_preroll extract_nth_frame blend vr_mode "
    "vr_eye_angle vr_ipd "
    "video_init_seed_continuity video_init_flow_warp video_init_flow_blend video_init_check_consistency".split()
)

#: What the original has where neither its name nor its default is ours.
ORIGINALS = {
    "prompt": "`text_prompts`, texts by the frame of an animation",
    "prompts": "`text_prompts`, texts by the frame of an animation",
    "seed": "`set_seed`, by default `random_seed`",
    "n_batches": "`50`",
    "batch_name": "`TimeToDisco`",
    "batch_size": "always `1`",
    "width": "the first number of `width_height`, `1280`",
    "height": "the second number of `width_height`, `768`",
    "clip_models": "a switch a model; on are `ViTB32`, `ViTB16` and `RN50`",
    "checkpointing": "`use_checkpoint`, by default `true`",
    "init_loss": "always `lpips`",
    "animation_mode": "`None`, `2D`, `3D` or `Video Input`",
    "max_frames": "`10000`",
    "interp_spline": "`Linear`, `Quadratic` or `Cubic`",
    "depth": "MiDaS and AdaBins, by `midas_weight`",
    "padding_mode": "`border` in 3D; in 2D the picture wraps around",
    "sampling_mode": "`bicubic` in 3D, bilinear in 2D",
    "seed_behavior": "always `iter`",
    "animation_prompts": "`text_prompts`, by frame",
    "video_init_path": "`init.mp4`",
    "video_init_blend_mode": "`optical flow`",
}

#: What is said of all others.
NOT_THERE = "has no such setting"


def in_yaml(value: object) -> str:
    """A value as it would be typed; empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def original_of(spec: Spec, value: Any) -> str:
    """The original's default, or its name for the setting, or that it has none such.

    value: that of the preset with the original's defaults.
    """
    if spec.name in ORIGINALS:
        return ORIGINALS[spec.name]
    return (in_yaml(value) or "nothing") if spec.name in SHARED else NOT_THERE


def note_of(name: str) -> str:
    """More of a setting than the schema says, written by hand; "" where there is none.

    Its links lead to the pages of other settings, `clamp_max.md`, and to those of the site, `../models.md`.
    """
    note = resources.files("disco.settings") / "notes" / f"{name}.md"
    return note.read_text(encoding="utf-8") if note.is_file() else ""


def takes(spec: Spec) -> str:
    """What the setting takes, its range among it."""
    if not spec.timed:
        return "what is said above" if spec.type is Any and not spec.keyframes else spec.allowed
    kind = "true or false" if (spec.integer, spec.low, spec.high) == (True, 0, 1) else "a number"
    if kind == "a number" and spec.integer:
        kind = "an integer"
    if kind != "true or false" and spec.low is not None:
        kind += f" from {spec.low:g} to {spec.high:g}" if spec.high is not None else f" of at least {spec.low:g}"
    return f"{kind}, or a [schedule](../settings.md#schedules) of such values"

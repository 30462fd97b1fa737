"""Renders a strip of pictures for every setting that changes pictures: its values from left to right.

python docs/strips.py               all of them, about a quarter of an hour of one core
python docs/strips.py eta steps     these alone

The embedded models draw them, and all that differs along a strip is the setting's value. The strips lie in
disco/app/page/strips/, for both the pages of the settings (`docs/pages.py`) and the page of `disco app` show them;
strips.json there says in words what they show.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "disco" / "app" / "page" / "strips"
#: What the strips show, beside them.
SAID = "strips.json"

#: What every strip renders unless it says otherwise.
PROMPT = "a red star over the sea"
COMMON: dict[str, Any] = {"steps": 25, "metrics": False, "threads": 1}

#: The prompt of the picture that stands for a file of one's own: an init image, an image prompt.
SKETCH_PROMPT = "a yellow boat in the desert"
SKETCH = "sketch.png"

GAP, CAPTION, QUALITY = 8, 20, 80


@dataclass(frozen=True)
class Strip:
    """values: of the setting, from left to right. held: other settings that differ from the defaults."""

    values: Sequence[Any]
    held: Mapping[str, Any] = field(default_factory=dict)


def _switch(**held: Any) -> Strip:
    return Strip((False, True), held)


#: A white disc on black, around the boat of the sketch.
MASK = "mask.png"

REPLACED = {"prompt": "a red star in the desert"}
MASKED = {"init_image": SKETCH, "mask": MASK, **REPLACED}
FROM_SKETCH = {"init_image": SKETCH, "skip_steps": "40%"}
SMOOTH_PROMPT = {"prompt": "a white lighthouse by the sea at dusk"}
MIRRORED = {"symmetry_loss_scale": 3000}
PLMS = {"diffusion_sampling_mode": "plms", "eta": 0}

#: The settings that change pictures, by name. One that needs models which do not come along has none here.
STRIPS: dict[str, Strip] = {
    "prompt": Strip((PROMPT, "a white lighthouse at dusk", "a green tree:2", "a black cat, ink")),
    "prompts": Strip(
        ([PROMPT], [PROMPT, "a boat:0.5"], [PROMPT, "night:-0.3"], {"0%": [PROMPT], "30%": ["a blue fish"]})
    ),
    "image_prompts": Strip(([], [SKETCH], [f"{SKETCH}:3"])),
    "seed": Strip((0, 1, 2, 3)),
    "noise_seed": Strip((0, 1, 2, 3)),
    "compat": Strip(("none", "disco57")),
    "use_secondary_model": _switch(),
    "clip_denoised": _switch(),
    "width": Strip((96, 128, 192)),
    "height": Strip((96, 128, 192)),
    "tile": Strip(("none", "x", "y", "both"), {"prompt": "a rainbow balloon among the clouds"}),
    "clip_models": Strip(
        (["embedded_vit"], ["embedded_resnet"], ["embedded_vit8"], ["embedded_vit", "embedded_resnet"])
    ),
    "perceptor_weights": Strip(({}, {"embedded_vit": 0}, {"embedded_resnet": 0}, {"embedded_vit8": 5})),
    "cutout_family": Strip(("scheduled", "random")),
    "cut_overview": Strip((0, 1, 6, 16, "[12]*400+[1]*600")),
    "cut_innercut": Strip((0, 2, 8, 16, "[1]*400+[12]*600")),
    "cut_ic_pow": Strip((0.2, 1, 5, 20), {"cut_innercut": 8, "cut_overview": 2}),
    "cut_icgray_p": Strip((0, 0.5, 1), {"cut_innercut": 8, "cut_overview": 2}),
    "cutn": Strip((1, 4, 16, 48), {"cutout_family": "random"}),
    "cutn_batches": Strip((1, 4)),
    "skip_augs": _switch(),
    "cut_placement": Strip(("uniform", "stratified"), {"cut_innercut": 8, "cut_overview": 1}),
    "clip_guidance_scale": Strip((0, 50, 500, 5000, 50000)),
    "tv_scale": Strip((0, 1000, 10000, 100000)),
    "range_scale": Strip((0, 150, 5000, 50000), {"clamp_max": 1}),
    "sat_scale": Strip((0, 1000, 10000, 100000), {"clamp_max": 1}),
    "symmetry_loss_scale": Strip((0, 300, 3000, 30000), SMOOTH_PROMPT),
    "symmetry_switch": Strip(("0%", "25%", "50%", "100%"), {**SMOOTH_PROMPT, **MIRRORED}),
    "symmetry_axis": Strip(("horizontal", "vertical", "both", "diagonal", "radial"), {**SMOOTH_PROMPT, **MIRRORED}),
    "critic_scale": Strip((0, 1000, 10000, 100000)),
    "critic_weights": Strip(({}, {"embedded_critic": -1}), {"critic_scale": 10000}),
    "clamp_grad": Strip((True, False)),
    "guard": Strip(("warn", "back"), {"clamp_grad": False, "clip_guidance_scale": 200000}),
    "clamp_max": Strip((0.01, 0.05, 0.15, 0.5)),
    "fuzzy_prompt": _switch(rand_mag=0.2),
    "rand_mag": Strip((0, 0.05, 0.2, 1), {"fuzzy_prompt": True}),
    "diffusion_sampling_mode": Strip(("ddim", "ddpm", "plms", "dpmpp_2m", "dpmpp_2m_sde", "unipc"), {"eta": 0.5}),
    "extrapolate_guidance": Strip((True, False), {"diffusion_sampling_mode": "dpmpp_2m"}),
    "plms_order": Strip((1, 2, 3, 4), PLMS),
    "ddim_switch": Strip((0, 0.5, 1), PLMS),
    "steps": Strip((5, 10, 25, 50, 100)),
    "timestep_spacing": Strip(("uniform", "log_snr", "karras"), {"diffusion_sampling_mode": "dpmpp_2m"}),
    "skip_steps": Strip((0, "20%", "40%", "60%", "80%"), {"init_image": SKETCH}),
    "skip_end_steps": Strip((0, "10%", "20%", "40%")),
    "eta": Strip((0, 0.4, 0.8, 1)),
    "resamples": Strip((1, 3), {**MASKED, "resample_jump": 4}),
    "resample_jump": Strip((1, 4, 8), {**MASKED, "resamples": 3}),
    "use_horizontal_symmetry": _switch(transformation_percent=[0.3], **SMOOTH_PROMPT),
    "use_vertical_symmetry": _switch(transformation_percent=[0.3], **SMOOTH_PROMPT),
    "use_diagonal_symmetry": _switch(transformation_percent=[0.3], **SMOOTH_PROMPT),
    "use_antidiagonal_symmetry": _switch(transformation_percent=[0.3], **SMOOTH_PROMPT),
    "use_radial_symmetry": _switch(transformation_percent=[0.3], **SMOOTH_PROMPT),
    "radial_symmetry_order": Strip(
        (2, 4), {"use_radial_symmetry": True, "transformation_percent": [0.3], "prompt": "a pink flower in the meadow"}
    ),
    "transformation_percent": Strip(([0.09], [0.3], [0.6], [1]), {"use_horizontal_symmetry": True, **SMOOTH_PROMPT}),
    "init_image": Strip((None, SKETCH), {"skip_steps": "40%"}),
    "init_fit": Strip(("stretch", "fill", "fit", "pad"), {"init_image": SKETCH, "skip_steps": "80%", "width": 192}),
    "strength": Strip((0, 0.25, 0.5, 0.75, 1), {"init_image": SKETCH}),
    "init_scale": Strip((0, 300, 1000, 10000), FROM_SKETCH),
    "init_noise": Strip((0, 0.2, 0.4, 0.8), FROM_SKETCH),
    "init_noise_mode": Strip(("everywhere", "flat"), {**FROM_SKETCH, "init_noise": 0.8}),
    "mask": Strip((None, MASK), {"init_image": SKETCH, **REPLACED}),
    "mask_blur": Strip((0, 8, 24), MASKED),
    "mask_blend": Strip((0, 6, 24), MASKED),
    "mask_view": Strip(("mask", "whole", "both"), MASKED),
    "extend": Strip(
        ("right=64", "left=25% right=25%", "top=64"), {"init_image": SKETCH, "mask_blur": 8, "prompt": SKETCH_PROMPT}
    ),
    "perlin_init": _switch(skip_steps="30%"),
    "perlin_mode": Strip(("mixed", "color", "gray"), {"perlin_init": True, "skip_steps": "30%"}),
}

#: The settings without a strip: what they change is not to be seen in single pictures of the embedded models.
WITHOUT: frozenset[str] = frozenset(
    "angle animation_mode animation_prompts batch_name batch_size blend by_frame checkpointing "
    "color_coherence compile concepts critics cuts_at_once depth device diffusion_model display_rate "
    "expanded_prompts "
    "extract_nth_frame film_format flow_model folder fov fps frames_scale frames_skip_steps hole_noise init_loss "
    "intermediate_saves "
    "interp_spline keep_inputs kernels max_frames memory_limit metrics n_batches noise_order noise_warp "
    "padding_mode paste precision previous_frame randomize_class rotation_3d_x rotation_3d_y rotation_3d_z "
    "sampling_mode secondary_model seed_behavior state_rate temporal_scale threads track translation_x "
    "translation_y translation_z truncate_prompts turbo_mode turbo_preroll turbo_steps video video_init_blend_mode "
    "video_init_check_consistency video_init_flow_blend video_init_flow_warp video_init_path "
    "video_init_seed_continuity vr_eye_angle vr_ipd vr_mode wildcards zoom".split()
)


def settings_of(name: str, value: Any) -> dict[str, Any]:
    """What a picture of the strip is rendered with: keywords of `disco.render`."""
    return {"prompt": PROMPT, **COMMON, **STRIPS[name].held, name: value} | (
        {"prompt": None} if name == "prompts" else {}
    )


def caption(value: Any) -> str:
    """A value as it would be typed."""
    if isinstance(value, str):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text.replace('"', "")


def said() -> dict[str, dict[str, Any]]:
    """What every strip shows, by the setting's name: its "values" as they are typed, from left to right, and "held",
    what all of its pictures have that differs from the defaults.
    """
    found = {}
    for name, strip in STRIPS.items():
        held = {key: value for key, value in {"steps": COMMON["steps"], **strip.held}.items() if key != name}
        found[name] = {"values": [caption(value) for value in strip.values], "held": held}
    return found


def main(names: Sequence[str]) -> None:
    """Render the strips of these settings, or all."""
    import os
    import tempfile

    import disco

    rendered: dict[str, list[Any]] = {}

    def pictures(settings: Mapping[str, Any]) -> list[Any]:
        """Strips share pictures, the default ones above all; each is rendered once."""
        key = json.dumps(settings, sort_keys=True)
        if key not in rendered:
            given = {name: value for name, value in settings.items() if value is not None}
            rendered[key] = [picture.image for picture in disco.render(quiet=True, **given).pictures]
        return rendered[key]

    FOLDER.mkdir(exist_ok=True)
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            pictures({"prompt": SKETCH_PROMPT, **COMMON})[0].save(SKETCH)
            disc().save(MASK)
            for name in names or STRIPS:
                draw(name, pictures)
            (FOLDER / SAID).write_text(json.dumps(said(), indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
        finally:
            os.chdir(here)


def disc() -> Any:
    """The mask: a white disc on black."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (128, 128))
    ImageDraw.Draw(mask).ellipse((16, 20, 112, 116), fill="white")
    return mask


def draw(name: str, pictures: Callable[[Mapping[str, Any]], list[Any]]) -> None:
    """One strip as a JPEG in `FOLDER`: a column a value, below its caption, a row a picture of the batch."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(13)
    columns = [pictures(settings_of(name, value)) for value in STRIPS[name].values]
    captions = [caption(value) for value in STRIPS[name].values]
    widths = [max(column[0].width, round(font.getlength(text))) for column, text in zip(columns, captions, strict=True)]
    height = max(picture.height for column in columns for picture in column)
    size = (sum(widths) + GAP * (len(columns) - 1), CAPTION + len(columns[0]) * (height + GAP) - GAP)
    paper = Image.new("RGB", size, "white")
    pen, x = ImageDraw.Draw(paper), 0
    for column, text, width in zip(columns, captions, widths, strict=True):
        pen.text((x, 1), text, "black", font)
        for row, picture in enumerate(column):
            paper.paste(picture, (x, CAPTION + row * (height + GAP)))
        x += width + GAP
    paper.save(FOLDER / f"{name}.jpg", quality=QUALITY, optimize=True)
    print(f"{name}: {', '.join(captions)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

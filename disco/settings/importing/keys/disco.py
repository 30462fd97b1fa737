"""Disco Diffusion 3 to 5.7 and what was built on it: pixel art, DiscoStream, pristine, Visions of Chaos, philpax."""

from __future__ import annotations

from typing import Any

from disco.settings.importing import prompts
from disco.settings.importing.keys.animation import of_films
from disco.settings.importing.keys.common import COMMON
from disco.settings.importing.keys.models import merged_clips
from disco.settings.importing.keys.rules import frames, put_prompts, range_without_effect, saves
from disco.settings.importing.translation import (
    CHANGED,
    IDLE,
    LOST,
    Table,
    Translation,
    idle,
    lost,
    own,
    renamed,
    table_of,
)
from disco.settings.importing.values import is_nothing, number, short, switch, text

#: Schedules that Disco Diffusion 5.6 keeps for KaliYuga's models, by what their names begin with, and those models.
BROUGHT = {"pad_or_pulp": ("pixel", "PAD", "Pulp"), "watercolor": ("watercolor",)}
BROUGHT_CUTS = ("cut_overview", "cut_innercut", "cut_ic_pow", "cut_icgray_p")


def brought(translation: Translation, key: str, value: Any) -> None:
    """A schedule that holds instead of the file's own where its model is one of those."""
    family = next(each for each in BROUGHT if key.startswith(each))
    model = str(translation.given.get("diffusion_model", ""))
    if model.startswith(BROUGHT[family]) or (family == "pad_or_pulp" and "pixel_art" in model):
        name = key.removeprefix(f"{family}_")
        translation.take(key, value, name, f"it holds with {model}")
    else:
        translation.say(key, IDLE, "for models that the file does not choose")


def init_scale_of_frames(translation: Translation) -> None:
    """What a picture to start from and Perlin noise do together: the noise wins, without a word."""
    if translation.settings.get("perlin_init") and translation.settings.get("init_image"):
        translation.settings["init_image"] = None
        translation.notes.append("perlin_init and init_image are both given; there the noise wins, and so it does here")


def finish(translation: Translation) -> None:
    """What holds of all that Disco Diffusion wrote."""
    settings = translation.settings
    merged_clips(translation)
    common = translation.given.get("common_prompts")
    if not is_nothing(common) and isinstance(settings.get("prompts"), list):
        settings["prompts"] = settings["prompts"] + list(prompts.of_frames(common).texts)
    settings.setdefault("range_scale", 0)
    settings.setdefault("init_loss", "lpips")
    init_scale_of_frames(translation)
    if settings.get("n_batches", 1) != 1 and translation.mode == "none":
        translation.notes.append("further pictures of a batch go on with one random stream there; here each has a seed")
    given = translation.given
    moved = given.get("max_frames") not in (None, 1, 1000, 10000, "1000", "10000") or given.get("turbo_mode") is True
    if moved and "animation_mode" not in given:
        translation.notes.append(
            "it may be of an animation, which such files do not say; its first frame is taken. animation=2d, 3d or "
            "video on the line imports the film"
        )


def sat_buffer(translation: Translation, key: str, value: Any) -> None:
    """Pixel art's margin at which saturation begins to count, squared."""
    if number(0 if is_nothing(value) else value) == 0:
        translation.say(key, IDLE, "off")
    else:
        translation.say(key, LOST, f"{short(value)}: saturation counts from that far inside the range, squared there")


def render_mask(translation: Translation, key: str, value: Any) -> None:
    """A mask whose white is drawn: there the gradient alone is masked, and black has the init image in the end."""
    if is_nothing(value):
        translation.say(key, IDLE, "no mask")
    elif translation.mode != "none" or is_nothing(translation.given.get("init_image")):
        why = "masks belong to single pictures" if translation.mode != "none" else "there is no init image under it"
        translation.say(key, LOST, f"{short(value)}: {why}")
    else:
        why = "white is drawn there too; here black stays at every step, not in the end alone"
        path = text(value).replace("\\", "/")
        translation.put(key, f"{short(value)} -> mask={path} paste=true: {why}", mask=path, paste=True)
        translation.settings["mask_view"] = "whole"


def common(translation: Translation, key: str, value: Any) -> None:
    """A prompt list's texts that every prompt of it has."""
    texts = prompts.of_frames(value).texts
    translation.say(key, CHANGED, f"{len(texts)} texts, added to every prompt")


DISCO: Table = {
    **COMMON,
    "common_prompts": common,
    "skip_timesteps": COMMON["skip_steps"],
    "clip_minibatch_size": renamed("cuts_at_once"),
    **table_of(lost("sharpening of the finished picture", "Off"), "sharpen_preset"),
    "keep_unsharp": idle("of sharpening"),
    **table_of(brought, *(f"{family}_{name}" for family in BROUGHT for name in BROUGHT_CUTS)),
    "override_cutn_schedule": lost("a schedule of overview cuts made of cutn takes the place of cut_overview"),
    # Pixel art
    "sat_scale_buffer": sat_buffer,
    "soft_limiter_on": lost("a soft limit of the colours"),
    "soft_limiter_knee": idle("of soft_limiter_on"),
    "copy_palette": lost("the palette of another picture"),
    "copy_palette_image": idle("of copy_palette"),
    "noise_injector": of_films("3d", rule=lost("noise laid into frames that have few edges")),
    **table_of(
        idle("of noise_injector"),
        "noise_injector_threshold noise_injector_px_size noise_injector_sigma noise_injector_spice",
        "noise_injector_mask_feather noise_injector_mix",
    ),
    # DiscoStream
    **table_of(
        lost("enlargement by tiles; disco enlarge PICTURE does that to the finished picture"),
        "go_big go_big_init",
    ),
    **table_of(
        idle("of enlargement by tiles"),
        "go_big_init_skipresize go_big_prompts go_big_scale gobig_maximize gobig_orientation gobig_overlap",
        "gobig_scale gobig_skip_percent gobig_skip_ratio do_go_big_slice_prep",
    ),
    **table_of(lost("a blur or noise laid over the init image"), "do_prep_init_image"),
    **table_of(
        idle("of do_prep_init_image"),
        "gaussian_blur_radius gaussian_noise_amount gaussian_noise_blur_radius gaussian_noise_double",
        "gaussian_noise_greyscale",
    ),
    **table_of(lost("random words in the prompt"), "generate_nsp_at_runtime runtime_prompts"),
    "render_mask": render_mask,
    "init_masked": lost("a second picture to start from, under the mask"),
    **table_of(lost("inpainting of a branch; disco has init_image=PICTURE mask=MASK"), "inpaint_image inpaint_mask"),
    # pristine
    **table_of(
        lost("of pristine's own guidance"),
        "quality_spherical_mean quality_time_travel quality_dsg clip_ensemble",
    ),
    **table_of(idle("of pristine's own guidance"), "quality_time_travel_band quality_dsg_scale"),
    **table_of(
        own,
        "turbo_auto_checkpoint turbo_compile turbo_compile_clip turbo_cudnn_benchmark turbo_fused_guidance",
        "turbo_sdpa_attention turbo_tf32 perf_autocast perf_compile render_gpu",
    ),
}


# Visions of Chaos


def lines(translation: Translation, key: str, value: Any) -> None:
    """Line0 to Line13: `0: ["a red star", ...]` over several lines, the one or other frame after it."""
    if key != "Line0":
        translation.say(key, IDLE, "a part of Line0")
        return
    given = translation.given
    numbered = [str(given.get(f"Line{number_}") or "") for number_ in range(100)]
    joined = "\n".join(numbered).strip().rstrip(",")
    if str(given.get("Custom Prompt", "1")).strip() == "0":
        translation.say(key, IDLE, "Custom Prompt is off")
    elif not joined:
        translation.say(key, CHANGED, "it holds no text; give the prompt when you render")
    else:
        frames(translation, key, joined if joined.startswith("{") else f"{{{joined}}}")


def phrase(translation: Translation, key: str, value: Any) -> None:
    if str(translation.given.get("Custom Prompt", "0")).strip() != "0":
        translation.say(key, IDLE, "Custom Prompt has the prompts")
    else:
        put_prompts(translation, key, prompts.of_frames(text("" if value is None else value)))


def resolution(translation: Translation, key: str, value: Any) -> None:
    custom = switch(translation.given.get("Custom Image Size", "0"))
    if key == "Custom Resolution" and custom:
        COMMON["width_height"](translation, key, value)
    elif key == "Image Size" and not custom:
        translation.take(key, value, "width")
        translation.take(key, value, "height")
    else:
        translation.say(key, IDLE, "Custom Image Size chooses the other")


VISIONS_OF_CHAOS: Table = {
    **DISCO,
    "Iterations": COMMON["steps"],
    "Random seed": COMMON["seed"],
    "Input Phrase": phrase,
    "Image Size": resolution,
    "Custom Resolution": resolution,
    "Custom Image Size": own,
    "Custom Prompt": own,
    **{f"Line{number_}": lines for number_ in range(100)},
    "cut_easing_fn": idle("read with the schedules that call it"),
    **table_of(own, "Script DeleteFolders DisplayName Path"),
}


# philpax, the serverless workers, prompt lists


def every(translation: Translation, key: str, value: Any) -> None:
    count = number(1 if is_nothing(value) else value)
    if count == 1:
        translation.say(key, IDLE, "every step is guided")
    else:
        translation.say(key, LOST, f"{short(value)}: one step in so many is guided there, here every one")


def compiled(translation: Translation, key: str, value: Any) -> None:
    translation.put(key, compile="default" if switch(value) else "off")


def resolved(translation: Translation, key: str, value: Any) -> None:
    translation.put(key, seed=int(number(value)))


PHILPAX: Table = {
    **DISCO,
    "guidance_every": every,
    "compile": compiled,
    "resolved_seed": resolved,
    "fast_fp16_secondary": own,
    "range_scale": range_without_effect,
    "intermediate_saves": saves,
}

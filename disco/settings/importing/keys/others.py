"""entmike's fork, majesty diffusion, clip-guided-diffusion and v-diffusion, pytti's prompts."""

from __future__ import annotations

import re
from typing import Any

from disco.settings.importing import networks
from disco.settings.importing.keys.common import COMMON
from disco.settings.importing.keys.disco import DISCO
from disco.settings.importing.keys.models import merged_clips
from disco.settings.importing.keys.rules import put_prompts, striped, striped_pictures
from disco.settings.importing.prompts import of_scenes
from disco.settings.importing.translation import (
    IDLE,
    LOST,
    MAPPED,
    Table,
    Translation,
    idle,
    lost,
    own,
    same,
    table_of,
)
from disco.settings.importing.values import Refused, is_nothing, items, number, short, switch, text, unquoted, whole

# entmike


def entmike_symmetry(translation: Translation, key: str, value: Any) -> None:
    if not switch(value):
        translation.say(key, MAPPED, "off")
        return
    vertical, horizontal = translation.on("v_symmetry_loss"), translation.on("symmetry_loss")
    axis = "both" if vertical and horizontal else "vertical" if vertical else "horizontal"
    translation.put(key, f"symmetry_axis={axis}; its later versions leave it out, and it compares by LPIPS")
    translation.settings["symmetry_axis"] = axis


def of_symmetry(name: str) -> Any:
    def rule(translation: Translation, key: str, value: Any) -> None:
        on = translation.on("v_symmetry_loss" if key.startswith("v_") else "symmetry_loss")
        if not on:
            translation.say(key, IDLE, "its switch is off")
        elif name == "symmetry_switch":
            translation.put(key, symmetry_switch=max(min(whole(value), translation.steps), 0))
        else:
            translation.take(key, value, name, "of another measure there; try others")

    return rule


ENTMIKE: Table = {
    **DISCO,
    **table_of(entmike_symmetry, "symmetry_loss v_symmetry_loss"),
    **table_of(of_symmetry("symmetry_loss_scale"), "symmetry_loss_scale v_symmetry_loss_scale"),
    **table_of(of_symmetry("symmetry_switch"), "symmetry_switch v_symmetry_switch"),
    "init_generator": lost("a start of another kind of noise", "perlin"),
    **table_of(idle("of init_generator"), "voronoi_points voronoi_palette_embed"),
    "prompt_salad": lost("prompts made at random of lists of words"),
    **table_of(idle("of prompt_salad"), "prompt_salad_amount prompt_salad_template prompt_salad_path"),
    **table_of(
        own,
        "console_preview console_preview_width cutout_debug db gobig images_out init_images models per_job_kills",
        "save_metadata transport twilio_account_sid twilio_auth_token twilio_from twilio_to model_path uuid",
        "modifiers multipliers batch_folder",
    ),
}


# majesty


def cuts_augmented(translation: Translation, key: str, value: Any) -> None:
    translation.put(key, f"{short(value)} -> skip_augs={str(not switch(value)).lower()}", skip_augs=not switch(value))


def pull(translation: Translation, key: str, value: Any) -> None:
    if key == "clip_guidance_scale" and not is_nothing(translation.given.get("clip_guidance_schedule")):
        translation.say(key, IDLE, "clip_guidance_schedule holds instead")
    else:
        translation.take(key, _line(value), "clip_guidance_scale", "", value)


def _line(value: Any) -> Any:
    """A list of two values is a line from one to the other over all entries."""
    found = unquoted(value)
    if isinstance(found, list) and len(found) == 2 and not any(isinstance(item, list | dict) for item in found):
        first, last = (float(number(item)) for item in found)
        return [[round(first + (last - first) * (place + 0.5) / 50, 6), 20] for place in range(50)]
    return value


def indexed(name: str, why: str = "") -> Any:
    def rule(translation: Translation, key: str, value: Any) -> None:
        translation.take(key, _line(value), name, why, value)

    return rule


def scales_of_tv(translation: Translation, key: str, value: Any) -> None:
    """A weight for each of some sizes of the picture: the first is what tv_scale is."""
    found = re.search(r"\[\s*([-+.\de]{1,20})", str(value))
    first = number(found[1]) if found else number(value)
    translation.take(key, first, "tv_scale", "the first of its weights by size of the picture")


def starting(translation: Translation, key: str, value: Any) -> None:
    """starting_timestep: the share of noise left, which counts with an init image alone."""
    share = number(value)
    if is_nothing(translation.given.get("init_image")):
        translation.say(key, IDLE, "there is no init image")
    elif 0 < share < 1:
        skipped = f"{100 * (1 - share):.6g}%"
        translation.put(key, f"{short(value)} -> skip_steps={skipped}", skip_steps=skipped)
    else:
        translation.put(key, skip_steps=0)


def finish_majesty(translation: Translation) -> None:
    merged_clips(translation)
    translation.settings.setdefault("init_loss", "lpips")
    translation.notes.append(
        "majesty draws with latent or v-diffusion models, which disco does not have: the picture will be another one"
    )


#: What majesty takes where a file does not say.
ASSUMED = {"width": 256, "height": 256, "init_scale": 0, "skip_steps": 0}

MAJESTY: Table = {
    **DISCO,
    "perceptors": COMMON["clip_models"],
    "clip_prompts": COMMON["prompts"],
    "augment_cuts": cuts_augmented,
    "clamp_index": indexed("clamp_max", "its scale is another there"),
    "clip_guidance_schedule": pull,
    "clip_guidance_scale": pull,
    "eta_index": indexed("eta"),
    "opt_ddim_eta": lost("eta at the start"),
    "opt_eta_end": lost("eta at the end"),
    "init_noise": same,
    "range_index": indexed("range_scale"),
    "range_scale": same,
    "sat_index": indexed("sat_scale"),
    "step": COMMON["steps"],
    "starting_timestep": starting,
    "symmetric_loss_scale": indexed("symmetry_loss_scale", "of another measure there; try others"),
    "tv_scales": scales_of_tv,
    "how_many_batches": lambda translation, key, value: translation.take(key, value, "n_batches"),
    "n_samples": lambda translation, key, value: translation.take(key, value, "batch_size"),
    **table_of(
        lost("of its latent model, or its optimiser"),
        "RGB_max RGB_min activate_upscaler active_function aesthetic_loss_scale anti_jpg cc cfg_scale clamp_start_",
        "custom_schedule_setting experimental_aesthetic_embeddings flip_aug grad_center grad_scale init_brightness",
        "init_magnitude init_rotate latent_tv_loss lerp mag_mul mask_rotate mid_point multiply_image_size_by ns_cutn",
        "opt_mag_mul opt_temperature padargs scale_div step_enhance steps_pow tv_scale_2 unified_cutouts",
        "use_cond_fn use_original_as_clip_in latent_diffusion_guidance_scale model_list latent_prompts",
        "latent_negatives latent_diffusion_model",
    ),
    "init_mask": lost("a mask; disco has init_image=PICTURE mask=MASK, white is drawn anew"),
    **table_of(
        idle("of what is left out"),
        "experimental_aesthetic_embeddings_score experimental_aesthetic_embeddings_weight mask_scale upscale_model",
    ),
}


# clip-guided-diffusion, v-diffusion


def sides(translation: Translation, key: str, value: Any) -> None:
    """image_size with its offsets, or --size W H."""
    given = items(value)
    if len(given) == 2:
        COMMON["width_height"](translation, key, given)
        return
    for name, offset in (("width", "width_offset"), ("height", "height_offset")):
        translation.take(key, whole(value) + int(translation.number(offset, 0)), name)


def respacing(translation: Translation, key: str, value: Any) -> None:
    """ddim250, or 250 for DDPM."""
    found = re.fullmatch(r"\s*(ddim)?(\d{1,5})\s*", str(value))
    if found is None:
        raise Refused(f"it is {short(value)}, but must be such as ddim250 or 1000")
    count = min(int(found[2]), 1000)
    translation.put(key, steps=max(count, 1), diffusion_sampling_mode="ddim" if found[1] else "ddpm")


def scales(translation: Translation, key: str, value: Any) -> None:
    """clip_scale: one for each CLIP model, the first the scale and the others weights."""
    found = [number(item) for item in items(value)]
    if not found:
        translation.say(key, IDLE, "no value")
        return
    translation.take(key, found[0], "clip_guidance_scale")
    models = translation.given.get("clip_model") or translation.given.get("clip_models") or []
    named = [networks.perceptor(text(item)) for item in items(models)]
    if len(found) > 1 and found[0] and len(named) == len(found):
        weights = {name: round(each / found[0], 6) for name, each in zip(named, found, strict=True)}
        if all(weight >= 0 for weight in weights.values()):
            translation.put(key, "the first is the scale, the others weights", perceptor_weights=weights)


def cuts(translation: Translation, key: str, value: Any) -> None:
    found = items(value)
    translation.take(key, found[0] if found else value, "cutn", "the first of its models'" if len(found) > 1 else "")
    translation.settings["cutout_family"] = "random"


def many_etas(translation: Translation, key: str, value: Any) -> None:
    if number(value) > 1:
        translation.say(key, LOST, f"{short(value)}: more noise than DDPM adds, of another solver")
    else:
        same(translation, key, value)


def finish_guided(translation: Translation) -> None:
    merged_clips(translation)
    translation.settings.setdefault("init_loss", "lpips")
    translation.settings["cutout_family"] = "random"
    translation.settings.setdefault("skip_steps", 0)


GUIDED: Table = {
    **DISCO,
    "prompts": striped,
    "prompt": striped,
    "txts": striped,
    "text": striped,
    "text_prompts": striped,
    "image_prompts": striped_pictures,
    "image_size": sides,
    "size": sides,
    "width_offset": own,
    "height_offset": own,
    "timestep_respacing": respacing,
    "num_cutouts": cuts,
    "cutn": cuts,
    "cutout_power": lost("sizes of the cuts, by a power", 1, 1.0, "1", "1.0"),
    "cut_pow": lost("sizes of the cuts, by a power", 1, 1.0, "1", "1.0"),
    "clip_model": COMMON["clip_models"],
    "clip_scale": scales,
    "clip_guidance_scale": same,
    "range_scale": same,
    "eta": many_etas,
    "method": COMMON["sampling_mode"],
    "starting_timestep": starting,
    "init": COMMON["init_image"],
    "n": lambda translation, key, value: translation.take(key, value, "n_batches"),
    "bs": lambda translation, key, value: translation.take(key, value, "batch_size"),
    **table_of(lost("of another solver"), "max_cond max_h solver init_sigma noise_schedule"),
    **table_of(lost("which of its models draws"), "class_cond uncond checkpoint checkpoint_path diffusion_model_name"),
    **table_of(own, "save_frequency prefix_path output_path wandb_project wandb_entity progress cutn_batches_"),
}


# pytti


def scenes(translation: Translation, key: str, value: Any) -> None:
    put_prompts(translation, key, of_scenes(value))


def seed_or_time(translation: Translation, key: str, value: Any) -> None:
    if isinstance(value, str) and "${" in value:
        translation.put(key, seed="random")
    else:
        COMMON["seed"](translation, key, value)


def finish_pytti(translation: Translation) -> None:
    merged_clips(translation)
    translation.notes.append("pytti is no diffusion: its prompts, size, seed and CLIP models are what can be taken")


PYTTI_OWN = (
    "allow_overwrite approximate_vram_usage backups border_mode breath_mode clear_every cut_pow cutout_border cutouts",
    "depth_stabilization_weight device direct_image_prompts direct_init_weight direct_stabilization_weight",
    "display_every display_scale edge_stabilization_weight field_of_view file_namespace flow_long_term_samples",
    "flow_stabilization_weight frame_stride frames_per_second gamma gradient_accumulation_steps hdr_weight",
    "image_model infill_mode input_audio input_audio_filters input_audio_offset interpolation_steps learning_rate",
    "lock_camera lock_palette models_parent_dir palette_normalization_weight palette_size palettes pixel_size",
    "pre_animation_steps random_initial_palette reencode_each_frame reset_lr_each_frame rotate_2d rotate_3d",
    "save_every semantic_init_weight semantic_stabilization_weight show_graphs show_palette smoothing_weight",
    "steps_per_frame steps_per_scene target_palette translate_x translate_y translate_z_3d use_mmc use_tensorboard",
    "video_path vqgan_model zoom_x_2d zoom_y_2d scene_prefix scene_suffix animation_mode init_image near_plane",
    "far_plane sampling_mode",
)
PYTTI: Table = {
    **{key: COMMON[key] for key in ("width", "height", "seed", *networks.ALL_SWITCHES)},
    **table_of(idle("of an image that is optimised, not diffused"), *PYTTI_OWN),
    "scenes": scenes,
    "seed": seed_or_time,
    "steps": idle("of an image that is optimised, not diffused"),
    **table_of(own, "defaults conversion"),
}

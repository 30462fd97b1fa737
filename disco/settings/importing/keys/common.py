"""What most of the programs share: Disco Diffusion's own keys that say the same everywhere."""

from __future__ import annotations

from disco.settings.importing import networks
from disco.settings.importing.keys.animation import ANIMATION, of_video, skip_steps_of_video
from disco.settings.importing.keys.models import (
    checkpointing,
    clip_list,
    clip_switch,
    custom,
    device,
    processor,
    sampler,
    unet,
)
from disco.settings.importing.keys.rules import (
    batches,
    cutn,
    frames,
    guidance_scale,
    image_prompts,
    init_image,
    left_out,
    listed,
    looks,
    name,
    perlin_mode,
    range_without_effect,
    saves,
    seed,
    shares,
    size,
    size_for,
    skip_steps,
    steps,
    unless_empty,
)
from disco.settings.importing.translation import (
    Table,
    lost,
    own,
    renamed,
    same,
    table_of,
)

CUTS: Table = table_of(same, "cut_overview cut_innercut cut_ic_pow cut_icgray_p")

BOOKKEEPING: Table = table_of(
    own,
    "diffusion_steps batchNum calc_frames_skip_steps start_frame steps_per_checkpoint side_x side_y skip_step_ratio",
    "image_prompts_series prompts_series timestep_respacing check_model_SHA force_download folder google_drive",
    "save_models_to_google_drive intermediates_in_subfolder run skip_for_run_all skip_video_for_run_all",
    "simple_nvidia_smi_display resume_run run_to_resume resume_from_frame retain_overwritten_frames",
    "persistent_frame_output_in_batch_folder name models_dir output_dir s3_root_path hydra",
)

COMMON: Table = {
    "text_prompts": frames,
    "image_prompts": image_prompts,
    "prompts": listed,
    "prompt": listed,
    "seed": seed,
    "set_seed": seed,
    "steps": of_video("steps", unless_empty(steps)),
    "skip_steps": skip_steps_of_video(of_video("skip_steps", unless_empty(skip_steps))),
    "n_batches": unless_empty(batches),
    "batch_size": unless_empty(batches),
    "width_height": unless_empty(size),
    "width_height_for_512x512_models": unless_empty(size_for(512)),
    "width_height_for_256x256_models": unless_empty(size_for(256)),
    "diffusion_model": unless_empty(unet),
    "clip_models": clip_list,
    **table_of(clip_switch, *networks.ALL_SWITCHES),
    **table_of(lost("a CLIP model of other makers"), *networks.OTHER_SWITCHES),
    "diffusion_sampling_mode": unless_empty(sampler),
    "sampling_mode": unless_empty(sampler),
    "init_image": init_image,
    "perlin_mode": perlin_mode,
    "transformation_percent": shares,
    "transformation_steps": shares,
    "intermediate_saves": saves,
    "cutn": unless_empty(cutn),
    "cutn_batches": of_video("cutn_batches", unless_empty(looks)),
    "clip_guidance_scale": unless_empty(guidance_scale),
    "range_scale": range_without_effect,
    **CUTS,
    **table_of(
        same,
        "width height tv_scale sat_scale clamp_grad clamp_max clip_denoised eta fuzzy_prompt rand_mag init_scale",
        "perlin_init randomize_class skip_augs use_secondary_model use_horizontal_symmetry use_vertical_symmetry",
        "display_rate init_noise",
    ),
    **table_of(unless_empty(left_out), "skip_end_steps stop_early"),
    "batch_name": name,
    "use_checkpoint": checkpointing,
    "useCPU": processor,
    "cpu": processor,
    "cuda_device": unless_empty(device),
    "device": unless_empty(device),
    "custom_path": custom,
    **table_of(
        custom,
        *(
            f"custom_model_{flag}"
            for flag in (
                *("attention_resolutions", "class_cond", "diffusion_steps", "image_size", "learn_sigma"),
                *("noise_schedule", "num_channels", "num_heads", "num_res_blocks", "rescale_timesteps"),
                *("timestep_respacing", "use_fp16", "use_scale_shift_norm"),
            )
        ),
    ),
    **ANIMATION,
    **BOOKKEEPING,
    "truncate_overlength_prompt": renamed("truncate_prompts"),
}

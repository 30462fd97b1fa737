"""What the user should know of a run before it starts: settings without effect, sizes and starts that disappoint."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from disco.losses import LOSSES
from disco.planning.schedules import schedule_of
from disco.planning.symmetry import symmetries_of
from disco.settings.config import Settings
from disco.settings.extras import rate_of
from disco.settings.schedule import Schedule
from disco.step import Step

#: From this share of the picture on, as alphas_cumprod has it, a start without one shows: rendered with the embedded
#: models, a third of the saturation is gone at 0.06 and 60 % at 0.17.
GREY_START = 0.05


def notes_on_grey_start(settings: Settings, first: Step) -> list[str]:
    """The note on a run whose first step is in the midst, and which is given nothing to begin with."""
    from disco.models import catalog

    begins = settings.init.init_image or settings.init.perlin_init or first.index == settings.sampler.steps - 1
    share = alphas_cumprod_at(first.t, catalog.unet(settings.model.diffusion_model).noise_schedule)
    if begins or share < GREY_START:
        return []
    return [
        f"skip_steps={settings.sampler.skip_steps} without an init starts from plain grey, where the model expects "
        f"{100 * math.sqrt(share):.0f} % of a picture, and gives a greyer one; skip fewer steps, or give an init_image "
        "or perlin_init=true"
    ]


def alphas_cumprod_at(t: float, noise_schedule: str) -> float:
    r"""alphas_cumprod at the noise level t, 0 to 1000, as `disco.diffusion.levels` has it, which loads numpy and torch.

    linear    exp(-(1e-4 t + (0.02 - 1e-4) t^2 / 2000)),   the sum of beta from 1e-4 to 0.02
    shifted   a / (a + 4 (1 - a)),                         a of the linear one
    cosine    cos^2((t / 1000 + 0.008) / 1.008 pi/2),      but for its value at 0, which is nearly 1
    """
    if noise_schedule == "cosine":
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2
    linear = math.exp(-(1e-4 * t + (0.02 - 1e-4) * t**2 / 2000))
    return linear / (4 - 3 * linear) if noise_schedule == "shifted" else linear


def notes_on_brought_settings(settings: Settings, width: int, height: int) -> list[str]:
    """A note on the settings that Disco Diffusion takes with the diffusion model, as words to type, where others hold.

    It takes them whatever its user chose; here the user has the last word.
    """
    from disco.models import catalog

    spec, differ = catalog.unet(settings.model.diffusion_model), []
    for name, value in spec.brings:
        if isinstance(value, int):
            if value != {"width": width, "height": height}[name]:
                differ.append(f"{name}={value}")
        elif settings.cutouts.cutout_family == "scheduled":
            own, original = (schedule_of(name, each) for each in (getattr(settings.cutouts, name), value))
            if (own.starts, own.values, own.interpolated) != (original.starts, original.values, False):
                differ.append(f'{name}="{value}"')
    if not differ:
        return []
    preset = f"; preset={spec.preset} has them all" if spec.preset else ""
    return [f"with {spec.name} Disco Diffusion takes {' '.join(differ)}{preset}"]


def notes_on_film(settings: Settings) -> list[str]:
    """The note on a film that cannot be as fast as was asked."""
    video, fps = settings.output.video, settings.output.fps
    rate = rate_of(video, fps)
    if rate == fps:
        return []
    return [f"fps is {fps}, but browsers play no GIF faster than {rate}: it is written at {rate}; video=mp4 has {fps}"]


def notes_on_guidance(steps: Sequence[Step]) -> list[str]:
    """Notes on a run that nothing guides."""
    notes = []
    if not any(any(step.perceptor_weights) for step in steps):
        notes.append("perceptor_weights are 0 at every step: no prompt guides the run")
    if not any(step.clip_guidance_scale for step in steps):
        notes.append("clip_guidance_scale is 0 at every step: no prompt guides the run")
    if all(step.clamp_grad and step.clamp_max == 0 for step in steps):
        notes.append("clamp_max is 0 at every step: nothing guides the run")
    return notes


def without_effect(
    settings: Settings, steps: Sequence[Step], schedules: Mapping[str, Schedule]
) -> Iterator[tuple[str, str]]:
    """The settings that these others leave without effect, and why."""
    yield from _of_sampler(settings, steps, schedules)
    yield from _of_cutouts(settings, steps)
    yield from _of_guidance(settings, steps, schedules)
    yield from _of_init(settings)
    if not settings.model.use_secondary_model:
        yield "secondary_model", " while use_secondary_model is false"
    if settings.output.video == "none":
        yield "fps", " while video is none"


def _of_sampler(
    settings: Settings, steps: Sequence[Step], schedules: Mapping[str, Schedule]
) -> Iterator[tuple[str, str]]:
    sampler, modes = settings.sampler, {step.sampler for step in steps}
    mode = sampler.diffusion_sampling_mode
    mode = mode.upper() if mode in ("ddim", "ddpm", "plms") else mode
    if not modes & {"ddim", "dpmpp_2m_sde"} and any(schedules["eta"].values):
        noise = "whose steps have their own noise" if mode == "DDPM" else "which adds no noise"
        yield "eta", f" under {mode}, {noise}"
    if "plms" not in modes:
        yield "plms_order", f" under {mode}" if mode != "PLMS" else " with ddim_switch=0"
    if not modes & {"dpmpp_2m", "dpmpp_2m_sde", "unipc"}:
        yield "extrapolate_guidance", f" under {mode}"
    if mode != "PLMS":
        yield "ddim_switch", f" under {mode}: it ends PLMS"
    if not symmetries_of(sampler):
        yield "transformation_percent", " while use_horizontal_symmetry and its like are false"
    if not (sampler.use_radial_symmetry or settings.guidance.symmetry_axis == "radial"):
        yield "radial_symmetry_order", " while use_radial_symmetry is false and symmetry_axis not radial"
    if sampler.resamples == 1:
        yield "resample_jump", " with resamples=1"


def _of_cutouts(settings: Settings, steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    if settings.cutouts.cutout_family == "scheduled":
        yield "cutn", " with cutout_family=scheduled, which takes cut_overview and cut_innercut"
        if not any(step.cuts.inner for step in steps):
            yield "cut_placement", " with cut_innercut=0: overview cuts are of the whole picture"
    else:
        for name in ("cut_overview", "cut_innercut", "cut_ic_pow", "cut_icgray_p"):
            yield name, " with cutout_family=random, which takes cutn"


def _of_guidance(
    settings: Settings, steps: Sequence[Step], schedules: Mapping[str, Schedule]
) -> Iterator[tuple[str, str]]:
    if not any(step.clamp_grad for step in steps):
        yield "clamp_max", " with clamp_grad=false"
    if not settings.guidance.fuzzy_prompt:
        yield "rand_mag", " while fuzzy_prompt is false"
    for loss in LOSSES:
        if not any(schedules[loss.scale].values):
            yield from ((name, f" with {loss.scale}=0") for name in loss.options)
        elif (reason := loss.lacks(settings)) is not None:
            yield loss.scale, reason
    if any(schedules["critic_scale"].values) and not any(any(step.critic_weights) for step in steps):
        yield "critic_scale", ": critics are none, or all their weights 0"
    if not any(step.temporal_scale for step in steps):
        yield "previous_frame", " with temporal_scale=0"


def _of_init(settings: Settings) -> Iterator[tuple[str, str]]:
    init = settings.init
    if not init.perlin_init:
        yield "perlin_mode", " while perlin_init is false"
    if not init.init_image:
        for name in ("init_noise", "init_fit"):
            yield name, ": there is no init_image"
    if not init.init_noise:
        yield "init_noise_mode", " with init_noise=0"
    if init.extend:
        yield "init_fit", " with extend, which leaves the init image its size"
        for name in ("width", "height"):
            yield name, " with extend, which adds to the init image's own size"
    if not (init.mask or init.extend):
        for name in ("mask_blur", "mask_blend", "mask_view", "paste"):
            yield name, " without a mask"

"""Settings -> plan: everything that can be known before a model is loaded, checked and frozen."""

from __future__ import annotations

from dataclasses import dataclass

from disco.config import Settings
from disco.prompts import ImagePrompt, Prompt, Stage

__all__ = ["Cuts", "ImagePrompt", "Plan", "Prompt", "Stage", "Step", "build_plan"]


@dataclass(frozen=True)
class Cuts:
    """What the cutouts look like at one step.

    `family`: "scheduled" takes `overview` + `inner` cuts, with `ic_pow` and `icgray_p` for the inner ones; "random"
    takes `cutn`. `batches`: how often the step looks.
    """

    family: str
    overview: int
    inner: int
    ic_pow: float
    icgray_p: float
    cutn: int
    batches: int
    skip_augs: bool


@dataclass(frozen=True)
class Step:
    """One diffusion step, all schedules read.

    number: position in the run, from 0. index: the respaced index, that of alphas_cumprod; falls by one a step.
    t: noise level on the 0..1000 scale, 1000 * index / total steps. share: number / steps of the run, in [0, 1).
    sampler: "ddim", "ddpm" or "plms", the PLMS-to-DDIM switch resolved. perceptor_weights: in the order of
    `Plan.perceptors`, 0 = off. stage: index into `Plan.stages`. mirrors: transformations of x before the step,
    "horizontal" (the left half onto the right) and "vertical" (the upper onto the lower).
    """

    number: int
    index: int
    t: float
    share: float
    sampler: str
    eta: float
    clip_guidance_scale: float
    tv_scale: float
    range_scale: float
    sat_scale: float
    symmetry_loss_scale: float
    init_scale: float
    clamp_grad: bool
    clamp_max: float
    cuts: Cuts
    perceptor_weights: tuple[float, ...]
    stage: int
    mirrors: tuple[str, ...]
    save_partial: bool
    show_progress: bool


@dataclass(frozen=True)
class Plan:
    """A run, resolved: what `disco.render` walks.

    settings: as given, but for a random seed, which is drawn here, so that they replay to the same pictures.
    width, height: after rounding to what the models need. seeds: one per image, over n_batches * batch_size.
    steps: from noise to picture. total_steps: N of the respacing. notes: lines to be said to the user.
    """

    settings: Settings
    width: int
    height: int
    seeds: tuple[int, ...]
    steps: tuple[Step, ...]
    total_steps: int
    stages: tuple[Stage, ...]
    image_prompts: tuple[ImagePrompt, ...]
    perceptors: tuple[str, ...]
    init_image: str | None
    notes: tuple[str, ...]

"""One diffusion step, all schedules read: what guidance, samplers and the pipeline are told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cuts:
    """What the cutouts look like at one step.

    `family`: "scheduled" takes `overview` + `inner` cuts, with `ic_pow` and `icgray_p` for the inner ones; "random"
    takes `cutn`. `batches`: how often the step looks. `placement`: how sizes and places are drawn, "uniform" (each on
    its own) or "stratified" (evenly spread over the step).
    """

    family: str
    overview: int
    inner: int
    ic_pow: float
    icgray_p: float
    cutn: int
    batches: int
    skip_augs: bool
    placement: str = "uniform"

    @property
    def number(self) -> int:
        """How many cuts a picture is seen in at the step, all batches of them."""
        return self.batches * (self.overview + self.inner if self.family == "scheduled" else self.cutn)


@dataclass(frozen=True)
class Step:
    """One diffusion step, all schedules read.

    number: position in the run, from 0. index: the respaced index, that of alphas_cumprod; falls by one a step. t:
    noise level on the 0..1000 scale, 1000 * index / total steps where they are even; the original's own of
    `disco.planning.steps` in compat=disco57. share: number / steps of the run, in [0, 1). sampler: of
    `disco.samplers.registry`, the PLMS-to-DDIM switch resolved. perceptor_weights: in the order of the plan's
    perceptors, 0 = off; critic_weights of its critics. stage: index into its stages. mirrors: symmetries that x is
    given before the step (and the picture after the last one), names of `disco.kernels.symmetry`. visit: how often the
    run was at this level before. jump: how many levels x is noised back up before the step, to walk them again.
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
    visit: int = 0
    jump: int = 0
    temporal_scale: float = 0.0
    critic_scale: float = 0.0
    critic_weights: tuple[float, ...] = ()

    def stream(self, name: str) -> str:
        """The random stream of this name at this visit of the level."""
        return f"{name}/{self.visit}" if self.visit else name

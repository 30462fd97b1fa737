"""The methods that are compared. To add one: write it, and give it its line here."""

from __future__ import annotations

from typing import Any

from guides import adaptive, places, shapes, walks
from guides.method import CLAMP, NOISE, Method, Params, Range, only

DDIM = CLAMP | NOISE


def sampled_by(name: str, *more: str) -> Any:
    """Settings of a method: another sampler, and its parameters that are settings."""

    def settings(params: Params) -> dict[str, Any]:
        return {"diffusion_sampling_mode": name, **only("clamp_max", *more)(params)}

    return settings


def secondary(params: Params) -> dict[str, Any]:
    return {"use_secondary_model": True, **params}


def stratified(params: Params) -> dict[str, Any]:
    return {"cut_placement": "stratified", **params}


CLAMPED = only("clamp_max", "eta")

SPACED = {"timestep_spacing": Range(choices=("uniform", "log_snr", "karras"))}
EXTRAPOLATES = {"extrapolate_guidance": Range(choices=(True, False))}

METHODS = (
    Method("default", "the engine's default settings as they are", space={}),
    Method("ddim", "Disco's clamp with DDIM, tuned"),
    Method("ddim_spaced", "the same, with the steps elsewhere (arXiv:2206.00364)", DDIM | SPACED),
    Method(
        "adaptive",
        "as many steps, closer together where the prediction changes (after arXiv:2206.00927)",
        DDIM | {"reach": Range(1.0, 4.0)},
        CLAMPED,
        plan=adaptive.finely,
        change=adaptive.adaptive,
    ),
    Method(
        "dpmpp_2m",
        "DPM-Solver++(2M), arXiv:2211.01095",
        CLAMP | SPACED | EXTRAPOLATES,
        sampled_by("dpmpp_2m", "timestep_spacing", "extrapolate_guidance"),
    ),
    Method(
        "dpmpp_2m_sde",
        "its SDE form",
        DDIM | SPACED | EXTRAPOLATES,
        sampled_by("dpmpp_2m_sde", "eta", "timestep_spacing", "extrapolate_guidance"),
    ),
    Method(
        "unipc",
        "UniPC, arXiv:2302.04867",
        CLAMP | SPACED | EXTRAPOLATES,
        sampled_by("unipc", "timestep_spacing", "extrapolate_guidance"),
    ),
    Method("secondary", "gradient through the small model: Disco 5's own way", settings=secondary),
    Method(
        "adam",
        "AdamDPS, arXiv:2603.16797: CIFAR-10 guided accuracy 42.8 to 52.6 %",
        DDIM | {"beta_1": Range(0.0, 0.95), "beta_2": Range(0.5, 0.999)},
        CLAMPED,
        change=shapes.shaped(lambda p: shapes.Adam(p["clamp_max"], p["beta_1"], p["beta_2"])),
    ),
    Method(
        "momentum",
        "momentum over clamped gradients",
        DDIM | {"beta": Range(0.1, 0.95)},
        CLAMPED,
        change=shapes.shaped(lambda p: shapes.Momentum(p["clamp_max"], p["beta"])),
    ),
    Method(
        "polyak",
        "Polyak step, arXiv:2403.12404",
        settings=CLAMPED,
        change=shapes.shaped(lambda p: shapes.Polyak(p["clamp_max"])),
    ),
    Method(
        "rising",
        "strength rises with alpha (TFG, arXiv:2409.15761)",
        DDIM | {"power": Range(-1.0, 2.0)},
        CLAMPED,
        change=shapes.shaped(lambda p: shapes.Rising(p["clamp_max"], p["power"])),
    ),
    Method(
        "per_pixel",
        "each number of the gradient limited on its own, softly",
        settings=CLAMPED,
        change=shapes.shaped(lambda p: shapes.PerPixel(p["clamp_max"])),
    ),
    Method(
        "dsg",
        "steps of fixed length (DSG, arXiv:2402.03201)",
        {"eta": Range(0.3, 1.0), "guided": Range(0.02, 0.9, log=True)},
        only("eta"),
        change=walks.dsg,
    ),
    Method("mpgd", "no pass back through the UNet (MPGD, arXiv:2311.16424): 3.8 times as fast", change=places.direct),
    Method(
        "both",
        "gradient through the UNet and past it (TFG)",
        DDIM | {"through": Range(0.2, 0.9)},
        CLAMPED,
        change=places.direct,
    ),
    Method(
        "around",
        "Monte Carlo around the prediction (LGD-MC)",
        DDIM | {"looks": Range(choices=(2, 3)), "spread": Range(0.05, 1.0, log=True)},
        CLAMPED,
        change=places.around,
        dear=("looks",),
    ),
    Method("stratified", "the cuts of a step placed evenly", settings=stratified),
    Method("karcher", "the cuts' mean on the sphere (crowsonkb 2024)", change=places.karcher),
    Method(
        "interval",
        "guided between two shares of the run alone (arXiv:2404.07724)",
        DDIM | {"start": Range(0.0, 0.4), "length": Range(0.4, 1.0)},
        CLAMPED,
        plan=walks.within,
        dear=("start", "length"),
    ),
    Method(
        "sparse",
        "perceptors asked now and then (afiaka87 2025)",
        DDIM
        | {
            "none_until": Range(0.0, 0.3),
            "sparse_until": Range(0.4, 0.9),
            "every": Range(choices=(2, 3, 4)),
        },
        CLAMPED,
        plan=walks.now_and_then,
        dear=("none_until", "sparse_until", "every"),
    ),
    Method(
        "threshold",
        "dynamic thresholding (arXiv:2205.11487)",
        DDIM | {"quantile": Range(0.9, 0.999)},
        CLAMPED,
        change=walks.thresholded,
    ),
    Method(
        "recurrence",
        "steps of a band taken twice (FreeDoM, arXiv:2303.09833)",
        DDIM | {"start": Range(0.1, 0.6), "length": Range(0.1, 0.4)},
        CLAMPED,
        plan=walks.again_in_a_band,
        dear=("start", "length"),
    ),
    Method(
        "autoguidance",
        "away from a weaker model (arXiv:2406.02507): FID 11.67 to 3.86",
        DDIM | {"weight": Range(1.0, 2.5)},
        CLAMPED,
        change=walks.autoguided,
    ),
    Method(
        "particles",
        "four pictures of which the best go on (FK steering, arXiv:2501.06848)",
        DDIM | {"strength": Range(1.0, 100.0, log=True)},
        CLAMPED,
        change=walks.particles,
        particles=4,
    ),
)


def method(name: str) -> Method:
    """The method of a name. Raises KeyError for another."""
    return {each.name: each for each in METHODS}[name]

"""What is said of settings without effect, and of starts and sizes that disappoint."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.diffusion.levels import Diffusion
from disco.models import catalog
from disco.planning.effects import alphas_cumprod_at
from disco.planning.plan import Plan, build_plan
from disco.settings.config import load
from disco.settings.overrides import from_arguments, from_python
from support.plans import plan


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"diffusion_sampling_mode": "plms", "eta": 1}, "eta is without effect under PLMS, which adds no noise"),
        ({"diffusion_sampling_mode": "ddpm", "eta": 1}, "eta is without effect under DDPM, whose steps have"),
        ({"ddim_switch": 0.5}, "ddim_switch is without effect under DDIM: it ends PLMS"),
        ({"plms_order": 3}, "plms_order is without effect under DDIM"),
        (
            {"diffusion_sampling_mode": "plms", "plms_order": 3, "ddim_switch": 0},
            "plms_order is without effect with dd",
        ),
        (
            {"cut_placement": "stratified", "cut_innercut": 0},
            "cut_placement is without effect with cut_innercut=0",
        ),
        ({"cutn": 4}, "cutn is without effect with cutout_family=scheduled"),
        ({"cutout_family": "random", "cut_overview": 3}, "cut_overview is without effect with cutout_family=random"),
        ({"cutout_family": "random", "cut_innercut": 3}, "cut_innercut is without effect"),
        ({"cutout_family": "random", "cut_ic_pow": 3}, "cut_ic_pow is without effect"),
        ({"cutout_family": "random", "cut_icgray_p": 0.5}, "cut_icgray_p is without effect"),
        ({"clip_guidance_scale": 0}, "clip_guidance_scale is 0 at every step: no prompt guides the run"),
        ({"clamp_max": 0}, "clamp_max is 0 at every step: nothing guides the run"),
        ({"clamp_grad": False, "clamp_max": 0.4}, "clamp_max is without effect with clamp_grad=false"),
        ({"rand_mag": 1.0}, "rand_mag is without effect while fuzzy_prompt is false"),
        ({"symmetry_switch": 3}, "symmetry_switch is without effect with symmetry_loss_scale=0"),
        ({"temporal_scale": 5}, "temporal_scale is without effect: there is no previous_frame to pull towards"),
        ({"symmetry_axis": "both"}, "symmetry_axis is without effect with symmetry_loss_scale=0"),
        ({"transformation_percent": ["50%"]}, "transformation_percent is without effect while use_horizontal"),
        ({"radial_symmetry_order": 4}, "radial_symmetry_order is without effect while use_radial_symmetry is false"),
        ({"perlin_mode": "gray"}, "perlin_mode is without effect while perlin_init is false"),
        ({"fps": 5}, "fps is without effect while video is none"),
        ({"init_scale": 10}, "init_scale is without effect"),
        ({"init_scale": 10, "perlin_init": True, "skip_steps": 5}, "init_scale is without effect"),
        ({"init_noise": 0.1}, "init_noise is without effect"),
        ({"init_fit": "fill"}, "init_fit is without effect: there is no init_image"),
        ({"init_noise_mode": "flat"}, "init_noise_mode is without effect with init_noise=0"),
        ({"perlin_init": True}, "the init hardly shows with skip_steps=0"),
    ],
)
def test_what_has_no_effect_is_said(values: dict[str, Any], note: str) -> None:
    assert any(said.startswith(note) for said in plan(**values).notes)


def test_the_defaults_need_no_notes() -> None:
    assert plan().notes == ()
    for more in ({"eta": 0}, {}, {"eta": 0.8}):
        assert plan(diffusion_sampling_mode="plms", **more).notes == ()
        assert plan(diffusion_sampling_mode="ddpm", **more).notes == ()
    for choice in ({"sampler": "plms"}, {"sampler": "ddpm"}, {"cutouts": "random"}):
        assert composed(**choice).notes == ()


def composed(**values: Any) -> Plan:
    """A plan by way of conf/, where groups and presets are."""
    return build_plan(load(from_python({"prompt": "a red star", **values})))


def test_presets_need_no_notes() -> None:
    """Nobody typed what a preset holds; of an init_scale of one's own it is said."""
    assert composed(preset="disco57").notes == composed(preset="disco57", cutout_family="random").notes == ()
    said = composed(preset="disco57", init_scale=500).notes
    assert said == ("init_scale is without effect: there is no init_image to pull towards",)


#: Disco Diffusion's schedules of its pixel art and watercolours, as runs of (value, entries).
PIXELART = {
    "cut_overview": [(15, 200), (12, 200), (6, 100), (4, 100), (2, 200), (0, 200)],
    "cut_innercut": [(1, 200), (4, 200), (8, 200), (10, 400)],
    "cut_ic_pow": [(12, 500), (10, 500)],
    "cut_icgray_p": [
        *[(0.87, 100), (0.78, 50), (0.73, 50), (0.64, 60), (0.56, 40)],
        *[(0.5, 50), (0.33, 100), (0.19, 150), (0, 400)],
    ],
}

WATERCOLOR = {
    "cut_overview": [(14, 200), (12, 200), (4, 400), (0, 200)],
    "cut_innercut": [(2, 200), (4, 200), (12, 600)],
    "cut_ic_pow": [(12, 500), (10, 500)],
    "cut_icgray_p": [(0.7, 100), (0.6, 100), (0.45, 100), (0.3, 100), (0, 600)],
}

PIXELS = [spec.name for spec in catalog.UNETS if spec.name.startswith("pixel") or spec.name == "PulpSciFiDiffusion"]


@pytest.mark.parametrize(
    ("preset", "model", "schedules"),
    [("pixelart", model, PIXELART) for model in PIXELS]
    + [("watercolor", model, WATERCOLOR) for model in ("watercolordiffusion", "watercolordiffusion_2")],
)
def test_a_model_that_brings_settings_along(preset: str, model: str, schedules: dict[str, list]) -> None:
    """Its preset has them all; where others hold it is said, in words that have them too."""
    usual = composed(preset="disco57", diffusion_model=model)
    ours = composed(preset=preset, diffusion_model=model, steps=1000, skip_steps=0)
    assert ours.notes == () and (ours.width, ours.height) == (512, 448)
    for name, key in (
        ("overview", "cut_overview"),
        ("inner", "cut_innercut"),
        *((n[4:], n) for n in list(schedules)[2:]),
    ):
        expected = [value for value, entries in schedules[key] for _ in range(entries)]
        assert [getattr(step.cuts, name) for step in ours.steps] == expected
    (note,) = usual.notes
    assert note.startswith(f"with {model} Disco Diffusion takes width=512 height=448 cut_overview=")
    words, _, advice = note.partition(" takes ")[2].partition("; ")
    assert advice == f"preset={preset} has them all"
    typed = from_arguments(["a red star", "preset=disco57", f"diffusion_model={model}", *shlex.split(words)])
    again = build_plan(load(typed))
    assert again.notes == () and [step.cuts for step in again.steps[-5:]] == [step.cuts for step in ours.steps[-1:]] * 5


def test_a_model_of_256_pixels_brings_a_size_along() -> None:
    usual = composed(preset="disco57", diffusion_model="256x256_diffusion_uncond", height=448)
    assert usual.notes == ("with 256x256_diffusion_uncond Disco Diffusion takes width=512",)
    rounded = composed(preset="disco57", diffusion_model="256x256_diffusion_uncond", height=450, width=512)
    assert rounded.height == 448 and not any("takes" in note for note in rounded.notes)


def test_schedules_that_nobody_reads_need_not_be_a_models() -> None:
    given = {"preset": "disco57", "diffusion_model": "pixelartdiffusion4k", "cutout_family": "random"}
    assert composed(**given).notes == (
        "with pixelartdiffusion4k Disco Diffusion takes width=512 height=448; preset=pixelart has them all",
    )


def test_what_has_effect_needs_no_note(picture: str) -> None:
    assert plan(diffusion_sampling_mode="plms", plms_order=3, ddim_switch=0.5, eta=1).notes == ()
    assert plan(cutout_family="random", cutn=4, fuzzy_prompt=True, rand_mag=1.0).notes == ()
    assert plan(symmetry_loss_scale=1, symmetry_switch=3, symmetry_axis="both").notes == ()
    assert plan(symmetry_loss_scale=1, symmetry_axis="radial", radial_symmetry_order=4).notes == ()
    assert plan(use_vertical_symmetry=True, transformation_percent=["50%"], video="gif", fps=5).notes == ()
    assert plan(clip_guidance_scale="[0]*500+[1]*500", clamp_max="[0]*500+[1]*500").notes == ()
    assert plan(clamp_grad="[0]*500+[1]*500", clamp_max=0.4).notes == ()


@pytest.mark.parametrize("noise_schedule", ["linear", "cosine", "shifted"])
@given(total=st.integers(10, 250), share=st.floats(0, 0.99))
def test_the_closed_form_of_the_noise_levels(noise_schedule: str, total: int, share: float) -> None:
    index = int(share * total)
    exact = Diffusion.spaced(total, noise_schedule).alphas_cumprod[index]
    assert alphas_cumprod_at(1000 * index / total, noise_schedule) == pytest.approx(exact, rel=0.05, abs=0.002)


@pytest.mark.parametrize(
    ("values", "greys"),
    [
        ({"skip_steps": "90%"}, True),
        ({"skip_steps": "60%"}, True),
        ({"skip_steps": "50%"}, False),  # at the shifted levels of the shipped UNet
        ({"skip_end_steps": "90%"}, False),
        ({"skip_steps": "90%", "perlin_init": True}, False),
        ({"steps": 1, "skip_steps": "0%"}, False),
    ],
)
def test_many_skipped_steps_without_an_init_are_told(values: dict[str, Any], greys: bool) -> None:
    assert any("without an init starts from plain grey" in note for note in plan(**values).notes) == greys


def test_many_skipped_steps_with_a_picture_need_no_note(picture: str) -> None:
    assert not any("plain grey" in note for note in plan(init_image=picture, skip_steps="90%").notes)


def test_a_gif_that_browsers_would_slow_down_is_told() -> None:
    (note,) = plan(video="gif", fps=60).notes
    assert note == "fps is 60, but browsers play no GIF faster than 50: it is written at 50; video=mp4 has 60"
    assert plan(video="gif", fps=50).notes == ()

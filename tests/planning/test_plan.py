"""Plans: everything that can be known before a model is loaded."""

import dataclasses
import os
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from disco.kernels.losses import AXES
from disco.kernels.symmetry import SYMMETRIES
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.diffusion.levels import Diffusion
from disco.errors import SettingsError
from disco.models import catalog
from disco.planning.effects import alphas_cumprod_at
from disco.planning.plan import Plan, build_plan
from disco.planning.prompts import ImagePrompt, Prompt, Stage
from disco.planning.steps import single_precision_t
from disco.planning.symmetry import SQUARE
from disco.planning.values import cuts_at_once, memory_limit
from disco.settings.config import METRIC_NAMES, Settings, from_dict, load, specs, to_dict
from disco.settings.overrides import from_arguments, from_python


@cache
def defaults() -> Settings:
    return load()


def settings_with(**values: Any) -> Settings:
    tree = to_dict(defaults())
    for name, value in {"prompt": "a red star", **values}.items():
        spec = specs()[name]
        (tree[spec.group] if spec.group else tree)[name] = value
    return from_dict(tree)


def plan(**values: Any) -> Plan:
    return build_plan(settings_with(**values))


@pytest.fixture
def picture(tmp_path) -> str:
    path = tmp_path / "a picture.png"
    Image.new("RGB", (8, 8), "red").save(path)
    return str(path)


# Steps


def test_steps_run_from_noise_to_picture() -> None:
    steps = plan(steps=250).steps
    assert [step.number for step in steps] == list(range(250))
    assert [step.index for step in steps] == list(range(249, -1, -1))
    assert (steps[0].t, steps[-1].t, steps[125].t, steps[125].share) == (996.0, 0.0, 496.0, 0.5)


@pytest.mark.parametrize("steps", [1, 7, 25, 250, 333, 1000])
def test_t_is_what_the_original_hands_to_its_guidance(steps: int) -> None:
    """Its own number: the position in the stretched schedule, times the rescaling of 1000 / diffusion_steps."""
    diffusion_steps = 1000 // steps * steps
    for step in plan(steps=steps).steps:
        position = step.index * (diffusion_steps // steps)
        assert step.t == pytest.approx(position * 1000 / diffusion_steps)


def test_compat_reads_schedules_at_the_originals_single_precision_level() -> None:
    """Against guided-diffusion's own respacing and rescaling of the level, at every number of steps."""
    differ = 0
    for steps in range(1, 1001):
        diffusion_steps = 1000 // steps * steps
        positions = torch.arange(0, diffusion_steps, 1000 // steps)
        levels = (positions.float() * (1000.0 / diffusion_steps)).int()
        ours = torch.tensor([int(single_precision_t(index, steps)) for index in range(steps)])
        assert ours.equal(levels)
        differ += not levels.equal(torch.arange(steps) * 1000 // steps)
    assert differ == 89
    every = "+".join(f"[{entry}]" for entry in range(1000))
    at_30 = {
        compat: plan(steps=240, cutn=1, tv_scale=every, compat=compat).steps[239 - 30].tv_scale
        for compat in ("none", "disco57")
    }
    assert at_30 == {"none": 874, "disco57": 875}


@pytest.mark.parametrize(
    ("skip", "skip_end", "first", "last", "number"),
    [
        (10, 0, 239, 0, 240),
        (0, 10, 249, 10, 240),
        ("4%", "10%", 239, 25, 215),
        (0.04, 0.1, 239, 25, 215),
        ("10", "0", 239, 0, 240),
        ("0.5%", 0, 248, 0, 249),  # 1.25 steps, rounded down
        (249, 0, 0, 0, 1),
    ],
)
def test_skipped_steps(skip: Any, skip_end: Any, first: int, last: int, number: int) -> None:
    steps = plan(steps=250, skip_steps=skip, skip_end_steps=skip_end).steps
    assert (steps[0].index, steps[-1].index, len(steps)) == (first, last, number)
    assert steps[0].t == 1000 * first / 250


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"skip_steps": 50}, "skip_steps=50 .* leave nothing of 50 steps"),
        ({"skip_steps": 60}, "leave nothing"),
        ({"skip_steps": "50%", "skip_end_steps": 25}, "leave nothing"),
        ({"skip_steps": -1}, "skip_steps is -1, but must be at least 0"),
        ({"skip_steps": 1.0}, "skip_steps is 1.0, which may mean one step or all"),
        ({"skip_steps": 1.5}, "skip_steps is 1.5, but must be a count of steps, or a share"),
        ({"skip_steps": "101%"}, "skip_steps is '101%', but must be a count"),
        ({"skip_steps": True}, "skip_steps is True"),
        ({"skip_end_steps": None}, "skip_end_steps is None"),
    ],
)
def test_skipping_too_much(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(steps=50, **values)


def test_schedules_are_read_at_the_noise_level() -> None:
    steps = plan(
        steps=10,
        cut_overview="[12]*400+[4]*600",
        clamp_max="interp([0]*999+[1])",
        skip_augs="[1]*500+[0]*500",
        perceptor_weights={"embedded_resnet": [[0, 500], [2, 500]]},
    ).steps
    assert [step.cuts.overview for step in steps] == [12] * 4 + [4] * 6
    assert [step.clamp_max for step in steps] == pytest.approx([(999 - int(100 * i)) / 999 for i in range(9, -1, -1)])
    assert [step.cuts.skip_augs for step in steps] == [True] * 5 + [False] * 5
    assert [step.perceptor_weights for step in steps] == [(1, 0, 1)] * 5 + [(1, 2, 1)] * 5
    assert all(type(step.cuts.overview) is int and type(step.cuts.skip_augs) is bool for step in steps)


def test_schedules_do_not_depend_on_the_number_of_steps() -> None:
    few, many = plan(steps=50).steps, plan(steps=500).steps
    assert [step.cuts for step in few] == [step.cuts for step in many[9::10]]


def test_a_schedule_too_long_is_said() -> None:
    assert "cut_ic_pow has 1200 entries; those after the first 1000 are never read" in plan(cut_ic_pow="[1]*1200").notes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cut_overview": "[12]*400"}, "cut_overview has 400 entries"),
        ({"eta": 1.5}, "eta holds 1.5, but every value must be a number from -1 to 1"),
        ({"cutn_batches": 0}, "cutn_batches holds 0"),
        ({"cut_icgray_p": "[2]*1000"}, "cut_icgray_p holds 2"),
        ({"clamp_grad": 2}, "clamp_grad holds 2, but every value must be true or false"),
        ({"clip_guidance_scale": "lots"}, "clip_guidance_scale is 'lots'"),
        ({"perceptor_weights": {"embedded_vit": -1}}, "perceptor_weights of embedded_vit holds -1"),
        ({"perceptor_weights": {"embeded_vit": 1}}, "perceptor_weights names 'embeded_vit', .* embedded_vit"),
        (
            {"cut_overview": 0, "cut_innercut": "[1]*500+[0]*500"},
            "cut_overview and cut_innercut are both 0 at entry 509",
        ),
    ],
)
def test_bad_schedules(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(steps=100, **values)


def test_no_cuts_where_nothing_looks() -> None:
    assert plan(cut_overview=0, cut_innercut=0, clip_guidance_scale=0).steps[0].cuts.inner == 0
    assert plan(cut_overview=0, cut_innercut=0, cutout_family="random").steps[0].cuts.cutn > 0
    weights = dict.fromkeys(("embedded_vit", "embedded_resnet", "embedded_vit8"), 0)
    off = plan(cut_overview=0, cut_innercut=0, perceptor_weights=weights)
    assert "perceptor_weights are 0 at every step: no prompt guides the run" in off.notes


# Samplers


def test_plms_becomes_ddim() -> None:
    steps = plan(diffusion_sampling_mode="plms", steps=10, ddim_switch="50%").steps
    assert [step.sampler for step in steps] == ["plms"] * 5 + ["ddim"] * 5
    assert {step.sampler for step in plan(diffusion_sampling_mode="plms").steps} == {"plms"}
    assert {step.sampler for step in plan(diffusion_sampling_mode="plms", ddim_switch=0).steps} == {"ddim"}
    for bad in (2, "soon", -0.1):
        with pytest.raises(SettingsError, match="ddim_switch is"):
            plan(diffusion_sampling_mode="plms", ddim_switch=bad)


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
        ({"symmetry_axis": "both"}, "symmetry_axis is without effect with symmetry_loss_scale=0"),
        ({"transformation_percent": ["50%"]}, "transformation_percent is without effect while use_horizontal"),
        ({"radial_symmetry_order": 4}, "radial_symmetry_order is without effect while use_radial_symmetry is false"),
        ({"perlin_mode": "gray"}, "perlin_mode is without effect while perlin_init is false"),
        ({"fps": 5}, "fps is without effect while video is none"),
        ({"init_scale": 10}, "init_scale is without effect"),
        ({"init_scale": 10, "perlin_init": True, "skip_steps": 5}, "init_scale is without effect"),
        ({"init_noise": 0.1}, "init_noise is without effect"),
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


# Tiling


def test_tile_says_which_edges_meet() -> None:
    assert [plan(tile=tile).wrap for tile in specs()["tile"].choices] == [(), (-1,), (-2,), (-2, -1)]
    assert plan(tile="both").notes == ()
    with pytest.raises(SettingsError, match="tile is 'xy', but must be one of none, x, y, both"):
        plan(tile="xy")


# Symmetry


@given(
    st.integers(1, 1000),
    st.integers(0, 999),
    st.lists(st.integers(1, 100).map(lambda percent: percent / 100), max_size=4),
)
def test_mirrors_stand_where_guided_diffusion_has_them(steps: int, skipped: int, shares: list[float]) -> None:
    skipped = skipped % steps
    mirrored = plan(steps=steps, skip_steps=skipped, use_horizontal_symmetry=True, transformation_percent=shares).steps
    indices = list(range(steps - skipped))[::-1]
    expected = {int(len(indices) * (1 - share)) for share in shares}
    assert {step.index for step in mirrored if step.mirrors} == expected
    assert all(step.mirrors in ((), ("horizontal",)) for step in mirrored)


def test_mirrors_of_both_axes() -> None:
    values = {"use_horizontal_symmetry": True, "use_vertical_symmetry": True, "transformation_percent": ["50%"]}
    steps = plan(steps=10, **values).steps
    assert {step.number: step.mirrors for step in steps if step.mirrors} == {4: ("horizontal", "vertical")}
    assert any(step.mirrors for step in plan(diffusion_sampling_mode="plms", **values).steps)
    original = plan(diffusion_sampling_mode="plms", compat="disco57", **values)
    assert not any(step.mirrors for step in original.steps)
    assert any("symmetry transformation is without effect" in note for note in original.notes)
    late = plan(steps=10, skip_end_steps=7, **values)
    assert any("after the last step" in note for note in late.notes)
    with pytest.raises(SettingsError, match="transformation_percent holds 0"):
        plan(**(values | {"transformation_percent": [0]}))


def test_every_symmetry_has_its_switch() -> None:
    switches = {
        f"use_{name}_symmetry": True for name in ("horizontal", "vertical", "diagonal", "antidiagonal", "radial")
    }
    for order in (2, 4):
        steps = plan(**switches, radial_symmetry_order=order, transformation_percent=[1]).steps
        assert steps[-1].mirrors == tuple(SYMMETRIES)[:4] + (f"radial_{order}",)


def test_the_axis_of_the_loss_has_its_order() -> None:
    for axis in ("horizontal", "both", "antidiagonal"):
        assert plan(symmetry_loss_scale=1, symmetry_axis=axis).symmetry_axis == axis
    assert plan(symmetry_loss_scale=1, symmetry_axis="radial", radial_symmetry_order=4).symmetry_axis == "radial_4"
    for axis in specs()["symmetry_axis"].choices:
        assert plan(symmetry_loss_scale=1, symmetry_axis=axis).symmetry_axis in AXES


def test_symmetries_of_squares_are_those_that_turn_a_lying_picture_upright() -> None:
    lying = torch.zeros(2, 3)
    assert tuple(name for name, turn in SYMMETRIES.items() if turn(lying).shape != lying.shape) == SQUARE


WIDE = {"width": 64, "height": 32}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"use_diagonal_symmetry": True}, "use_diagonal_symmetry=true needs a square picture, and this one is 64x32"),
        ({"use_antidiagonal_symmetry": True}, "use_antidiagonal_symmetry=true needs"),
        (
            {"use_radial_symmetry": True, "radial_symmetry_order": 4},
            "use_radial_symmetry=true and radial_symmetry_o",
        ),
        ({"symmetry_loss_scale": "[0]*999+[1]", "symmetry_axis": "diagonal"}, "symmetry_axis=diagonal needs a square"),
        (
            {"symmetry_loss_scale": 5, "symmetry_axis": "radial", "radial_symmetry_order": 4},
            "symmetry_axis=radial and radial_symmetry_order=4 needs .* or radial_symmetry_order=2",
        ),
    ],
)
def test_symmetries_of_squares_want_squares(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        plan(**values, **WIDE)
    plan(**values, width=64, height=64)
    plan(**values, width=67, height=64)  # rounded to 64 x 64


def test_what_needs_no_square_or_has_no_effect_is_let_be() -> None:
    plan(use_radial_symmetry=True, symmetry_loss_scale=5, symmetry_axis="radial", **WIDE)
    plan(symmetry_axis="diagonal", **WIDE)
    with pytest.raises(SettingsError, match="radial_symmetry_order is 3, but must be one of 2, 4"):
        plan(radial_symmetry_order=3)


def test_shares_are_checked_while_symmetry_is_off_too() -> None:
    for bad in (1.5, -0.1, "soon"):
        with pytest.raises(SettingsError, match="transformation_percent is"):
            plan(transformation_percent=[bad])


def test_symmetry_switch() -> None:
    for switch, number in ((3, 3), ("50%", 5), (0.5, 5), ("100%", 10), (0, 0), (99, 10)):
        steps = plan(steps=10, symmetry_loss_scale=7, symmetry_switch=switch).steps
        assert [step.symmetry_loss_scale for step in steps] == [7] * number + [0] * (10 - number)


# Prompts


def test_one_prompt() -> None:
    assert plan(prompt="a red star:2").stages == (Stage(0.0, (Prompt("a red star", 2.0),)),)
    assert plan(prompt="a red star:2", compat="disco57").stages == (Stage(0.0, (Prompt("a red star:2", 2.0),)),)


def test_stages_by_share() -> None:
    staged = plan(prompt=None, prompts={"0": "a red star", "40%": ["a blue star", "a tree:-0.5"]}, steps=10)
    assert [step.stage for step in staged.steps] == [0] * 4 + [1] * 6
    assert staged.stages[1].prompts == (Prompt("a blue star", 1.0), Prompt("a tree", -0.5))


def test_image_prompts(picture: str) -> None:
    alone = plan(prompt=None, image_prompts=[f"{picture}:2"])
    assert (alone.stages, alone.image_prompts) == ((Stage(0.0, ()),), (ImagePrompt(picture, 2.0),))
    with pytest.raises(SettingsError, match="weights of prompt sum to 0"):
        plan(prompt="a red star:-1", image_prompts=[picture])
    with pytest.raises(SettingsError, match=r"image_prompts='nowhere.png'"):
        plan(image_prompts=["nowhere.png"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompt": None}, "prompt is missing"),
        ({"prompt": " "}, "prompt holds an empty text"),
        ({"prompts": ["a red star"]}, "prompt and prompts are both given"),
        ({"prompt": "a red star:0"}, "weights of prompt sum to 0"),
        ({"prompt": None, "prompts": ["a red star", "a tree:-1"]}, "weights of prompts sum to 0"),
        ({"prompt": None, "prompts": {"0": "a", "100": "b"}}, "prompts has the key 100, a frame"),
        ({"prompt": "red " * 40}, "prompt 'red .* has 40 tokens, embedded_vit reads .*truncate_prompts=true"),
        ({"prompt": "xyzzy"}, "prompt 'xyzzy' has words that embedded_vit never learned: xyzzy"),
    ],
)
def test_bad_prompts(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(**values)


@pytest.mark.parametrize("weights", [(0,), (1, -1), (1, -0.9995)])
def test_image_prompts_alone_must_not_cancel_either(tmp_path: Path, weights: tuple[float, ...]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    given = [f"{tmp_path / 'a.png'}:{weight}" for weight in weights]
    with pytest.raises(SettingsError, match="weights of image_prompts sum to"):
        plan(prompt=None, image_prompts=given)


def test_image_prompts_that_push_away_more_than_they_pull_are_told(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    notes = plan(prompt=None, image_prompts=[f"{tmp_path / 'a.png'}:-1"]).notes
    assert "the weights of image_prompts sum to -1: what they push away wins" in notes


def test_a_text_without_its_quotes_is_noticed() -> None:
    said = "3 prompts of a word each are pulled towards together; if they are one, put it in quotes"
    assert said in plan(prompt=None, prompts=["red", "star", "sea:0.5"]).notes
    for together in (["star"], ["red star", "sea"]):
        assert plan(prompt=None, prompts=together).notes == ()


def test_strange_words_are_told_where_the_known_ones_are() -> None:
    with pytest.raises(SettingsError, match="preset=disco57 reads any") as refused:
        plan(prompt="a portrait")
    assert Path(str(refused.value).partition("know those in ")[2].partition(",")[0]).is_file()


def test_a_picture_far_smaller_than_the_model_learned_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    (tmp_path / "mine.json").write_text('{"image_size": 256, "num_channels": 64}')
    said = "64x64 is far from what mine learned; try width=256 height=256"
    assert said in plan(diffusion_model="mine").notes
    assert plan(diffusion_model="mine", width=256, height=128).notes == ()
    assert plan(width=32, height=32).notes == ()


def test_a_prompt_cut_is_said() -> None:
    assert any("; cut: 'red" in note for note in plan(prompt="red " * 40, truncate_prompts=True).notes)


# Names, sizes, seeds, files


def test_sizes_are_rounded_down() -> None:
    rounded = plan(width=70, height=129)
    assert (rounded.width, rounded.height) == (64, 128)
    assert rounded.notes == (
        "width is rounded from 70 to 64: the models need multiples of 8",
        "height is rounded from 129 to 128: the models need multiples of 8",
    )
    with pytest.raises(SettingsError, match="height is 7, but embedded draws multiples of 8 only"):
        plan(height=7)


def test_seeds_count_up() -> None:
    assert plan(seed=5, n_batches=2, batch_size=3).seeds == (5, 6, 7, 8, 9, 10)
    drawn = plan(seed="random")
    assert drawn.settings.seed == drawn.seeds[0]
    assert plan(seed=drawn.settings.seed).seeds == drawn.seeds
    for bad in (-1, 1.5, "x", None, True, 2**63):
        with pytest.raises(SettingsError, match="seed is"):
            plan(seed=bad)
    with pytest.raises(SettingsError, match="seed is .* count up"):
        plan(seed=2**63 - 1, n_batches=2)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_devices(device: str) -> None:
    assert plan(device=device).settings.machine.device == device


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"device": "tpu"}, "device is 'tpu', but must be auto, cpu, cuda, cuda:N or mps"),
        ({"device": "cuda:x"}, "device is 'cuda:x'"),
        ({"diffusion_model": "embeded"}, "embeded.* embedded"),
        ({"use_secondary_model": True, "secondary_model": "nothing"}, "nothing"),
        ({"clip_models": []}, "clip_models is empty"),
        ({"clip_models": ["ViT-B/33"]}, "ViT-B/33.* ViT-B/32"),
        ({"clip_models": ["embedded_vit", "embedded_vit"]}, "clip_models names 'embedded_vit' twice"),
        ({"clip_models": ["ViTB32", "RN50", "ViT-B-32:openai"]}, "one perceptor as 'ViTB32' and 'ViT-B-32:openai'"),
        ({"clip_models": ["ViT-B-32:laion5b"]}, "no weights 'laion5b' for ViT-B-32; it has openai, laion400m_e31"),
        ({"batch_name": "../x"}, "batch_name is '../x', but must be the name of one folder"),
        ({"batch_name": ""}, "batch_name is ''"),
        ({"init_image": "nowhere.png"}, "init_image='nowhere.png'"),
        ({"intermediate_saves": 50}, "intermediate_saves is 50, but must be a count below 50"),
        ({"intermediate_saves": [50]}, "intermediate_saves holds 50, which is not on the way; steps are 0 to 49"),
        (
            {"intermediate_saves": ["100%"]},
            "intermediate_saves holds 100%, which is not on the way; .* shares below 100%",
        ),
        ({"intermediate_saves": "50"}, r"intermediate_saves is '50', .* such as \[25%,50%\]"),
        ({"metrics": ("detial",)}, "metrics is .* true, false, or a list of detail, saturation"),
        ({"metrics": 3}, "metrics is 3"),
        ({"metrics": ({},)}, "metrics is "),
        ({"intermediate_saves": ["x"]}, "intermediate_saves is 'x'"),
    ],
)
def test_names_that_do_not_exist(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(**values)


def test_video_needs_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SettingsError, match="video='mp4' needs the program ffmpeg"):
        plan(video="mp4")
    assert plan(video="gif").settings.output.video == "gif"


def test_init_image(picture: str) -> None:
    assert plan(init_image=picture, skip_steps="40%", init_scale=10).notes == ()
    assert plan(init_image=picture).init_image == picture
    with pytest.raises(SettingsError, match="init_image and perlin_init are both given"):
        plan(init_image=picture, perlin_init=True)
    assert plan(init_image=picture, perlin_init=True, compat="disco57").init_image is None
    assert plan(init_image="").init_image is None


@pytest.mark.parametrize(
    ("saves", "numbers"),
    [
        (0, []),
        (1, [25]),
        (2, [16, 33]),
        (4, [10, 20, 30, 40]),
        ("50%", [25]),
        (["25%", "50%"], [12, 25]),
        ([5, 9, 0.98], [5, 9, 49]),
    ],
)
def test_partials(saves: Any, numbers: list[int]) -> None:
    assert [step.number for step in plan(intermediate_saves=saves).steps if step.save_partial] == numbers


@pytest.mark.parametrize(
    ("saves", "numbers"),
    [(0, []), (1, [119, 238]), (2, [79, 158, 237]), (200, list(range(1, 240))), ([5, 9], [5, 9])],
)
def test_partials_in_compat_are_multiples(saves: Any, numbers: list[int]) -> None:
    """Every (steps - skip_steps - 1) // (n + 1) steps, as long as the run lasts: often a picture more than asked."""
    steps = plan(steps=250, skip_steps=10, intermediate_saves=saves, compat="disco57").steps
    assert [step.number for step in steps if step.save_partial] == numbers


def test_metrics() -> None:
    assert plan(metrics=True).metrics == METRIC_NAMES
    assert plan(metrics=False).metrics == plan(metrics=()).metrics == ()
    assert plan(metrics=("judge", "detail")).metrics == ("detail", "judge")
    assert plan(metrics="motifs").metrics == ("motifs",)


def test_progress_pictures() -> None:
    assert [step.number for step in plan(display_rate=20).steps if step.show_progress] == [0, 20, 40, 49]
    assert [step.number for step in plan(display_rate=0).steps if step.show_progress] == [49]


def test_a_plan_is_frozen() -> None:
    ready = plan()
    with pytest.raises(dataclasses.FrozenInstanceError):
        ready.width = 1  # type: ignore[misc]
    assert hash(ready.steps[0]) == hash(plan().steps[0])


# Memory


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("auto", None),
        ("8GiB", 8 * 2**30),
        ("8GB", 8 * 2**30),
        ("1.5 G", 3 * 2**29),
        ("500MiB", 500 * 2**20),
        ("64k", 2**16),
    ],
)
def test_memory_limit_is_a_size(given: str, size: int | None) -> None:
    assert memory_limit(plan(memory_limit=given).settings) == size


@pytest.mark.parametrize("given", ["8", "0GiB", "-1GiB", "much", "8GiB 2", "GiB", ""])
def test_a_memory_limit_that_is_none(given: str) -> None:
    with pytest.raises(SettingsError, match="memory_limit is .*8GiB"):
        plan(memory_limit=given)


def test_cuts_at_once_is_a_count() -> None:
    assert cuts_at_once(plan(cuts_at_once="auto").settings) is None
    assert cuts_at_once(plan(cuts_at_once=4).settings) == 4
    for wrong in (0, -1, True, 1.5, "some"):
        with pytest.raises(SettingsError, match="cuts_at_once is"):
            plan(cuts_at_once=wrong)


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
        ({"skip_steps": "50%"}, True),
        ({"skip_steps": "30%"}, False),
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

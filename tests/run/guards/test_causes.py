"""What is blamed for a fault: the setting that was hostile, with its value, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from disco.planning.plan import build_plan
from disco.run.guards.causes import EASABLE, Scene, eased
from disco.run.guards.table import FAULTS
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.settings.specs import specs

BY_NAME = {fault.name: fault for fault in FAULTS}
EVEN = {"clip/embedded_vit": 4000.0, "tv": 0.0, "range": 1.0}


def scene_of(losses: dict[str, float] | None = None, rms: float = 0.7, **given: Any) -> Scene:
    plan = build_plan(load(from_python({"prompt": "a red star", "steps": 20, **given})))
    return Scene(plan, plan.steps[len(plan.steps) // 2], EVEN if losses is None else losses, rms)


def told(fault: str, scene: Scene) -> tuple[str, str, tuple[str, float] | None]:
    cause = next(cause for cause in BY_NAME[fault].causes if cause.applies(scene))
    return cause.why(scene), cause.remedy(scene), cause.ease(scene) if cause.ease else None


CASES = [
    ("exploding", {"range_scale": -5e5}, {}, "range_scale=-500000", "range_scale to 0", ("range_scale", 0)),
    ("exploding", {"sat_scale": -5e5}, {}, "sat_scale=-500000", "sat_scale to 0", ("sat_scale", 0)),
    ("noise", {"tv_scale": -5e5}, {}, "tv_scale=-500000", "tv_scale to 0", ("tv_scale", 0)),
    ("exploding", {"clamp_grad": False}, {"rms": 90}, "clamp_grad=false", "clamp_grad=true", ("clamp_max", 0.05)),
    ("exploding", {"clamp_max": 8}, {"rms": 90}, "clamp_max=8", "clamp_max=2", ("clamp_max", 2)),
    ("exploding", {"clamp_max": 8}, {"rms": 2}, "RMS 2 under clamp_max=8", "clamp_max=0.5", ("clamp_max", 0.5)),
    ("exploding", {}, {"rms": 0}, "nothing guided", "precision=float32", None),
    (
        *("black", {"tv_scale": 1e7}, {"losses": {"clip/a": 1000.0, "tv": 9000.0}}, "tv_scale=1e+07", "lower tv_scale"),
        ("tv_scale", 1e7 * 0.1 / 9),
    ),
    (
        *("grey", {"tv_scale": 1e7, "clip_guidance_scale": 0}, {"losses": {"tv": 9000.0}}, "tv_scale", "clip_guidance"),
        ("tv_scale", 0),
    ),
    ("grey", {"skip_steps": "70%", "steps": 40}, {}, "skip_steps=70% leaves 12 of 40", "init_image", None),
    (
        *("noise", {"skip_steps": "70%", "steps": 40, "perlin_init": True}, {}, "skip_steps=70%", "lower skip_steps"),
        None,
    ),
    ("noise", {"skip_end_steps": "50%"}, {}, "skip_end_steps=50%", "lower skip_end_steps", None),
    ("blank", {"clamp_max": 0.01}, {}, "hardly pulls", "raise clamp_max", None),
    ("black", {}, {}, "the prompt may ask for it", "guard=off", None),
    ("copies", {"cut_overview": 1, "cut_innercut": 9}, {}, "cut_innercut=9", "more cut_overview", None),
    ("copies", {"cut_ic_pow": 40, "cut_overview": 9}, {}, "cut_ic_pow=40", "smaller cut_ic_pow", None),
    ("copies", {"width": 256, "cut_overview": 9}, {}, "256x128 is larger", "a size nearer", None),
    (
        "not finite",
        {"precision": "float16"},
        {"rms": 5},
        "precision=float16",
        "precision=float32",
        ("clamp_max", 0.0125),
    ),
]


@pytest.mark.parametrize(("fault", "given", "seen", "why", "remedy", "ease"), CASES)
def test_the_setting_to_blame_is_named(
    fault: str, given: dict[str, Any], seen: dict[str, Any], why: str, remedy: str, ease: tuple[str, float] | None
) -> None:
    said, advice, lowered = told(fault, scene_of(**seen, **given))
    assert why in said and remedy in advice
    assert lowered is None if ease is None else lowered == (ease[0], pytest.approx(ease[1]))


@pytest.mark.parametrize("name", BY_NAME)
def test_something_is_to_blame_whatever_happened(name: str) -> None:
    told(name, scene_of({}, rms=0))
    told(name, scene_of({"tv": float("nan"), "clip/a": float("inf")}, rms=float("inf")))


def test_lowering_is_a_size_that_is_not_exceeded_and_turns_the_clamp_on() -> None:
    scene = scene_of(clamp_grad=False, tv_scale=-9, clamp_max=0.5)
    plan = eased(scene.plan, 7, {"clamp_max": 0.2, "tv_scale": 4})
    for before, after in zip(scene.plan.steps, plan.steps, strict=True):
        if before.number < 7:
            assert after == before
        else:
            assert (after.clamp_grad, after.clamp_max, after.tv_scale) == (True, 0.2, -4)
    assert eased(scene.plan, 0, {"range_scale": 1e9}).steps == scene.plan.steps
    assert set(EASABLE) <= set(specs())

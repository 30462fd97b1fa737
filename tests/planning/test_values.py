"""Settings whose values are a grammar of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from disco.errors import SettingsError
from disco.planning.values import cuts_at_once, memory_limit, skipped_steps
from disco.settings.config import METRIC_NAMES
from support.plans import plan, settings_with


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


def test_metrics() -> None:
    assert plan(metrics=True).metrics == METRIC_NAMES
    assert plan(metrics=False).metrics == plan(metrics=()).metrics == ()
    assert plan(metrics=("judge", "detail")).metrics == ("detail", "judge")
    assert plan(metrics="motifs").metrics == ("motifs",)


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


@pytest.mark.parametrize(
    ("strength", "steps", "walked"),
    [(1, 50, 50), (0.6, 50, 30), ("60%", 50, 30), (0.5, 5, 3), (0.5, 3, 2), (0.001, 50, 1), (0, 50, 1), ("0%", 7, 1)],
)
def test_strength_is_the_share_that_is_walked(strength: Any, steps: int, walked: int) -> None:
    assert skipped_steps(settings_with(strength=strength, steps=steps, perlin_init=True)) == steps - walked


def test_strength_and_skip_steps_may_agree() -> None:
    assert skipped_steps(settings_with(strength=0.6, skip_steps="40%", perlin_init=True)) == 20
    with pytest.raises(SettingsError, match=r"strength=0.6 walks 30 of 50 steps, and skip_steps=30 20; give one"):
        plan(strength=0.6, skip_steps=30, perlin_init=True)


@pytest.mark.parametrize("strength", [-0.1, 1.5, "much", True, [0.5], "60"])
def test_strength_is_a_share(strength: Any) -> None:
    with pytest.raises(SettingsError, match=r"strength is .*, but must be null or a share from 0 to 1, such as 0.6"):
        plan(strength=strength, perlin_init=True)


def test_margins_start_from_the_mirror_image_unless_another_strength_is_given(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "i.png")
    given = {"init_image": str(tmp_path / "i.png"), "extend": "left=32", "steps": 10}
    untold = plan(**given)
    assert len(untold.steps) == 7 and "mirror image at strength=0.7" in " ".join(untold.notes)
    for more, steps in (({"strength": 1}, 10), ({"skip_steps": 4}, 6), ({"skip_steps": "20%"}, 8)):
        assert len(plan(**given, **more).steps) == steps
    assert plan(**given).mask_view == "whole" and plan(**given, mask_view="both").mask_view == "both"
    mask = {"init_image": given["init_image"], "mask": given["init_image"], "extend": None}
    Image.new("RGB", (32, 32), "white").save(tmp_path / "i.png")
    assert plan(**mask).mask_view == "both"


def test_strength_needs_an_init() -> None:
    with pytest.raises(SettingsError, match=r"strength=0.6 .* and there is none; give an init_image or perlin_init"):
        plan(strength=0.6)
    with pytest.raises(SettingsError, match=r"strength=0.6 and skip_end_steps=60% leave nothing of 50 steps"):
        plan(strength=0.6, skip_end_steps="60%", perlin_init=True)

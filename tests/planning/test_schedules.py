"""Schedules, read at the noise level of each step."""

from __future__ import annotations

from typing import Any

import pytest

from disco.errors import SettingsError
from support.plans import plan


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

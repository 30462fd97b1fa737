"""Symmetries: when they are copied, and which pictures can have them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from disco.kernels.losses import AXES
from disco.kernels.symmetry import SYMMETRIES
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.planning.symmetry import SQUARE
from disco.settings.config import specs
from support.plans import plan


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

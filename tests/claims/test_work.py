"""The work of runs, counted: by step, by cut, and as a ratio that needs no statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from disco.claims.of_metrics import Ratio
from disco.claims.questions import Exact
from disco.claims.units import Units
from disco.claims.work import work_of
from disco.settings.config import load, to_dict
from disco.settings.overrides import from_python

from .conftest import study_of


def settings(**given: Any) -> dict[str, Any]:
    usual = {"prompt": "a red star", "steps": 20, "cutout_family": "random", "cutn": 8, "clip_models": ["embedded_vit"]}
    return to_dict(load(from_python(usual | given)))


def test_the_work_of_steps_adds_up() -> None:
    """Guidance off in the last quarter spares a quarter of what it costs."""
    guided, unguided = (work_of(settings(clamp_max=most)) for most in (0.05, 0))
    assert work_of(settings(clamp_max="[0.05]*750+[0]*250")) == pytest.approx(0.75 * guided + 0.25 * unguided, rel=1e-6)
    assert guided > 2 * unguided > 0  # the way back through the diffusion model alone is as far as the way there


def test_the_work_of_cuts_is_in_proportion() -> None:
    few, many = (work_of(settings(cutn=count)) for count in (4, 16))
    assert work_of(settings(cutn="[4]*500+[16]*500")) == pytest.approx((few + many) / 2, rel=1e-3) and few < many


def test_a_ratio_of_work_is_exact(tmp_path: Path) -> None:
    study = study_of(
        {"clamp_max": [0, 0.05], "prompt": ["a star", "a boat"], "seed": [0, 1]}, lambda where: {}, tmp_path
    )
    for cell in study.cells:
        cell.folder.mkdir()
        clamp_max, prompt, seed = cell.values
        record = {"settings": settings(clamp_max=clamp_max, prompt=prompt, seed=seed)}
        (cell.folder / "run.json").write_text(json.dumps(record))
    units, of, to = Units(study), {"clamp_max": 0}, {"clamp_max": 0.05}
    found = work_of(settings(clamp_max=0)) / work_of(settings(clamp_max=0.05))
    for high, holds in ((found + 0.01, True), (found - 0.01, False)):
        assert list(Ratio("work", of, to, high=high).ask(units)) == [Exact(holds, f"{found:.2f} times")]

"""Runs of compat=disco57 against the original's loop, written plainly: the same pictures."""

from __future__ import annotations

import pytest

from disco.planning.plan import build_plan
from disco.settings.config import load
from disco.settings.overrides import from_python
from support.original import SETTINGS, Networks, Original, farthest, ours


@pytest.mark.parametrize("secondary", [True, False])
@pytest.mark.parametrize("mode", ["ddim", "plms"])
def test_a_whole_run_is_the_originals(mode: str, secondary: bool) -> None:
    settings = SETTINGS | {"diffusion_sampling_mode": mode, "use_secondary_model": secondary}
    settings |= {"eta": 0.8} if mode == "ddim" else {}
    plan, networks = build_plan(load(from_python(settings))), Networks()
    original = Original(plan, networks, secondary)
    x = original.noise()
    theirs = original.ddim(x, 0.8) if mode == "ddim" else original.plms(x)
    assert farthest(ours(plan, networks, secondary), theirs) < 1e-9
    without = build_plan(load(from_python(settings | {"compat": "none"})))
    assert farthest(ours(without, networks, secondary), theirs) > 1e-3  # the figure that compat takes away

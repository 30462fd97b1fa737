"""Image prompts as the original sees them."""

from __future__ import annotations

import pytest
from PIL import Image
from torchvision.transforms import functional as TF

from disco.guidance.perceptor import image_target
from disco.guidance.targets import prompt_size
from disco.planning.plan import build_plan
from disco.run.api import render
from support.toy_runs import QUICK, settings_of


def test_image_prompts_are_cut_the_originals_way_in_compat(toys, tmp_path, monkeypatch):
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "red.png")
    asked = []
    monkeypatch.setattr(
        "disco.guidance.targets.image_target", lambda *given: asked.append(given[-1]) or image_target(*given)
    )
    for compat in ("none", "disco57"):
        render(image_prompts=[str(tmp_path / "red.png")], compat=compat, **QUICK)
    assert asked and asked == [False] * (len(asked) // 2) + [True] * (len(asked) // 2)


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (100, 67), (32, 32), (20, 333), (61, 60)])
def test_image_prompts_are_shrunk_as_torchvision_shrinks_them_in_compat(size):
    """The original hands `resize` the least of all four sides; by default the long side is rounded instead."""
    plan = build_plan(settings_of(width=96, height=64))
    theirs = TF.resize(Image.new("RGB", size), min(96, 64, *size)).size
    assert prompt_size(size, plan, compat=True) == theirs
    rounded = prompt_size(size, plan, compat=False)
    assert min(rounded) == min(theirs) and abs(max(rounded) - max(size) * min(rounded) / min(size)) <= 0.5

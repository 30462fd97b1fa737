"""Where cuts look: the map of a run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from disco.diffusion.streams import ImageStreams
from disco.guidance.cutouts.boxes import inner_boxes
from disco.guidance.cutouts.placement import Spread
from disco.guidance.terms.clip import cut_generator
from disco.pipeline.coverage import RAMP, coverage, drawn
from support.plans import plan

QUICK = {"steps": 3, "width": 64, "height": 64, "clip_models": ("embedded_vit",), "skip_augs": True}


def test_overview_cuts_see_every_pixel_equally() -> None:
    (seen,) = coverage(plan(**QUICK, cut_innercut=0)).values()
    assert seen.mean().item() == pytest.approx(1, abs=1e-4) and seen[4:-4, 4:-4].std() < 0.02


@pytest.mark.parametrize("placement", ["uniform", "stratified"])
def test_a_map_is_the_boxes_laid_over_one_another(placement: str) -> None:
    """Away from the edges of boxes, where the resizing filter overshoots: so in the mean over blocks of pixels."""
    found = plan(**QUICK, cut_overview=0, cut_innercut=4, cut_placement=placement)
    (seen,) = coverage(found, seed=found.seeds[0]).values()
    expected = torch.zeros(64, 64)
    for step in found.steps:
        generator = cut_generator(ImageStreams(found.seeds[0]), "embedded_vit", step)
        boxes = inner_boxes(4, 64, 64, 32, 1, generator, spread=Spread() if placement == "stratified" else None)
        for top, left, side in zip(*map(torch.Tensor.tolist, (boxes.top, boxes.left, boxes.size)), strict=True):
            expected[top : top + side, left : left + side] += 64 * 64 / side**2 / (4 * len(found.steps))
    assert np.corrcoef(seen.flatten(), expected.flatten())[0, 1] > 0.97
    assert seen.mean().item() == pytest.approx(1, abs=1e-3)


def test_perceptors_that_never_look_have_an_empty_map() -> None:
    two = {**QUICK, "clip_models": ("embedded_vit", "embedded_resnet"), "perceptor_weights": {"embedded_resnet": 0}}
    maps = coverage(plan(**two))
    assert list(maps) == ["embedded_vit", "embedded_resnet"]
    assert maps["embedded_vit"].max() > 0 and not maps["embedded_resnet"].any()


def test_batches_are_counted_once_each() -> None:
    one, three = (coverage(plan(**QUICK, cut_innercut=3, cutn_batches=count))["embedded_vit"] for count in (1, 3))
    assert one.mean().item() == pytest.approx(three.mean().item(), abs=1e-3) and not torch.allclose(one, three)


def test_the_picture_of_a_map_is_dark_where_nothing_is_seen() -> None:
    seen = torch.zeros(8, 16)
    seen[:, 8:] = 3
    image = drawn({"a": seen, "b": seen.flip(1)})
    pixels = np.asarray(image).reshape(-1, 3)
    counts = [(pixels == colour).all(1).sum() for colour in (RAMP[0], RAMP[-1])]
    assert counts[0] == counts[1] == 2 * 128 * 128
    assert image.width > 2 * 256

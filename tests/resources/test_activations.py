"""The activations that are planned, against what torch's allocator hands out."""

from dataclasses import replace

import pytest
import torch

from disco.arrangement import Arrangement
from disco.resources import ledger
from disco.resources.cost import cost_of
from disco.resources.estimate import estimate
from disco.run.session import SESSION
from disco.run.steps import render_batch

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def without_holes():
    """All is planned as if malloc had no holes, of which the allocator does not know. What a network takes is kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "HEAP_SLACK", 1)
        cost_of.cache_clear()
        yield
        cost_of.cache_clear()


#: Every way to lay them out, and none or all of what can be chosen of it.
ALL_WAYS, TWO_WAYS = ((False, 0), (True, 0), (False, 3), (True, 3)), ((False, 0), (True, 3))
#: Each cut of each perceptor is followed, which takes time: enough for two chunks.
FEW = {"cut_overview": 4, "cut_innercut": 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "checkpointing", "cuts_at_once"),
    [
        (given, *way)
        for given, ways in (
            ({}, ALL_WAYS),
            ({"use_secondary_model": True, "tile": "x", **FEW}, TWO_WAYS),
            ({"width": 128, "height": 96, "cut_overview": 12, "cut_innercut": 8, "tile": "both"}, ALL_WAYS),
            ({"cutouts": "random", "tv_scale": 10, "sat_scale": 10, "symmetry_loss_scale": 10, "cutn": 6}, TWO_WAYS),
            ({"compat": "disco57", **FEW}, TWO_WAYS),
            ({"clip_guidance_scale": 0}, TWO_WAYS),
        )
        for way in ways
    ],
    ids=str,
)
def test_activations_are_what_the_allocator_hands_out(
    without_holes, given, checkpointing, cuts_at_once, plan_of, allocator_peak
):
    plan, arrangement = plan_of(**given), Arrangement("float32", checkpointing, cuts_at_once)
    planned = estimate(plan, arrangement, "cpu").parts["activations"]

    networks = SESSION.networks(plan, CPU, arrangement)
    heaviest = max(plan.steps, key=lambda step: step.cuts.overview + step.cuts.inner)
    results = render_batch(replace(plan, steps=(heaviest,) * 2), networks, plan.seeds, CPU)
    next(results)
    peak = allocator_peak(lambda: next(results))
    networks.unet.set_checkpointing(False)
    assert 0.99 * peak < planned < 1.15 * peak

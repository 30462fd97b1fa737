"""The region that is drawn anew: what is looked at, what pulls, and how strongly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.diffusion.levels import Diffusion
from disco.diffusion.streams import ImageStreams
from disco.guidance.cutouts import Cutouts
from disco.guidance.gradient import Guidance
from disco.guidance.region import Region
from disco.guidance.terms.base import Seen
from disco.guidance.terms.range import range_of_x0
from disco.guidance.terms.sat import sat, sat_loss
from disco.guidance.terms.symmetry import symmetry
from disco.guidance.terms.tv import tv, tv_loss
from disco.step import Cuts
from support.plans import plan

CUTS = Cuts("scheduled", overview=3, inner=2, ic_pow=1.0, icgray_p=0.0, cutn=5, batches=1, skip_augs=True)
(STEP, *_) = plan(steps=4, tv_scale=3, sat_scale=2, range_scale=5, symmetry_loss_scale=7, clamp_max=0.01).steps
BOX = (4, 6, 8, 10)


def region(view: str) -> Region:
    moves = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    moves[..., 5:11, 7:15] = True
    return Region(moves, 48 / 576, BOX, view)


def picture(seed: int = 0) -> torch.Tensor:
    return 2 * torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.sampled_from(["mask", "whole", "both"]))
def test_no_cut_is_lost_or_made(overview: int, inner: int, cutn: int, view: str):
    for family in ("scheduled", "random"):
        asked = replace(CUTS, family=family, overview=overview, inner=inner, cutn=cutn)
        parts = region(view).cuts(asked)
        if family == "scheduled":
            assert sum(part.overview + part.inner for _, part in parts) == overview + inner
            assert all(part.overview + part.inner for _, part in parts) or view != "both"
        else:
            assert sum(part.cutn for _, part in parts) == cutn
        if view != "both":
            assert parts == [(view == "mask", asked)]


@pytest.mark.parametrize("family", ["scheduled", "random"])
@pytest.mark.parametrize("view", ["mask", "whole", "both"])
def test_cuts_of_the_region_see_nothing_but_its_box(family: str, view: str):
    """Pixels beyond the box have a gradient only where the whole is looked at."""
    pictures = picture().float().requires_grad_()
    generators = [[ImageStreams(0).generator("a"), ImageStreams(0).generator("b")]]
    cuts = replace(CUTS, family=family)
    seen = Cutouts(12, region=region(view)).together(pictures, cuts, generators)
    assert seen.shape == (1, 2, 5, 3, 12, 12)
    gradient = torch.autograd.grad(seen.sum(), pictures)[0].abs()
    inside = region(view).part(gradient).sum()
    assert inside > 0 and (torch.isclose(gradient.sum(), inside) == (view == "mask"))
    if view == "whole":
        generators = [[ImageStreams(0).generator("a"), ImageStreams(0).generator("b")]]
        assert torch.equal(seen, Cutouts(12).together(pictures, cuts, generators))


@pytest.mark.parametrize("view", ["mask", "whole", "both"])
def test_losses_of_single_pixels_look_where_the_view_says(view: str):
    x, here = picture(), region(view)
    terms = [tv(), sat(), symmetry("horizontal"), range_of_x0()]
    wanted = {"tv": (3, lambda each: tv_loss(each)), "sat": (2, sat_loss)}
    losses: dict[str, torch.Tensor] = {}
    pulls = torch.zeros_like(x)
    for pulling in here.pulling(terms):
        found = pulling.pull(Seen(x.clone().requires_grad_(), x), STEP)
        losses |= found.losses
        if pulling.reads == "x_in" and "symmetry" not in found.losses:
            pulls = pulls + found.gradient
    assert set(losses) == {"tv", "sat", "symmetry", "range"}
    leaf = x.clone().requires_grad_()
    share = {"mask": (1, 0), "whole": (0, 1), "both": (0.5, 0.5)}[view]
    total = 0
    for name, (scale, loss) in wanted.items():
        expected = scale * (share[0] * loss(here.part(leaf)) + share[1] * loss(leaf))
        torch.testing.assert_close(losses[name], expected.detach())
        total = total + expected.sum()
    torch.testing.assert_close(pulls, torch.autograd.grad(total, leaf)[0])


def test_only_what_moves_is_pulled_and_as_strongly_as_a_whole_picture():
    """The RMS over the pixels that move is clamp_max; elsewhere the gradient is 0."""
    x = picture().requires_grad_()
    guide = Guidance(Diffusion.spaced(4), [tv(), sat(), range_of_x0()], region("whole"))
    gradient = guide(x, x * 0.9, STEP)
    moves = region("whole").moves
    assert not (gradient * ~moves).any()
    inside = gradient[moves.expand_as(gradient)]
    assert inside.square().mean().sqrt().item() == pytest.approx(0.01)
    free = Guidance(Diffusion.spaced(4), [tv(), sat(), range_of_x0()])(x, x * 0.9, STEP)
    cosine = torch.nn.functional.cosine_similarity(inside, free[moves.expand_as(free)], dim=0)
    assert cosine.item() == pytest.approx(1)
    assert guide.report is not None
    torch.testing.assert_close(guide.report.gradient_rms, guide.report.gradient_rms.new_tensor([rms_inside(x, moves)]))


def rms_inside(x: torch.Tensor, moves: torch.Tensor) -> float:
    guide = Guidance(Diffusion.spaced(4), [tv(), sat(), range_of_x0()])
    whole = guide(x, x * 0.9, replace(STEP, clamp_grad=False))
    return whole[moves.expand_as(whole)].square().mean().sqrt().item()

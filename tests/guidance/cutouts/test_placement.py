"""Cuts that are evenly spread: each alone as likely anywhere as before, all of a step together more evenly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from disco.guidance.cutouts import Cutouts
from disco.guidance.cutouts.boxes import Boxes, inner_boxes, random_boxes
from disco.guidance.cutouts.placement import Spread, coordinates
from support.draws import cuts_of, pictures, seeded

#: Kolmogorov-Smirnov's D times sqrt(n) is above this once in a thousand times.
CRITICAL = 1.95


def evenly(n: int, seed: int, batch: int = 0, part: int = 0) -> Tensor:
    return coordinates(n, [seeded(seed)], Spread(batch, part))


@pytest.mark.parametrize("which", [0, 3, 6])
def test_each_number_of_each_cut_is_uniform_over_seeds(which: int) -> None:
    """Over seeds, for the points of one seed are no sample."""
    numbers = torch.stack([evenly(7, seed)[:, which] for seed in range(600)])
    assert (numbers >= 0).all() and (numbers < 1).all()
    for one in numbers.T:
        assert stats.kstest(one.numpy(), "uniform").statistic < CRITICAL / math.sqrt(600)


@pytest.mark.parametrize("ic_pow", [1, 5])
def test_sides_and_places_keep_their_law(ic_pow: float) -> None:
    """Against cuts drawn each on its own: two-sample Kolmogorov-Smirnov of side, and of place where it fits."""

    def drawn(spread: Spread | None, seeds: range) -> list[np.ndarray]:
        boxes = [inner_boxes(4, 64, 96, 16, ic_pow, seeded(seed), spread=spread) for seed in seeds]
        one = [(b.size[1].item(), *(places(b)[1])) for b in boxes]
        return [np.array(column) for column in zip(*one, strict=True)]

    def places(b: Boxes) -> list[tuple[float, float]]:
        return list(zip((b.top / (65 - b.size)).tolist(), (b.left / (97 - b.size)).tolist(), strict=True))

    for even, own in zip(drawn(Spread(), range(500)), drawn(None, range(5000, 5500)), strict=True):
        assert stats.ks_2samp(even, own).statistic < CRITICAL * math.sqrt(2 / 500)


def test_random_sides_keep_their_clipped_normal_law() -> None:
    side = torch.cat([random_boxes(3, 64, 64, 24, seeded(seed), Spread()).size[1:2] for seed in range(500)])
    possible = torch.arange(24, 96)
    law = torch.distributions.Normal(0.8, 0.3).cdf((possible + 1) / 96)
    assert ((side[:, None] <= possible).double().mean(0) - law).abs().max() < CRITICAL / math.sqrt(500)


@pytest.mark.parametrize("n", [4, 6, 16])
def test_they_fill_the_cube_more_evenly(n: int) -> None:
    """By the centred discrepancy, in the mean over the same seeds."""

    def discrepancy(spread: Spread | None) -> float:
        points = (coordinates(n, [seeded(seed)], spread).T.numpy() for seed in range(40))
        return float(np.mean([stats.qmc.discrepancy(each) for each in points]))

    assert discrepancy(Spread()) < 0.75 * discrepancy(None)


def coverage(boxes: Boxes, height: int, width: int) -> Tensor:
    """How often each pixel lies in a box."""
    y, x = torch.arange(height)[:, None], torch.arange(width)[None, :]
    inside = (
        (y >= top) & (y < top + side) & (x >= left) & (x < left + side)
        for top, left, side in zip(boxes.top, boxes.left, boxes.size, strict=True)
    )
    return sum((each.double() for each in inside), torch.zeros(height, width, dtype=torch.float64))


def test_pixels_are_seen_more_equally_often() -> None:
    def variance(spread: Spread | None) -> float:
        maps = [coverage(inner_boxes(8, 24, 24, 8, 1, seeded(seed), spread=spread), 24, 24) for seed in range(60)]
        return float(torch.stack(maps).var(0).mean())

    assert variance(Spread()) < 0.75 * variance(None)


def test_batches_go_on_where_the_one_before_stopped() -> None:
    """All batches of a step are the points of one sequence; of two powers of two, each in a cell of its own."""
    batches = torch.cat([evenly(4, 3, batch) for batch in range(4)], dim=1)
    torch.testing.assert_close(batches, evenly(16, 3), rtol=0, atol=1e-7)
    for numbers in batches:
        assert sorted((16 * numbers).long().tolist()) == list(range(16))
    down, across = batches[1:]
    assert len(set(zip((4 * down).long().tolist(), (4 * across).long().tolist(), strict=True))) == 16


def test_seeds_and_parts_differ_and_generators_stay_as_they_are() -> None:
    assert evenly(5, 1).equal(evenly(5, 1)) and not evenly(5, 1).equal(evenly(5, 2))
    parts = torch.stack([evenly(1, seed, part=part)[:, 0] for seed in range(300) for part in (0, 1)])
    first, second = parts.view(300, 2, 3).unbind(1)
    for one, other in zip(first.T, second.T, strict=True):
        assert abs(np.corrcoef(one, other)[0, 1]) < 3.5 / math.sqrt(300)
    generator = seeded(4)
    coordinates(3, [generator], Spread())
    assert torch.rand(4, generator=generator).equal(torch.rand(4, generator=seeded(4)))


def test_they_are_independent_of_what_else_the_seed_gives() -> None:
    """The scrambling is not drawn from the numbers that looks are drawn from."""
    first = torch.stack([evenly(1, seed)[:, 0] for seed in range(400)]).numpy()
    looks = torch.stack([torch.rand(6, dtype=torch.float64, generator=seeded(seed)) for seed in range(400)]).numpy()
    found = np.corrcoef(first.T, looks.T)[:3, 3:]
    assert np.abs(found).max() < 4 / math.sqrt(400)


@pytest.mark.parametrize("family", ["scheduled", "random"])
@pytest.mark.parametrize("compat", [False, True])
def test_a_pictures_cuts_depend_on_its_own_generators(family: str, compat: bool) -> None:
    cuts = cuts_of(family=family, placement="stratified", overview=1, inner=3, cutn=5)
    batch, see = pictures(2, 3, 24, 32), Cutouts(8, compat)
    both = see.together(batch, cuts, [[seeded(1), seeded(2)], [seeded(3), seeded(4)]], batch=1)
    alone = see.together(batch[1:], cuts, [[seeded(3), seeded(4)]], batch=1)
    torch.testing.assert_close(both[1:], alone)
    assert not see.together(batch[1:], cuts, [[seeded(3), seeded(4)]]).equal(alone)


@pytest.mark.parametrize(("family", "n"), [("scheduled", 3), ("random", 4)])
def test_cuts_are_where_the_sequence_says(family: str, n: int) -> None:
    cuts = cuts_of(family=family, placement="stratified", overview=0, inner=n, cutn=n, skip_augs=True)
    picture, spread = pictures(3, 24, 32), Spread(batch=2)
    if family == "scheduled":
        boxes = inner_boxes(n, 24, 32, 8, cuts.ic_pow, seeded(9), spread=spread)
    else:
        boxes = random_boxes(n, 24, 32, 8, seeded(9), spread)
    torch.testing.assert_close(Cutouts(8).together(picture[None], cuts, [[seeded(9)]], 2)[0, 0], boxes.cut(picture, 8))

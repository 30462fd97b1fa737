"""Where cuts are: the laws of their sides and places, in closed form."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from disco.guidance.cutouts import Cutouts
from disco.guidance.cutouts.boxes import Boxes, inner_boxes, overview_box, random_boxes
from support.draws import cuts_of, pictures, seeded


def inner_side_cdf(side: Tensor, height: int, width: int, resolution: int, ic_pow: float) -> Tensor:
    r"""The law of an inner cut's side, in closed form.

        P(S <= s)  =  P(u^ic_pow (largest - smallest) < s + 1 - smallest)
                   =  min(1, (s + 1 - smallest) / (largest - smallest))^(1 / ic_pow)       smallest <= s < largest

    0 below and 1 above; a side that cannot vary, or ic_pow 0, is `largest` always.

    Args: side: whole numbers, any shape. Returns float64 of that shape.
    """
    smallest, largest = min(height, width, resolution), min(height, width)
    side = side.to(torch.float64)
    if ic_pow == 0 or smallest == largest:
        return (side >= largest).to(torch.float64)
    return ((side + 1 - smallest) / (largest - smallest)).clamp(0, 1) ** (1 / ic_pow)


@pytest.mark.parametrize("ic_pow", [0.5, 1, 5, 10, 100])
def test_inner_sides_follow_their_closed_form(ic_pow: float) -> None:
    n, height, width, resolution = 20_000, 96, 64, 16
    side = inner_boxes(n, height, width, resolution, ic_pow, seeded()).size
    assert side.min() >= 16 and side.max() <= 64
    possible = torch.arange(16, 65)
    drawn = (side[:, None] <= possible).to(torch.float64).mean(0)
    law = inner_side_cdf(possible, height, width, resolution, ic_pow)
    # Kolmogorov-Smirnov: 1.63 / sqrt(n) is passed once in a hundred times, less often by whole numbers.
    assert (drawn - law).abs().max() < 1.63 / math.sqrt(n)


def test_the_closed_form_counts_every_u() -> None:
    """Against the definition itself, evaluated on a fine grid of u."""
    u = (torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 1_000_000
    for ic_pow in (0.3, 1, 3.7, 20):
        side = (u**ic_pow * (50 - 11) + 11).floor()
        for s in (10, 11, 12, 30, 48, 49, 50, 51):
            law = inner_side_cdf(torch.tensor(s), 70, 50, 11, ic_pow)
            assert law.item() == pytest.approx((side <= s).double().mean().item(), abs=2e-6)


@pytest.mark.parametrize(("ic_pow", "share"), [(1, 0.05), (5, 0.55), (10, 0.74), (20, 0.86), (100, 0.97)])
def test_share_of_nearly_smallest_cuts(ic_pow: float, share: float) -> None:
    side = inner_boxes(20_000, 2224, 2224, 224, ic_pow, seeded(3)).size
    assert (side < 224 + 0.05 * 2000).double().mean().item() == pytest.approx(share, abs=0.01)
    assert inner_side_cdf(torch.tensor(323), 2224, 2224, 224, ic_pow).item() == pytest.approx(share, abs=0.006)


def test_inner_cuts_are_placed_uniformly_on_every_offset() -> None:
    n, height, width, side = 24_000, 10, 12, 8
    boxes = inner_boxes(n, height, width, side, 1e9, seeded(5))
    assert set(boxes.size.tolist()) == {side}
    cells = torch.bincount(boxes.top * (width - side + 1) + boxes.left, minlength=15)
    assert len(cells) == 3 * 5
    expected = n / 15
    assert ((cells - expected) ** 2 / expected).sum() < 29.1  # chi-squared, 14 degrees of freedom, 0.99


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 9),
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 250),
    st.floats(0, 200),
    st.integers(0, 99),
)
def test_inner_cuts_lie_inside(n: int, height: int, width: int, resolution: int, ic_pow: float, seed: int) -> None:
    boxes = inner_boxes(n, height, width, resolution, ic_pow, seeded(seed))
    assert len(boxes) == n and boxes.height.equal(boxes.width)
    assert (boxes.size >= min(height, width, resolution)).all() and (boxes.size <= min(height, width)).all()
    assert (boxes.top >= 0).all() and (boxes.top + boxes.height <= height).all()
    assert (boxes.left >= 0).all() and (boxes.left + boxes.width <= width).all()


def test_ic_pow_zero_takes_the_largest_and_below_zero_is_refused() -> None:
    assert inner_boxes(5, 40, 50, 8, 0, seeded()).size.tolist() == [40] * 5
    assert inner_side_cdf(torch.tensor([39, 40]), 40, 50, 8, 0).tolist() == [0, 1]
    with pytest.raises(ValueError, match="ic_pow=-1"):
        inner_boxes(1, 40, 50, 8, -1, seeded())


@pytest.mark.parametrize(("height", "width"), [(40, 64), (64, 40), (48, 48), (40, 63)])
def test_the_overview_is_the_padded_picture(height: int, width: int) -> None:
    picture = pictures(3, height, width)
    side = max(height, width)
    y, x = (side - height) // 2, (side - width) // 2
    padded = F.pad(picture, (x, x, y, y))
    expected = F.interpolate(padded[None], (32, 32), mode="bicubic", antialias=True)
    torch.testing.assert_close(overview_box(height, width).cut(picture, 32), expected)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(-30, 30)] * 2, *[st.integers(1, 40)] * 2), max_size=4),
    st.sampled_from([(-1,), (-2,), (-2, -1)]),
)
def test_boxes_that_reach_over_an_edge_see_the_other(places: list[tuple[int, ...]], wrap: tuple[int, ...]) -> None:
    """As often as they reach around: the same boxes in a sheet of tiles, with darkness around it along the other."""
    picture = pictures(3, 9, 14)
    boxes = Boxes(*torch.tensor(places, dtype=torch.int64).reshape(-1, 4).unbind(1))
    copies = [12 if dim in wrap else 1 for dim in (-2, -1)]
    before = [4 * side if dim in wrap else 0 for dim, side in ((-2, 9), (-1, 14))]
    moved = dataclasses.replace(boxes, top=boxes.top + before[0], left=boxes.left + before[1])
    got, expected = boxes.cut(picture, 8, wrap), moved.cut(picture.repeat(1, *copies), 8)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_a_wrapped_box_is_that_of_its_pixels() -> None:
    picture = pictures(2, 6, 7).requires_grad_()
    boxes = Boxes(*torch.tensor([[-2, 5, 5, 6], [3, -9, 8, 20]]).T)
    assert torch.autograd.gradcheck(lambda x: boxes.cut(x, 4, (-2, -1)), picture)


@pytest.mark.parametrize(("wrap", "dims"), [((-1,), "x"), ((-2,), "y"), ((-2, -1), "xy")])
def test_inner_cuts_of_a_tile_lie_anywhere(wrap: tuple[int, ...], dims: str) -> None:
    n, height, width = 20_000, 24, 40
    plain, boxes = (inner_boxes(n, height, width, 8, 2, seeded(3), wrap=each) for each in ((), wrap))
    assert boxes.size.equal(plain.size)
    for name, starts, before, side in (("y", boxes.top, plain.top, height), ("x", boxes.left, plain.left, width)):
        if name in dims:
            counts = torch.bincount(starts, minlength=side)
            assert len(counts) == side
            assert ((counts - n / side) ** 2 / (n / side)).sum() < side + 4 * (2 * side) ** 0.5  # chi-squared
        else:
            assert starts.equal(before)


@pytest.mark.parametrize(("height", "width", "wrap"), [(40, 64, (-2,)), (64, 24, (-2, -1)), (8, 64, (-2,))])
def test_what_surrounds_a_tile_in_the_overview_is_the_tile(height: int, width: int, wrap: tuple[int, ...]) -> None:
    picture, side = pictures(3, height, width), max(height, width)
    y, x = (side - height) // 2, (side - width) // 2
    padded = torch.from_numpy(np.pad(picture.numpy(), [(0, 0), (y, y), (x, x)], mode="wrap"))
    expected = F.interpolate(padded[None], (32, 32), mode="bicubic", antialias=True)
    cuts = cuts_of(overview=1, inner=0, skip_augs=True)
    torch.testing.assert_close(Cutouts(32, wrap=wrap)(picture[None], cuts, [seeded()])[0], expected)


@pytest.mark.parametrize(("n", "wholes"), [(0, 0), (3, 0), (4, 0), (8, 1), (16, 3)])
def test_random_boxes(n: int, wholes: int) -> None:
    height, width, resolution, margin = 64, 96, 32, 16
    boxes = random_boxes(n, height, width, resolution, seeded())
    assert len(boxes) == n
    squares = n - wholes
    assert boxes.height[squares:].tolist() == [96] * wholes and boxes.width[squares:].tolist() == [128] * wholes
    assert boxes.height[:squares].equal(boxes.width[:squares])
    assert (boxes.height >= resolution).all() and (boxes.height <= 96).all()
    assert (boxes.top >= -margin).all() and (boxes.top + boxes.height <= height + margin).all()
    assert (boxes.left >= -margin).all() and (boxes.left + boxes.width <= width + margin).all()


def test_random_sides_follow_the_clipped_normal() -> None:
    n = 20_000
    side = random_boxes(n, 64, 64, 24, seeded()).size[: n - n // 4 + 1]
    possible = torch.arange(24, 96)
    normal = torch.distributions.Normal(0.8, 0.3)
    law = normal.cdf((possible + 1) / 96)
    assert ((side[:, None] <= possible).double().mean(0) - law).abs().max() < 1.63 / math.sqrt(len(side))


def test_size_names_the_side_of_square_boxes() -> None:
    three = Boxes(*torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [6, 7, 8]]))
    assert three.size.tolist() == [6, 7, 8] and len(three + three) == 6

"""Cuts lie where their closed form says, and look as torchvision would make them look one by one."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
from disco.kernels.colour import grey, hue
from disco.kernels.cutouts import crop_resize
from disco.kernels.looks import JITTERS, recolour
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import InterpolationMode

from disco.guidance import cutouts
from disco.guidance.cutouts import (
    RANDOM,
    SCHEDULED,
    Boxes,
    Cutouts,
    Looks,
    augment,
    draw_looks,
    inner_boxes,
    inner_side_cdf,
    lanczos_resize,
    overview_box,
    overviews,
    random_boxes,
    random_cuts,
)
from disco.planning.plan import Cuts

torch.set_num_threads(1)

PLAIN = Cuts(family="scheduled", overview=4, inner=6, ic_pow=1.0, icgray_p=0.0, cutn=8, batches=1, skip_augs=False)


def plan(**changes: object) -> Cuts:
    return dataclasses.replace(PLAIN, **changes)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """In 0..1 with a little excess, as predictions are."""
    return (torch.rand(shape, generator=seeded(1), dtype=torch.float64) * 1.1 - 0.05).to(dtype)


# Where the cuts are


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
    with pytest.raises(ValueError, match="ic_pow=-1"):
        inner_side_cdf(torch.tensor([39]), 40, 50, 8, -1)


@pytest.mark.parametrize(("height", "width"), [(40, 64), (64, 40), (48, 48), (40, 63)])
def test_the_overview_is_the_padded_picture(height: int, width: int) -> None:
    picture = pictures(3, height, width)
    side = max(height, width)
    y, x = (side - height) // 2, (side - width) // 2
    padded = F.pad(picture, (x, x, y, y))
    expected = F.interpolate(padded[None], (32, 32), mode="bicubic", antialias=True)
    torch.testing.assert_close(overview_box(height, width).cut(picture, 32), expected)


# Pictures that tile


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
    cuts = plan(overview=1, inner=0, skip_augs=True)
    torch.testing.assert_close(Cutouts(32, wrap=wrap)(picture[None], cuts, [seeded()])[0], expected)


@pytest.mark.parametrize(("family", "compat"), [("scheduled", False), ("random", False), ("random", True)])
def test_a_tile_has_no_dark_edges(family: str, compat: bool) -> None:
    """But for scheduled cuts in compat, each of which has dark edges of its own."""
    white = torch.ones(1, 3, 24, 40, dtype=torch.float64)
    cuts = plan(family=family, skip_augs=True)
    tiled, plain = (Cutouts(16, compat, wrap)(white, cuts, [seeded(2)]) for wrap in ((-2, -1), ()))
    torch.testing.assert_close(tiled, torch.ones_like(tiled), rtol=0, atol=2e-4)  # what the greys' weights lack
    assert plain.min() < 0.1


@pytest.mark.parametrize("n", range(7))
def test_up_to_four_overviews_differ(n: int) -> None:
    whole = pictures(1, 3, 8, 8)
    grey_whole = TF.rgb_to_grayscale(whole, 3)
    four = torch.cat([whole, grey_whole, TF.hflip(whole), TF.hflip(grey_whole)])
    expected = four[:n] if n <= 4 else whole.repeat(n, 1, 1, 1)
    torch.testing.assert_close(overviews(whole, n), expected)


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


# How they are seen


def test_grey_equals_torchvisions() -> None:
    cuts = pictures(2, 5, 3, 4, 6)
    torch.testing.assert_close(grey(cuts), TF.rgb_to_grayscale(cuts, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hue_has_a_finite_gradient_at_every_colour(dtype: torch.dtype) -> None:
    levels = torch.tensor([0, 1e-30, 1e-6, 0.3, 0.5, 0.5 + 1e-7, 1, -0.2, 1.3], dtype=dtype)
    colours = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, -1, 1).clone().requires_grad_()
    for turn in (-0.5, -0.1, 0.0, 0.07):
        out = hue(colours, torch.full((1, 1, 1, 1), turn, dtype=dtype))
        gradient = torch.autograd.grad(out.square().sum(), colours)[0]
        assert out.isfinite().all() and gradient.isfinite().all()
        assert gradient.abs().max() < 30


def test_gradients_of_a_whole_look() -> None:
    cuts = torch.rand(3, 3, 6, 6, dtype=torch.float64, generator=seeded(4)).mul(0.5).add(0.25).requires_grad_()
    for law in (SCHEDULED, RANDOM):
        looks = draw_looks(law, 3, 6, 6, seeded(6))
        assert torch.autograd.gradcheck(lambda x, looks=looks: augment(x, looks, seeded(7)), cuts, atol=1e-4)


def looks_one_by_one(
    cuts: Tensor, looks: Looks, generator: torch.Generator, turned: InterpolationMode = InterpolationMode.BILINEAR
) -> Tensor:
    """torchvision's functions on each cut, with the same draws. The flip comes after its noise: see `augment`."""

    def noisy(cuts: list[Tensor]) -> list[Tensor]:
        return list(torch.stack(cuts) + 0.01 * torch.randn(torch.stack(cuts).shape, generator=generator))

    height, width = cuts.shape[-2:]
    seen = [TF.hflip(cut) if flip else cut for cut, flip in zip(noisy(list(cuts)), looks.flip, strict=True)]
    seen = [
        TF.affine(cut, angle.item(), shift.int().tolist(), 1.0, [0.0], interpolation=turned)
        for cut, angle, shift in zip(seen, looks.angle, looks.shift, strict=True)
    ]
    if looks.corners is not None:
        frame = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        seen = [
            TF.perspective(cut, frame, corners.int().tolist(), interpolation=InterpolationMode.BILINEAR)
            for cut, corners in zip(noisy(seen), looks.corners, strict=True)
        ]
    seen = [TF.rgb_to_grayscale(cut, 3) if g else cut for cut, g in zip(seen, looks.grey, strict=True)]
    own = 0.01 * torch.randn(torch.stack(seen).shape, generator=generator)
    # Noise, grey, noise: the channels' covariance is that of the luma of the first, on top of the second's.
    size, axes = torch.linalg.eigh(torch.eye(3).double() + 0.2989**2 + 0.587**2 + 0.114**2)
    root = (axes * size.sqrt()) @ axes.T
    laid = [torch.einsum("ij,jyx->iyx", root, n.double()) if g else n * 2**0.5
            for n, g in zip(own, looks.grey, strict=True)]  # fmt: skip
    seen = [cut + n for cut, n in zip(seen, laid, strict=True)]
    if looks.jitter is not None:
        adjust = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue]
        for i, by in enumerate(looks.jitter):
            for step in looks.order:
                seen[i] = adjust[step](seen[i], by[step].item())
    return torch.stack(seen)


@pytest.mark.parametrize("shape", [(32, 32), (21, 34)])
@pytest.mark.parametrize("law", [SCHEDULED, RANDOM])
@pytest.mark.parametrize("shared", [False, True])
def test_looks_equal_torchvisions_one_by_one(shape: tuple[int, int], law: cutouts.Augmentation, shared: bool) -> None:
    cuts = pictures(12, 3, *shape)
    looks = draw_looks(law, 12, *shape, seeded(7), shared=shared)
    assert looks.order[0] != JITTERS.index(hue)  # which comes after a clamp, then
    expected = looks_one_by_one(cuts, looks, seeded(9))
    torch.testing.assert_close(augment(cuts, looks, seeded(9)), expected, rtol=0, atol=1e-4)


def test_noise_before_and_after_the_greying_has_the_law_of_both() -> None:
    """Against two noises laid over one after the other, by the covariance of a pixel's channels."""
    cuts, greyed, generator = torch.full((2, 3, 250, 250), 0.5), torch.tensor([False, True]), seeded(5)
    n = torch.randn(cuts.shape, generator=generator)
    got = recolour(cuts, n, *(either[greyed.long()] for either in cutouts.greying(0.01)), None)
    first, second = (0.01 * torch.randn(cuts.shape, generator=generator) for _ in range(2))
    expected = torch.stack([(cuts + first)[0], TF.rgb_to_grayscale((cuts + first)[1], 3)]) + second
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.mean() == pytest.approx(0.5, abs=2e-4)
        covariances = torch.cov(ours.flatten(1)), torch.cov(theirs.flatten(1))
        torch.testing.assert_close(*covariances, rtol=0, atol=8e-6)  # five standard errors


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80)])
def test_scheduled_cuts_equal_a_plain_loop(height: int, width: int, compat: bool) -> None:
    """Everything together, written out the slow way from the draws of an equal generator."""
    picture, cuts, r = pictures(3, height, width), plan(icgray_p=0.4, ic_pow=3), 24
    generator = seeded(11)
    boxes = inner_boxes(cuts.inner, height, width, r, cuts.ic_pow, generator)
    looks = draw_looks(SCHEDULED, cuts.overview + cuts.inner, r, r, generator, shared=compat)
    noise = seeded(int(torch.randint(2**62, (), generator=generator)))

    def resized(crop: Tensor) -> Tensor:
        if compat:  # ResizeRight's, which the tests of the kernel hold it to
            return crop_resize(crop, *torch.tensor([[0, 0, *crop.shape[1:]]]).unbind(1), r, dark=True)[0]
        return F.interpolate(crop[None], (r, r), mode="bicubic", antialias=True)[0]

    x, y = (max(height, width) - width) // 2, (max(height, width) - height) // 2
    whole = resized(F.pad(picture, (x, x, y, y)))
    seen = [whole, TF.rgb_to_grayscale(whole, 3), TF.hflip(whole), TF.hflip(TF.rgb_to_grayscale(whole, 3))]
    for i in range(cuts.inner):
        crop = resized(TF.crop(picture, *(int(side[i]) for side in (boxes.top, boxes.left, boxes.height, boxes.width))))
        is_grey = i <= int(0.4 * 6) if compat else i < int(0.4 * 6)
        seen.append(TF.rgb_to_grayscale(crop, 3) if is_grey else crop)
    expected = looks_one_by_one(torch.stack(seen), looks, noise)

    got = Cutouts(r, compat)(picture[None], cuts, [seeded(11)])[0]
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-4)


def lanczos_plainly(crop: Tensor, out: int) -> Tensor:
    """Each line of a shrinking side, mirrored at its ends, as a weighted sum of its shifts; then torch's cubic."""
    for dim, side in ((1, crop.shape[1]), (2, crop.shape[2])):
        if side <= out:
            continue
        reach = math.ceil(2 * side / out) - 1
        order = [*range(reach, 0, -1), *range(side), *range(side - 2, side - 2 - reach, -1)]
        mirrored, total, weights = crop.index_select(dim, torch.tensor(order)), 0.0, 0.0
        for k in range(2 * reach + 1):
            x = math.pi * (k - reach) * out / side
            weight = 1.0 if k == reach else math.sin(x) / x * math.sin(x / 2) / (x / 2)
            total = total + weight * mirrored.narrow(dim, k, side)
            weights += weight
        crop = total / weights
    return F.interpolate(crop[None], (out, out), mode="bicubic", align_corners=True)


@pytest.mark.parametrize(("height", "width"), [(5, 9), (16, 20), (37, 60), (64, 64)])
def test_lanczos_equals_a_sum_of_shifts(height: int, width: int) -> None:
    crop = pictures(3, height, width)
    torch.testing.assert_close(lanczos_resize(crop[None], 12), lanczos_plainly(crop, 12), rtol=0, atol=1e-12)


@pytest.mark.parametrize("wrap", [(), (-1,)])
@pytest.mark.parametrize("skip_augs", [False, True])
@pytest.mark.parametrize(("height", "width"), [(40, 40), (32, 56)])
def test_random_cuts_in_compat_equal_a_plain_loop(
    height: int, width: int, skip_augs: bool, wrap: tuple[int, ...]
) -> None:
    """The original's order: crop, augment, resize, one cut after the other."""
    picture, n, r = pictures(3, height, width), 8, 16
    generator = seeded(12)
    boxes = random_boxes(n, height, width, r, generator)
    noise = None if skip_augs else seeded(int(torch.randint(2**62, (), generator=generator)))
    margin = height // 4
    across = F.pad(picture, (margin, margin, 0, 0), mode="circular" if -1 in wrap else "constant")
    padded = F.pad(across, (0, 0, margin, margin))
    expected = []
    for top, left, rows, columns in zip(boxes.top, boxes.left, boxes.height, boxes.width, strict=True):
        crop = TF.crop(padded, int(top) + margin, int(left) + margin, int(rows), int(columns))
        if noise is not None:
            looks = draw_looks(RANDOM, 1, int(rows), int(columns), generator)
            crop = looks_one_by_one(crop[None], looks, noise, InterpolationMode.NEAREST)[0]
        expected.append(lanczos_plainly(crop, r))
    got = random_cuts(picture, n, r, [seeded(12)], skip_augs, compat=True, wrap=wrap)
    apart = (got - torch.cat(expected)).abs()
    assert apart.median() < 1e-4 and (apart > 1e-4).double().mean() < 0.05  # the nearest pixel is a draw here and there
    assert not skip_augs or apart.max() < 1e-10


def test_draws_have_torchvisions_ranges() -> None:
    n, height, width = 20_000, 40, 60
    scheduled = draw_looks(SCHEDULED, n, height, width, seeded())
    assert scheduled.flip.double().mean().item() == pytest.approx(0.5, abs=0.02)
    assert scheduled.grey.double().mean().item() == pytest.approx(0.1, abs=0.02)
    assert 9.9 < scheduled.angle.abs().max() <= 10 and abs(scheduled.angle.mean()) < 0.2
    assert set(scheduled.shift[:, 0].int().tolist()) == set(range(-3, 4))
    assert set(scheduled.shift[:, 1].int().tolist()) == set(range(-2, 3))
    assert scheduled.jitter is not None and scheduled.corners is None
    assert ((scheduled.jitter - torch.tensor([1, 1, 1, 0])).abs().amax(0) - 0.1).abs().max() < 1e-3

    older = draw_looks(RANDOM, n, height, width, seeded())
    assert older.jitter is None and older.corners is not None
    assert older.grey.double().mean().item() == pytest.approx(0.15, abs=0.02)
    straight = (older.corners == older.corners.new_tensor([[0, 0], [59, 0], [59, 39], [0, 39]])).all(-1).all(-1)
    assert straight.double().mean().item() == pytest.approx(0.3, abs=0.02)
    bent = older.corners[~straight]
    for corner, (xs, ys) in enumerate([(range(13), range(9)), (range(47, 60), range(9)),
                                       (range(47, 60), range(31, 40)), (range(13), range(31, 40))]):  # fmt: skip
        assert set(bent[:, corner, 0].int().tolist()) == set(xs)
        assert set(bent[:, corner, 1].int().tolist()) == set(ys)


def test_many_large_cuts_look_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are worked through in parts where cuts are large; without noise nothing tells the parts."""
    cuts, looks = pictures(7, 3, 12, 12), draw_looks(SCHEDULED, 7, 12, 12, seeded(2))
    monkeypatch.setattr(cutouts, "NOISE", 0.0)
    at_once = augment(cuts, looks, seeded(3))
    monkeypatch.setattr(cutouts, "NEAR_MEMORY", 2 * cuts[0].numel())
    torch.testing.assert_close(augment(cuts, looks, seeded(3)), at_once, rtol=0, atol=0)


# All of it


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("cuts", [plan(), plan(family="random"), plan(skip_augs=True)])
def test_a_picture_is_cut_the_same_alone_and_in_company(cuts: Cuts, compat: bool) -> None:
    batch, see = pictures(4, 3, 48, 64, dtype=torch.float32), Cutouts(16, compat)
    together = see(batch, cuts, [seeded(i) for i in range(4)])
    assert together.shape[0] == 4
    for i in range(4):
        assert see(batch[i : i + 1], cuts, [seeded(i)])[0].equal(together[i])
    swapped = see(batch.flip(0), cuts, [seeded(i) for i in (3, 2, 1, 0)])
    assert swapped.flip(0).equal(together)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["scheduled", "random"]),
    st.integers(0, 6),
    st.integers(0, 5),
    st.floats(0, 1),
    st.integers(1, 3),
    st.integers(5, 40),
    st.integers(5, 40),
    st.booleans(),
    st.booleans(),
)
def test_shapes_dtypes_and_gradients(
    family: str, overview: int, inner: int, p: float, b: int, height: int, width: int, skip: bool, compat: bool
) -> None:
    cuts = plan(family=family, overview=overview, inner=inner, icgray_p=p, cutn=overview + inner, skip_augs=skip)
    batch = pictures(b, 3, height, width, dtype=torch.float32).requires_grad_()
    seen = Cutouts(12, compat)(batch, cuts, [seeded(i) for i in range(b)])
    assert seen.shape == (b, overview + inner, 3, 12, 12) and seen.dtype == torch.float32
    if overview + inner:
        gradient = torch.autograd.grad(seen.sum(), batch)[0]
        assert gradient.isfinite().all() and gradient.any()


def test_float64_pictures_see_the_same_draws() -> None:
    batch = pictures(2, 3, 40, 40)
    for family in ("scheduled", "random"):
        coarse = Cutouts(16)(batch.float(), plan(family=family), [seeded(1), seeded(2)])
        exact = Cutouts(16)(batch, plan(family=family), [seeded(1), seeded(2)])
        assert exact.dtype == torch.float64
        torch.testing.assert_close(coarse.double(), exact, rtol=0, atol=1e-4)


def test_generators_move_on_from_any_state_and_nothing_else_does() -> None:
    batch, generator, before = pictures(1, 3, 32, 32), seeded(3), torch.get_rng_state()
    torch.rand(7, generator=generator)
    first, second = (Cutouts(16)(batch, plan(), [generator]) for _ in range(2))
    assert not first.equal(second)
    again = seeded(3)
    torch.rand(7, generator=again)
    assert Cutouts(16)(batch, plan(), [again]).equal(first)
    assert torch.get_rng_state().equal(before)


def test_skip_augs_shows_the_cuts_themselves() -> None:
    picture = pictures(3, 32, 48)
    seen = Cutouts(16)(picture[None], plan(overview=1, inner=2, skip_augs=True), [seeded(5)])[0]
    boxes = overview_box(32, 48) + inner_boxes(2, 32, 48, 16, 1.0, seeded(5))
    assert seen.equal(boxes.cut(picture, 16))
    seen = Cutouts(16)(picture[None], plan(family="random", cutn=5, skip_augs=True), [seeded(5)])[0]
    assert seen.equal(random_boxes(5, 32, 48, 16, seeded(5)).cut(picture, 16))


def test_wrong_calls_are_refused() -> None:
    batch = pictures(2, 3, 16, 16)
    with pytest.raises(ValueError):
        Cutouts(8)(batch, plan(), [seeded()])
    with pytest.raises(ValueError, match="family 'spiral': allowed are scheduled, random"):
        Cutouts(8)(batch, plan(family="spiral"), [seeded(), seeded()])


def test_size_names_the_side_of_square_boxes() -> None:
    three = Boxes(*torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [6, 7, 8]]))
    assert three.size.tolist() == [6, 7, 8] and len(three + three) == 6


# The original's bugs, by number in design: fixed by default, back in compat


@pytest.mark.parametrize(("p", "fixed", "original"), [(0.0, 0, 1), (0.2, 1, 2), (0.5, 3, 4), (1.0, 6, 6)])
def test_bug_3_one_grey_inner_cut_too_many(p: float, fixed: int, original: int) -> None:
    picture = pictures(1, 3, 40, 40)
    cuts = plan(overview=0, inner=6, icgray_p=p, skip_augs=True)
    for compat, expected in ((False, fixed), (True, original)):
        seen = Cutouts(16, compat)(picture, cuts, [seeded()])[0]
        colourless = (seen.amax(1) == seen.amin(1)).flatten(1).all(1)
        assert colourless.tolist() == [True] * expected + [False] * (6 - expected)


def test_bug_4_one_look_for_all_cuts() -> None:
    own = draw_looks(SCHEDULED, 50, 32, 32, seeded())
    assert len(own.angle.unique()) == 50 and own.jitter is not None and len(own.jitter.unique(dim=0)) == 50
    assert own.order == (0, 1, 2, 3)
    shared = draw_looks(SCHEDULED, 50, 32, 32, seeded(), shared=True)
    for field in (shared.flip, shared.angle, shared.shift, shared.grey, shared.jitter):
        assert field is not None and len(field) == 50 and len(field.unique(dim=0)) == 1
    assert len({draw_looks(SCHEDULED, 2, 8, 8, seeded(i), shared=True).order for i in range(300)}) == 24


def test_bug_4_seen_through_the_cutouts() -> None:
    """Overviews beyond four start out equal: what tells them apart is how they look."""
    picture, cuts = pictures(1, 3, 40, 40), plan(overview=8, inner=0)
    apart = Cutouts(16)(picture, cuts, [seeded(2)])[0]
    alike = Cutouts(16, compat=True)(picture, cuts, [seeded(2)])[0]

    def spread(seen: Tensor) -> float:
        return (seen - seen[:1]).flatten(1).std(1).max().item()

    assert spread(apart) > 0.1
    assert 0.005 < spread(alike) < 0.04  # the noise is everyone's own in both


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("family", ["scheduled", "random"])
def test_perceptors_of_one_resolution_draw_together_what_each_draws_alone(family, compat, monkeypatch):
    monkeypatch.setattr(cutouts, "NOISE", 0.0)
    batch, cuts = pictures(2, 3, 32, 48), plan(family=family, overview=2, inner=3, cutn=9)
    see = Cutouts(16, compat)
    seeds = [[1, 2, 3], [4, 5, 6]]
    together = see.together(batch, cuts, [[seeded(seed) for seed in own] for own in seeds])
    assert together.shape[:2] == (2, 3)
    for place in range(3):
        alone = see(batch, cuts, [seeded(own[place]) for own in seeds])
        torch.testing.assert_close(together[:, place], alone, rtol=1e-6, atol=1e-6)

"""Whole families of cuts, against plain loops over them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
from disco.kernels.cutouts import crop_resize
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import InterpolationMode

from disco.guidance.cutouts import Cutouts
from disco.guidance.cutouts import looks as looks_module
from disco.guidance.cutouts.boxes import inner_boxes, overview_box, random_boxes
from disco.guidance.cutouts.families import lanczos_resize, overviews, random_cuts
from disco.guidance.cutouts.looks import RANDOM, SCHEDULED, draw_looks
from disco.step import Cuts
from support.draws import cuts_of, pictures, seeded


@pytest.mark.parametrize(("family", "compat"), [("scheduled", False), ("random", False), ("random", True)])
def test_a_tile_has_no_dark_edges(family: str, compat: bool) -> None:
    """But for scheduled cuts in compat, each of which has dark edges of its own."""
    white = torch.ones(1, 3, 24, 40, dtype=torch.float64)
    cuts = cuts_of(family=family, skip_augs=True)
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


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80)])
def test_scheduled_cuts_equal_a_plain_loop(
    looks_one_by_one: Callable[..., Tensor], height: int, width: int, compat: bool
) -> None:
    """Everything together, written out the slow way from the draws of an equal generator."""
    picture, cuts, r = pictures(3, height, width), cuts_of(icgray_p=0.4, ic_pow=3), 24
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
    looks_one_by_one: Callable[..., Tensor], height: int, width: int, skip_augs: bool, wrap: tuple[int, ...]
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


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("cuts", [cuts_of(), cuts_of(family="random"), cuts_of(skip_augs=True)])
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
    cuts = cuts_of(family=family, overview=overview, inner=inner, icgray_p=p, cutn=overview + inner, skip_augs=skip)
    batch = pictures(b, 3, height, width, dtype=torch.float32).requires_grad_()
    seen = Cutouts(12, compat)(batch, cuts, [seeded(i) for i in range(b)])
    assert seen.shape == (b, overview + inner, 3, 12, 12) and seen.dtype == torch.float32
    if overview + inner:
        gradient = torch.autograd.grad(seen.sum(), batch)[0]
        assert gradient.isfinite().all() and gradient.any()


def test_float64_pictures_see_the_same_draws() -> None:
    batch = pictures(2, 3, 40, 40)
    for family in ("scheduled", "random"):
        coarse = Cutouts(16)(batch.float(), cuts_of(family=family), [seeded(1), seeded(2)])
        exact = Cutouts(16)(batch, cuts_of(family=family), [seeded(1), seeded(2)])
        assert exact.dtype == torch.float64
        torch.testing.assert_close(coarse.double(), exact, rtol=0, atol=1e-4)


def test_generators_move_on_from_any_state_and_nothing_else_does() -> None:
    batch, generator, before = pictures(1, 3, 32, 32), seeded(3), torch.get_rng_state()
    torch.rand(7, generator=generator)
    first, second = (Cutouts(16)(batch, cuts_of(), [generator]) for _ in range(2))
    assert not first.equal(second)
    again = seeded(3)
    torch.rand(7, generator=again)
    assert Cutouts(16)(batch, cuts_of(), [again]).equal(first)
    assert torch.get_rng_state().equal(before)


def test_skip_augs_shows_the_cuts_themselves() -> None:
    picture = pictures(3, 32, 48)
    seen = Cutouts(16)(picture[None], cuts_of(overview=1, inner=2, skip_augs=True), [seeded(5)])[0]
    boxes = overview_box(32, 48) + inner_boxes(2, 32, 48, 16, 1.0, seeded(5))
    assert seen.equal(boxes.cut(picture, 16))
    seen = Cutouts(16)(picture[None], cuts_of(family="random", cutn=5, skip_augs=True), [seeded(5)])[0]
    assert seen.equal(random_boxes(5, 32, 48, 16, seeded(5)).cut(picture, 16))


def test_wrong_calls_are_refused() -> None:
    batch = pictures(2, 3, 16, 16)
    with pytest.raises(ValueError):
        Cutouts(8)(batch, cuts_of(), [seeded()])
    with pytest.raises(ValueError, match="family 'spiral': allowed are scheduled, random"):
        Cutouts(8)(batch, cuts_of(family="spiral"), [seeded(), seeded()])


@pytest.mark.parametrize(("p", "fixed", "original"), [(0.0, 0, 1), (0.2, 1, 2), (0.5, 3, 4), (1.0, 6, 6)])
def test_bug_3_one_grey_inner_cut_too_many(p: float, fixed: int, original: int) -> None:
    picture = pictures(1, 3, 40, 40)
    cuts = cuts_of(overview=0, inner=6, icgray_p=p, skip_augs=True)
    for compat, expected in ((False, fixed), (True, original)):
        seen = Cutouts(16, compat)(picture, cuts, [seeded()])[0]
        colourless = (seen.amax(1) == seen.amin(1)).flatten(1).all(1)
        assert colourless.tolist() == [True] * expected + [False] * (6 - expected)


def test_bug_4_seen_through_the_cutouts() -> None:
    """Overviews beyond four start out equal: what tells them apart is how they look."""
    picture, cuts = pictures(1, 3, 40, 40), cuts_of(overview=8, inner=0)
    apart = Cutouts(16)(picture, cuts, [seeded(2)])[0]
    alike = Cutouts(16, compat=True)(picture, cuts, [seeded(2)])[0]

    def spread(seen: Tensor) -> float:
        return (seen - seen[:1]).flatten(1).std(1).max().item()

    assert spread(apart) > 0.1
    assert 0.005 < spread(alike) < 0.04  # the noise is everyone's own in both


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("family", ["scheduled", "random"])
def test_perceptors_of_one_resolution_draw_together_what_each_draws_alone(family, compat, monkeypatch):
    monkeypatch.setattr(looks_module, "NOISE", 0.0)
    batch, cuts = pictures(2, 3, 32, 48), cuts_of(family=family, overview=2, inner=3, cutn=9)
    see = Cutouts(16, compat)
    seeds = [[1, 2, 3], [4, 5, 6]]
    together = see.together(batch, cuts, [[seeded(seed) for seed in own] for own in seeds])
    assert together.shape[:2] == (2, 3)
    for place in range(3):
        alone = see(batch, cuts, [seeded(own[place]) for own in seeds])
        torch.testing.assert_close(together[:, place], alone, rtol=1e-6, atol=1e-6)

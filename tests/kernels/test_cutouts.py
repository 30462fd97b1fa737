"""Crops and warps of many cuts at once equal torch's and torchvision's, one by one."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
from disco.kernels import backend, cutouts, cutouts_triton
from disco.kernels.cutouts import crop_resize, cubic, resize_weights, warp
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import InterpolationMode

torch.set_num_threads(1)


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(dtype)


def one_by_one(picture: Tensor, boxes: list[tuple[int, int, int, int]], out: int, margin: int = 0) -> Tensor:
    """Each crop through torch's own antialiased resize, from a picture that is really padded."""
    padded = F.pad(picture, [margin] * 4)
    crops = [padded[:, y + margin : y + margin + h, x + margin : x + margin + w] for y, x, h, w in boxes]
    resized = [F.interpolate(crop[None], (out, out), mode="bicubic", antialias=True) for crop in crops]
    return torch.cat(resized)


def at_once(picture: Tensor, boxes: list[tuple[int, int, int, int]], out: int) -> Tensor:
    return crop_resize(picture, *torch.tensor(boxes).reshape(-1, 4).unbind(1), out)


#: (top, left, height, width) in a picture of 37 x 53: shrunk, magnified, kept, of one pixel, not square, whole.
BOXES = [(0, 0, 37, 37), (5, 16, 32, 32), (30, 2, 7, 7), (9, 9, 16, 16), (36, 52, 1, 1), (3, 1, 20, 51), (0, 0, 37, 53)]


@pytest.fixture(params=["dense", "banded"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to crop, whichever the size would choose."""
    monkeypatch.setattr(cutouts, "DENSE_PRODUCTS", 0 if request.param == "banded" else math.inf)
    return request.param


both_ways = pytest.mark.usefixtures("way")


def test_each_way_is_the_one_that_runs(way: str) -> None:
    crops = at_once(noise(3, 37, 53).requires_grad_(), BOXES, 8)
    assert ("BandedCrops" in type(crops.grad_fn).__name__) == (way == "banded")


@pytest.mark.parametrize(("side", "banded"), [(64, False), (768, True)])
def test_large_pictures_are_cut_in_bands(side: int, banded: bool) -> None:
    crops = at_once(torch.rand(3, side, side, requires_grad=True), [(0, 0, side, side)] * 5, side // 4)
    assert ("BandedCrops" in type(crops.grad_fn).__name__) == banded


@both_ways
@pytest.mark.parametrize("out", [1, 7, 16, 61])
def test_crops_equal_torchs_antialiased_bicubic(out: int) -> None:
    picture = noise(3, 37, 53)
    torch.testing.assert_close(at_once(picture, BOXES, out), one_by_one(picture, BOXES, out), rtol=1e-10, atol=1e-12)


@both_ways
def test_float32_is_close_and_stays_float32() -> None:
    picture = noise(3, 300, 517, dtype=torch.float32)
    boxes = [(0, 0, 300, 300), (70, 290, 224, 224), (11, 0, 230, 517)]
    got = at_once(picture, boxes, 224)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, one_by_one(picture, boxes, 224), rtol=0, atol=2e-4)
    exact = one_by_one(picture.double(), boxes, 224)
    torch.testing.assert_close(got.double(), exact, rtol=0, atol=2e-4)


@both_ways
def test_half_precision_pictures_keep_their_dtype() -> None:
    picture = noise(3, 20, 30).clamp(-1, 1)
    got = at_once(picture.bfloat16(), [(2, 3, 16, 16)], 8)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.double(), one_by_one(picture, [(2, 3, 16, 16)], 8), rtol=0, atol=0.05)


@both_ways
def test_boxes_over_the_edge_see_zeros() -> None:
    picture = noise(3, 20, 31)
    boxes = [(-5, 0, 31, 31), (-10, -10, 40, 51), (15, 25, 12, 13), (-9, 3, 4, 4), (2, 2, 9, 9)]
    torch.testing.assert_close(at_once(picture, boxes, 12), one_by_one(picture, boxes, 12, 20), rtol=1e-10, atol=1e-12)
    assert not at_once(picture, boxes, 12)[3].any()


def resize_right(line: Tensor, out: int, dim: int) -> Tensor:
    """ResizeRight's cubic along one side, written out: each result a mean over its full reach, zeros beyond the end."""
    size = line.shape[dim]
    scale = out / size
    wide = min(1.0, scale)
    results = []
    for i in range(out):
        centre = i / scale + (size - 1) / 2 - (out - 1) / (2 * scale)
        pixels = range(math.ceil(centre - 2 / wide), math.floor(centre + 2 / wide) + 1)
        weights = [cubic(torch.tensor(wide * (pixel - centre), dtype=torch.float64)).item() for pixel in pixels]
        inside = [(w, pixel) for w, pixel in zip(weights, pixels, strict=True) if 0 <= pixel < size]
        results.append(sum(w * line.select(dim, pixel) for w, pixel in inside) / sum(weights))
    return torch.stack(results, dim)


@both_ways
@pytest.mark.parametrize("out", [7, 16, 41])
def test_dark_crops_equal_resize_rights(out: int) -> None:
    picture = noise(1, 37, 53)
    boxes = [*BOXES, (-8, 0, 53, 53)]
    padded = F.pad(picture, [8] * 4)
    expected = []
    for y, x, height, width in boxes:
        crop = padded[:, y + 8 : y + 8 + height, x + 8 : x + 8 + width]
        expected.append(resize_right(resize_right(crop, out, 1), out, 2))
    got = crop_resize(picture, *torch.tensor(boxes).unbind(1), out, dark=True)
    torch.testing.assert_close(got, torch.stack(expected), rtol=1e-10, atol=1e-12)


@both_ways
def test_edges_of_a_white_cut_are_those_of_the_original() -> None:
    """Figures of the original's own program: 768 -> 224."""
    white = torch.ones(1, 768, 768, dtype=torch.float64)
    cut = crop_resize(white, *torch.tensor([[0, 0, 768, 768]]).unbind(1), 224, dark=True)[0, 0]
    assert [round(cut[row, 112].item(), 3) for row in (0, 1, 2)] == [0.925, 1.012, 1.0]
    assert cut[0, 0].item() == pytest.approx(0.855, abs=5e-4)
    assert crop_resize(white, *torch.tensor([[0, 0, 768, 768]]).unbind(1), 224).sub(1).abs().max() < 1e-12


@both_ways
def test_gradients_of_dark_crops() -> None:
    picture, boxes = noise(2, 7, 9).requires_grad_(), torch.tensor([(0, 0, 7, 7), (-1, 0, 9, 9), (2, 3, 4, 4)])
    assert torch.autograd.gradcheck(lambda x: crop_resize(x, *boxes.unbind(1), 5, dark=True), picture)


@both_ways
def test_strides_do_not_matter() -> None:
    picture = noise(53, 3, 37).permute(1, 2, 0)
    assert not picture.is_contiguous()
    expected = at_once(picture.contiguous(), BOXES, 9)
    torch.testing.assert_close(at_once(picture, BOXES, 9), expected, rtol=0, atol=1e-13)


@both_ways
def test_channels_and_no_boxes() -> None:
    picture = noise(5, 37, 53)
    assert at_once(picture, BOXES, 6).shape == (len(BOXES), 5, 6, 6)
    assert at_once(picture, [], 6).shape == (0, 5, 6, 6)


@both_ways
def test_gradients_of_crops() -> None:
    picture = noise(2, 7, 9).requires_grad_()
    boxes = [(0, 0, 7, 7), (-1, 0, 9, 9), (2, 3, 4, 4)]
    assert torch.autograd.gradcheck(lambda x: at_once(x, boxes, 5), picture)
    upstream = noise(3, 2, 5, 5)
    ours = torch.autograd.grad(at_once(picture, boxes, 5), picture, upstream)[0]
    torchs = torch.autograd.grad(one_by_one(picture, boxes, 5, 1), picture, upstream)[0]
    torch.testing.assert_close(ours, torchs, rtol=1e-10, atol=1e-12)


@both_ways
def test_the_same_bits_twice() -> None:
    picture = noise(3, 64, 64, dtype=torch.float32).requires_grad_()
    boxes = [(i, 2 * i, 20 + i, 20 + i) for i in range(12)]

    def gradient() -> Tensor:
        return torch.autograd.grad(at_once(picture, boxes, 32).square().sum(), picture)[0]

    assert gradient().equal(gradient())


@settings(max_examples=60, deadline=None)
@given(st.integers(-20, 60), st.integers(1, 70), st.integers(1, 50), st.integers(1, 40))
def test_weights_are_shares(start: int, length: int, size: int, out: int) -> None:
    weights = resize_weights(
        torch.tensor([start]), torch.tensor([length]), size, out, torch.float64, torch.device("cpu")
    )
    assert weights.shape == (1, out, size)
    inside = 0 <= start and start + length <= size
    if inside:
        torch.testing.assert_close(weights.sum(-1), torch.ones(1, out, dtype=torch.float64))
    pixels = torch.arange(size)
    assert not weights[..., (pixels < start) | (pixels >= start + length)].any()


def test_the_cubic_interpolates_and_is_smooth() -> None:
    x = torch.arange(-3, 4, dtype=torch.float64)
    assert cubic(x).tolist() == [0, 0, 0, 1, 0, 0, 0]
    x = torch.linspace(-2.5, 2.5, 4001, dtype=torch.float64)
    slope = cubic(x).diff() / x.diff()
    assert slope.diff().abs().max() < 0.01
    torch.testing.assert_close((cubic(x)[1:] * x.diff()).sum(), torch.tensor(1.0, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(16, 16), (17, 17), (13, 22)])
def test_warps_equal_torchvisions_rotation_and_shift(shape: tuple[int, int]) -> None:
    cuts = noise(4, 3, *shape)
    angles, shifts = [0.0, 10.0, -7.3, 91.0], [(0, 0), (2, -1), (-3, 0), (0, 5)]
    turns = torch.tensor(angles, dtype=torch.float64).deg2rad()
    matrix = torch.zeros(4, 3, 3, dtype=torch.float64)
    matrix[:, 0, 0], matrix[:, 0, 1] = turns.cos(), turns.sin()
    matrix[:, 1, 0], matrix[:, 1, 1] = -turns.sin(), turns.cos()
    matrix[:, 2, 2] = 1
    matrix[:, :2, 2:] = -matrix[:, :2, :2] @ torch.tensor(shifts, dtype=torch.float64)[:, :, None]
    theirs = [
        TF.affine(cut, angle, list(shift), 1.0, [0.0], interpolation=InterpolationMode.BILINEAR)
        for cut, angle, shift in zip(cuts, angles, shifts, strict=True)
    ]
    torch.testing.assert_close(warp(cuts, matrix), torch.stack(theirs), rtol=0, atol=1e-5)


def test_nearest_warps_equal_torchvisions() -> None:
    cuts = noise(1, 3, 13, 22)
    turn = math.radians(-7.3)
    matrix = torch.tensor([[[math.cos(turn), math.sin(turn), 0], [-math.sin(turn), math.cos(turn), 0]]]).double()
    theirs = TF.affine(cuts, -7.3, [0, 0], 1.0, [0.0], interpolation=InterpolationMode.NEAREST)
    assert (warp(cuts, matrix, nearest=True) != theirs).double().mean() < 0.01  # but where it is nearly a draw
    assert set(warp(cuts, matrix, nearest=True).flatten().tolist()) <= {0.0, *cuts.flatten().tolist()}


def test_no_warp_changes_nothing() -> None:
    cuts = noise(2, 3, 9, 14, dtype=torch.float32).transpose(2, 3)
    torch.testing.assert_close(warp(cuts, torch.eye(3).expand(2, 3, 3)), cuts, rtol=0, atol=1e-5)


def test_gradients_of_warps() -> None:
    cuts = noise(2, 1, 5, 6).requires_grad_()
    matrix = torch.eye(3, dtype=torch.float64) + 0.1 * noise(2, 3, 3) * torch.tensor([1, 1, 0.1])[:, None]
    assert torch.autograd.gradcheck(lambda x: warp(x, matrix), cuts)


# The kernels, in Triton's interpreter, which is slow: small pictures, few boxes

#: In a picture of 9 x 10, resized to 5 x 5: shrunk, magnified, over the edges, not square.
FEW = [(0, 2, 7, 7), (5, 5, 4, 4), (-2, 3, 6, 8)]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that small pictures have several tiles, along rows and columns."""
    monkeypatch.setattr(cutouts_triton, "CUT_TILE", (8, 4))
    monkeypatch.setattr(cutouts_triton, "PICTURE_TILE", (16, 8))
    monkeypatch.setattr(cutouts_triton, "WARPED", 32)


def value_and_gradient(look: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor, kernels: str) -> list[Tensor]:
    """What an operation makes of x, and the gradient; asserts that the operation ran as asked."""
    x = x.detach().requires_grad_()
    with backend.using(kernels), backend.watching() as ran:
        seen = look(x)
        gradient = torch.autograd.grad(seen, x, upstream.to(seen.dtype))[0]
    assert [way.partition(":")[2] for way in ran] == [kernels]
    assert seen.dtype == gradient.dtype == x.dtype and gradient.shape == x.shape
    return [seen, gradient]


def compare(look: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor, atol: float) -> None:
    """A kernel against its reference in float64."""
    got = value_and_gradient(look, x, upstream, "triton")
    expected = value_and_gradient(look, x.double(), upstream.double(), "reference")
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=atol)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(
    ("dtype", "atol", "boxes", "channels"), [(torch.float32, 1e-5, FEW, 1), (torch.bfloat16, 0.05, FEW[:1], 2)]
)
def test_the_kernel_crops_as_the_reference(dtype: torch.dtype, atol: float, boxes: list, channels: int) -> None:
    picture = noise(10, channels, 9).permute(1, 2, 0).to(dtype)
    assert not picture.is_contiguous()
    compare(lambda x: at_once(x, boxes, 5), picture, noise(len(boxes), channels, 5, 5).to(dtype), atol)


@pytest.mark.usefixtures("small_tiles")
def test_the_kernel_crops_darkly_as_the_reference() -> None:
    picture, boxes = noise(1, 9, 10, dtype=torch.float32), torch.tensor(FEW[::2]).unbind(1)
    compare(lambda x: crop_resize(x, *boxes, 5, dark=True), picture, noise(2, 1, 5, 5, dtype=torch.float32), 1e-5)


def test_the_kernel_crops_with_its_own_tiles_to_the_same_bits_twice() -> None:
    picture, upstream = noise(1, 10, 12, dtype=torch.float32), noise(1, 1, 9, 9, dtype=torch.float32)

    def look(x: Tensor) -> Tensor:
        return at_once(x, [(0, 0, 10, 12)], 9)

    compare(look, picture, upstream, 1e-5)
    first, second = (value_and_gradient(look, picture, upstream, "triton") for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first, second, strict=True))


#: Rotated and mirrored, turned far, nearly as they are, shrunk and sheared, flattened to a line: x' = ..., y' = ...
MAPS = [
    [[-0.97, 0.26, 1.0], [-0.26, -0.97, 0.5]],
    [[0.0, 1.0, -2.0], [-1.0, 0.0, 0.0]],
    [[1.0, 0.0, 0.25], [0.0, 1.0, 0.0]],
    [[1.9, 0.4, 0.0], [0.0, 1.3, 0.3]],
    [[0.5, 0.5, 0.1], [0.5, 0.5, 0.2]],
]


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float16, 0.01)])
def test_the_kernel_warps_as_the_reference(dtype: torch.dtype, atol: float) -> None:
    cuts, maps = noise(5, 6, 7, 1).permute(0, 3, 2, 1).to(dtype), torch.tensor(MAPS, dtype=torch.float64)
    assert not cuts.is_contiguous()
    compare(lambda x: warp(x, maps), cuts, noise(5, 7, 1, 6).transpose(1, 2).to(dtype), atol)


def test_the_kernel_warps_to_the_same_bits_twice() -> None:
    cuts, maps = noise(2, 1, 24, 25, dtype=torch.float32), torch.tensor(MAPS[:2])
    first, second = (value_and_gradient(lambda x: warp(x, maps), cuts, cuts, "triton") for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first, second, strict=True))


def test_what_has_no_kernel_is_left_to_the_reference() -> None:
    picture, cuts = noise(1, 4, 4, dtype=torch.float32), noise(2, 1, 4, 4, dtype=torch.float32)
    with backend.using("triton"), backend.watching() as ran:
        assert warp(cuts, torch.eye(3).expand(2, 3, 3)).shape == cuts.shape
        assert warp(cuts[:0], torch.eye(3).expand(0, 3, 3)[:, :2]).shape == (0, 1, 4, 4)
        assert at_once(picture, [], 6).shape == (0, 1, 6, 6)
        assert ran == []
        for look in (
            lambda: warp(cuts.double(), torch.eye(3)[:2].expand(2, 2, 3)),
            lambda: at_once(noise(1, 4, 4), FEW, 5),
        ):
            with pytest.raises(RuntimeError, match="has no kernel"):
                look()

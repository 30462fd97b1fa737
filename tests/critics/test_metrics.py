"""Metrics of pictures made to order, where the value is known, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from torch.nn import functional as F

from disco.critics import metrics
from disco.critics.metrics import METRICS, distance, measure, pixels
from disco.guidance.terms.tv import tv_loss
from disco.settings.config import METRIC_NAMES

SIZES = [(16, 16), (17, 40), (64, 64), (512, 300), (2000, 1000)]


def grey(values: np.ndarray) -> np.ndarray:
    """[H, W] -> float32 [H, W, 3]."""
    return np.repeat(np.asarray(values, np.float32)[..., None], 3, -1)


def of(values: np.ndarray) -> Image.Image:
    """float [H, W, 3] in 0..1 -> the picture with these values, to 8 bits."""
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def random_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.float32) / 255


def checkerboard(height: int, width: int) -> np.ndarray:
    return grey(np.indices((height, width)).sum(0) % 2)


# Known values


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_flat_picture_has_nothing(height, width):
    found = measure(of(np.full((height, width, 3), 0.5)))
    assert found == dict.fromkeys(METRICS, 0.0)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_checkerboard(height, width):
    board = checkerboard(height, width)
    assert metrics.detail(board) == pytest.approx(4)
    assert metrics.clipping(board) == 1
    assert metrics.saturation(board) == 0
    # Every neighbour differs by 2 in -1..1: 4 for each pair, (W - 1) H + W (H - 1) pairs of H W pixels.
    assert metrics.smoothness(board) == pytest.approx(-4 * (2 - 1 / height - 1 / width))
    if height % 2 == width % 2 == 0:
        assert metrics.contrast(board) == pytest.approx(0.5)
        # Mirrored along an even side, every pixel meets its opposite.
        assert metrics.symmetry_horizontal(board) == metrics.symmetry_vertical(board) == -1


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_gradient_rises_evenly(height, width):
    ramp = grey(np.tile(np.linspace(0, 1, width), (height, 1)))
    assert metrics.detail(ramp) == pytest.approx(0, abs=1e-6)
    assert metrics.motifs(ramp) == 0
    # The variance of w evenly spaced values over 0..1 is (w + 1) / (12 (w - 1)).
    assert metrics.contrast(ramp) == pytest.approx(np.sqrt((width + 1) / (12 * (width - 1))), rel=1e-5)
    assert metrics.smoothness(ramp) == pytest.approx(-4 / (width - 1) / width, rel=1e-4)
    # A value v meets 1 - v: the difference 2 v - 1 is spread over -1..1.
    assert metrics.symmetry_horizontal(ramp) == pytest.approx(-np.sqrt((width + 1) / (3 * (width - 1))), rel=1e-5)
    assert metrics.symmetry_vertical(ramp) == 0
    assert metrics.clipping(ramp) == pytest.approx(2 / width)


def test_saturation_of_known_colours():
    def colour(*rgb):
        return metrics.saturation(np.full((16, 16, 3), rgb, np.float32))

    assert colour(1, 0, 0) == colour(0, 0.2, 0) == colour(1, 1, 0) == 1
    assert colour(1, 0.5, 0.5) == 0.5
    assert colour(0, 0, 0) == colour(1, 1, 1) == 0
    # Half a pure red at full value, half a grey at half of it: 1 of 1.5.
    half = np.full((16, 16, 3), 0.5, np.float32)
    half[:8] = (1, 0, 0)
    assert metrics.saturation(half) == pytest.approx(1 / 1.5)


@given(st.integers(0, 256))
def test_clipping_is_the_share_that_is_clipped(count):
    picture = np.full((256, 3), 0.5, np.float32)
    picture[:count, count % 3] = count % 2
    assert metrics.clipping(picture.reshape(16, 16, 3)) == count / 256


def test_nearly_clipped_is_not_clipped():
    assert measure(of(np.full((16, 16, 3), 254 / 255)))["clipping"] == 0
    assert measure(of(np.full((16, 16, 3), 1 / 255)))["clipping"] == 0


@pytest.mark.parametrize("copies", [2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(16, 20), (32, 16)])
def test_motifs_of_copies_in_a_row(copies, height, width):
    """The whole of a row but its last copy is found again one copy further on."""
    tile = random_picture(height, width)
    assert metrics.motifs(np.tile(tile, (1, copies, 1))) == pytest.approx((copies - 1) / copies, abs=0.02)
    assert metrics.motifs(np.tile(tile, (copies, 1, 1))) == pytest.approx((copies - 1) / copies, abs=0.02)


def test_motifs_by_hand():
    """Two points on black, 20 pixels apart, and nothing else: one of the two is found again."""
    picture = np.zeros((64, 64, 3), np.float32)
    picture[30, 20] = picture[30, 40] = 1
    centred = picture[..., 0] - picture[..., 0].mean(1, keepdims=True)
    shifted = (centred[:, :-20] * centred[:, 20:]).sum() / np.square(centred).sum()
    assert shifted == pytest.approx(0.5, abs=0.03)
    assert metrics.motifs(picture) == pytest.approx(shifted)


@pytest.mark.parametrize("sigma", [2, 4, 8])
def test_one_thing_is_no_motif_and_two_are(sigma):
    y, x = np.mgrid[0:64, 0:128]

    def blob(at):
        return np.exp(-(np.square(x - at) + np.square(y - 32)) / (2 * sigma**2))

    one, two = metrics.motifs(grey(blob(64))), metrics.motifs(grey(blob(32) + blob(96)))
    assert one < 0.1 < 0.35 < two


def test_layers_are_no_motif():
    layers = np.zeros((64, 64, 3), np.float32)
    layers[:20], layers[20:45], layers[45:] = (0.3, 0.5, 0.9), (0.2, 0.6, 0.3), (0.5, 0.4, 0.2)
    assert metrics.motifs(layers) == 0


def test_noise_has_few_motifs():
    for side, bound in ((16, 0.15), (64, 0.05), (400, 0.05)):
        assert 0 < metrics.motifs(random_picture(side, side)) < bound


# Other writings


@pytest.mark.parametrize(("height", "width"), SIZES[:4])
def test_smoothness_is_minus_the_loss_of_tv_scale(height, width):
    picture = random_picture(height, width)
    loss = tv_loss(2 * torch.from_numpy(picture).double().permute(2, 0, 1)[None] - 1)
    assert metrics.smoothness(picture) == pytest.approx(-loss.item(), rel=1e-5)


@pytest.mark.parametrize(("height", "width"), SIZES[:4])
def test_detail_by_a_convolution(height, width):
    y = torch.from_numpy(random_picture(height, width)).double() @ torch.tensor([0.2126, 0.7152, 0.0722]).double()
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).double()
    laplacian = F.conv2d(y[None, None], kernel[None, None])
    assert metrics.detail(random_picture(height, width)) == pytest.approx(laplacian.square().mean().sqrt().item())


def test_motifs_by_sums():
    """The definition, a shift and a point of the way at a time."""
    picture = random_picture(16, 18).astype(np.float64) + np.tile(random_picture(8, 9, 1), (2, 2, 1))
    f = picture - picture.mean(1, keepdims=True)

    def r(dy, dx):
        here = f[max(0, -dy) : 16 - max(0, dy), max(0, -dx) : 18 - max(0, dx)]
        there = f[max(0, dy) : 16 + min(0, dy), max(0, dx) : 18 + min(0, dx)]
        return (here * there).sum() / np.square(f).sum()

    def rise(dy, dx):
        way = [r(round(dy * part / 16), round(dx * part / 16)) for part in range(1, 16)]
        return r(dy, dx) - max(0, min(way))

    shifts = [(dy, dx) for dy in range(-15, 16) for dx in range(-17, 18) if (dy, dx) != (0, 0)]
    assert metrics.motifs(picture) == pytest.approx(max(rise(dy, dx) for dy, dx in shifts))


def ssim(a: torch.Tensor, b: torch.Tensor) -> float:
    """Structural similarity of [3, H, W] in 0..1 as the paper has it, by torch's convolution."""
    line = torch.exp(-((torch.arange(11.0) - 5) ** 2) / 4.5).double()
    window = (line[:, None] * line / line.sum() ** 2)[None, None].expand(3, 1, 11, 11)

    def mean(x):
        return F.conv2d(x[None], window, groups=3)[0]

    ma, mb = mean(a), mean(b)
    va, vb, ab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    found = (2 * ma * mb + 1e-4) * (2 * ab + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return found.mean().item()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 40), (300, 200)])
def test_distance_by_another_writing(height, width):
    a, b = random_picture(height, width), random_picture(height, width, 1) * 0.3 + 0.7 * random_picture(height, width)
    tensors = [torch.from_numpy(pixels(of(x))).double().permute(2, 0, 1) for x in (a, b)]
    assert distance(of(a), of(b)) == pytest.approx((1 - ssim(*tensors)) / 2, rel=1e-4)


# Properties

pictures = arrays.arrays(np.uint8, st.tuples(st.integers(16, 40), st.integers(16, 40), st.just(3)))
ABOUT = dict(rel=1e-4, abs=1e-5)


@given(pictures)
def test_ranges(levels):
    found = measure(Image.fromarray(levels))
    for name, (low, high) in {
        "detail": (0, 4),
        "saturation": (0, 1),
        "contrast": (0, 0.5),
        "clipping": (0, 1),
        "smoothness": (-8, 0),
        "symmetry_horizontal": (-1, 0),
        "symmetry_vertical": (-1, 0),
        "motifs": (0, 1),
    }.items():
        assert low <= found[name] <= high, name


@given(pictures, st.sampled_from([(0,), (1,), (0, 1)]))
def test_a_mirrored_picture_measures_the_same(levels, axes):
    picture = levels.astype(np.float32) / 255
    mirrored = np.flip(picture, axes)
    for name, metric in METRICS.items():
        assert metric(mirrored) == pytest.approx(metric(picture), **ABOUT), name


@given(pictures)
def test_a_picture_on_its_side_measures_the_same(levels):
    picture = levels.astype(np.float32) / 255
    turned = picture.transpose(1, 0, 2)
    for name in ("detail", "saturation", "contrast", "clipping", "smoothness"):
        assert METRICS[name](turned) == pytest.approx(METRICS[name](picture), **ABOUT), name
    assert metrics.symmetry_vertical(turned) == pytest.approx(metrics.symmetry_horizontal(picture), **ABOUT)


@given(pictures, st.floats(0, 0.5), st.floats(0.1, 0.5))
def test_brightness_is_no_matter_and_contrast_scales(levels, offset, scale):
    picture = levels.astype(np.float32) / 255
    other = picture * np.float32(scale) + np.float32(offset)
    for name in ("detail", "contrast", "symmetry_horizontal", "symmetry_vertical"):
        assert METRICS[name](other) == pytest.approx(scale * METRICS[name](picture), **ABOUT), name
    assert metrics.smoothness(other) == pytest.approx(scale**2 * metrics.smoothness(picture), **ABOUT)
    assert metrics.saturation(picture * np.float32(scale)) == pytest.approx(metrics.saturation(picture), **ABOUT)


@given(st.integers(0, 1000), st.floats(0, 0.5), st.floats(0.1, 0.5))
def test_motifs_do_not_care_for_brightness_and_contrast(seed, offset, scale):
    picture = random_picture(24, 30, seed)
    assert metrics.motifs(picture * scale + offset) == pytest.approx(metrics.motifs(picture), **ABOUT)


@given(pictures)
def test_a_mirrored_half_is_symmetric(levels):
    whole = np.concatenate([levels, levels[:, ::-1]], 1)
    assert measure(Image.fromarray(whole), ["symmetry_horizontal"]) == {"symmetry_horizontal": 0}
    whole = np.concatenate([levels, levels[::-1]])
    assert measure(Image.fromarray(whole), ["symmetry_vertical"]) == {"symmetry_vertical": 0}


@pytest.mark.parametrize("factor", [2, 5])
@pytest.mark.parametrize("side", [64, 160])
def test_size_alone_changes_only_what_looks_from_pixel_to_pixel(side, factor):
    picture = np.tile(random_picture(side // 4, side // 8) * 0.5 + 0.2, (1, 3, 1))
    picture = np.repeat(np.repeat(picture, 4, 0), 4, 1).astype(np.float32)
    larger = np.repeat(np.repeat(picture, factor, 0), factor, 1)
    for name, metric in METRICS.items():
        small, large = metric(picture), metric(larger)
        if name in ("detail", "smoothness"):
            assert abs(large) < 0.9 * abs(small), name
        else:
            assert large == pytest.approx(small, rel=0.01, abs=1e-5), name


def test_more_of_it_measures_more():
    """Blurred, greyed, flattened: each metric falls with what it is named after."""
    sharp = of(random_picture(64, 64))
    blurred = sharp.reduce(2).resize((64, 64), Image.Resampling.BICUBIC)
    grey_one = sharp.convert("L")
    assert measure(blurred)["detail"] < measure(sharp)["detail"]
    assert measure(blurred)["smoothness"] > measure(sharp)["smoothness"]
    assert measure(blurred)["contrast"] < measure(sharp)["contrast"]
    assert measure(grey_one)["saturation"] == 0 < measure(sharp)["saturation"]


@given(pictures, st.integers(0, 1000))
def test_distance_is_a_distance(levels, seed):
    a = Image.fromarray(levels)
    b = of(random_picture(a.height, a.width, seed))
    assert distance(a, a) == 0
    assert distance(a, b) == distance(b, a)
    assert 0 <= distance(a, b) <= 1


def test_distance_grows_with_what_is_changed():
    picture = np.repeat(np.repeat(random_picture(16, 16), 4, 0), 4, 1)
    noise = random_picture(64, 64, 1) - 0.5
    apart = [distance(of(picture), of(np.clip(picture + amount * noise, 0, 1))) for amount in (0, 0.1, 0.3, 1)]
    assert apart == sorted(apart) and apart[0] == 0
    assert distance(of(checkerboard(64, 64)), of(1 - checkerboard(64, 64))) == pytest.approx(1, abs=0.01)
    assert distance(of(random_picture(256, 256)), of(random_picture(256, 256, 1))) == pytest.approx(0.5, abs=0.01)


def test_pictures_of_two_sizes_have_no_distance():
    assert distance(of(random_picture(32, 64)), of(random_picture(64, 32))) is None
    assert distance(of(random_picture(8, 64)), of(random_picture(8, 64))) is None


# What is asked for


def test_measuring_what_is_asked_for():
    image = of(random_picture(32, 32))
    assert measure(image, ["contrast"]) == {"contrast": pytest.approx(metrics.contrast(pixels(image)), rel=1e-5)}
    assert list(measure(image)) == list(METRICS)
    assert measure(of(random_picture(15, 200)), ["detail", "motifs"]) == {"detail": None, "motifs": None}
    assert measure(image.convert("L"))["saturation"] == 0


def test_a_file_measures_what_the_picture_did(tmp_path):
    image = of(random_picture(40, 30))
    image.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert measure(opened) == measure(image)


def test_the_setting_knows_every_metric():
    assert METRIC_NAMES == (*METRICS, "judge")

"""A seed means one picture everywhere; Perlin noise against Perlin's definition, written out point by point."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from scipy import stats
from torchvision.transforms import functional as TF

from disco.diffusion.noise import (
    ImageNoise,
    autocontrast,
    fit_init,
    fractal_noise,
    gradient_noise,
    gridded_noise,
    normal,
    overlay_noise,
    perlin_init,
    to_tensor,
)
from disco.errors import SettingsError

# Streams


def test_a_stream_goes_on_and_the_others_do_not_notice():
    quiet, busy = ImageNoise(7), ImageNoise(7)
    torch.rand(100, generator=busy.generator("cuts/ViT"))
    for _ in range(2):
        assert torch.equal(normal([quiet], "start", (3, 4, 5)), normal([busy], "start", (3, 4, 5)))
    assert quiet.generator("start") is quiet.generator("start")


def test_streams_and_seeds_are_independent():
    draws = [
        normal([ImageNoise(seed)], stream, (10_000,))[0]
        for seed in (0, 1, 2**40)
        for stream in ("start", "steps", "cuts/ViT-B-32")
    ]
    correlation = torch.corrcoef(torch.stack(draws)) - torch.eye(len(draws))
    assert correlation.abs().max() < 5 / math.sqrt(10_000)


def test_an_image_does_not_depend_on_its_batch():
    alone = normal([ImageNoise(3)], "start", (3, 6, 5))
    batch = normal([ImageNoise(seed) for seed in (1, 2, 3, 4)], "start", (3, 6, 5))
    assert batch.shape == (4, 3, 6, 5)
    assert torch.equal(batch[2], alone[0])


def test_precision_changes_the_dtype_not_the_noise():
    single, double = (normal([ImageNoise(3)], "start", (3, 6, 5), dtype=d) for d in (torch.float32, torch.float64))
    assert double.dtype == torch.float64
    assert torch.equal(single.double(), double)


def test_noise_is_standard_normal():
    assert stats.kstest(normal([ImageNoise(0)], "start", (3, 64, 64)).flatten().numpy(), "norm").pvalue > 1e-3


def test_another_process_draws_the_same_and_the_global_state_is_left_alone():
    before = torch.get_rng_state()
    drawn = normal([ImageNoise(11)], "start", (20,))[0].tolist()
    assert torch.equal(torch.get_rng_state(), before)
    code = "from disco.diffusion.noise import *; print(normal([ImageNoise(11)], 'start', (20,))[0].tolist())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(drawn)


def test_the_seed_of_a_stream_is_fixed_for_good():
    """Were it to change, no old picture could be rendered again."""
    assert ImageNoise(0).generator("start").initial_seed() == 0x7C4EB850
    assert ImageNoise(1).generator("cuts/vit").initial_seed() == 0x3D8C68DD


# Perlin noise


def perlin_at(gradients: np.ndarray, y: float, x: float) -> float:
    """Perlin (1985): the four planes around a point, blended along x and then along y."""
    row, column = math.floor(y), math.floor(x)

    def plane(dy: int, dx: int) -> float:
        slope = gradients[:, row + dy, column + dx]
        return slope[0] * (y - row - dy) + slope[1] * (x - column - dx)

    def blend(a: float, b: float, share: float) -> float:
        return a + (b - a) * (3 * share**2 - 2 * share**3)

    upper = blend(plane(0, 0), plane(0, 1), x - column)
    lower = blend(plane(1, 0), plane(1, 1), x - column)
    return blend(upper, lower, y - row)


@pytest.mark.parametrize("cells, size", [((1, 1), (4, 4)), ((3, 2), (7, 10)), ((8, 8), (5, 3)), ((2, 5), (1, 1))])
def test_gradient_noise_is_perlin_s(cells, size):
    gradients = torch.randn(2, cells[0] + 1, cells[1] + 1, generator=torch.Generator().manual_seed(0))
    noise = gradient_noise(gradients, *size)
    expected = [
        [perlin_at(gradients.numpy(), (i + 0.5) * cells[0] / size[0], (j + 0.5) * cells[1] / size[1])
         for j in range(size[1])]
        for i in range(size[0])
    ]  # fmt: skip
    assert noise.shape == size
    torch.testing.assert_close(noise, torch.tensor(expected, dtype=torch.float32), atol=1e-5, rtol=0)


@pytest.mark.parametrize("height, width", [(5, 9), (40, 24), (32, 32)])
def test_gridded_noise_is_a_whole_grid_resized_to_eight_bits(height, width):
    """The original's way: every point of a grid of 4 * 2^3 squared, torchvision's resizing, Pillow's contrast."""
    generator = torch.Generator().manual_seed(2)
    grid = np.full((2, 32, 32), 0.5)
    for octave in range(3):
        cells = 4 * 2**octave
        gradients = torch.randn(2, 2, cells + 1, cells + 1, generator=generator).numpy()
        for channel, y, x in np.ndindex(grid.shape):
            value = perlin_at(gradients[channel], y * cells / 32, x * cells / 32)
            grid[channel, y, x] += 0.5 * 1.5**-octave * value
    resized = TF.resize(torch.from_numpy(grid), [height, width], antialias=False).clamp(0, 1)
    expected = [np.asarray(ImageOps.autocontrast(TF.to_pil_image(channel.float()))) for channel in resized]
    got = gridded_noise(2, 3, 4, height, width, torch.Generator().manual_seed(2)) * 255
    torch.testing.assert_close(got, got.round(), rtol=0, atol=1e-4)  # of eight bits
    apart = (got.round().numpy() - np.stack(expected)).astype(int)
    assert np.abs(apart).max() <= 2 and (apart != 0).mean() < 0.02  # a level that rounding tips over is stretched


def test_perlin_noise_of_the_original_is_the_mean_of_two_gridded_fields():
    generator = ImageNoise(1).generator("perlin")
    fields = gridded_noise(1, 12, 1, 6, 9, generator), gridded_noise(1, 8, 4, 6, 9, generator)
    got = perlin_init(ImageNoise(1), 6, 9, "gray", compat=True)
    torch.testing.assert_close(got, (sum(fields) - 1).expand(3, 6, 9))
    assert (got - perlin_init(ImageNoise(1), 6, 9, "gray")).abs().max() > 0.02


def test_gradient_noise_vanishes_at_the_corners():
    gradients = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    noise = gradient_noise(gradients, 5, 5)  # the middle pixel's centre is the corner that all four cells share
    assert noise[2, 2] == 0
    assert (noise != 0).sum() == 24


def test_channels_are_drawn_apart():
    gradients = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    together = gradient_noise(gradients, 6, 9)
    assert torch.equal(together, torch.stack([gradient_noise(g, 6, 9) for g in gradients]))


def test_octaves_halve_the_cells_and_weaken_by_a_half_more():
    def drawn(octaves: int) -> torch.Tensor:
        generator, total = torch.Generator().manual_seed(5), torch.full((1, 8, 8), 0.5)
        for octave in range(octaves):
            corners = 2 * 2**octave + 1
            gradients = torch.randn(1, 2, corners, corners, generator=generator)
            total = total + 0.5 / 1.5**octave * gradient_noise(gradients, 8, 8)
        return autocontrast(total.clamp(0, 1))

    torch.testing.assert_close(fractal_noise(1, 3, 2, 8, 8, torch.Generator().manual_seed(5)), drawn(3))


def test_autocontrast_agrees_with_pillow():
    values = torch.randint(40, 200, (3, 9, 7), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    values[2] = 90
    pillow = np.array(ImageOps.autocontrast(Image.fromarray(values.permute(1, 2, 0).numpy())))
    ours = autocontrast(values / 255) * 255
    assert np.abs(ours.permute(1, 2, 0).numpy() - pillow).max() <= 1


@pytest.mark.parametrize("mode", ["mixed", "color", "gray"])
@pytest.mark.parametrize("size", [(40, 72), (1, 1), (3, 200)])
def test_perlin_init_has_its_size_and_range_and_repeats(mode, size):
    start = perlin_init(ImageNoise(1), *size, mode)
    assert start.shape == (3, *size) and start.dtype == torch.float32
    assert start.min() >= -1 and start.max() <= 1
    assert torch.equal(start, perlin_init(ImageNoise(1), *size, mode))
    assert not torch.equal(start, perlin_init(ImageNoise(2), *size, mode))


def test_perlin_modes_colour_what_they_say():
    gray, mixed, color = (perlin_init(ImageNoise(1), 48, 48, mode) for mode in ("gray", "mixed", "color"))
    assert torch.equal(gray[0], gray[1]) and torch.equal(gray[0], gray[2])

    def spread(picture: torch.Tensor) -> float:
        return picture.std(0).mean().item()

    assert 0.05 < spread(mixed) < spread(color)


def test_perlin_clouds_are_smooth_and_the_same_at_another_size():
    small, large = perlin_init(ImageNoise(1), 32, 32, "mixed"), perlin_init(ImageNoise(1), 96, 96, "mixed")
    neighbours = (large[:, 1:] - large[:, :-1]).abs().mean()
    far = (large[:, 48:] - large[:, :48]).abs().mean()
    assert neighbours < far / 2
    shrunk = torch.nn.functional.avg_pool2d(large, 3)
    assert torch.corrcoef(torch.stack((small.flatten(), shrunk.flatten())))[0, 1] > 0.9


@pytest.mark.parametrize(("wrap", "seamless"), [((), ""), ((-1,), "x"), ((-2,), "y"), ((-2, -1), "xy")])
def test_perlin_clouds_go_on_at_the_other_edge_of_a_tile(wrap, seamless):
    """Four octaves, whose finest cells have four pixels: neighbours are alike, wherever they are."""
    clouds = fractal_noise(30, 4, 2, 64, 64, torch.Generator().manual_seed(3), wrap)
    for name, dim in (("x", -1), ("y", -2)):
        inside = clouds.diff(dim=dim).abs().mean()
        seam = (clouds.select(dim, 0) - clouds.select(dim, -1)).abs().mean()
        assert (seam < 1.2 * inside) if name in seamless else (seam > 2 * inside)


def test_perlin_init_of_a_tile():
    rows, columns = (perlin_init(ImageNoise(1), 32, 48, wrap=wrap) for wrap in ((-2,), (-1,)))
    plain = perlin_init(ImageNoise(1), 32, 48)
    assert not torch.equal(rows, columns) and not torch.equal(rows, plain) and not torch.equal(columns, plain)
    assert torch.corrcoef(torch.stack((rows.flatten(), plain.flatten())))[0, 1] > 0.5  # the same clouds but at the rim


def test_an_unknown_perlin_mode_is_refused():
    with pytest.raises(SettingsError, match="perlin_mode='colour'.*mixed, color, gray"):
        perlin_init(ImageNoise(0), 8, 8, "colour")


# Image inits


def test_to_tensor_keeps_the_order_of_pixels_and_channels():
    picture = Image.new("RGB", (3, 2))
    picture.putpixel((2, 1), (255, 0, 51))
    values = to_tensor(picture)
    assert values.shape == (3, 2, 3)
    assert values[:, 1, 2].tolist() == pytest.approx([1, -1, -0.6])
    assert values[:, 0, 0].tolist() == [-1, -1, -1]


def test_an_init_image_is_resized_by_lanczos():
    values = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    resized = Image.fromarray(values).resize((12, 8), Image.Resampling.LANCZOS)
    expected = np.asarray(resized, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1
    init = fit_init(Image.fromarray(values), 8, 12)
    assert init.dtype == torch.float32
    np.testing.assert_allclose(init.numpy(), expected, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(amount=st.floats(0, 1))
def test_overlaid_noise_has_the_stated_opacity(amount):
    init = torch.full((3, 32, 32), 0.5)
    laid = overlay_noise(init, amount, torch.Generator().manual_seed(0))
    assert laid.min() >= -1 and laid.max() <= 1
    assert laid.mean().item() == pytest.approx((1 - amount) * 0.5, abs=0.05)
    assert laid.std().item() == pytest.approx(amount / math.sqrt(3), abs=0.02)  # uniform on [-1, 1]: 1/sqrt(3)


def test_no_overlay_leaves_the_picture_alone():
    init = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(overlay_noise(init, 0.0, torch.Generator().manual_seed(0)), init)


@pytest.mark.parametrize("amount", [-0.1, 1.1, math.nan])
def test_an_impossible_overlay_is_refused(amount):
    with pytest.raises(SettingsError, match="init_noise"):
        overlay_noise(torch.zeros(3, 2, 2), amount, torch.Generator())

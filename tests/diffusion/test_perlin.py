"""Perlin noise, against Perlin's own words and Pillow's resizing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.transforms import functional as TF

from disco.diffusion.perlin import autocontrast, fractal_noise, gradient_noise, gridded_noise, perlin_init
from disco.diffusion.streams import ImageStreams
from disco.errors import SettingsError


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
    generator = ImageStreams(1).generator("perlin")
    fields = gridded_noise(1, 12, 1, 6, 9, generator), gridded_noise(1, 8, 4, 6, 9, generator)
    got = perlin_init(ImageStreams(1), 6, 9, "gray", compat=True)
    torch.testing.assert_close(got, (sum(fields) - 1).expand(3, 6, 9))
    assert (got - perlin_init(ImageStreams(1), 6, 9, "gray")).abs().max() > 0.02


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


@pytest.mark.parametrize(
    ("mode", "size"),
    [("mixed", (40, 72)), ("color", (40, 72)), ("gray", (40, 72)), ("mixed", (1, 1)), ("gray", (3, 200))],
)
def test_perlin_init_has_its_size_and_range_and_repeats(mode, size):
    start = perlin_init(ImageStreams(1), *size, mode)
    assert start.shape == (3, *size) and start.dtype == torch.float32
    assert start.min() >= -1 and start.max() <= 1
    assert torch.equal(start, perlin_init(ImageStreams(1), *size, mode))
    assert not torch.equal(start, perlin_init(ImageStreams(2), *size, mode))


def test_perlin_modes_colour_what_they_say():
    gray, mixed, color = (perlin_init(ImageStreams(1), 48, 48, mode) for mode in ("gray", "mixed", "color"))
    assert torch.equal(gray[0], gray[1]) and torch.equal(gray[0], gray[2])

    def spread(picture: torch.Tensor) -> float:
        return picture.std(0).mean().item()

    assert 0.05 < spread(mixed) < spread(color)


def test_perlin_clouds_are_smooth_and_the_same_at_another_size():
    small, large = perlin_init(ImageStreams(1), 32, 32, "mixed"), perlin_init(ImageStreams(1), 96, 96, "mixed")
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
    rows, columns = (perlin_init(ImageStreams(1), 32, 48, wrap=wrap) for wrap in ((-2,), (-1,)))
    plain = perlin_init(ImageStreams(1), 32, 48)
    assert not torch.equal(rows, columns) and not torch.equal(rows, plain) and not torch.equal(columns, plain)
    assert torch.corrcoef(torch.stack((rows.flatten(), plain.flatten())))[0, 1] > 0.5  # the same clouds but at the rim


def test_an_unknown_perlin_mode_is_refused():
    with pytest.raises(SettingsError, match="perlin_mode='colour'.*mixed, color, gray"):
        perlin_init(ImageStreams(0), 8, 8, "colour")

r"""What a finished picture measures: one number a metric, from its pixels alone.

    detail               sqrt(mean of L^2),  L = the Laplacian of the luma        0 to 4, luma per pixel squared
    saturation           sum of (max - min) / sum of max                          0 (grey) to 1
    contrast             standard deviation of the luma                           0 to 0.5
    clipping             share of pixels with a channel at 0 or at 255            0 to 1
    smoothness           - tv, the total variation that tv_scale weighs           -8 to 0
    symmetry_horizontal  - sqrt(mean of (p - p mirrored left to right)^2)         -1 to 0
    symmetry_vertical    - sqrt(mean of (p - p mirrored top to bottom)^2)         -1 to 0
    motifs               highest off-centre rise of the autocorrelation        0 to 1

with max and min over a pixel's channels, p and the luma in 0..1, and the mean over pixels (and channels). More is more
of what the name says. All but detail and smoothness, which look from pixel to pixel, can be compared between pictures
of different sizes. `distance` compares two pictures; `disco.critics.judge` says whether a picture shows its prompt.

Pictures are measured as they are saved, with 8 bits, so that a file gives the same numbers as the run did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

Array = np.ndarray

#: Weights of red, green and blue in the luma (Rec. ITU-R BT.709, of the gamma-encoded values).
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)

#: Pictures with a shorter side have no metrics: too little is left inside their border.
SMALLEST = 16

#: Shorter side, in pixels, at which motifs are looked for: smaller ones are texture.
MOTIF_SIDE = 64

#: Points on the way from the centre to a peak of the autocorrelation at which it must have fallen.
WAY = 16

#: The structural similarity's window and constants (Wang et al. 2004), and the side it is computed at.
WINDOW, SIGMA, K1, K2, SSIM_SIDE = 11, 1.5, 0.01, 0.03, 256


def detail(picture: Array) -> float:
    r"""The energy of the Laplacian, as a root mean square:  sqrt(mean of (N + S + W + E - 4 Y)^2).

    Y is the luma of a pixel, N, S, W and E that of its neighbours; the outermost pixels are left out. A flat picture
    and one that rises evenly have 0, a checkerboard of black and white 4. It is per pixel: the same picture at twice
    the size has less. Source: Subbarao, Choi & Nikzad (1993), Focusing techniques.
    """
    y = luma(picture)
    laplacian = y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:] - 4 * y[1:-1, 1:-1]
    return _root_mean_square(laplacian)


def saturation(picture: Array) -> float:
    r"""HSV's saturation, each pixel weighted by its value:  sum of (max - min) / sum of max;  black has 0.

    A plain mean of (max - min) / max would be ruled by dark pixels, where a single level makes it 1. Multiplying all
    values by a number does not change it. Source: Smith (1978), Color gamut transform pairs.
    """
    high = picture.max(-1)
    total = high.sum(dtype=np.float64)
    return float((high - picture.min(-1)).sum(dtype=np.float64) / total) if total else 0.0


def contrast(picture: Array) -> float:
    """The standard deviation of the luma ("RMS contrast"); half black, half white has 0.5.

    Source: Peli (1990), Contrast in complex images.
    """
    return float(luma(picture).std(dtype=np.float64))


def clipping(picture: Array) -> float:
    """The share of pixels that have a channel at 0 or at 255, the ends of what a picture can say."""
    return float(((picture <= 0) | (picture >= 1)).any(-1).mean())


def smoothness(picture: Array) -> float:
    r"""Minus the total variation, in the units of tv_scale's loss (`disco.guidance.terms.tv.tv_loss`).

        - mean over c, i, j of  (x[i, j + 1] - x[i, j])^2 + (x[i + 1, j] - x[i, j])^2,   x in -1..1

    It is per pixel, as detail is. Source: Mahendran & Vedaldi (2015), with squares as in Disco Diffusion.
    """
    x = 2 * picture
    squares = sum(np.square(np.diff(x, axis=axis)).sum(dtype=np.float64) for axis in (0, 1))
    return 0.0 - float(squares / x.size)


def symmetry_horizontal(picture: Array) -> float:
    """Minus the root mean square difference between the picture and its mirror image, left to right."""
    return 0.0 - _root_mean_square(picture - picture[:, ::-1])


def symmetry_vertical(picture: Array) -> float:
    """Minus the root mean square difference between the picture and its mirror image, top to bottom."""
    return 0.0 - _root_mean_square(picture - picture[::-1])


def motifs(picture: Array) -> float:
    r"""How much of the picture comes again elsewhere in it: the highest off-centre rise of its autocorrelation.

        r(d)    =  sum over x, c of f(x) f(x + d) / sum of f^2
        motifs  =  max over d of  r(d) - max(0, min over 0 < s < 1 of r(s d))

    f is the picture, channel by channel, less the mean of each row (sky above ground is composition), and 0 outside the
    picture. r falls from 1 at d = 0. A peak elsewhere counts by how far it rises above the lowest point on the straight
    way from the centre to it, so that large shapes, from which r falls slowly, count nothing. n copies of a motif in a
    row or a column give (n - 1) / n. Chance has it above 0: white noise gives 0.02 at 64 x 64 pixels, 0.07 at 16 x 16.
    It finds copies, not kinship: a row of trees, no two alike, has hardly more than one tree (0.12 and 0.07).

    Looked for with the shorter side shrunk to 64 pixels, so that sizes compare. Source of peaks of the autocorrelation
    as the sign of repetition: Lin, Wang & Yang (1997), Extracting periodicity of a regular texture.
    """
    small = _shrunk(picture, MOTIF_SIDE).astype(np.float64)
    f = small - small.mean(1, keepdims=True)
    energy = np.square(f).sum()
    if energy < 1e-9 * f.size:  # nothing but layers, and rounding
        return 0.0
    height, width = f.shape[:2]
    doubled = 2 * height, 2 * width  # with room for every shift, so that the borders do not meet
    spectrum = np.fft.rfft2(f, doubled, axes=(0, 1))
    r = np.fft.irfft2(np.square(np.abs(spectrum)).sum(-1), doubled) / energy
    # Half of all shifts, for r(-d) = r(d); a negative index counts from the end, which is where a transform has it.
    dy, dx = np.mgrid[0:height, 1 - width : width]
    lowest = np.full(dy.shape, np.inf)
    for part in range(1, WAY):
        lowest = np.minimum(lowest, r[_part_of(dy, part), _part_of(dx, part)])
    return float((r[dy, dx] - np.maximum(lowest, 0)).max(initial=0.0, where=(dy != 0) | (dx != 0)))


def _part_of(shift: Array, part: int) -> Array:
    return np.rint(shift * (part / WAY)).astype(int)


#: The metrics of one picture, by name.
METRICS: dict[str, Callable[[Array], float]] = {
    metric.__name__: metric
    for metric in (
        detail,
        saturation,
        contrast,
        clipping,
        smoothness,
        symmetry_horizontal,
        symmetry_vertical,
        motifs,
    )
}


def measure(image: Image.Image, names: Iterable[str] = tuple(METRICS)) -> dict[str, float | None]:
    """The metrics of a picture by their names, to six digits; None where its shorter side has less than 16 pixels.

    names: of `METRICS`. A picture of any mode is measured as RGB.
    """
    if min(image.size) < SMALLEST:
        return dict.fromkeys(names)
    picture = pixels(image)
    return {name: float(f"{METRICS[name](picture):.6g}") for name in names}


def distance(a: Image.Image, b: Image.Image) -> float | None:
    r"""How different two pictures of one size look: 0 (equal) to 1, by their structural similarity (SSIM).

        distance  =  (1 - mean of SSIM over pixels and channels) / 2

        SSIM      =  (2 m_a m_b + c1) (2 s_ab + c2) / ((m_a^2 + m_b^2 + c1) (s_a^2 + s_b^2 + c2))

    with the means m, variances s^2 and covariance s_ab of 11 x 11 pixels under a Gaussian of sigma 1.5, where it lies
    within the picture. Pictures that have nothing in common are about 0.5 apart; more is the opposite. Larger ones are
    shrunk by a whole number first, to a shorter side of about 256 pixels, as the authors advise. None for pictures of
    different sizes, or with a side of less than 16 pixels. Symmetric in a and b.

    Source: Wang, Bovik, Sheikh & Simoncelli (2004), Image quality assessment.
    """
    if a.size != b.size or min(a.size) < SMALLEST:
        return None
    factor = max(1, round(min(a.size) / SSIM_SIDE))
    x, y = (pixels(image.convert("RGB").reduce(factor)).astype(np.float64) for image in (a, b))
    m_x, m_y = _blurred(x), _blurred(y)
    s_xx, s_yy, s_xy = _blurred(x * x) - m_x**2, _blurred(y * y) - m_y**2, _blurred(x * y) - m_x * m_y
    c1, c2 = K1**2, K2**2
    ssim = (2 * m_x * m_y + c1) * (2 * s_xy + c2) / ((m_x**2 + m_y**2 + c1) * (s_xx + s_yy + c2))
    return float(f"{max(0.0, (1 - ssim.mean()) / 2):.6g}")


def pixels(image: Image.Image) -> Array:
    """A picture as float32 [H, W, 3] in 0..1."""
    return np.asarray(image.convert("RGB"), np.float32) / 255


def luma(picture: Array) -> Array:
    """[H, W, 3] -> [H, W]:  0.2126 R + 0.7152 G + 0.0722 B."""
    return picture @ LUMA


def _shrunk(picture: Array, side: int) -> Array:
    """[H, W, 3] with the shorter side `side` pixels long, each the mean of the area it covers; never enlarged."""
    height, width = picture.shape[:2]
    shorter = min(height, width)
    if shorter <= side:
        return picture
    size = round(width * side / shorter), round(height * side / shorter)
    channels = [Image.fromarray(picture[..., c]).resize(size, Image.Resampling.BOX) for c in range(3)]
    return np.stack([np.asarray(channel) for channel in channels], -1)


def _blurred(picture: Array) -> Array:
    """[H, W, 3] -> [H - 10, W - 10, 3]: the mean under the Gaussian window, where it lies within the picture."""
    weights = np.exp(-np.square(np.arange(WINDOW) - WINDOW // 2) / (2 * SIGMA**2))
    weights /= weights.sum()
    for axis in (0, 1):
        length = picture.shape[axis] - WINDOW + 1
        picture = sum(w * picture.take(range(i, i + length), axis) for i, w in enumerate(weights))
    return picture


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.square(values).mean(dtype=np.float64)))

"""What a picture is blamed for by its pixels alone, and the gradient of that, in one go.

Autograd would go over the picture several times for each loss, forth and back. The gradients have closed forms in what
the values need anyway: the kernel reads the picture once for all of them, and the reference takes fewer passes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from disco.kernels.backend import by_triton
from disco.kernels.symmetry import SYMMETRIES, turned
from torch import Tensor

#: The losses, as the rows of what is returned.
LOSSES = ("tv", "sat", "range", "symmetry")

#: Mirror images that are compared half by half: the dimension that is mirrored.
MIRRORS = {"horizontal": -1, "vertical": -2}

#: What the symmetry loss takes: the symmetries that it asks for.
AXES = {name: (name,) for name in SYMMETRIES} | {"both": tuple(MIRRORS)}


@torch.no_grad()
def picture_losses(
    x: Tensor,
    *,
    tv_scale: float = 0.0,
    sat_scale: float = 0.0,
    range_scale: float = 0.0,
    symmetry_scale: float = 0.0,
    symmetry_axis: str = "horizontal",
    wrap: tuple[int, ...] = (),
) -> tuple[Tensor, Tensor]:
    r"""The scaled picture losses of each picture, and the gradient of their sum.

        tv        =  mean of  (x[i, j + 1] - x[i, j])^2 + (x[i + 1, j] - x[i, j])^2,   zero beyond the border
        sat       =  mean of  |e|,    e = x - clamp(x, -1, 1)
        range     =  mean of  e^2
        symmetry  =  mean over one half of  (x - m)^2,   m the mirror image; for "both", the sum of both mirrors'
                     mean of  (x - g(x))^2,              g the turn of another axis

    with means over channels and pixels of a picture. With n pixels and channels, n' in half a picture:

        d tv / dx  =  2/n (sum over the up to four neighbours y of  x - y)      d sat / dx    =  sign(e) / n
        d symmetry / dx  =  2/n' (x - m)                                        d range / dx  =  2 e / n
                            2/n (d - g^-1(d)),    d = x - g(x)

    At exactly -1 and 1 sat's gradient is zero, as inside. The middle line of an odd side is its own mirror image and
    left out; a side of a single pixel has no other half, and its symmetry is 0.

    Args:
        x: [B, C, H, W], floating point, -1..1 inside the allowed range; any strides.
        *_scale: what each loss is multiplied by; one with scale 0 is not worked out, and 0.
        symmetry_axis: "horizontal" (left is right), "vertical" (upside is down), "both", or another one of
            `disco.kernels.symmetry`.
        wrap: dimensions, of -1 and -2, along which the pixel beyond the border is that of the other border, for tv.

    Returns the scaled losses [4, B] (in the order of LOSSES), float64 for float64 and float32 otherwise, and the
    gradient of their sum, [B, C, H, W] in `x`'s dtype. Nothing is recorded for autograd. The kernel knows neither the
    other axes nor a tv that wraps: with one of those every loss is the reference's.

    Raises ValueError for another axis, and for one of square pictures where x is none.
    Sources: the single losses are those of Disco Diffusion 5.7 and progrockdiffusion, and documented as such in
    `disco.guidance.terms`.
    """
    if symmetry_axis not in AXES:
        raise ValueError(f"symmetry_axis={symmetry_axis!r}: allowed are {', '.join(AXES)}")
    n = max(x[:1].numel(), 1)
    tv, sat, range_ = tv_scale / n, sat_scale / n, range_scale / n
    # A factor for each of the two mirrors, first left and right: over half a picture.
    across, down = (
        symmetry_scale / max(n // x.shape[dim] * (x.shape[dim] // 2), 1) if name in AXES[symmetry_axis] else 0.0
        for name, dim in MIRRORS.items()
    )
    turns = {name: symmetry_scale / n for name in AXES[symmetry_axis] if symmetry_scale and name not in MIRRORS}
    wrap = wrap if tv else ()
    if not turns and not wrap and by_triton("picture_losses", x):
        from disco.kernels.losses_triton import picture_losses_triton

        return picture_losses_triton(x, tv, sat, range_, across, down)
    return _reference(x, tv, sat, range_, across, down, turns, wrap)


def _reference(
    x: Tensor,
    tv: float,
    sat: float,
    range_: float,
    across: float,
    down: float,
    turns: Mapping[str, float],
    wrap: tuple[int, ...],
) -> tuple[Tensor, Tensor]:
    """The losses by their factors of a sum over pixels: `across`, `down` of the mirrors, `turns` of the other axes."""
    dtype, x = x.dtype, x.to(torch.promote_types(x.dtype, torch.float32))
    of_tv, of_sat, of_range, of_symmetry = values = x.new_zeros(4, len(x))
    gradient = torch.zeros_like(x)
    for dim in (-1, -2) if tv else ():
        step = x.diff(dim=dim)
        of_tv += tv * _squares(step)
        gradient.narrow(dim, 1, step.shape[dim]).add_(step, alpha=2 * tv)
        gradient.narrow(dim, 0, step.shape[dim]).sub_(step, alpha=2 * tv)
        if dim in wrap:
            seam = x.narrow(dim, 0, 1) - x.narrow(dim, -1, 1)
            of_tv += tv * _squares(seam)
            gradient.narrow(dim, 0, 1).add_(seam, alpha=2 * tv)
            gradient.narrow(dim, -1, 1).sub_(seam, alpha=2 * tv)
    if sat or range_:
        excess = F.softshrink(x, 1.0)
        if range_:
            of_range += range_ * _squares(excess)
            gradient.add_(excess, alpha=2 * range_)
        if sat:
            sign = excess.sign()
            gradient.add_(sign, alpha=sat)
            of_sat += sat * excess.mul_(sign).sum((-3, -2, -1))
    for dim, factor in ((-1, across), (-2, down)):
        half = x.shape[dim] // 2
        if factor and half:
            other = x.shape[dim] - half
            apart = x.narrow(dim, 0, half) - x.narrow(dim, other, half).flip(dim)
            of_symmetry += factor * _squares(apart)
            gradient.narrow(dim, 0, half).add_(apart, alpha=2 * factor)
            gradient.narrow(dim, other, half).sub_(apart.flip(dim), alpha=2 * factor)
    for name, factor in turns.items():
        apart = x - turned(x, name)
        of_symmetry += factor * _squares(apart)
        gradient.add_(apart - turned(apart, name, back=True), alpha=2 * factor)
    return values, gradient.to(dtype)


def _squares(x: Tensor) -> Tensor:
    """The sum of squares of each image, [B, C, H, W] -> [B]; by lines, which is fast and keeps float32 exact."""
    return torch.linalg.vector_norm(x, dim=-1).square().sum((-2, -1))

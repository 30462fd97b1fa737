"""Colours kept from drifting: a frame's are matched to another's, in CIE L*a*b*.

Every frame starts from the one before, so what guidance adds of saturation or of one hue adds up from frame to frame.
Matched are mean and standard deviation of each channel (Reinhard and others, "Color transfer between images", 2001, in
another space).

Conversions by the standards: IEC 61966-2-1 (sRGB, white point D65) and CIE 15.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Linear sRGB to XYZ, and the white point D65.
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)
#: Below this share of white L*a*b* is linear.
KNEE = 6 / 29


def matched(picture: Tensor, target: Tensor, amount: float = 1.0) -> Tensor:
    """The picture [B, 3, H, W] in [-1, 1] with the mean and the spread of colour of `target`, likewise, of any size.

    amount: 0 leaves it as it is, 1 matches in full. Values are cut off at -1 and 1.
    """
    if amount == 0:
        return picture
    lab, other = to_lab(picture), to_lab(target)
    mean, spread = lab.mean((-2, -1), keepdim=True), lab.std((-2, -1), keepdim=True, correction=0)
    wanted_mean, wanted = other.mean((-2, -1), keepdim=True), other.std((-2, -1), keepdim=True, correction=0)
    # A channel without any variation has none that could be scaled.
    scaled = (lab - mean) * torch.where(spread > 1e-3, wanted / spread.clamp(min=1e-3), 1.0) + wanted_mean
    return from_lab(torch.lerp(lab, scaled, amount)).clamp(-1, 1)


def to_lab(picture: Tensor) -> Tensor:
    """[..., 3, H, W] in [-1, 1] as sRGB -> L* from 0 to 100, a* and b* around 0."""
    values = ((picture + 1) / 2).clamp(0, 1)
    linear = torch.where(values <= 0.04045, values / 12.92, ((values.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)
    xyz = _turned(linear, picture.new_tensor(TO_XYZ) / picture.new_tensor(WHITE)[:, None])
    f = torch.where(xyz > KNEE**3, xyz.clamp(min=KNEE**3) ** (1 / 3), xyz / (3 * KNEE**2) + 4 / 29)
    x, y, z = f.unbind(-3)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -3)


def from_lab(lab: Tensor) -> Tensor:
    """The way back; colours that sRGB does not have come out beyond [-1, 1]."""
    lightness, a, b = lab.unbind(-3)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], -3)
    xyz = torch.where(f > KNEE, f**3, 3 * KNEE**2 * (f - 4 / 29))
    matrix = torch.linalg.inv(lab.new_tensor(TO_XYZ) / lab.new_tensor(WHITE)[:, None])
    linear = _turned(xyz, matrix)
    values = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)
    return values * 2 - 1


def _turned(values: Tensor, matrix: Tensor) -> Tensor:
    """A matrix applied to the channels of [..., 3, H, W]."""
    return torch.einsum("ij,...jhw->...ihw", matrix, values)

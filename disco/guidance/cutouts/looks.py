"""How each cut is seen: flipped, turned, distorted, greyed, jittered, with noise laid over it in between."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from disco.guidance.cutouts.boxes import uniform_integers
from disco.kernels.colour import LUMA, greyness
from disco.kernels.cutouts import warp
from disco.kernels.looks import recolour

#: Chance of a mirrored cut, and the standard deviation of the noise laid over it between its other changes.
FLIP = 0.5
NOISE = 0.01

#: Numbers that a processor changes over and over without fetching them anew. Looks are many passes over the same cuts.
NEAR_MEMORY = 2**18


@dataclass(frozen=True)
class Augmentation:
    """The law of a family's looks.

    degrees, shift: the largest rotation, and shift as a share of the side.
    distortion, distorted: how far corners may move inwards, as a share of half the side, and how often they do.
    grey: how often a cut loses its colour.
    jitter: largest change of brightness, contrast and saturation (as a share), and of hue (as a share of the circle).
    """

    degrees: float
    shift: float
    grey: float
    jitter: float = 0.0
    distortion: float = 0.0
    distorted: float = 0.0


SCHEDULED = Augmentation(degrees=10, shift=0.05, grey=0.1, jitter=0.1)
RANDOM = Augmentation(degrees=15, shift=0.1, grey=0.15, distortion=0.4, distorted=0.7)


@dataclass(frozen=True)
class Looks:
    """How each of n cuts is seen; tensors on the CPU.

    flip: bool [n]. angle: degrees [n], clockwise. shift: whole pixels [n, 2], to the right and down.
    corners: [n, 4, 2], where the frame's corners go, as (x, y), clockwise from the upper left; or None.
    grey: bool [n]. jitter: [n, 4], factors of brightness, contrast, saturation, and turn of hue; or None.
    order: of the four jitters. One fixed order lets all cuts be jittered together; the original shuffles it.
    """

    flip: Tensor
    angle: Tensor
    shift: Tensor
    corners: Tensor | None
    grey: Tensor
    jitter: Tensor | None
    order: tuple[int, ...] = (0, 1, 2, 3)

    def part(self, which: slice) -> Looks:
        """The looks of some of the cuts."""
        changed: dict[str, Any] = {name: each[which] for name, each in vars(self).items() if isinstance(each, Tensor)}
        return replace(self, **changed)


def draw_looks(
    law: Augmentation, n: int, height: int, width: int, *generators: torch.Generator, shared: bool = False
) -> Looks:
    """Draw how n cuts of height x width pixels are seen, for each generator.

    shared: one look for all, its jitters in random order; for a single generator.
    """
    rows = 1 if shared else n
    drawn = [torch.rand(rows, 18, dtype=torch.float64, generator=each).expand(n, -1) for each in generators]
    u = torch.cat(drawn)
    either = 2 * u - 1
    size = torch.tensor([width, height], dtype=torch.float64)

    corners = None
    if law.distortion:
        reach = (law.distortion * (size // 2)).long()
        inwards = uniform_integers(u[:, 9:17].view(-1, 4, 2), reach) * (u[:, 17] < law.distorted)[:, None, None]
        corners = (_frame(height, width) - inwards).abs()  # of a corner at 0, inwards is up
    jitter = None
    if law.jitter:
        jitter = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64) + law.jitter * either[:, 5:9]
    return Looks(
        flip=u[:, 0] < FLIP,
        angle=law.degrees * either[:, 1],
        shift=(law.shift * size * either[:, 2:4]).round(),
        corners=corners,
        grey=u[:, 4] < law.grey,
        jitter=jitter,
        order=tuple(torch.randperm(4, generator=generators[0]).tolist()) if shared else (0, 1, 2, 3),
    )


def augment(cuts: Tensor, looks: Looks, generator: torch.Generator, nearest: bool = False) -> Tensor:
    """Flip, rotate and shift, distort, grey and jitter cuts [n, 3, h, w], with noise laid over them in between.

    generator: of the noise, on the cuts' device. nearest: whether rotated pixels are read from the nearest one, as the
    original reads its random cuts', or bilinearly. The flip is part of the rotation's sampling: the noise that the
    original lays over in between is as likely either way round. torchvision's transforms weigh the rim of what they
    rotate by its coverage twice; here it counts once.
    """
    few = max(1, NEAR_MEMORY // max(1, cuts[:1].numel()))
    if cuts.device.type == "cpu" and len(cuts) > few:
        # The gradient of a split is one piece as well; that of slices would be a whole picture each.
        parts = zip(cuts.split(few), range(0, len(cuts), few), strict=True)
        return torch.cat([augment(part, looks.part(slice(i, i + few)), generator, nearest) for part, i in parts])
    cuts = warp(_noisy(cuts, generator), rotation(looks.angle, looks.shift, looks.flip), nearest)
    if looks.corners is not None:
        cuts = warp(_noisy(cuts, generator), perspective(looks.corners, *cuts.shape[-2:]))
    colours, noise_colours = (either[looks.grey.long()] for either in greying(NOISE))
    return recolour(cuts, _noise(cuts, generator), colours, noise_colours, looks.jitter, looks.order)


@cache
def greying(deviation: float) -> tuple[Tensor, Tensor]:
    r"""What greying makes of colours, and of noise before and after it: matrices [2, 3, 3], without and with greying.

    Those of the noise give white noise the law of both. With n, n1, n2 white, l the luma's weights and 1 three ones:

        n1 + n2              has the law of  sqrt(2) n
        1 l^T n1 + n2        has the law of  (I + a 1 1^T) n,     (1 + 3 a)^2  =  1 + 3 |l|^2
    """
    one = torch.eye(3, dtype=torch.float64)
    a = (math.sqrt(1 + 3 * math.hypot(*LUMA) ** 2) - 1) / 3
    noise = deviation * torch.stack([math.sqrt(2) * one, one + a])
    return greyness(torch.tensor([1.0, 0.0], dtype=torch.float64)), noise


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device).to(like.dtype)


def _noisy(cuts: Tensor, generator: torch.Generator) -> Tensor:
    return torch.add(cuts, _noise(cuts, generator), alpha=NOISE)


def rotation(angle: Tensor, shift: Tensor, flip: Tensor) -> Tensor:
    r"""Matrices [n, 2, 3] for `warp`: flip, then rotate about the centre, then shift.

        q  =  M R(-angle) (p - shift)       M = diag(-1, 1) where flipped

    Args: angle [n] in degrees, clockwise; shift [n, 2] in pixels; flip: bool [n]. Source: torchvision's `affine`.
    """
    angle = angle.deg2rad()
    cos, sin = angle.cos(), angle.sin()
    mirror = torch.where(flip, -1, 1)
    turn = torch.stack([mirror * cos, mirror * sin, -sin, cos], -1).view(-1, 2, 2)
    return torch.cat([turn, turn @ -shift[:, :, None]], -1)


def perspective(corners: Tensor, height: int, width: int) -> Tensor:
    r"""Matrices [n, 3, 3] for `warp` that bring the frame's corners to `corners` [n, 4, 2].

    For each corner (x, y) and the corner of the frame (u, v) it shows, two of the eight equations for a .. h:

        a x + b y + c - u g x - u h y  =  u
        d x + e y + f - v g x - v h y  =  v

    Source: torchvision's `perspective`, with its corners a pixel short of the frame's.
    """
    centre = torch.tensor([width, height], dtype=torch.float64) / 2
    shown = (_frame(height, width) - centre).expand_as(corners)
    point = torch.cat([corners - centre, torch.ones_like(corners[..., :1])], -1)
    nothing = torch.zeros_like(point)
    equations = torch.cat(
        [
            torch.cat([point, nothing, -shown[..., :1] * point[..., :2]], -1),
            torch.cat([nothing, point, -shown[..., 1:] * point[..., :2]], -1),
        ],
        dim=1,
    )
    entries = torch.linalg.solve(equations, torch.cat([shown[..., 0], shown[..., 1]], dim=1))
    return F.pad(entries, (0, 1), value=1.0).view(-1, 3, 3)


def _frame(height: int, width: int) -> Tensor:
    """The corners of a frame, as (x, y), clockwise from the upper left: [4, 2]."""
    right, bottom = width - 1, height - 1
    return torch.tensor([[0, 0], [right, 0], [right, bottom], [0, bottom]], dtype=torch.float64)

"""How a perceptor looks at a picture: where its cuts are, and how each is seen.

Geometry (`Boxes`) and augmentation (`Looks`) are drawn apart, on the CPU, from one generator a picture: a picture's
cuts depend on its generator alone, whatever else is in the batch. Both families are Disco Diffusion 5.7's: `scheduled`
(its MakeCutoutsDango: overviews of the whole picture and inner cuts) and `random` (its MakeCutouts). Resizing is the
antialiased cubic for both. The original's differs, and is `compat`'s: the outermost pixels of a scheduled cut see
darkness beyond the crop's edge, and a random one goes through a Lanczos filter and a plain cubic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from disco.kernels.colour import LUMA, grey, greyness
from disco.kernels.cutouts import crop_resize, warp
from disco.kernels.looks import recolour
from disco.planning.plan import Cuts

#: Chance of a mirrored cut, and the standard deviation of the noise laid over it between its other changes.
FLIP = 0.5
NOISE = 0.01

#: Up to this many overviews differ (plain, grey, flipped, grey flipped); more are all plain.
DISTINCT_OVERVIEWS = 4

#: The random family: black margin as a share of the picture's height, and the normal law of a cut's side as a share of
#: the padded picture's short side.
MARGIN = 1 / 4
SIDE_MEAN, SIDE_SPREAD = 0.8, 0.3

#: Numbers that a processor changes over and over without fetching them anew. Looks are many passes over the same cuts.
NEAR_MEMORY = 2**18


class Cutouts:
    """How a batch of pictures is seen at one perceptor's resolution.

    wrap: dimensions, of -1 and -2, along which the pictures tile: there a cut that reaches over an edge, and what
    surrounds a picture, see its other edge, where they see darkness otherwise; scheduled inner cuts lie anywhere.
    compat: `disco57` brings back what the original gets wrong: one grey inner cut too many, dark edges of scheduled
    cuts, and one look for all of a picture's, its four jitters in random order. Random cuts, which the original
    augments one by one before resizing them, are then augmented so as well, and resized its way.
    """

    def __init__(self, resolution: int, compat: bool = False, wrap: tuple[int, ...] = ()) -> None:
        self.resolution = resolution
        self.compat = compat
        self.wrap = wrap

    def __call__(self, pictures: Tensor, cuts: Cuts, generators: Sequence[torch.Generator]) -> Tensor:
        """Draw new cuts of each picture for one perceptor: `together` with a generator a picture, [B, C, 3, r, r]."""
        return self.together(pictures, cuts, [[generator] for generator in generators])[:, 0]

    def together(self, pictures: Tensor, cuts: Cuts, generators: Sequence[Sequence[torch.Generator]]) -> Tensor:
        """Draw new cuts of each picture for perceptors of one resolution, all of them at once.

        Args:
            pictures: [B, 3, H, W], 0..1 inside the allowed range, floating point.
            cuts: how many for each perceptor, of which family.
            generators: B times P of them, on the CPU, in any state; each moves on. A perceptor's cuts are drawn from
                its own, but for the noise over the pixels, which all of them have from the first.

        Returns [B, P, C, 3, r, r], dtype and device of `pictures`; C is overview + inner (in this order) or cutn. The
        gradient flows to `pictures`. Raises ValueError for another number of generators, or an unknown family.
        """
        seen = [self._see(picture, own, cuts) for picture, own in zip(pictures, generators, strict=True)]
        one = seen[0][None] if len(seen) == 1 else torch.stack(seen)  # which would copy
        return one.unflatten(1, (len(generators[0]), -1))

    def _see(self, picture: Tensor, generators: Sequence[torch.Generator], cuts: Cuts) -> Tensor:
        """[P C, 3, r, r]"""
        if cuts.family == "scheduled":
            return scheduled_cuts(picture, cuts, self.resolution, generators, self.compat, self.wrap)
        if cuts.family == "random":
            return random_cuts(picture, cuts.cutn, self.resolution, generators, cuts.skip_augs, self.compat, self.wrap)
        raise ValueError(f"cutout family {cuts.family!r}: allowed are scheduled, random")


def scheduled_cuts(
    picture: Tensor,
    cuts: Cuts,
    resolution: int,
    generators: Sequence[torch.Generator],
    compat: bool = False,
    wrap: tuple[int, ...] = (),
) -> Tensor:
    """Overviews, then inner cuts, of one picture [3, H, W]: for each generator [overview + inner, 3, r, r]."""
    if compat and len(generators) > 1:  # each shuffles its jitters
        return torch.cat([scheduled_cuts(picture, cuts, resolution, [each], compat, wrap) for each in generators])
    height, width = picture.shape[-2:]
    boxes = inner_boxes(cuts.inner, height, width, resolution, cuts.ic_pow, *generators, wrap=wrap)
    if cuts.overview:
        boxes = overview_box(height, width) + boxes
    seen = boxes.cut(picture, resolution, wrap, dark=compat)
    greys = min(cuts.inner, int(cuts.icgray_p * cuts.inner) + compat)
    # The gradient of a split is one piece; each slice's would be all of them.
    whole, *inner = seen.split([int(cuts.overview > 0), *[greys, cuts.inner - greys] * len(generators)])
    whole = overviews(whole, cuts.overview)
    pairs = zip(inner[::2], inner[1::2], strict=True)
    seen = torch.cat([part for greyed, own in pairs for part in (whole, grey(greyed) if greys else greyed, own)])
    if cuts.skip_augs:
        return seen
    n = cuts.overview + cuts.inner
    looks = draw_looks(SCHEDULED, n, resolution, resolution, *generators, shared=compat)
    return augment(seen, looks, _noise_generator(picture, generators))


def random_cuts(
    picture: Tensor,
    n: int,
    resolution: int,
    generators: Sequence[torch.Generator],
    skip_augs: bool = False,
    compat: bool = False,
    wrap: tuple[int, ...] = (),
) -> Tensor:
    """Cuts of any size and place, of one picture [3, H, W] with a black margin: for each generator [n, 3, r, r].

    The original augments each crop before it resizes it. Here all are resized first, so that one pass augments them:
    the noise is then not averaged away in large crops, and the whole-picture cuts of a picture that is not square are
    squeezed before they turn, not after. `compat` keeps the original's order, turns to the nearest pixel, and resizes
    by `lanczos_resize`.
    """
    if compat and len(generators) > 1:
        return torch.cat([random_cuts(picture, n, resolution, [each], skip_augs, compat, wrap) for each in generators])
    height, width = picture.shape[-2:]
    boxes, *more = (random_boxes(n, height, width, resolution, each) for each in generators)
    for others in more:
        boxes += others
    noise = None if skip_augs else _noise_generator(picture, generators)
    if not compat:
        seen = boxes.cut(picture, resolution, wrap)
        if noise is None:
            return seen
        return augment(seen, draw_looks(RANDOM, n, resolution, resolution, *generators), noise)

    margin = int(height * MARGIN)
    padded = F.pad(picture, [0 if dim in wrap else margin for dim in (-1, -1, -2, -2)])
    for dim in wrap:
        padded = surrounded(padded, dim, margin, margin)
    cuts = [picture.new_empty(0, 3, resolution, resolution)]
    for top, left, rows, columns in zip(boxes.top, boxes.left, boxes.height, boxes.width, strict=True):
        crop = padded.narrow(1, int(top) + margin, int(rows)).narrow(2, int(left) + margin, int(columns))[None]
        if noise is not None:
            looks = draw_looks(RANDOM, 1, int(rows), int(columns), *generators)
            crop = augment(crop, looks, noise, nearest=True)
        cuts.append(lanczos_resize(crop, resolution))
    return torch.cat(cuts)


def lanczos_resize(crop: Tensor, out: int) -> Tensor:
    r"""The original's own resizing, of its random cuts: [1, C, H, W] -> [1, C, out, out].

    A side that shrinks is first filtered, mirrored at its ends, with weights for the pixels k to either side

        w(k)  =  sinc(k s) sinc(k s / 2)      |k s| < 2,    s = out / side,    normalised to  sum w = 1

    and then read at `out` points from its first pixel to its last, by torch's cubic (a = -3/4).
    """
    for dim in (2, 3):
        if out < crop.shape[dim]:
            scale = out / crop.shape[dim]
            reach = math.ceil(2 / scale) - 1
            at = scale * torch.arange(-reach, reach + 1, device=crop.device, dtype=crop.dtype)
            weights = torch.sinc(at) * torch.sinc(at / 2)
            ends = (0, 0, reach, reach) if dim == 2 else (reach, reach, 0, 0)
            kernel = (weights / weights.sum()).view(1, 1, *((-1, 1) if dim == 2 else (1, -1)))
            crop = F.conv2d(F.pad(crop, ends, mode="reflect").movedim(1, 0), kernel).movedim(0, 1)
    return F.interpolate(crop, (out, out), mode="bicubic", align_corners=True)


# Where the cuts are


@dataclass(frozen=True)
class Boxes:
    """Places of n cuts in a picture, in whole pixels: int64 [n] each, on the CPU. A box may reach over the edges."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor

    @property
    def size(self) -> Tensor:
        """The side of boxes that are square."""
        return self.height

    def __len__(self) -> int:
        return len(self.top)

    def __add__(self, other: Boxes) -> Boxes:
        """These boxes, then the others."""
        pairs = zip(
            (self.top, self.left, self.height, self.width),
            (other.top, other.left, other.height, other.width),
            strict=True,
        )
        return Boxes(*(torch.cat(pair) for pair in pairs))

    def cut(self, picture: Tensor, out: int, wrap: tuple[int, ...] = (), dark: bool = False) -> Tensor:
        """The picture [C, H, W] in these boxes, resized: [n, C, out, out].

        Beyond its edges a box sees zeros, along the dimensions `wrap` the other edge. dark: as in `crop_resize`.
        """
        top, left = self.top, self.left
        if -2 in wrap:
            picture, top = _reaching(picture, -2, top, self.height)
        if -1 in wrap:
            picture, left = _reaching(picture, -1, left, self.width)
        return crop_resize(picture, top, left, self.height, self.width, out, dark)


def _reaching(picture: Tensor, dim: int, start: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """The picture surrounded by itself as far as pieces of a dimension reach, and where they start in that."""
    if not len(start):
        return picture, start
    before = max(0, -int(start.min()))
    after = max(0, int((start + length).max()) - picture.shape[dim])
    return surrounded(picture, dim, before, after), start + before


def surrounded(picture: Tensor, dim: int, before: int, after: int) -> Tensor:
    """A picture that tiles along a dimension with so many more of its pixels at either end."""
    size = picture.shape[dim]
    times = -(-before // size)
    copies = [picture] * (times + 1 + -(-after // size))
    # A gradient of several pieces is summed in one order; that of an index would be in any.
    return torch.cat(copies, dim).narrow(dim, times * size - before, before + size + after) if copies[1:] else picture


def whole_box(height: int, width: int, margin_y: int = 0, margin_x: int = 0) -> Boxes:
    """One box around the picture and its margins."""
    sides = (-margin_y, -margin_x, height + 2 * margin_y, width + 2 * margin_x)
    return Boxes(*(torch.tensor([side]) for side in sides))


@lru_cache(maxsize=64)
def overview_box(height: int, width: int) -> Boxes:
    """One box around the picture, padded to a square (a pixel short of one where the sides differ by an odd number)."""
    side = max(height, width)
    return whole_box(height, width, (side - height) // 2, (side - width) // 2)


def inner_boxes(
    n: int,
    height: int,
    width: int,
    resolution: int,
    ic_pow: float,
    *generators: torch.Generator,
    wrap: tuple[int, ...] = (),
) -> Boxes:
    r"""Draw n squares inside the picture for each generator: most of them small where ic_pow is large.

        side  =  floor(u^ic_pow (largest - smallest) + smallest),      u uniform in 0..1
        top, left uniform over all whole pixels where the square fits; along the dimensions `wrap` over all there are

    with largest = the picture's short side, smallest = the resolution (or the short side, if that is less).

    Args: ic_pow at least 0, the original's `cut_ic_pow`; generators on the CPU. Raises ValueError for a negative one.
    """
    smallest, largest = _side_range(height, width, resolution, ic_pow)
    u = torch.cat([torch.rand(3, n, dtype=torch.float64, generator=each) for each in generators], dim=1)
    side = (u[0] ** ic_pow * (largest - smallest) + smallest).long()
    # Where the picture goes on at its other edge, a square fits anywhere.
    last_row = torch.full_like(side, height - 1) if -2 in wrap else height - side
    last_column = torch.full_like(side, width - 1) if -1 in wrap else width - side
    return Boxes(_whole(u[1], last_row), _whole(u[2], last_column), side, side)


def inner_side_cdf(side: Tensor, height: int, width: int, resolution: int, ic_pow: float) -> Tensor:
    r"""The law of an inner cut's side, in closed form.

        P(S <= s)  =  P(u^ic_pow (largest - smallest) < s + 1 - smallest)
                   =  min(1, (s + 1 - smallest) / (largest - smallest))^(1 / ic_pow)       smallest <= s < largest

    0 below and 1 above; a side that cannot vary, or ic_pow 0, is `largest` always.

    Args: side: whole numbers, any shape. Returns float64 of that shape. Raises ValueError for a negative ic_pow.
    """
    smallest, largest = _side_range(height, width, resolution, ic_pow)
    side = side.to(torch.float64)
    if ic_pow == 0 or smallest == largest:
        return (side >= largest).to(torch.float64)
    return ((side + 1 - smallest) / (largest - smallest)).clamp(0, 1) ** (1 / ic_pow)


def random_boxes(n: int, height: int, width: int, resolution: int, generator: torch.Generator) -> Boxes:
    r"""Draw n squares of the random family, in a picture with a margin of a quarter of its height on each side.

        side  =  floor(short side of the padded picture * min(1, max(resolution / short side, N(0.8, 0.3))))

    placed uniformly; the last n // 4 - 1 (the original's count) are the whole padded picture, square or not.
    """
    margin = int(height * MARGIN)
    whole = max(0, n // 4 - 1)
    rows, columns = height + 2 * margin, width + 2 * margin
    short = min(rows, columns)
    share = SIDE_MEAN + SIDE_SPREAD * torch.randn(n - whole, dtype=torch.float64, generator=generator)
    side = (short * share.clamp(resolution / short, 1)).long()
    u = torch.rand(2, n - whole, dtype=torch.float64, generator=generator)
    boxes = Boxes(_whole(u[0], rows - side) - margin, _whole(u[1], columns - side) - margin, side, side)
    for _ in range(whole):
        boxes += whole_box(height, width, margin, margin)
    return boxes


def overviews(whole: Tensor, n: int) -> Tensor:
    """The first n of plain, grey, flipped, grey flipped; above four, n times plain. whole: [1, 3, r, r] (n > 0)."""
    if n > DISTINCT_OVERVIEWS:
        return whole.expand(n, -1, -1, -1)
    both = torch.cat([whole, grey(whole)])
    return torch.cat([both, both.flip(-1)])[:n]


def _side_range(height: int, width: int, resolution: int, ic_pow: float) -> tuple[int, int]:
    if ic_pow < 0:
        raise ValueError(f"ic_pow={ic_pow}: allowed are numbers from 0")
    return min(height, width, resolution), min(height, width)


def _whole(u: Tensor, last: Tensor) -> Tensor:
    """Uniform numbers in 0..1 -> uniform whole numbers 0..last."""
    return (u * (last + 1)).long()


# How each cut is seen


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
        inwards = _whole(u[:, 9:17].view(-1, 4, 2), reach) * (u[:, 17] < law.distorted)[:, None, None]
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


def _noise_generator(picture: Tensor, generators: Sequence[torch.Generator]) -> torch.Generator:
    """A generator where the picture lives, seeded from the first: noise for every pixel is not worth carrying there.

    All of them move on, so that what a perceptor draws later does not depend on whom it draws together with.
    """
    seed, *_ = (int(torch.randint(2**62, (), generator=each)) for each in generators)
    device = "cpu" if picture.is_meta else picture.device  # a picture without contents has no generators
    return torch.Generator(device).manual_seed(seed)

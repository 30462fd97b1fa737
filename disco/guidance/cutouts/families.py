"""The families of cuts: `scheduled` (Disco Diffusion 5.7's MakeCutoutsDango) and `random` (its MakeCutouts).

Resizing is the antialiased cubic for both. The original's differs, and is `compat`'s: the outermost pixels of a
scheduled cut see darkness beyond the crop's edge, and a random one goes through a Lanczos filter and a plain cubic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from disco.guidance.cutouts.boxes import MARGIN, inner_boxes, overview_box, random_boxes, surrounded
from disco.guidance.cutouts.looks import RANDOM, SCHEDULED, augment, draw_looks
from disco.guidance.cutouts.placement import Spread
from disco.kernels.colour import grey
from disco.step import Cuts

#: Up to this many overviews differ (plain, grey, flipped, grey flipped); more are all plain.
DISTINCT_OVERVIEWS = 4


def scheduled_cuts(
    picture: Tensor,
    cuts: Cuts,
    resolution: int,
    generators: Sequence[torch.Generator],
    compat: bool = False,
    wrap: tuple[int, ...] = (),
    spread: Spread | None = None,
) -> Tensor:
    """Overviews, then inner cuts, of one picture [3, H, W]: for each generator [overview + inner, 3, r, r]."""
    if compat and len(generators) > 1:  # each shuffles its jitters
        each_own = (scheduled_cuts(picture, cuts, resolution, [each], compat, wrap, spread) for each in generators)
        return torch.cat(list(each_own))
    height, width = picture.shape[-2:]
    boxes = inner_boxes(cuts.inner, height, width, resolution, cuts.ic_pow, *generators, wrap=wrap, spread=spread)
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
    spread: Spread | None = None,
) -> Tensor:
    """Cuts of any size and place, of one picture [3, H, W] with a black margin: for each generator [n, 3, r, r].

    The original augments each crop before it resizes it. Here all are resized first, so that one pass augments them:
    the noise is then not averaged away in large crops, and the whole-picture cuts of a picture that is not square are
    squeezed before they turn, not after. `compat` keeps the original's order, turns to the nearest pixel, and resizes
    by `lanczos_resize`.
    """
    if compat and len(generators) > 1:
        each_own = (random_cuts(picture, n, resolution, [each], skip_augs, compat, wrap, spread) for each in generators)
        return torch.cat(list(each_own))
    height, width = picture.shape[-2:]
    boxes, *more = (random_boxes(n, height, width, resolution, each, spread) for each in generators)
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


def overviews(whole: Tensor, n: int) -> Tensor:
    """The first n of plain, grey, flipped, grey flipped; above four, n times plain. whole: [1, 3, r, r] (n > 0)."""
    if n > DISTINCT_OVERVIEWS:
        return whole.expand(n, -1, -1, -1)
    both = torch.cat([whole, grey(whole)])
    return torch.cat([both, both.flip(-1)])[:n]


def _noise_generator(picture: Tensor, generators: Sequence[torch.Generator]) -> torch.Generator:
    """A generator where the picture lives, seeded from the first: noise for every pixel is not worth carrying there.

    All of them move on, so that what a perceptor draws later does not depend on whom it draws together with.
    """
    seed, *_ = (int(torch.randint(2**62, (), generator=each)) for each in generators)
    device = "cpu" if picture.is_meta else picture.device  # a picture without contents has no generators
    return torch.Generator(device).manual_seed(seed)

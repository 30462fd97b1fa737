"""Noise that moves with the camera: each frame takes the noise of the first, at other pixels.

Noise that is drawn anew by frame flickers; noise that is the same in every frame stays where it is on the screen while
what it became moves on. Here every value lies at a place within a pixel. It moves as the camera moves what is in view,
and whichever pixel it comes to takes it: the nearest to its centre, where there are several. Values that leave the view
or lose their pixel are dealt out anew, by chance, to the pixels that nothing came to. So a frame has the values of the
first, each once: noise stays exactly as normal and as independent as it was drawn, whatever the camera does. Without a
move it stays as it is, and a shift by whole pixels shifts it.

Chang and others, "How I Warped Your Noise", ICLR 2024, sum noise of a higher resolution over each pixel's area instead,
which follows moves below a pixel more finely.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from disco.diffusion.streams import ImageStreams
from disco.planning.noise_order import as_picture

#: Pixels in which the values are looked for that may have come to a pixel, around where that was.
AROUND = [(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)]


@dataclass
class MovingNoise:
    """The noise of a film's frames, from one to the next.

    seed: by which values are dealt out anew. order: which pixel of the first frame each has its noise of, by number in
    reading order, [H, W]; place: where that lies, from the pixel's centre, x and y in pixels, [H, W, 2].
    """

    height: int
    width: int
    seed: int
    moves: int = 0
    order: Tensor = field(init=False, repr=False)
    place: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.order = torch.arange(self.height * self.width).view(self.height, self.width)
        self.place = torch.zeros(self.height, self.width, 2, dtype=torch.float64)

    def move(self, where: Tensor) -> None:
        """Go on to the next frame. where: the places of its pixels in the frame before, [H, W, 2], x and y."""
        self.moves += 1
        source, place, away = self._arrivals(where)
        taker = _each_once(source.flatten(), away.flatten())
        order = torch.full((self.height * self.width,), -1)
        order[taker] = self.order.flatten()[source.flatten()[taker]]
        free = torch.ones(len(order), dtype=torch.bool)
        free[order[taker]] = False
        chance = ImageStreams(self.seed).generator("moving noise", self.moves)
        left = torch.nonzero(free)[:, 0]
        empty = order < 0
        order[empty] = left[torch.randperm(len(left), generator=chance)]
        self.order = order.view(self.height, self.width)
        self.place = torch.where(empty.view(self.height, self.width, 1), 0, place)

    def picture(self) -> Image.Image:
        """The order as the setting noise_order has it."""
        return as_picture(self.order.numpy())

    def _arrivals(self, where: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For each pixel, the one whose value comes nearest to its centre: number, place in it, and distance squared.

        The number is -1 and the distance infinite where none comes.
        """
        # A value at `where` + away comes to the centre + inverse(away), if the move is taken to be straight near it.
        (xx, xy), (yx, yy) = [torch.gradient(where[..., i], dim=(1, 0)) for i in (0, 1)]
        area = xx * yy - xy * yx
        nearest = where.round()
        source = torch.full(where.shape[:2], -1)
        place, best = torch.zeros_like(where), torch.full(where.shape[:2], torch.inf, dtype=where.dtype)
        for x, y in AROUND:
            at_x, at_y = nearest[..., 0] + x, nearest[..., 1] + y
            inside = (at_x >= 0) & (at_x < self.width) & (at_y >= 0) & (at_y < self.height)
            columns, rows = (torch.where(inside, at, 0).long() for at in (at_x, at_y))
            away = torch.stack([at_x, at_y], -1) + self.place[rows, columns] - where
            moved = torch.stack([yy * away[..., 0] - xy * away[..., 1], xx * away[..., 1] - yx * away[..., 0]], -1)
            moved = moved / area[..., None]
            comes = inside & (moved >= -0.5).all(-1) & (moved < 0.5).all(-1)
            distance = torch.where(comes, moved.square().sum(-1), torch.inf)
            nearer = distance < best
            best = torch.where(nearer, distance, best)
            source = torch.where(nearer, rows * self.width + columns, source)
            place = torch.where(nearer[..., None], moved, place)
        return source, place, best


def _each_once(source: Tensor, away: Tensor) -> Tensor:
    """Which pixels [n] take what comes to them, of those that take the same the nearest: source -1 takes nothing."""
    takes = torch.nonzero(source >= 0)[:, 0]
    takes = takes[torch.argsort(away[takes], stable=True)]
    takes = takes[torch.argsort(source[takes], stable=True)]
    numbers = source[takes]
    first = torch.ones(len(takes), dtype=torch.bool)
    first[1:] = numbers[1:] != numbers[:-1]
    return takes[first]

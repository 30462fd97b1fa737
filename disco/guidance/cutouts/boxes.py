"""Where cuts are: squares in a picture, drawn on the CPU from one generator a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from disco.guidance.cutouts.placement import Spread, coordinates
from disco.kernels.cutouts import crop_resize

#: The random family: black margin as a share of the picture's height, and the normal law of a cut's side as a share of
#: the padded picture's short side.
MARGIN = 1 / 4
SIDE_MEAN, SIDE_SPREAD = 0.8, 0.3


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
    spread: Spread | None = None,
) -> Boxes:
    r"""Draw n squares inside the picture for each generator: most of them small where ic_pow is large.

        side  =  floor(u^ic_pow (largest - smallest) + smallest),      u uniform in 0..1
        top, left uniform over all whole pixels where the square fits; along the dimensions `wrap` over all there are

    with largest = the picture's short side, smallest = the resolution (or the short side, if that is less).

    Args: ic_pow at least 0, the original's `cut_ic_pow`; generators on the CPU; spread as in `coordinates`, and leaves
    the law of each square as it is. Raises ValueError for a negative ic_pow.
    """
    if ic_pow < 0:
        raise ValueError(f"ic_pow={ic_pow}: allowed are numbers from 0")
    smallest, largest = min(height, width, resolution), min(height, width)
    size, down, across = coordinates(n, generators, spread)
    side = (size**ic_pow * (largest - smallest) + smallest).long()
    # Where the picture goes on at its other edge, a square fits anywhere.
    last_row = torch.full_like(side, height - 1) if -2 in wrap else height - side
    last_column = torch.full_like(side, width - 1) if -1 in wrap else width - side
    return Boxes(uniform_integers(down, last_row), uniform_integers(across, last_column), side, side)


def random_boxes(
    n: int, height: int, width: int, resolution: int, generator: torch.Generator, spread: Spread | None = None
) -> Boxes:
    r"""Draw n squares of the random family, in a picture with a margin of a quarter of its height on each side.

        side  =  floor(short side of the padded picture * min(1, max(resolution / short side, N(0.8, 0.3))))

    placed uniformly; the last n // 4 - 1 (the original's count) are the whole padded picture, square or not.
    spread: as in `coordinates`.
    """
    margin = int(height * MARGIN)
    whole = max(0, n // 4 - 1)
    rows, columns = height + 2 * margin, width + 2 * margin
    short = min(rows, columns)
    if spread is None:
        normal = torch.randn(n - whole, dtype=torch.float64, generator=generator)
        down, across = torch.rand(2, n - whole, dtype=torch.float64, generator=generator)
    else:
        size, down, across = coordinates(n - whole, [generator], spread)
        normal = torch.special.ndtri(size)  # the normal numbers that lie at these shares of their law
    side = (short * (SIDE_MEAN + SIDE_SPREAD * normal).clamp(resolution / short, 1)).long()
    boxes = Boxes(
        uniform_integers(down, rows - side) - margin, uniform_integers(across, columns - side) - margin, side, side
    )
    for _ in range(whole):
        boxes += whole_box(height, width, margin, margin)
    return boxes


def uniform_integers(u: Tensor, last: Tensor) -> Tensor:
    """Uniform numbers in 0..1 -> uniform whole numbers 0..last."""
    return (u * (last + 1)).long()

"""Where the tiles of an enlarged picture lie, and how much each counts where it lies over others.

Tiles are rendered row by row, from left to right. A tile fades in over the tiles that are finished: over its left
neighbour within its row, and its whole row over what lies above. With  m(k) = (k + 1/2) / n  over the n pixels that two
neighbours share,

    row  =  (1 - m) row + m tile            for each tile of the row, from left to right
    whole  =  (1 - m) whole + m row         for each row, from top to bottom

so the weights of the tiles at every pixel are at least 0 and their sum is 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Span:
    """A tile along one axis. start, size: in pixels. shared: how many it shares with what was finished before it."""

    start: int
    size: int
    shared: int

    @property
    def end(self) -> int:
        return self.start + self.size

    def fade(self) -> np.ndarray:
        """How much the tile counts over what was finished before it, 0 to 1: float32 [size]."""
        return fade(self.shared, self.size)


@dataclass(frozen=True)
class Tile:
    """A tile by its row and column, from 0."""

    row: int
    column: int
    rows: Span
    columns: Span


@dataclass(frozen=True)
class Grid:
    """The tiles of a picture. rows, columns: theirs. Tiles of a picture that is smaller than one reach beyond it."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[Tile]:
        """In the order of their rendering."""
        for row, rows in enumerate(self.rows):
            for column, columns in enumerate(self.columns):
                yield Tile(row, column, rows, columns)


def grid(size: tuple[int, int], tile: tuple[int, int], overlap: int) -> Grid:
    """As few tiles as cover a picture, neighbours sharing at least `overlap` pixels, as evenly as whole pixels allow.

    size, tile: height and width. overlap: less than the tile's sides.
    """
    rows, columns = (spans(length, side, overlap) for length, side in zip(size, tile, strict=True))
    return Grid(rows, columns)


def spans(length: int, side: int, overlap: int) -> tuple[Span, ...]:
    """The tiles along one axis, see `grid`."""
    if not 0 <= overlap < side:
        raise ValueError(f"tiles of {side} pixels cannot share {overlap}")
    count = max(1, math.ceil((length - overlap) / (side - overlap)))
    starts = [round(number * (length - side) / (count - 1)) for number in range(count)] if count > 1 else [0]
    shared = [0, *(before + side - start for before, start in zip(starts, starts[1:], strict=False))]
    return tuple(Span(start, side, own) for start, own in zip(starts, shared, strict=True))


def fade(shared: int, size: int) -> np.ndarray:
    """0 to 1 within the first `shared` pixels, 1 from there on: float32 [size]."""
    ramp = (np.arange(size) + 0.5) / shared if shared else np.ones(size)
    return np.minimum(ramp, 1).astype(np.float32)


def blend(below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Levels of two pictures, rounded: uint8 [H, W, 3] twice. weight: of the one above, broadcast to [H, W, 1]."""
    mixed = below + weight * (above.astype(np.float32) - below)
    return np.rint(mixed).astype(np.uint8)

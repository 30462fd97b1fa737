"""A study as tiles: every picture, or the hole where one should be, at its place along the axes.

The grid and the page both draw these. The seed is the axis of repeats and comes last, whether it was swept, or came
from a batch; where the seeds of the cells have nothing in common, repeats are counted instead. Cells that differ in
several settings at once and make no grid stand in a row, each under its values.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from disco.study.identity import identity
from disco.study.labels import format_value, label, short_labels
from disco.study.results import Axis, Cell, CellPicture, Study

#: Names of the axis of repeats: by seed, or counted.
SEED, REPEAT = "seed", "repeat"
#: Name of the axis that takes the place of all others where cells make no grid.
RUN = "run"
#: How many places a grid may have for each that is taken. Runs of one folder, and trials of a search, differ in several
#: settings at once: as a grid, eight runs that differ in five are 32,768 places.
SPARSE = 4

#: A single axis of more values than this stands in several lines.
LINE = 12

#: Values longer than this stand at the rows, where they have room, rather than over the columns.
LONG_TEXT = 24


@dataclass(frozen=True)
class Tile:
    """A picture's place: `at` holds an index into every axis of `Tiles`. picture: None for a hole."""

    cell: Cell
    picture: CellPicture | None
    at: tuple[int, ...]


@dataclass(frozen=True)
class Tiles:
    """axes: those of the study, the repeats last, where there is more than one. tiles: in the order of the cells."""

    axes: tuple[Axis, ...]
    tiles: tuple[Tile, ...]

    @property
    def repeats(self) -> int | None:
        """The index of the axis of repeats."""
        last = len(self.axes) - 1
        return last if self.axes and self.axes[last].setting in (SEED, REPEAT) else None


@dataclass(frozen=True)
class GridLayout:
    """Which axis (by index) is where. None: no axis there. rest: those that make sub-grids. repeats: within a cell."""

    rows: int | None
    columns: int | None
    rest: tuple[int, ...]
    repeats: int | None


def tiles_of(study: Study) -> Tiles:
    """Every picture of the study, and every cell without one, at its place."""
    axes: Sequence[Axis] = [axis for axis in study.axes if axis.setting != SEED]
    places = [index for index, axis in enumerate(study.axes) if axis.setting != SEED]
    orders = [{identity(value): index for index, value in enumerate(axis.values)} for axis in axes]
    found: list[tuple[Cell, CellPicture | None, tuple[int, ...], int | None]] = []
    for cell in study.cells:
        at = tuple(order.get(identity(cell.values[place]), 0) for order, place in zip(orders, places, strict=True))
        for picture in cell.pictures or (None,):
            found.append((cell, picture, at, _seed_of(cell, picture)))
    taken = list(dict.fromkeys(at for _, _, at, _ in found))
    if math.prod(len(axis.values) for axis in axes) > SPARSE * len(taken):
        axes, order_of = [_in_a_row(axes, taken)], {at: (index,) for index, at in enumerate(taken)}
        found = [(cell, picture, order_of[at], seed) for cell, picture, at, seed in found]
    name, repeats = _repeats([(at, seed) for _, _, at, seed in found])
    values = tuple(sorted(set(repeats)))
    several = len(values) > 1
    order = {value: index for index, value in enumerate(values)}
    tiles = tuple(
        Tile(cell, picture, (*at, order[repeat]) if several else at)
        for (cell, picture, at, _), repeat in zip(found, repeats, strict=True)
    )
    return Tiles((*axes, Axis(name, values)) if several else tuple(axes), tiles)


def _in_a_row(axes: Sequence[Axis], taken: Sequence[tuple[int, ...]]) -> Axis:
    """One axis for several: the places that are taken, each by its values."""
    return Axis(
        RUN,
        tuple(
            ", ".join(
                f"{label(axis.setting)} = {format_value(axis.values[index])}"
                for axis, index in zip(axes, at, strict=True)
            )
            for at in taken
        ),
    )


def _seed_of(cell: Cell, picture: CellPicture | None) -> int | None:
    seed = cell.settings.get("seed") if picture is None or picture.seed is None else picture.seed
    return seed if isinstance(seed, int) else None


def _repeats(found: Sequence[tuple[tuple[int, ...], int | None]]) -> tuple[str, list[int]]:
    """The name of the axis of repeats, and every tile's value on it.

    Seeds are only worth their name where they are shared: with a seed of its own for every cell (seed=random), the
    repeats of each place are counted.
    """
    at_a_place = Counter(at for at, _ in found)
    seeds = [seed for _, seed in found if seed is not None]
    alone = len(set(found)) == len(found) and len(seeds) == len(found)
    if alone and len(set(seeds)) <= max(at_a_place.values(), default=0):
        return SEED, seeds
    counted: dict[tuple[int, ...], int] = defaultdict(int)
    repeats = []
    for at, _ in found:
        counted[at] += 1
        repeats.append(counted[at])
    return REPEAT, repeats


def initial_layout(tiles: Tiles) -> GridLayout:
    """Rows and columns to begin with: the first two axes declared, long texts at the rows; repeats fill up."""
    repeats = tiles.repeats
    others = [index for index in range(len(tiles.axes)) if index != repeats]
    if not others:
        return GridLayout(None, repeats, (), None)
    if tiles.axes[others[0]].setting == RUN:
        return GridLayout(None, None, (others[0],), repeats)
    if len(others) == 1:
        (only,) = others
        return (
            GridLayout(only, repeats, (), None) if _is_long(tiles.axes[only]) else GridLayout(repeats, only, (), None)
        )
    rows, columns, *rest = others
    if _is_long(tiles.axes[columns]) and not _is_long(tiles.axes[rows]):
        rows, columns = columns, rows
    return GridLayout(rows, columns, tuple(rest), repeats)


def is_long_line(tiles: Tiles) -> bool:
    """Whether the pictures have one axis that would make a row too long to look at."""
    return len(tiles.axes) == 1 and initial_layout(tiles).columns == 0 and len(tiles.axes[0].values) > LINE


def names_of(tiles: Tiles) -> list[str]:
    """What sets each tile apart, in a few letters: "seed 3", or "clamp_max 0.1, seed 3"; in the order of the tiles."""
    shown = [short_labels(axis.values) for axis in tiles.axes]
    return [
        ", ".join(
            labels[place] if axis.setting == RUN else f"{label(axis.setting)} {labels[place]}"
            for axis, labels, place in zip(tiles.axes, shown, tile.at, strict=True)
        )
        for tile in tiles.tiles
    ]


def _is_long(axis: Axis) -> bool:
    return max((len(format_value(value)) for value in axis.values), default=0) > LONG_TEXT

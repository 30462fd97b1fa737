"""grid.png: all pictures of a study on one labelled sheet.

The first two axes are the rows and columns, further axes make sub-grids, and the repeats (seeds) of a cell stand side
by side in it. Cells that failed or are missing are marked with their reason. What was held fixed stands at the top. A
single long axis, and pictures ranked by a metric, stand in lines of a sheet about as wide as high, each picture under
its name.

Pictures keep their pixels: small ones are enlarged by a whole number, none is reduced. The sheet is painted and packed
in strips, so that it may have more pixels than memory, or Pillow, would hold at once. To read a very large one with
Pillow, lift its guard first: `PIL.Image.MAX_IMAGE_PIXELS = None`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from disco.letters import note_on_letters, shortened, text_width, wrapped
from disco.study.labels import format_value, held_facts, label, short_labels
from disco.study.painting import GREY, INK, MARKS, PAPER, Item, Sizes, hole, text_item, tile_item
from disco.study.pictures import size_of
from disco.study.png import write_png
from disco.study.ranking import in_rank, value_of
from disco.study.results import Axis, Study
from disco.study.tiles import (
    RUN,
    GridLayout,
    Tile,
    Tiles,
    initial_layout,
    is_long_line,
    names_of,
    tiles_of,
)

GRID_FILE = "grid.png"

#: Pictures are enlarged until they are this wide or high.
LEAST_SIDE = 128

#: The most bytes of the sheet that are held at once.
STRIP_BYTES = 64 * 2**20


def write_grid(study: Study, file: str = GRID_FILE) -> Path:
    """Draw the study's grid.png into its folder, whole or not at all, and return its path."""
    sheet = layout(study)
    path = study.folder / file
    write_png(path, sheet.width, sheet.height, strips(sheet))
    return path


# The sheet


@dataclass(frozen=True)
class Sheet:
    """Everything to be painted, and where; sizes in pixels."""

    width: int
    height: int
    items: tuple[Item, ...]


def layout(study: Study) -> Sheet:
    """Where everything is."""
    tiles = tiles_of(study)
    sizes = _sizes(tiles)
    if study.purpose.rank or is_long_line(tiles):
        blocks = _lines(tiles, study.purpose.rank, sizes)
    else:
        blocks = _blocks(tiles, initial_layout(tiles), sizes)
    margin = 2 * sizes.em
    width = max(blocks.width, 34 * sizes.em)
    items, y = [], margin
    for text, size, ink in _heading(study, tiles):
        for line in wrapped(text, round(size * sizes.em), width):
            items.append(text_item(line, margin, y, round(size * sizes.em), ink))
            y += round(1.4 * size * sizes.em)
        y += sizes.em // 3
    y += sizes.em
    items += [Item(item.x + margin, item.y + y, item.width, item.height, item.paint) for item in blocks.items]
    return Sheet(width + 2 * margin, y + blocks.height + margin, tuple(items))


def _sizes(tiles: Tiles) -> Sizes:
    found = [size for tile in tiles.tiles if tile.picture and (size := size_of(tile.picture.path))]
    width, height = (max((size[side] for size in found), default=LEAST_SIDE) for side in (0, 1))
    scale = math.ceil(LEAST_SIDE / max(width, height))
    # The letters grow with the pictures, so that they can still be read when the whole is looked at from afar.
    return Sizes((width * scale, height * scale), scale, max(14, round(0.06 * scale * max(width, height))))


def _heading(study: Study, tiles: Tiles) -> Iterator[tuple[str, float, str]]:
    """Lines at the top: text, size in em, ink."""
    yield study.name, 1.6, INK
    if study.description:
        yield study.description, 1, INK
    facts = "; ".join(f"{name} = {value}" for name, value in held_facts(study))
    if facts:
        yield f"Held fixed: {facts}. All else at its default.", 0.9, GREY
    if note := letters_note(study):
        yield note[0].upper() + note[1:] + ".", 0.9, MARKS["failed"][1]
    marked = [cell.status for cell in study.cells if cell.status != "finished"]
    if marked:
        counts = ", ".join(f"{marked.count(status)} {status}" for status in dict.fromkeys(marked))
        yield f"{len(study.cells)} cells, of which {counts}.", 0.9, MARKS["failed"][1]


def letters_note(study: Study) -> str | None:
    """What to say of letters in the study's texts that no font here has."""
    values = [format_value(value) for axis in study.axes for value in axis.values]
    facts = [value for _, value in held_facts(study)]
    return note_on_letters("".join([study.name, study.description, *facts, *values]))


def _lines(tiles: Tiles, rank: str, sizes: Sizes) -> Sheet:
    """All pictures one after the other, each under its name and what it was ranked by."""
    pairs = list(zip(tiles.tiles, names_of(tiles), strict=True))
    pairs = in_rank(sorted(pairs, key=lambda pair: pair[0].at), rank, lambda pair: pair[0].picture)
    (wide, high), em, small = sizes.picture, sizes.em, sizes.small
    head = round(1.4 * em) + (round(1.4 * small) if rank else 0)
    pitch = wide + 2 * sizes.gap, head + high + 3 * sizes.gap
    across = min(len(pairs), max(1, round(math.sqrt(len(pairs) * pitch[1] / pitch[0]))))
    items = []
    for number, (tile, name) in enumerate(pairs):
        x, y = number % across * pitch[0], number // across * pitch[1]
        items.append(text_item(shortened(name, em, wide), x, y, em, INK))
        if rank:
            told = f"{rank.removeprefix('-')} {format_value(value_of(tile.picture, rank))}"
            items.append(text_item(shortened(told, small, wide), x, y + round(1.4 * em), small, GREY))
        items.append(tile_item(tile, x, y + head, sizes))
    down = math.ceil(len(pairs) / across)
    return Sheet(across * pitch[0] - 2 * sizes.gap, down * pitch[1] - 3 * sizes.gap, tuple(items))


def _blocks(tiles: Tiles, arrangement: GridLayout, sizes: Sizes) -> Sheet:
    """All sub-grids, beside and below one another."""
    at: dict[tuple[int, ...], list[Tile]] = defaultdict(list)
    for tile in tiles.tiles:
        at[tuple(tile.at[axis] for axis in arrangement.rest)].append(tile)
    places = list(product(*(range(len(tiles.axes[axis].values)) for axis in arrangement.rest)))
    blocks = [_block(tiles, arrangement, at[place], place, sizes) for place in places]
    width, height = max(block.width for block in blocks), max(block.height for block in blocks)
    if len(arrangement.rest) > 1:
        across = len(tiles.axes[arrangement.rest[-1]].values)
    else:
        across = max(1, round(math.sqrt(len(blocks) * 1.4 * height / width)))
    across = min(across, len(blocks))
    items: list[Item] = []
    for number, block in enumerate(blocks):
        x, y = number % across * (width + 3 * sizes.em), number // across * (height + 3 * sizes.em)
        items += [Item(item.x + x, item.y + y, item.width, item.height, item.paint) for item in block.items]
    down = math.ceil(len(blocks) / across)
    return Sheet(
        across * (width + 3 * sizes.em) - 3 * sizes.em, down * (height + 3 * sizes.em) - 3 * sizes.em, (*items,)
    )


@dataclass(frozen=True)
class Frame:
    """Where the pictures of a block are. left, top: of the first; the labels stand beside and above."""

    rows: Axis | None
    columns: Axis | None
    repeats: Axis | None
    sizes: Sizes
    row_labels: tuple[tuple[str, ...], ...]
    column_labels: tuple[tuple[str, ...], ...]
    left: int

    @property
    def cell_width(self) -> int:
        return (self.sizes.picture[0] + self.sizes.gap) * _count(self.repeats) - self.sizes.gap

    @property
    def between(self) -> int:
        """Columns stand further apart where each holds several pictures."""
        return self.sizes.gap * (3 if self.repeats else 1)

    def x(self, column: int, repeat: int = 0) -> int:
        wide, gap = self.sizes.picture[0], self.sizes.gap
        return self.left + column * (self.cell_width + self.between) + repeat * (wide + gap)

    def y(self, row: int) -> int:
        """From the top of the first picture."""
        return row * (self.sizes.picture[1] + self.sizes.gap)

    @property
    def right(self) -> int:
        return self.x(_count(self.columns)) - self.between


def _frame(tiles: Tiles, arrangement: GridLayout, sizes: Sizes) -> Frame:
    rows, columns, repeats = (
        None if axis is None else tiles.axes[axis]
        for axis in (arrangement.rows, arrangement.columns, arrangement.repeats)
    )
    row_labels = _labels(rows, sizes.em, max(10 * sizes.em, 2 * sizes.picture[0]))
    widest = max(text_width(line, sizes.em) for label in row_labels for line in (*label, _name(rows)))
    cell_width = Frame(rows, columns, repeats, sizes, (), (), 0).cell_width
    column_labels = _labels(columns, sizes.em, cell_width)
    return Frame(rows, columns, repeats, sizes, row_labels, column_labels, widest + sizes.em if rows else 0)


def _block(tiles: Tiles, arrangement: GridLayout, own: Sequence[Tile], place: tuple[int, ...], sizes: Sizes) -> Sheet:
    """One grid of rows and columns, the names and values of its axes around it."""
    frame = _frame(tiles, arrangement, sizes)
    title = ", ".join(_titled(tiles.axes[axis], index) for axis, index in zip(arrangement.rest, place, strict=True))
    items, y = _block_head(frame, title)
    items += _row_names(frame, y)
    empty = set(product(range(_count(frame.rows)), range(_count(frame.columns)), range(_count(frame.repeats))))
    for tile in own:
        row, column, repeat = (
            0 if axis is None else tile.at[axis]
            for axis in (arrangement.rows, arrangement.columns, arrangement.repeats)
        )
        empty.discard((row, column, repeat))
        items.append(tile_item(tile, frame.x(column, repeat), y + frame.y(row), sizes))
    for row, column, repeat in sorted(empty):
        paint = hole("missing", "not part of the study", sizes)
        items.append(Item(frame.x(column, repeat), y + frame.y(row), *sizes.picture, paint))
    width = _title_width(frame) if title else frame.right
    return Sheet(width, y + frame.y(_count(frame.rows)) - sizes.gap, tuple(items))


def _title_width(frame: Frame) -> int:
    return max(frame.right, 20 * frame.sizes.em)


def _titled(axis: Axis, index: int) -> str:
    value = format_value(axis.values[index])
    return value if axis.setting == RUN else f"{_name(axis)} = {value}"


def _block_head(frame: Frame, title: str) -> tuple[list[Item], int]:
    """What stands above the pictures, and its height: title, names and values of the columns, names of the repeats."""
    em, small = frame.sizes.em, frame.sizes.small
    items, y = [], 0
    for line in wrapped(title, round(1.15 * em), _title_width(frame)):
        items.append(text_item(line, 0, y, round(1.15 * em), INK))
        y += round(1.6 * em)
    if title and not frame.columns:
        y += em // 2
    if frame.columns:
        items.append(text_item(_name(frame.columns), frame.left, y, em, GREY))
        y += round(1.4 * em)
    lines = max(1 if frame.rows else 0, *map(len, frame.column_labels))
    for number, label_lines in enumerate(frame.column_labels):
        for line_number, line in enumerate(label_lines, lines - len(label_lines)):
            items.append(text_item(line, frame.x(number), y + round(1.3 * em * line_number), em, INK))
    if frame.rows:
        items.append(text_item(_name(frame.rows), 0, y + round(1.3 * em * (lines - 1)), em, GREY))
    y += round(1.3 * em * lines) + em // 4
    if frame.repeats:
        for number, (repeat, value) in product(range(_count(frame.columns)), enumerate(frame.repeats.values)):
            text = shortened(f"{_name(frame.repeats)} {value}", small, frame.sizes.picture[0])
            items.append(text_item(text, frame.x(number, repeat), y, small, GREY))
        y += round(1.4 * small)
    return items, y


def _row_names(frame: Frame, top: int) -> Iterator[Item]:
    """The values of the rows, each in the middle of its height."""
    em = frame.sizes.em
    for number, lines in enumerate(frame.row_labels):
        y = top + frame.y(number) + frame.sizes.picture[1] // 2 - round(0.65 * em * len(lines))
        for line_number, line in enumerate(lines):
            yield text_item(line, 0, y + round(1.3 * em * line_number), em, INK)


def _count(axis: Axis | None) -> int:
    return 1 if axis is None else len(axis.values)


def _name(axis: Axis | None) -> str:
    return "" if axis is None else label(axis.setting)


def _labels(axis: Axis | None, em: int, width: int) -> tuple[tuple[str, ...], ...]:
    """A label a value, as lines of at most `width` pixels, four at most."""
    if axis is None:
        return ((),)
    room = max(8, 8 * width // em)  # a letter is about half an em wide
    return tuple(tuple(wrapped(text, em, width, most=4)) for text in short_labels(axis.values, min(160, room)))


# The file


def strips(sheet: Sheet) -> Iterator[NDArray[np.uint8]]:
    """The sheet from top to bottom, painted, as arrays [rows, width, 3] of at most STRIP_BYTES."""
    rows = max(1, STRIP_BYTES // (3 * sheet.width))
    for top in range(0, sheet.height, rows):
        canvas = Image.new("RGB", (sheet.width, min(rows, sheet.height - top)), PAPER)
        for item in sheet.items:
            if item.y < top + canvas.height and item.y + item.height > top:
                item.paint(canvas, item.x, item.y - top)
        yield np.asarray(canvas)

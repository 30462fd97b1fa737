"""What a grid is painted of: texts, pictures, marks, and boxes in the place of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from disco.letters import draw_text, shortened, text_width, wrapped
from disco.study.pictures import read_picture
from disco.study.tiles import Tile

PAPER, INK, GREY, LINE = "#ffffff", "#1b1b1f", "#6d6d76", "#d9d9de"
#: Fill and ink of a hole or a mark, by status.
MARKS = {
    "failed": ("#fbe9e7", "#a3271a"),
    "damaged": ("#fbe9e7", "#a3271a"),
    "interrupted": ("#fdf3dc", "#7a5200"),
    "running": ("#e6f0fb", "#1f5a96"),
    "missing": ("#f1f1f3", "#6d6d76"),
    "finished": ("#fbe9e7", "#a3271a"),  # finished, and yet no picture to be read
}


@dataclass(frozen=True)
class Item:
    """Something on the sheet: its box in pixels, and how to paint it onto a canvas at (x, y)."""

    x: int
    y: int
    width: int
    height: int
    paint: Callable[[Image.Image, int, int], None]


@dataclass(frozen=True)
class Sizes:
    """In pixels. picture: the box of one picture; scale: how often each of its pixels is repeated; em: the letters."""

    picture: tuple[int, int]
    scale: int
    em: int

    @property
    def gap(self) -> int:
        """Between repeats; rows, and columns of repeats, stand further apart."""
        return max(4, self.em // 4)

    @property
    def small(self) -> int:
        return max(11, round(0.8 * self.em))


def text_item(text: str, x: int, y: int, size: int, ink: str) -> Item:
    def paint(canvas: Image.Image, x: int, y: int) -> None:
        draw_text(ImageDraw.Draw(canvas), (x, y), text, size, ink)

    return Item(x, y, text_width(text, size) + size, 2 * size, paint)


def tile_item(tile: Tile, x: int, y: int, sizes: Sizes) -> Item:
    if tile.picture is None:
        return Item(x, y, *sizes.picture, hole(tile.cell.status, tile.cell.error or _reason(tile), sizes))
    path, status = tile.picture.path, tile.cell.status

    def paint(canvas: Image.Image, x: int, y: int) -> None:
        picture = read_picture(path)
        if picture is None:
            hole("damaged", f"{path.name} cannot be read", sizes)(canvas, x, y)
            return
        if sizes.scale > 1:
            size = (picture.width * sizes.scale, picture.height * sizes.scale)
            picture = picture.resize(size, Image.Resampling.NEAREST)
        canvas.paste(picture, (x, y))
        if status != "finished":
            _mark(canvas, x, y, status, sizes)

    return Item(x, y, *sizes.picture, paint)


def _reason(tile: Tile) -> str:
    return {"missing": "not rendered yet", "running": "still running, or ended by force"}.get(tile.cell.status, "")


def hole(status: str, reason: str, sizes: Sizes) -> Callable[[Image.Image, int, int], None]:
    """A box in a picture's place that says why there is none."""
    fill, ink = MARKS[status]
    wide, high = sizes.picture
    size = sizes.small
    inner = wide - size
    lines = [shortened(status, size, inner)]
    room = max(0, int((high - size) / (1.25 * size)) - 1)
    lines += wrapped(reason, size, inner, most=room) if reason and room else []

    def paint(canvas: Image.Image, x: int, y: int) -> None:
        draw = ImageDraw.Draw(canvas)
        draw.rectangle((x, y, x + wide - 1, y + high - 1), fill=fill, outline=ink if status != "missing" else LINE)
        for number, line in enumerate(lines):
            place = (x + size // 2, y + size // 2 + round(1.25 * size * number))
            draw_text(draw, place, line, size, ink)

    return paint


def _mark(canvas: Image.Image, x: int, y: int, status: str, sizes: Sizes) -> None:
    """A picture that is not what it should have become gets a frame, and its status along the lower edge."""
    fill, ink = MARKS[status]
    wide, high = sizes.picture
    draw = ImageDraw.Draw(canvas)
    bar = round(1.5 * sizes.small)
    draw.rectangle((x, y + high - bar, x + wide - 1, y + high - 1), fill=fill)
    draw.rectangle((x, y, x + wide - 1, y + high - 1), outline=ink, width=max(2, sizes.em // 8))
    text = shortened(status, sizes.small, wide - sizes.small)
    draw_text(draw, (x + sizes.small // 2, y + high - bar), text, sizes.small, ink)

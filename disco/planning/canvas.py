"""Where an init image lies on the canvas, and the canvas that it is extended to: plain pictures, no tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import Image

from disco.errors import SettingsError

#: What init_fit takes.
FITS = ("stretch", "fill", "fit", "pad")

#: Proportions that differ by less than this share are taken for equal: a pixel of rounding is no change to be told.
ALIKE = 0.02

#: The level halfway between black and white, which a diffusion model takes for nothing in particular.
GREY = 128


@dataclass(frozen=True)
class Placement:
    """Where a picture lies on a canvas of width x height pixels.

    box: the part of the picture that shows (left, upper, right, lower), as shares of its sides. left, top: where its
    first pixel comes to lie; across, down: how large it is there, in pixels.
    """

    width: int
    height: int
    box: tuple[float, float, float, float]
    left: int
    top: int
    across: int
    down: int

    @property
    def covers(self) -> bool:
        """Whether nothing of the canvas is left free."""
        return (self.across, self.down) == (self.width, self.height)

    def resized(self, picture: Image.Image, resample: Image.Resampling) -> Image.Image:
        """The part that shows, in the size that it has on the canvas; as it is where that is its own."""
        sides = (picture.width, picture.height) * 2
        box = tuple(share * side for share, side in zip(self.box, sides, strict=True))
        return picture.resize((self.across, self.down), resample, box=(box[0], box[1], box[2], box[3]))

    def lay(self, picture: Image.Image, mirrored: bool = True) -> Image.Image:
        """An RGB picture on the canvas, resized by Lanczos.

        mirrored: what it leaves free shows its mirror image, again and again, so that nothing ends at its edge; else it
        is grey.
        """
        part = self.resized(picture, Image.Resampling.LANCZOS)
        if self.covers:
            return part
        if not mirrored:
            canvas = Image.new("RGB", (self.width, self.height), (GREY,) * 3)
            canvas.paste(part, (self.left, self.top))
            return canvas
        import numpy as np

        rows = (self.top, self.height - self.top - self.down)
        columns = (self.left, self.width - self.left - self.across)
        return Image.fromarray(np.pad(np.asarray(part), (rows, columns, (0, 0)), mode="symmetric"))


def placement_of(fit: str, size: tuple[int, int], width: int, height: int) -> Placement:
    """How a picture of this size comes to lie on a canvas of width x height.

    fit: "stretch" gives it the canvas's proportions; "fill" scales it until it covers the canvas, and leaves out what
    sticks out on two sides alike; "fit" and "pad" scale it until it lies on the canvas whole, in the middle.
    """
    across, down = size
    left = top = 0
    box = (0.0, 0.0, 1.0, 1.0)
    if fit == "fill":
        share_x, share_y = min(1.0, width * down / (height * across)), min(1.0, height * across / (width * down))
        box = ((1 - share_x) / 2, (1 - share_y) / 2, (1 + share_x) / 2, (1 + share_y) / 2)
        across, down = width, height
    elif fit == "stretch":
        across, down = width, height
    else:
        scale = min(width / across, height / down)
        across, down = (max(1, round(side * scale)) for side in size)
        left, top = (width - across) // 2, (height - down) // 2
    return Placement(width, height, box, left, top, across, down)


def notes_on_fit(fit: str, size: tuple[int, int], width: int, height: int) -> list[str]:
    """What becomes of a picture whose proportions are not those of the canvas."""
    ratio = size[0] * height / (size[1] * width)
    if 1 / (1 + ALIKE) < ratio < 1 + ALIKE:
        return []
    what = {
        "stretch": "stretched to it; fill, fit or pad keep its proportions",
        "fill": "scaled until it covers it, and cut at two sides",
        "fit": "scaled to lie on it whole; its mirror image fills the rest",
        "pad": "scaled to lie on it whole; the rest is grey",
    }[fit]
    return [f"init_image has {size[0]}x{size[1]} pixels, the picture {width}x{height}; by init_fit={fit} it is {what}"]


# A canvas that is the init image and margins around it

#: The longest side of a picture, as the settings width and height have it.
LONGEST = 16384

MARGIN = re.compile(r"(?P<side>left|top|right|bottom) ?= ?(?P<number>\d{1,6})(?P<percent>%?)", re.ASCII)
OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


def extended(text: str, size: tuple[int, int], multiple: int, notes: list[str]) -> Placement:
    """The init image of this size in its own pixels, on a canvas larger by the margins that `extend` names.

    A side that is no multiple of `multiple` grows, at the right or the bottom unless only the other margin was named.

    Raises SettingsError for anything but margins, and for a canvas that is too large.
    """
    margins = margins_of(text, size)
    sides, starts = [], []
    for length, before, after in ((size[0], "left", "right"), (size[1], "top", "bottom")):
        side = length + margins[before] + margins[after]
        more = -side % multiple
        margins[before if margins[before] and not margins[after] else after] += more
        sides.append(side + more)
        starts.append(margins[before])
    if max(sides) > LONGEST:
        raise SettingsError(
            f"extend={text!r} makes a picture of {sides[0]}x{sides[1]}, but a side has at most {LONGEST}"
        )
    said = " ".join(f"{name}={margin}" for name, margin in margins.items() if margin)
    notes.append(f"extend makes a picture of {sides[0]}x{sides[1]} of the init image of {size[0]}x{size[1]}: {said}")
    return Placement(sides[0], sides[1], (0.0, 0.0, 1.0, 1.0), starts[0], starts[1], *size)


def margins_of(text: str, size: tuple[int, int]) -> dict[str, int]:
    """The margins that `extend` names, in pixels by side: counts of pixels, or shares of the init image's own side."""
    margins = dict.fromkeys(OPPOSITE, 0)
    found = list(MARGIN.finditer(text))
    if MARGIN.sub("", text).replace(",", " ").strip() or len({each["side"] for each in found}) < len(found):
        raise SettingsError(
            f"extend is {text!r}, but must name margins, each once, in pixels or shares: left=64 top=25%"
        )
    for each in found:
        of = size[0] if each["side"] in ("left", "right") else size[1]
        number = int(each["number"])
        margins[each["side"]] = number * of // 100 if each["percent"] else number
    if not any(margins.values()):
        raise SettingsError(f"extend is {text!r}, which adds nothing; name a margin, such as left=64")
    return margins

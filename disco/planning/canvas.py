"""Where an init image lies on the canvas, and the canvas with it: plain pictures, no tensors."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

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

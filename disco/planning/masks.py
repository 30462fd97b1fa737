"""What of an init image stays and what is drawn anew: the mask as a plain picture on the canvas, no tensors."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from disco.errors import SettingsError
from disco.planning.canvas import Placement
from disco.planning.inputs import ALPHA, InputPicture
from disco.settings.config import InitConfig

#: The mask's levels: what stays, and what is drawn anew.
STAYS, FREE = 0, 255

#: How much larger than the masked region is what the perceptors are shown of it, and its least share of the picture's
#: short side: a thing is told by what is around it, and a few pixels tell nothing.
AROUND, LEAST_VIEW = 1.25, 0.25

#: Top, left, height and width of a part of the canvas, in pixels.
Box = tuple[int, int, int, int]


def mask_on_canvas(init: InitConfig, inputs: Sequence[InputPicture], placement: Placement) -> Image.Image | None:
    """How free each pixel of the canvas is: mode "L", 0 stays, 255 is drawn anew. None where nothing stays.

    A mask of the canvas's size lies on it as it is; any other lies on the init image. Where the canvas has no init
    image, all is free.

    Raises SettingsError for mask=alpha with an init image that says nothing of transparency.
    """
    if not init.mask and not init.extend:
        return None
    canvas = Image.new("L", (placement.width, placement.height), FREE)
    given = _given(init, inputs)
    if given is not None and init.mask != ALPHA and given.size == canvas.size and not init.extend:
        return given
    if given is None:
        part = Image.new("L", (placement.across, placement.down), STAYS)
    else:
        part = placement.resized(given, Image.Resampling.BOX)
    canvas.paste(part, (placement.left, placement.top))
    return canvas


def _given(init: InitConfig, inputs: Sequence[InputPicture]) -> Image.Image | None:
    """The mask that is named, mode "L"; None where only margins are."""
    if not init.mask:
        return None
    if init.mask != ALPHA:
        return next(each for each in inputs if each.setting == "mask").open().convert("L")
    alpha = next(each for each in inputs if each.setting == "init_image").alpha()
    if alpha is None:
        raise SettingsError(
            f"mask=alpha draws what is transparent in the init image, and {init.init_image!r} has no transparency; "
            "name a mask"
        )
    return alpha.point(lambda level: FREE - level)


def check_mask(mask: Image.Image, notes: list[str]) -> None:
    """Refuse a mask that keeps all, and note one that keeps nothing."""
    low, high = mask.getextrema()
    if high == STAYS:
        raise SettingsError(
            f"the mask is black everywhere on {mask.width}x{mask.height} pixels, and black stays; paint what is to be "
            "drawn anew white"
        )
    if low == FREE:
        notes.append("the mask is white everywhere, so that nothing of the init image stays")


def view_of_mask(mask: Image.Image, wrap: tuple[int, ...] = ()) -> Box:
    """What the perceptors are shown of a masked region: a part of the canvas around it, square where that is possible.

    wrap: dimensions, of -1 and -2, along which the picture tiles; there all of it is shown.
    """
    left, top, right, bottom = mask.point(lambda level: FREE * (level > STAYS)).getbbox() or (0, 0, *mask.size)
    least = LEAST_VIEW * min(mask.size)
    side = max(AROUND * max(right - left, bottom - top), least)
    rows = (0, mask.height) if -2 in wrap else _stretch(top, bottom, side, mask.height)
    columns = (0, mask.width) if -1 in wrap else _stretch(left, right, side, mask.width)
    return rows[0], columns[0], rows[1], columns[1]


def _stretch(start: int, end: int, side: float, length: int) -> tuple[int, int]:
    """Where a stretch of `side` pixels around another begins, and how long it is, within `length`."""
    size = min(length, max(round(side), end - start))
    begins = min(max(0, round((start + end - size) / 2)), length - size)
    return begins, size

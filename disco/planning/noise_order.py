"""Which pixel's noise each pixel of a run takes, as a picture says it.

The picture is as large as the run's and names a pixel by its colour: 65536 red + 256 green + blue is the pixel's number
in reading order, from 0. Each is named once, so that noise which is taken so is as independent as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from disco.errors import SettingsError
from disco.planning.inputs import InputPicture

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How many pixels 24 bits can name.
MOST_PIXELS = 1 << 24


def as_picture(order: NDArray[Any]) -> Image.Image:
    """An order [H, W] as its picture."""
    import numpy as np

    return Image.fromarray(np.stack([order >> 16, order >> 8, order], -1).astype(np.uint8))


def order_of(inputs: Sequence[InputPicture], width: int, height: int) -> NDArray[Any] | None:
    """The order [H, W] that the setting noise_order names; None without one.

    Raises `SettingsError` for a picture of another size, and one that does not name each pixel once.
    """
    for picture in inputs:
        if picture.setting == "noise_order":
            return _read(picture, width, height)
    return None


def _read(picture: InputPicture, width: int, height: int) -> NDArray[Any]:
    import numpy as np

    given, shown = f"noise_order={picture.given!r}", picture.open()
    if shown.size != (width, height):
        raise SettingsError(
            f"{given} has {shown.width} x {shown.height} pixels, but must have the run's {width} x {height}; "
            "noise_order=null leaves it out"
        )
    order = np.asarray(shown).astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    if not np.array_equal(np.sort(order, axis=None), np.arange(width * height)):
        raise SettingsError(f"{given} must name each of the {width * height} pixels once, by 24 bits of colour")
    return order

"""What a picture is scaled up by before its tiles are rendered: any part of the enlarged picture, made when asked for.

A stage reads no more of the picture than the part needs, so that pictures larger than memory can be enlarged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

#: Pixels around a part that Lanczos's filter sees, at either side.
LANCZOS_REACH = 3


class Box(NamedTuple):
    """A part of a picture, in its pixels."""

    top: int
    left: int
    height: int
    width: int


#: Scales up: a part of the enlarged picture -> its levels, uint8 [height, width, 3]. Beyond the picture's edges its
#: outermost pixels go on.
Stage = Callable[[Box], np.ndarray]


def nothing(picture: np.ndarray, by: int) -> Stage:
    """Every pixel becomes a square of its colour. picture: uint8 [H, W, 3], perhaps on disk."""
    return within(picture, by, 0, lambda part: part.repeat(by, 0).repeat(by, 1))


def lanczos(picture: np.ndarray, by: int) -> Stage:
    """Lanczos's filter; parts are, to the bit, those of the whole picture as Pillow scales it up."""

    def scale(part: np.ndarray) -> np.ndarray:
        size = (part.shape[1] * by, part.shape[0] * by)
        return np.asarray(Image.fromarray(part).resize(size, Image.Resampling.LANCZOS))

    return within(picture, by, LANCZOS_REACH, scale)


def within(picture: np.ndarray, by: int, reach: int, scale: Callable[[np.ndarray], np.ndarray]) -> Stage:
    """A stage that scales up the part of the picture that lies below a box, and `reach` pixels around it.

    scale: uint8 [h, w, 3] -> [h by, w by, 3].
    """
    limits = picture.shape[:2]

    def stage(box: Box) -> np.ndarray:
        begins, ends, inner = [], [], []
        for start, size, limit in zip(box[:2], box[2:], limits, strict=True):
            first = min(max(start, 0), limit * by - 1)
            last = min(max(start + size, first + 1), limit * by)
            begins.append(max(first // by - reach, 0))
            ends.append(min(-(-last // by) + reach, limit))
            places = np.arange(start, start + size).clip(0, limit * by - 1)
            inner.append(places - begins[-1] * by)
        scaled = scale(np.ascontiguousarray(picture[begins[0] : ends[0], begins[1] : ends[1]]))
        return scaled[inner[0]][:, inner[1]]

    return stage

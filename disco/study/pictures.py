"""The pictures in a study's folders, read whatever their state."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from disco.errors import SettingsError
from disco.planning.images import open_image
from disco.study.results import CellPicture

#: A run has at most a thousand steps; older ones were told apart by whole percents.
PARTIAL = re.compile(r"image_(\d{1,9})_at_(\d{3}(?:\.\d)?)\.png", re.ASCII)


@dataclass(frozen=True)
class Partial:
    """A picture as it stood after `percent` of its run."""

    percent: float
    path: Path


def partials_of(picture: CellPicture) -> list[Partial]:
    """The pictures on the way to this one, in order."""
    try:
        paths = list((picture.path.parent / "partials").iterdir())
    except OSError:  # there are none, or a worker is clearing them away
        paths = []
    found = [(PARTIAL.fullmatch(path.name), path) for path in paths]
    mine = [(float(match[2]), path) for match, path in found if match and int(match[1]) == picture.number]
    return [Partial(percent, path) for percent, path in sorted(mine)]


def read_picture(path: Path) -> Image.Image | None:
    """The picture as RGB (see `disco.planning.images`); None where it is missing, damaged or too large."""
    try:
        return open_image(path, "picture")
    except SettingsError:
        return None


def size_of(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, from the head of the file alone; None where that cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # nothing is decoded here
            with Image.open(path, formats=["PNG"]) as picture:
                return picture.size
    except Exception:  # a damaged file can make the decoder fail in any way it likes
        return None

"""The picture that is enlarged, read as levels, and the one that comes of it, written: in strips where they are large.

Pictures of more than `disco.planning.images.PIXEL_LIMIT` pixels go through libvips (pyvips), which holds a few rows of
them; they are worked on in files of plain levels.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from disco.errors import SettingsError
from disco.models.files.store import sha256_of
from disco.planning.images import FORMATS, PIXEL_LIMIT, open_image
from disco.run.folder.files import beside, plain
from disco.run.folder.pictures import CHUNK, png_of
from disco.settings.paths import expanded


@dataclass(frozen=True)
class Source:
    """A picture that can be enlarged. path: absolute. sha256: of its file. size: height and width, upright."""

    path: str
    sha256: str
    size: tuple[int, int]


def examine(path: str, limit: int = PIXEL_LIMIT) -> Source:
    """The picture of a file. Raises SettingsError, one line, for one that cannot be enlarged.

    limit: pixels that are held as a whole, here and below.
    """
    given = f"the picture {path!r}"
    place = expanded(path)
    if _is_large(place, limit):
        picture = _by_vips(place, given)
        size = (int(picture.height), int(picture.width))
    else:
        image = open_image(path, "picture")
        size = (image.height, image.width)
    return Source(str(place.absolute()), sha256_of(place), size)


def read_levels(source: Source, scratch: Path, limit: int = PIXEL_LIMIT) -> np.ndarray:
    """The levels of a picture, uint8 [H, W, 3]; of a large one in the file `scratch`, mapped into memory."""
    if source.size[0] * source.size[1] <= limit:
        return np.asarray(open_image(source.path, "picture"))
    picture = _by_vips(Path(source.path), f"the picture {source.path!r}")
    with beside(scratch) as part, _one_line(f"the picture {source.path!r}"):
        picture.rawsave(str(part))  # its pixels are read only now
    return np.memmap(scratch, np.uint8, "r", shape=(*source.size, 3))


def check_result(size: tuple[int, int]) -> None:
    """Refuse a picture of this height and width that could not be written for want of a package."""
    if size[0] * size[1] > PIXEL_LIMIT:
        _vips(f"a picture of {size[1]} x {size[0]} pixels")


def write_levels(path: Path, levels: np.ndarray, making: Mapping[str, Any], limit: int = PIXEL_LIMIT) -> None:
    """Write levels, uint8 [H, W, 3], as a PNG with the record of its making inside; those of a large one in strips."""
    height, width, _ = levels.shape
    if height * width <= limit:
        content = png_of(Image.fromarray(levels), making)
        with beside(path) as part:
            part.write_bytes(content)
        return
    vips = _vips("a picture of that size")
    picture = vips.Image.new_from_memory(levels.data, width, height, 3, "uchar")
    picture = picture.copy(interpretation="srgb")
    picture.set_type(vips.GValue.gstr_type, f"png-comment-0-{CHUNK}", json.dumps(plain(making)))
    with beside(path) as part:
        picture.pngsave(str(part))


def _is_large(path: Path, limit: int) -> bool:
    """Whether a file holds a picture of more pixels than are held as a whole; of other files others tell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                return picture.width * picture.height > limit
    except Image.DecompressionBombError:
        return True
    except Exception:  # no file, no picture, a damaged one
        return False


def _by_vips(path: Path, given: str) -> Any:
    """A large picture as libvips reads it: upright, on white, 8 bits, three channels."""
    vips = _vips(f"{given}, of more than {PIXEL_LIMIT // 10**6} megapixels,")
    with _one_line(given):
        picture = vips.Image.new_from_file(str(path), fail_on="error").autorot()
        if picture.hasalpha():
            picture = picture.flatten(background=[65535 if picture.format == "ushort" else 255] * (picture.bands - 1))
        return picture.colourspace("srgb").cast("uchar")


@contextmanager
def _one_line(given: str) -> Iterator[None]:
    """What libvips cannot read is told in one line."""
    import pyvips

    try:
        yield
    except pyvips.Error as error:
        raise SettingsError(f"{given} cannot be read ({str(error).splitlines()[0]}); give another") from error


def _vips(what: str) -> Any:
    if find_spec("pyvips") is None:
        raise SettingsError(f"{what} needs the package pyvips; pip install 'disco-engine[enlarge]'")
    import pyvips

    return pyvips

"""Reading the pictures a user names: as plain RGB, or one clear line why not.

Only Pillow is imported here, so that a bad path is refused before torch is even loaded.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError, features

from disco.errors import SettingsError
from disco.settings.paths import expanded

if TYPE_CHECKING:
    import numpy as np

#: The most pixels a picture may have; decoded, that many take 300 MB.
PIXEL_LIMIT = 100_000_000
#: The most bytes its file may have: as many pixels in four channels of sixteen bits take 800 MB uncompressed.
BYTE_LIMIT = 1 << 30

# Named, because some of Pillow's other readers start programs (EPS runs Ghostscript) or hold no pixels at all.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "HEIF")
# TIFF's numbers of what is said of its pixels, and of the unsigned integers among their kinds.
BITS_PER_SAMPLE, SAMPLE_FORMAT, UNSIGNED, SIGNED = 258, 339, 1, 2
# EXIF's number of how the camera was held, and its values for a picture whose width is that of its pixels' columns.
ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)


def open_image(path: str | Path, setting: str) -> Image.Image:
    """The picture of a file, as `decoded` has it. A leading `~` stands for the home folder.

    Raises SettingsError, naming `setting`, where `read_file` or `decoded` does.
    """
    return decoded(read_file(path, setting), f"{setting}={str(path)!r}")


def read_file(path: str | Path, setting: str) -> bytes:
    """All bytes of the file at `path`; a leading `~` stands for the home folder.

    Raises SettingsError, naming `setting`, where it is missing, a folder, not to be read, or larger than BYTE_LIMIT.
    """
    given = f"{setting}={str(path)!r}"
    try:
        file = expanded(path)
    except SettingsError as error:  # the home of a user who does not exist
        raise SettingsError(f"{given}: {error}") from error
    try:
        at = os.stat(file)
        if stat.S_ISDIR(at.st_mode):
            raise SettingsError(f"{given} is a folder; name a picture in it")
        if not stat.S_ISREG(at.st_mode):
            raise SettingsError(f"{given} is not an ordinary file; name a picture")
        with open(file, "rb") as opened:
            data = opened.read(BYTE_LIMIT + 1)
    except SettingsError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise SettingsError(f"{given}: there is no such file; check the path{_taken_from(file)}") from error
        reason = error.strerror or str(error)
        advice = "allow this user to read it" if error.errno == errno.EACCES else "name another file"
        raise SettingsError(f"{given} cannot be read: {reason}; {advice}") from error
    except ValueError as error:  # a zero character
        raise SettingsError(f"{given} is no path: {error}; name a picture") from error
    if len(data) > BYTE_LIMIT:
        raise SettingsError(f"{given} has more than {BYTE_LIMIT >> 30} GiB; scale it down first")
    return data


def _taken_from(file: Path) -> str:
    """Where a relative path starts, for who has mistaken it."""
    try:
        return "" if file.is_absolute() else f" (it is taken from {Path.cwd()})"
    except OSError:  # that folder is gone
        return ""


def decoded(data: bytes, given: str) -> Image.Image:
    """A picture file's bytes as RGB, upright, on white: mode "RGB", 8 bits, any size up to PIXEL_LIMIT pixels.

    The camera's EXIF rotation is applied; transparent parts are laid on white; sixteen-bit greys keep their upper
    eight bits; of an animation the first picture is taken. Thirty-two bits have no white of their own: floats within
    0 to 1 go from black to white, anything else from its darkest pixel, black, to its brightest, white.

    given: how the user named it, for the SettingsError that is raised where it is too large, damaged or cut short, not
    a picture in one of FORMATS, or one whose reader is not installed.
    """
    upright, kind = _read_whole(data, given)
    try:
        return as_rgb(upright, kind)
    except ValueError as error:
        raise SettingsError(f"{given} cannot be shown as RGB ({error}); save it as an RGB picture") from error


def alpha_of(data: bytes, given: str) -> Image.Image | None:
    """How opaque each pixel of a picture file is, upright: mode "L", 0 transparent, 255 opaque.

    None for a picture that says nothing of it. Raises SettingsError where `decoded` does.
    """
    upright, _ = _read_whole(data, given)
    return upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None


def _read_whole(data: bytes, given: str) -> tuple[Image.Image, tuple[int, int] | None]:
    """A picture file upright, in whatever mode it has, and its kind, as `_kind` has it."""
    too_large = f"{given} has more than {PIXEL_LIMIT // 10**6} megapixels; scale it down first"
    formats = _formats(data, given)
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures a little below our own limit, and of damage that it can do without.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=formats) as picture:
                if picture.width * picture.height > PIXEL_LIMIT:
                    raise SettingsError(too_large)
                return ImageOps.exif_transpose(picture), _kind(picture)
    except SettingsError:
        raise
    except Image.DecompressionBombError as error:
        raise SettingsError(too_large) from error
    except UnidentifiedImageError as error:
        if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            raise SettingsError(
                f"{given} is a TIFF of a kind that is not read; save it with 8 bits a channel"
            ) from error
        raise SettingsError(f"{given} is not a picture; it must be one of {', '.join(FORMATS)}") from error
    except Exception as error:  # a damaged file can make a decoder fail in any way it likes
        reason = str(error) or type(error).__name__
        raise SettingsError(f"{given} is damaged ({reason}); save it again as one of {', '.join(FORMATS)}") from error


def upright_size(data: bytes, given: str) -> tuple[int, int]:
    """Width and height of a picture that `decoded` reads, without reading its pixels.

    Raises SettingsError, as `decoded` does, for what is no picture at all.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_formats(data, given)) as picture:
            turned = picture.getexif().get(ORIENTATION, 1) in LYING
            return picture.size[::-1] if turned else picture.size
    except Exception:  # a damaged file can make a decoder fail in any way it likes
        return decoded(data, given).size


def _formats(data: bytes, given: str) -> tuple[str, ...]:
    """Those of FORMATS that can be read here. Raises SettingsError for a picture whose reader is not installed."""
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)] if data[4:8] == b"ftyp" else b""
    if not brands:
        return tuple(name for name in FORMATS if name not in ("AVIF", "HEIF"))
    if b"avif" in brands or b"avis" in brands:
        Image.init()
        if "AVIF" not in Image.OPEN or not features.check("avif"):
            raise SettingsError(
                f"{given} is an AVIF picture, which this Pillow does not read; "
                "pip install --upgrade pillow, or save it as PNG"
            )
        return ("AVIF",)
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise SettingsError(
            f"{given} is a HEIC picture, which takes the package pillow-heif; "
            "pip install 'disco-engine[heif]', or save it as PNG"
        ) from error
    register_heif_opener()
    return ("HEIF",)


def as_rgb(picture: Image.Image, kind: tuple[int, int] | None = None) -> Image.Image:
    """Any mode of Pillow's -> RGB. kind: of a TIFF, as `_kind` has it.

    Raises ValueError for pixels that have no colour.
    """
    if picture.mode == "F" or (picture.mode == "I" and kind):
        picture = _stretched(picture, unsigned=kind is not None and kind[1] == UNSIGNED)
    elif picture.mode.startswith("I"):  # sixteen bits, which Pillow would clip to eight, which leaves white
        bits = kind[0] if kind else 16
        picture = picture.convert("I").point(lambda value: value * 2.0 ** (8 - bits)).convert("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _kind(picture: Image.Image) -> tuple[int, int] | None:
    """What a TIFF says of its first channel: the bits, and the kind of number. None for other pictures."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return None
    tags = picture.tag_v2
    return int(tags.get(BITS_PER_SAMPLE, (1,))[0]), int(tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0])


def _stretched(picture: Image.Image, unsigned: bool) -> Image.Image:
    """Mode "I" or "F", whose white is not known -> mode "L". unsigned: whether integers begin at 0."""
    import numpy as np

    values = np.asarray(picture)
    if picture.mode == "I" and unsigned:  # Pillow reads them as signed
        values = values.view(np.uint32)
    return Image.fromarray(levels_of(values.astype(np.float32)))


def packed(picture: object, given: str) -> bytes:
    """A picture that is at hand -> the bytes of a PNG of it: RGB, upright, 8 bits; RGBA where parts are transparent.

    picture: a Pillow picture, read as `decoded` reads files; or an array [height, width], or [height, width, channels]
    of 1, 3 or 4 channels, of bytes, of floats from 0 to 1, or of switches, which are black and white.

    given: how the user named it, for the SettingsError that anything else raises.
    """
    image = picture if isinstance(picture, Image.Image) else _of_array(picture, given)
    if not 0 < image.width * image.height <= PIXEL_LIMIT:
        raise SettingsError(f"{given} has {image.width} x {image.height} pixels, but must have 1 to {PIXEL_LIMIT}")
    file = io.BytesIO()
    try:
        # Made of numbers and not read from a file, mode "I" has 32 bits; a PNG that is read as such has 16.
        made = (32, SIGNED) if image.mode == "I" and image.format is None else None
        upright = ImageOps.exif_transpose(image)
        clear = upright.has_transparency_data
        (upright.convert("RGBA") if clear else as_rgb(upright, _kind(image) or made)).save(file, "PNG")
    except Exception as error:  # a file that was opened, and is damaged; pixels without a colour
        raise SettingsError(f"{given} cannot be shown as RGB ({error or type(error).__name__})") from error
    return file.getvalue()


def _of_array(values: object, given: str) -> Image.Image:
    """An array as a Pillow picture of mode "L", "RGB" or "RGBA"."""
    import numpy as np

    allowed = "a path, an address, a Pillow picture, or an array [height, width] or [height, width, 1, 3 or 4]"
    if not isinstance(values, np.ndarray):
        raise SettingsError(f"{given} is a {type(values).__name__}, but must be {allowed}")
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 3, 4)) or not values.size:
        raise SettingsError(f"{given} is an array of shape {list(values.shape)}, but must be {allowed}")
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if np.issubdtype(values.dtype, np.floating):
        if not (values.min() >= 0 and values.max() <= 1):  # nor may it hold what is no number
            raise SettingsError(f"{given} holds {values.min():g} to {values.max():g}, but floats must be from 0 to 1")
        values = np.round(values * 255).astype(np.uint8)
    elif values.dtype != np.uint8:
        raise SettingsError(f"{given} holds {values.dtype}, but must hold uint8, or floats from 0 to 1")
    return Image.fromarray(values[:, :, 0] if values.shape[2:] == (1,) else values)


def levels_of(values: np.ndarray) -> np.ndarray:
    """Numbers of any range -> 0 to 255, of the same shape: 0 to 1 as it is, any other from the least to the greatest.

    A level that is the same everywhere is white, unless it is 0 or less. What is not finite counts as black.

    Raises ValueError where nothing is finite.
    """
    import numpy as np

    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("none of its pixels is a number")
    low, high = finite.min(), finite.max()
    if 0 <= low and high <= 1:
        low, high = 0.0, 1.0
    elif low == high:
        low, high = min(low, 0.0), max(high, 0.0)
    shares = (np.where(np.isfinite(values), values, low) - low) / (high - low)
    return np.round(255 * shares).astype(np.uint8)

"""Reading the pictures a user names: as plain RGB, or one clear line why not.

Only Pillow is imported here, so that a bad path is refused before torch is even loaded.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from disco.errors import SettingsError

#: The most pixels a picture may have; decoded, that many take 300 MB.
PIXEL_LIMIT = 100_000_000

# Named, because some of Pillow's other readers start programs (EPS runs Ghostscript) or hold no pixels at all.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


def check_image(path: str | Path, setting: str) -> None:
    """Decode the picture at `path` once, all of it, and forget it.

    Raises SettingsError, naming `setting`, for whatever `open_image` would refuse.
    """
    open_image(path, setting)


def open_image(path: str | Path, setting: str) -> Image.Image:
    """Read a picture as RGB, upright, on white: mode "RGB", 8 bits, any size up to PIXEL_LIMIT pixels.

    The camera's EXIF rotation is applied; transparent parts are laid on white; sixteen-bit greys keep their upper
    eight bits; of an animation the first picture is taken. A leading `~` stands for the home folder.

    Raises SettingsError, naming `setting`, where the file is missing, a folder, too large, damaged or cut short, or
    not a picture in one of FORMATS.
    """
    file = Path(path).expanduser()
    given = f"{setting}={str(path)!r}"
    if file.is_dir():
        raise SettingsError(f"{given} is a folder; name a picture in it")
    if not file.exists():
        raise SettingsError(f"{given}: there is no such file; check the path (it is taken from {Path.cwd()})")
    if not file.is_file():
        raise SettingsError(f"{given} is not an ordinary file; name a picture")
    too_large = f"{given} has more than {PIXEL_LIMIT // 10**6} megapixels; scale it down first"
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures a little below our own limit, and refuses them well above.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(file, formats=FORMATS)
        with picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise SettingsError(too_large)
            return _as_rgb(ImageOps.exif_transpose(picture))
    except SettingsError:
        raise
    except Image.DecompressionBombError as error:
        raise SettingsError(too_large) from error
    except UnidentifiedImageError as error:
        raise SettingsError(f"{given} is not a picture; it must be one of {', '.join(FORMATS)}") from error
    except Exception as error:  # a damaged file can make a decoder fail in any way it likes
        reason = str(error) or type(error).__name__
        raise SettingsError(f"{given} is damaged ({reason}); save it again as one of {', '.join(FORMATS)}") from error


def _as_rgb(picture: Image.Image) -> Image.Image:
    """Any mode of Pillow's -> RGB."""
    if picture.mode.startswith("I"):  # Pillow would clip sixteen bits to eight, which leaves white
        picture = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")

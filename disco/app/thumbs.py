"""Small copies of pictures, made once, and pictures that a page hands over; the oldest go when there are too many."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from disco.app.paths import OWN, UPLOADS
from disco.app.refusal import Refusal
from disco.errors import SettingsError
from disco.planning.images import alpha_of, decoded
from disco.run.folder.files import replace_file

#: The longer sides that are made.
SIDES = (128, 256, 512, 1024)
QUALITY = 85


def thumb_of(folder: Path, picture: Path, side: int) -> Path:
    """A file with the picture made small enough for `side` pixels; the picture itself where it is.

    folder: the app's. picture: below it. Raises Refusal 404 for what is no picture.
    """
    side = next((each for each in SIDES if each >= side), SIDES[-1])
    stat = picture.stat()
    name = hashlib.sha256(f"{picture} {stat.st_mtime_ns} {stat.st_size} {side}".encode()).hexdigest()[:32]
    place = folder / OWN / "thumbs" / f"{name}.jpg"
    if place.exists():
        return place
    try:
        with Image.open(picture, formats=("PNG", "JPEG", "GIF", "WEBP")) as opened:
            if max(opened.size) <= side:
                return picture
            opened.draft("RGB", (side, side))
            small = opened.convert("RGB")
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refusal(404, f"{picture.name!r} is no picture that can be shown") from error
    packed = io.BytesIO()
    small.save(packed, "JPEG", quality=QUALITY)
    os.makedirs(place.parent, exist_ok=True)
    replace_file(place, packed.getvalue())
    return place


def prune(place: Path, most: int, age: float, keep: Callable[[Path], bool] = lambda file: False) -> None:
    """Remove the oldest files of a folder until the rest have at most so many bytes.

    age: seconds since they were written that those removed have at least. keep: says which stay in any case.
    """
    files = []
    with suppress(OSError):
        if place.is_symlink():
            return
        with os.scandir(place) as entries:
            files = [
                (entry.stat().st_mtime, entry.stat().st_size, Path(entry.path))
                for entry in entries
                if entry.is_file(follow_symlinks=False)
            ]
    left, now = sum(size for _, size, _ in files), time.time()
    for when, size, file in sorted(files):
        if left <= most or now - when < age:
            return
        if not keep(file):
            file.unlink(missing_ok=True)
            left -= size


def take_picture(folder: Path, data: bytes) -> tuple[str, tuple[int, int]]:
    """Keep a picture that a page handed over, decoded and written again as PNG; its name and size.

    Raises SettingsError as for a picture that a setting names.
    """
    picture = decoded(data, "the picture")
    opaque = alpha_of(data, "the picture")
    if opaque is not None:
        picture.putalpha(opaque)
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    name = f"{UPLOADS}/{hashlib.sha256(packed.getvalue()).hexdigest()[:16]}.png"
    place = folder / name
    place.parent.mkdir(exist_ok=True)
    if place.parent.resolve() != folder.resolve() / UPLOADS:
        raise SettingsError(f"{UPLOADS} leads out of the app's folder; remove that link")
    replace_file(place, packed.getvalue())
    return name, picture.size

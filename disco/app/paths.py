"""The one place where a name that a page sends becomes a path: below the app's folder, or refused."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from disco.app.refusal import Refusal

#: What the app keeps for itself, in its folder.
OWN = ".disco"

#: Where pictures lie that a page handed over.
UPLOADS = "uploads"


def below(folder: Path, name: str) -> Path:
    """The place below `folder` that a name from an address stands for; its links are followed, and must stay below.

    Raises Refusal 403 for an absolute name, one with .. or a hidden part, a zero character or a backslash, and for one
    that leads out of the folder; 404 where nothing is there.
    """
    pure = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or pure.is_absolute():
        raise Refusal(403, f"{name!r} is no name of something in the folder")
    if any(part == ".." or part.startswith(".") for part in pure.parts):
        raise Refusal(403, f"{name!r} leads out of the folder, or to what it hides")
    return _resolved(folder, folder / pure, name)


def inside(folder: Path, given: str) -> Path | None:
    """Where a path as a setting has it leads, relative ones from `folder`; None where that is not below it."""
    if "\0" in given or given.startswith("~"):
        return None
    try:
        place = Path(os.path.realpath(folder / given))
    except (OSError, ValueError):
        return None
    parts = place.relative_to(folder.resolve()).parts if place.is_relative_to(folder.resolve()) else (".",)
    return None if any(part.startswith(".") for part in parts) else place


def address_of(route: str, folder: Path, place: Path) -> str | None:
    """Where a page finds a file below the folder, by a route; another address when the file is another.

    None where it is not there.
    """
    try:
        stamp = place.stat().st_mtime_ns
    except OSError:
        return None
    return f"/{route}/{quote(place.relative_to(folder).as_posix())}?t={stamp}"


def leads_out(place: Path, folder: Path) -> bool:
    """Whether anything in a folder below the app's is a link that leads out of the app's."""
    root, waiting = folder.resolve(), [place]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(root):
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
        except OSError:  # it goes at this moment, or is not ours to read
            continue
    return False


def _resolved(folder: Path, place: Path, name: str) -> Path:
    try:
        real = place.resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        raise Refusal(404, f"there is no {name!r} in the folder") from error
    if not real.is_relative_to(folder.resolve()):
        raise Refusal(403, f"{name!r} leads out of the folder")
    return real

"""The files that a film takes in, known by their content: pictures, a depth map, the video that it follows."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.planning.inputs import InputPicture, read_input
from disco.planning.plan import inputs_of
from disco.settings.config import Settings
from disco.settings.paths import expanded
from disco.settings.schema import AnimationConfig

#: The flow_model that needs no file.
DIS = "dis"


def depth_input(film: AnimationConfig) -> InputPicture | None:
    """The depth map that a film names, if any."""
    return None if film.animation_mode != "3d" or film.depth == "plane" else read_input("depth", film.depth)


def files_of(settings: Settings) -> list[dict[str, Any]]:
    """All of them, as the record of a run has them. Raises `SettingsError` for one that cannot be read."""
    film, keeps = settings.animation, settings.output.keep_inputs
    depth = depth_input(film)
    pictures = [*inputs_of(settings), *([] if depth is None else [depth])]
    found = [picture.record(keeps) | {"kept": None} for picture in pictures]
    if film.animation_mode == "video" and film.video_init_path:
        found.append(_entry("video_init_path", film.video_init_path))
    if film.animation_mode == "video" and film.flow_model != DIS:
        found.append(_entry("flow_model", film.flow_model))
    return found


def _entry(setting: str, given: str) -> dict[str, Any]:
    path = expanded(given)
    sha256 = content_of(setting, given)
    return {"setting": setting, "given": given, "path": os.path.abspath(path), "sha256": sha256, "kept": None}


def content_of(setting: str, given: str) -> str:
    """The SHA-256 of a file that a setting names. Raises `SettingsError` where it cannot be read."""
    try:
        path = expanded(given)
        at = os.stat(path)
        return _hashed(path, at.st_size, at.st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"{setting}={given!r} cannot be read: {error.strerror or error}") from error


@lru_cache(maxsize=8)
def _hashed(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file. size, changed: by which another under the same name is told."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()

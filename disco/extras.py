"""What not every machine has: asked for before a run, so that none ends for the lack of it."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from disco.errors import SettingsError

VIDEOS = ("none", "gif", "mp4")


def check_video(video: str) -> None:
    """Raises SettingsError for a video that cannot be made here; no file is touched."""
    if video not in VIDEOS:
        raise SettingsError(f"video={video!r} is unknown; choose one of {', '.join(VIDEOS)}")
    if video == "mp4" and shutil.which("ffmpeg") is None:
        raise SettingsError(
            "video='mp4' needs the program ffmpeg, which is not installed; install it, or use video=gif"
        )


def check_tensorboard() -> None:
    """Raises SettingsError where TensorBoard's event files cannot be written for want of its package."""
    if find_spec("tensorboard") is None:
        raise SettingsError(
            "tensorboard=true needs the package tensorboard, which is not installed; "
            "pip install 'disco-engine[tensorboard]', or leave it false"
        )

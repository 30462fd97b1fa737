"""What not every machine or film format has: asked for before a run, so that none ends for the lack of it."""

from __future__ import annotations

from importlib.util import find_spec

from disco.errors import SettingsError

#: Pictures a second of the fastest GIF that is played as it says. Its delays are whole hundredths of a second, and
#: browsers take a tenth for any below two.
FASTEST_GIF = 50


def rate_of(video: str, fps: int) -> int:
    """Pictures a second that a film is written with, where `fps` are asked for."""
    return min(fps, FASTEST_GIF) if video == "gif" else fps


def check_tensorboard() -> None:
    """Raises SettingsError where TensorBoard's event files cannot be written for want of its package."""
    if find_spec("tensorboard") is None:
        raise SettingsError(
            "tensorboard=true needs the package tensorboard, which is not installed; "
            "pip install 'disco-engine[tensorboard]', or leave it false"
        )

"""What not every machine or film format has: asked for before a run, so that none ends for the lack of it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from disco.errors import SettingsError

#: Pictures a second of the fastest GIF that is played as it says. Its delays are whole hundredths of a second, and
#: browsers take a tenth for any below two.
FASTEST_GIF = 50


def rate_of(video: str, fps: int) -> int:
    """Pictures a second that a film is written with, where `fps` are asked for."""
    return min(fps, FASTEST_GIF) if video == "gif" else fps


#: What the setting track may name, and the module that each tracker's package is imported by.
TRACKERS = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb", "comet": "comet_ml", "aim": "aim"}


def check_trackers(names: Sequence[str], is_there: Callable[[str], object] = find_spec) -> None:
    """Raises SettingsError for a tracker that does not exist, that is named twice, or whose package is missing.

    is_there: whether a module can be imported, by its name.
    """
    for name in names:
        if name not in TRACKERS:
            near = difflib.get_close_matches(name.lower(), TRACKERS, n=1)
            advice = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"track names {name!r}, but takes {', '.join(TRACKERS)}{advice}")
        if names.count(name) > 1:
            raise SettingsError(f"track names {name!r} twice; name it once")
        if not is_there(TRACKERS[name]):
            raise SettingsError(
                f"track=[{name}] needs the package {TRACKERS[name]}, which is not installed; "
                f"pip install 'disco-engine[{name}]', or leave {name} out"
            )

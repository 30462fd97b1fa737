"""The folder in which everything that is not shipped is kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from disco.settings.paths import expanded


def models_folder() -> Path:
    """The folder of weights: $DISCO_MODELS, or `disco` in the platform's folder of caches (~/.cache on Linux).

    Who has no home, as a user of a container whom its /etc/passwd does not know, has / for one, as Docker does it.
    Raises SettingsError where $DISCO_MODELS begins with the home of nobody.
    """
    named = os.environ.get("DISCO_MODELS")
    if named:
        return expanded(named)
    try:
        return user_cache_path("disco", appauthor=False)
    except RuntimeError:
        return Path(os.path.abspath(os.sep), ".cache", "disco")


def is_there(path: Path) -> bool:
    """Whether a file lies there and can be seen: in a folder that cannot be entered there is none."""
    return os.path.isfile(path)


def listed(pattern: str) -> list[Path]:
    """What the folder of weights holds by that pattern; nothing where it cannot be read."""
    try:
        return sorted(models_folder().glob(pattern))
    except OSError:
        return []


def why_unreadable() -> str:
    """In brackets, to follow its name, why the folder of weights cannot be read; nothing where it can."""
    try:
        os.listdir(models_folder())
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f" ({error.strerror})"
    return ""

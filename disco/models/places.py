"""The folder in which everything that is not shipped is kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def models_folder() -> Path:
    """The folder of weights: $DISCO_MODELS, or `disco` in the platform's folder of caches (~/.cache on Linux)."""
    named = os.environ.get("DISCO_MODELS")
    return Path(named).expanduser() if named else user_cache_path("disco", appauthor=False)


def is_there(path: Path) -> bool:
    """Whether a file lies there and can be seen: in a folder that cannot be entered there is none."""
    return os.path.isfile(path)


def listed(pattern: str) -> list[Path]:
    """What the folder of weights holds by that pattern; nothing where it cannot be read."""
    try:
        return sorted(models_folder().glob(pattern))
    except OSError:
        return []


def trouble() -> str:
    """In brackets, to follow its name, why the folder of weights cannot be read; nothing where it can."""
    try:
        os.listdir(models_folder())
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f" ({error.strerror})"
    return ""

"""The folder in which everything that is not shipped is kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def models_folder() -> Path:
    """The folder of weights: $DISCO_MODELS, or `disco` in the platform's folder of caches (~/.cache on Linux)."""
    named = os.environ.get("DISCO_MODELS")
    return Path(named).expanduser() if named else user_cache_path("disco", appauthor=False)

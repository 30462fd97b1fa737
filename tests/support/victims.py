"""What processes of `support.processes` do."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from disco.animation.film import render_film
from disco.models.files import weights
from disco.settings.config import Settings


def render_film_until(settings: Settings, folder: Path, step: int) -> None:
    """Render a film, and die after this many steps of its frames together."""
    steps = iter(range(1, step))

    def kill(event: object) -> None:
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    render_film(settings, folder, quiet=True, on_step=kill)


def convert(path: str) -> None:
    """Load a file of weights that counts as large, and so is converted."""
    weights.LARGE = 1
    weights.load_state(path)

"""Render a film, go on with one: what `disco.animate` and the command offer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from disco.animation.film import Film, render_film
from disco.animation.frames import is_film
from disco.animation.preview import Preview, preview_in
from disco.errors import SettingsError
from disco.run.folder.reading import FILM_RECORD
from disco.settings.config import by_path, from_dict, load
from disco.settings.overrides import anew, from_python
from disco.settings.paths import expanded


def animate(
    prompt: str | None = None,
    *,
    folder: str | Path,
    quiet: bool = True,
    preview: Preview | None = None,
    **settings: Any,
) -> Film:
    """Render a film into a folder, or what the folder lacks of it.

    settings: as for `disco.render`, and those of films: `animation="2d", max_frames=24, zoom="0:(1), 10:(1.05)"`.
    quiet: no progress bar. preview: every nth frame only, and small ones.

    Raises `disco.errors.SettingsError` for a setting that cannot be used, before any model is loaded.
    """
    if prompt is not None:
        settings["prompt"] = prompt
    loaded = load(from_python(settings))
    if not is_film(loaded):
        raise SettingsError("animation is none, which makes no film; give animation='2d', '3d' or 'video'")
    return render_film(loaded, expanded(folder), quiet=quiet, preview=preview)


def resume_film(
    folder: str | Path,
    overrides: Sequence[str] = (),
    *,
    quiet: bool = True,
    on_note: Callable[[str], object] = lambda note: None,
) -> Film:
    """Go on with a film that stopped, or make it another: longer, or with other keyframes or settings.

    overrides: in Hydra's grammar. Frames that come out as they are stay.

    Raises `SettingsError` for a folder without a film, and what `render_film` raises.
    """
    place = expanded(folder)
    record = read_film(place)
    settings = from_dict(record["settings"])
    if overrides:
        settings = anew(by_path(settings), overrides)
    return render_film(settings, place, quiet=quiet, on_note=on_note, preview=preview_in(record.get("preview")))


def read_film(folder: Path) -> dict[str, Any]:
    """What animation.json in a folder says. Raises `SettingsError` where there is none that can be read."""
    try:
        found = json.loads((folder / FILM_RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{str(folder)!r} holds no film: {FILM_RECORD} cannot be read ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("settings"), dict):
        raise SettingsError(f"{str(folder)!r} holds no film: {FILM_RECORD} has no settings")
    return found

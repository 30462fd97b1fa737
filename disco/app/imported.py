"""Settings out of a file that is dropped onto the page: a picture, or a settings file of any program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from disco.app.one_run import differing, for_another
from disco.cli.commands.import_ import as_they_stand, unet_sizes
from disco.errors import SettingsError
from disco.run.folder.reading import read_settings
from disco.settings.config import by_path, from_dict, groups, load, specs
from disco.settings.importing.imports import import_settings
from disco.settings.importing.reading import read
from disco.settings.importing.translation import CHANGED, LOST, REFUSED, UNKNOWN
from disco.settings.overrides import from_python


def imported(path: Path, name: str) -> dict[str, Any]:
    """The settings in a file by bare name, as far as they differ from the preset's, and what became of the rest.

    name: the file's own, for lines. Raises SettingsError for a file that holds none.
    """
    try:
        values = by_path(from_dict(read_settings(path)))
    except SettingsError:
        own = _own(path)
        if own is None:
            return _foreign(path, name)
        values = own
    return {"settings": for_another(differing(values)), "preset": None, "program": "disco", "notes": [], "unknown": []}


def _own(path: Path) -> dict[str, Any] | None:
    """All settings, by full name, of a file that holds nothing but settings of disco by their names; None for others.

    Files of Disco Diffusion have `text_prompts`, which is none; the same names mean the same there.
    """
    try:
        tree = read(path).tree
        if not isinstance(tree, dict):
            return None
        given: dict[str, Any] = {}
        for name, value in tree.items():
            given |= value if name in groups() and isinstance(value, dict) else {name.rpartition(".")[2]: value}
        return by_path(load(from_python(given))) if given and given.keys() <= specs().keys() else None
    except SettingsError:  # values of another program's, under names that are ours too
        return None


def _foreign(path: Path, name: str) -> dict[str, Any]:
    try:
        found = as_they_stand(import_settings(path, unet_sizes()))
    except SettingsError as error:
        raise SettingsError(str(error).replace(str(path), name)) from error
    notes = [f"{entry.key}: {entry.said}" for entry in found.entries if entry.verdict in (REFUSED, CHANGED, LOST)]
    return {
        "settings": found.runs[0],
        "axes": found.axes,
        "preset": found.base,
        "program": found.program,
        "notes": [*notes, *found.notes],
        "unknown": [entry.key for entry in found.entries if entry.verdict == UNKNOWN],
    }

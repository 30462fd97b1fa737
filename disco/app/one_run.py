"""One folder of the gallery in full: its settings, its pictures, what was measured."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from disco.animation.places import FRAMES
from disco.app.cells import cells_of, draft_in, is_scan, promoted_in, steps_in_full, study_of
from disco.app.gallery import RECORDS, by_full_name
from disco.app.paths import address_of, below, leads_out
from disco.app.progress import losses_of
from disco.app.records import read_json, settings_in
from disco.app.refusal import Refusal
from disco.errors import SettingsError
from disco.run.folder.reading import STUDY_FILE, read_record
from disco.settings.config import by_path, defaults, from_dict
from disco.settings.convert import regrouped
from disco.settings.overrides import quoted
from disco.study.read_cell import PICTURE_FILE

T = TypeVar("T")

#: The suffixes of pictures and of films.
PICTURES, FILMS = (".png", ".jpg", ".jpeg", ".gif", ".webp"), (".mp4", ".mov", ".webm")
#: What a run has for itself: with other prompts, what was drawn for these ones would still stand.
OF_ITS_OWN = ("folder", "expanded_prompts")
#: Frames of a film that the page shows at most: of more, some are left out evenly.
SHOWN = 48
#: Lines of steps that the page draws at most: of more, some are left out evenly.
DRAWN = 400


def run_in(folder: Path, name: str) -> dict[str, Any]:
    """A folder in full. folder: the app's. name: its own, seen from there.

    Raises Refusal where there is none, or nothing of disco's in it.
    """
    place = below(folder, name)
    file = next((place / record for record in RECORDS if (place / record).is_file()), None)
    if file is None or leads_out(place, folder):
        raise Refusal(404, f"{name!r} holds no run and no study, or links that lead out of the folder")
    record = _record(file)
    values = _settings(record)
    changed = differing(values)
    study = file.name == STUDY_FILE
    return {
        "path": name,
        "kind": RECORDS[file.name],
        "status": str(record.get("status") or ("finished" if study else "damaged")),
        "settings": {full.rpartition(".")[2]: value for full, value in values.items()},
        "changed": for_another(changed),
        "command": shlex.join(record["command"]) if study and _is_words(record.get("command")) else command_of(changed),
        "pictures": _addresses(folder, _finished(place)),
        "frames": _addresses(folder, _thinned(sorted(_listed(place / FRAMES, PICTURES)), SHOWN)),
        "films": _addresses(folder, _of(place, FILMS)),
        "partials": _addresses(folder, _of(place / "partials", PICTURES)),
        "drafts": _addresses(folder, [each for each in [place / "progress.png"] if each.is_file()]),
        "losses": losses_in(place / "steps.jsonl"),
        "metrics": record.get("metrics") or [],
        "seeds": record.get("seeds") or [],
        "notes": record.get("notes") or [],
        "guard": record.get("guard"),
        "seconds": record.get("seconds"),
        "version": record.get("version"),
        "axes": record.get("axes") or [],
        "cells": cells_of(folder, name) if study else [],
        "scan": study and is_scan(record),
        "promoted": promoted_in(folder, name) if study and is_scan(record) else [],
        "steps": steps_in_full(folder, name) if study and is_scan(record) else None,
        "study": study_of(folder, name),
        "draft": None if study else draft_in(folder, name),
        "error": record.get("error"),
        "report": f"/report/{quote(name)}/" if study else None,
    }


def differing(values: dict[str, Any]) -> dict[str, Any]:
    """The settings, by full name, that are not as usual, by bare name."""
    usual = defaults()
    return {full.rpartition(".")[2]: value for full, value in values.items() if value != usual.get(full)}


def for_another(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings by bare name, without those that a run has for itself."""
    return {name: value for name, value in settings.items() if name not in OF_ITS_OWN}


def command_of(changed: dict[str, Any]) -> str:
    """The command line that gives these settings, by bare name."""
    words = ["disco"]
    for name, value in changed.items():
        try:
            words.append(f"prompt={value}" if name == "prompt" else f"{name}={quoted(value, name)}")
        except SettingsError:  # of a record that someone wrote
            continue
    return shlex.join(words)


def losses_in(file: Path) -> dict[str, Any]:
    """The losses of the steps of a run: "names", the total first, and "rows", the number of a step and one value each.

    Of many steps some are left out, evenly.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        lines = []
    steps = [step for line in _thinned(lines, DRAWN) if (step := _step(line)) is not None]
    names = list(dict.fromkeys(name for _, losses in steps for name in losses))
    return {"names": names, "rows": [[number, *map(losses.get, names)] for number, losses in steps]}


def _thinned(given: Sequence[T], most: int) -> Sequence[T]:
    """About so many of a sequence, evenly; all where there are no more."""
    return given[:: max(1, len(given) // most)]


def _step(line: bytes) -> tuple[int, dict[str, float | None]] | None:
    try:
        said = json.loads(line)
        return int(said["number"]), losses_of(said)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _record(file: Path) -> dict[str, Any]:
    try:
        return read_record(file)
    except SettingsError:  # it has no settings, as a study's, or is damaged
        return read_json(file)


def _settings(record: dict[str, Any]) -> dict[str, Any]:
    """A record's settings by full name: as this version reads them, else as they stand."""
    tree = settings_in(record)
    if not tree:
        return {}
    try:
        return by_path(from_dict(regrouped(tree)))
    except (SettingsError, TypeError, AttributeError):
        return by_full_name(tree)


def _finished(place: Path) -> list[Path]:
    names = [path for path in _of(place, PICTURES) if path.name != "progress.png"]
    return sorted(names, key=lambda path: _rank(path.name))


def _rank(name: str) -> tuple[bool, int, str]:
    found = PICTURE_FILE.fullmatch(name)
    return found is None, int(found[1]) if found else 0, name


def _of(place: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(_listed(place, suffixes))


def _listed(place: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    if place.is_dir():
        for path in place.iterdir():
            if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file():
                yield path


def _addresses(folder: Path, places: Sequence[Path]) -> list[str]:
    return [address for place in places if (address := address_of("files", folder.resolve(), place)) is not None]


def _is_words(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(word, str) for word in given)

"""A run read back: its record and its settings, of a picture or of run.json."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from disco.errors import SettingsError
from disco.run.folder.pictures import png_text
from disco.settings.config import regrouped
from disco.settings.paths import expanded

STATUSES = ("running", "finished", "interrupted", "failed")

#: Where the record of a run lies in its folder, and of a film.
RUN_RECORD, FILM_RECORD = "run.json", "animation.json"

#: What a folder holds whose run folders are the cells of a study.
STUDY_FILE = "study.json"

#: The largest run.json that is read back, in bytes; a thousand schedules of a thousand entries stay below it.
RECORD_LIMIT = 16 * 2**20

#: Pictures that disco does not write, or without a record.
OTHER_PICTURES = ("JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def read_record(path: str | Path) -> dict[str, Any]:
    """The record in a finished picture (version, settings, weights, seed) or in a run.json, as it was written.

    Raises SettingsError where there is none: no such file, not a PNG or JSON, from another program, damaged.
    """
    file = expanded(path)
    try:
        with open(file, "rb") as opened:
            head = opened.read(12)
        is_png = head.startswith(b"\x89PNG\r\n\x1a\n")
        text = png_text(file) if is_png else _json_text(file)
        record = json.loads(text)
    except OSError as error:
        advice = "; give the run.json in it, or one of its pictures" if os.path.isdir(file) else ""
        raise SettingsError(f"{str(path)!r} cannot be read: {error.strerror or error}{advice}") from error
    except (ValueError, RecursionError) as error:
        kind = None if is_png else _kind_of(file, head)
        if kind is not None:
            raise SettingsError(
                f"{str(path)!r} is {kind}, which carries no settings of disco; give the PNG that disco wrote, or the "
                "run.json beside it"
            ) from error
        raise SettingsError(f"{str(path)!r} holds no record of a run: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise SettingsError(f"{str(path)!r} holds no settings of disco; give one of its pictures or a run.json")
    return record | {"settings": regrouped(record["settings"])}


def record_file(folder: Path) -> Path:
    """Where a folder has its record: a film's, if it holds one, else a run's, which need not be there."""
    film = folder / FILM_RECORD
    return film if film.exists() else folder / RUN_RECORD


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings that a picture or run.json was made with, as nested dicts, ready to be composed again.

    From a picture: those of this one picture, with the seed that it was drawn from. From a run.json: those of the
    whole run.

    Raises SettingsError as `read_record` does.
    """
    record = read_record(path)
    settings = dict(record["settings"])
    if "seed" in record:
        settings |= {"seed": record["seed"], "n_batches": 1, "batch_size": 1}
    return settings


def _kind_of(file: Path, head: bytes) -> str | None:
    """What a file without a record is, where it is a picture or a film. head: its first 12 bytes."""
    if head[4:8] == b"ftyp":
        return "a film" if head[8:10] in (b"is", b"mp", b"M4", b"qt") else "an AVIF or HEIC picture"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size: it is not decoded
            with Image.open(file, formats=OTHER_PICTURES) as picture:
                return f"a {'JPEG' if picture.format == 'MPO' else picture.format} picture"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # something else, which the caller says


def _json_text(file: Path) -> str:
    if file.stat().st_size > RECORD_LIMIT:
        raise ValueError(f"larger than {RECORD_LIMIT // 2**20} MB")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("it is neither a PNG nor a text") from error

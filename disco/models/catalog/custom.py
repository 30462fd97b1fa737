"""Diffusion models of the user's own: by a card in the models folder, or by the path of a file."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models.catalog.cards import SUFFIXES, from_card
from disco.models.catalog.flags import assumed
from disco.models.catalog.shapes import guess_unet, heads_are_known, what_they_are
from disco.models.folder import is_there, listed, models_folder
from disco.models.specs import UNetSpec, WeightsFile
from disco.settings.paths import expanded

#: A model of pictures this large was taught by photographs, of which the embedded perceptors know nothing.
LEARNED_PHOTOGRAPHS = 256


def custom_names() -> list[str]:
    """The names of all cards in the models folder."""
    return sorted(path.stem for path in listed("*.json"))


def custom_unet(name: str) -> UNetSpec | None:
    """The diffusion model of that card; None if there is no such card, `SettingsError` if it cannot be used."""
    path = models_folder() / f"{name}.json"
    if Path(name).name != name or not is_there(path):
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read as a card of a diffusion model: {error}; it is JSON, with double quotes, true and "
            "false, and no comma before a bracket closes"
        ) from error
    if not isinstance(card, dict):
        raise SettingsError(f"{path} is no card of a diffusion model, which is a JSON object of its flags")
    try:
        return from_card(name, card)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def command_for(spec: UNetSpec, name: str) -> str:
    """What to type to render with a model of this architecture under that name."""
    width, height = spec.sizes[0]
    words = ["disco", f"diffusion_model={name}"]
    if spec.image_size >= LEARNED_PHOTOGRAPHS:
        words += [f"width={width}", f"height={height}", "perceptors=disco57"]
    return shlex.join(words) + ' "a prompt"'


def is_path(name: str) -> bool:
    """Whether a diffusion model's name is that of a file somewhere, and none of the catalog or of a card."""
    return "/" in name or os.sep in name or name.startswith("~") or name.endswith(SUFFIXES)


def file_unet(given: str) -> UNetSpec:
    """The diffusion model in a file outside the models folder, read off its shapes; ~ and relative paths are found.

    It is known by its content: the SHA-256 is that of the file as it is now. Raises `disco.errors.SettingsError` for a
    file that is missing, is no UNet of guided-diffusion, or needs flags, which a card has to hold.
    """
    path = expanded(given).absolute()
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise SettingsError(f"diffusion_model is {given!r}, which is {kind}; give a file of weights, or a model's name")
    try:
        at = path.stat()
        return _file_unet(given, path, at.st_size, at.st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _file_unet(given: str, path: Path, size: int, changed: int) -> UNetSpec:
    """`file_unet` of a file of that size, changed at that time."""
    from disco.models.files.store import hash_of
    from disco.models.files.weights import shapes_of  # loads torch, as only files need it

    shapes = shapes_of(path)
    guess = guess_unet(shapes, given)
    if guess is None:
        raise SettingsError(f"{path} is no diffusion model: {what_they_are(shapes)}")
    if not heads_are_known(guess):
        raise SettingsError(
            f"{path}: how many heads its attention has is in no shape, and no published model is like it; import it "
            f"with them: {importing(given)} num_heads=N, or num_head_channels=N"
        )
    return replace(guess, weights=WeightsFile(str(path), hash_of(path)))


def importing(given: str) -> str:
    """What to type to give a file a card, and with it flags."""
    return f"disco models import {shlex.quote(given)} {shlex.quote(Path(given).stem)}"


def about_file(spec: UNetSpec) -> str:
    """The note on a run with a file that has no card."""
    values, otherwise = in_flags(assumed(spec)), f"{importing(spec.name)} flag=value"
    return f"no shape of {spec.name} tells, so it is assumed: {values}; to say otherwise: {otherwise}"


def in_flags(values: Mapping[str, Any]) -> str:
    """Values by their flags, as they are typed."""
    return " ".join(f"{name}={str(value).lower()}" for name, value in values.items())

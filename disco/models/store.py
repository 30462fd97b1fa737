"""The files of weights on this machine."""

from __future__ import annotations

from pathlib import Path

from disco.errors import SettingsError
from disco.models.catalog import EMBEDDED_FOLDER, NetworkSpec, WeightsFile
from disco.models.places import models_folder


def find(file: WeightsFile) -> Path | None:
    """Where the file lies, or one that does instead; None when none is here."""
    for form in file.forms:
        path = (EMBEDDED_FOLDER if form.shipped else models_folder()) / form.name
        if path.is_file():
            return path
    return None


def weights_path(spec: NetworkSpec) -> Path:
    """The file of a network's weights; `disco.errors.SettingsError` when it is not there."""
    path = find(spec.weights)
    if path is not None:
        return path
    if spec.weights.shipped:
        place = EMBEDDED_FOLDER / spec.weights.name
        raise SettingsError(f"{spec.name}: its weights {place} are missing from the installation; install disco again")
    names = " or ".join(form.name for form in spec.weights.forms)
    raise SettingsError(
        f"{spec.name}: no weights in {models_folder()}; put the published file there as {names}, "
        "or name the folder that holds it in the environment variable DISCO_MODELS"
    )

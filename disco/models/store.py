"""The files of weights on this machine."""

from __future__ import annotations

from pathlib import Path

from disco.errors import SettingsError
from disco.models.catalog import EMBEDDED_FOLDER, PerceptorSpec, SecondarySpec, UNetSpec
from disco.models.places import models_folder


def weights_path(spec: UNetSpec | SecondarySpec | PerceptorSpec) -> Path:
    """The file of a network's weights; `disco.errors.SettingsError` when it is not there."""
    weights = spec.weights
    path = (EMBEDDED_FOLDER if weights.shipped else models_folder()) / weights.name
    if path.is_file():
        return path
    if weights.shipped:
        raise SettingsError(f"{spec.name}: its weights {path} are missing from the installation; install disco again")
    raise SettingsError(
        f"{spec.name}: no weights at {path}; put the published file there under this name, "
        "or name the folder that holds it in the environment variable DISCO_MODELS"
    )

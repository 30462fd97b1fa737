"""Weights from files: verified, never unpickled with code in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from disco.errors import SettingsError


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def load_state(path: str | Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a PyTorch file that holds nothing but tensors.

    With `sha256` (hexadecimal) the file must have that hash. Raises `disco.errors.SettingsError` when the file is
    missing, is another one, or is not a file of weights.
    """
    path = Path(path)
    if not path.is_file():
        raise SettingsError(f"no weights at {path}")
    if sha256 is not None and (found := sha256_of(path)) != sha256:
        raise SettingsError(
            f"{path} is damaged or another file: its SHA-256 is {found[:16]}..., that of the catalog {sha256[:16]}..."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # rubbish trips the readers anywhere, with any error
        raise SettingsError(f"{path} cannot be read as weights: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise SettingsError(f"{path} is not a dictionary of tensors")
    return state


def fill(model: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Puts the tensors into the model, converted to its types; every key must match.

    Raises `disco.errors.SettingsError` that names the first keys which do not.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise SettingsError(f"the weights do not fit {name}: {error}") from error

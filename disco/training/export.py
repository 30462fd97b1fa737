"""Writes trained networks into the package: safetensors in half precision, their hashes beside them."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from disco.models import catalog
from disco.models.store import sha256_of
from disco.training import loop, world

# Which part of a training's state is the network; the label heads stay behind.
PARTS = {
    "unet": ("unet.safetensors", "net."),
    "secondary": ("secondary.safetensors", ""),
    "embedded_vit": ("vit.safetensors", "clip."),
    "embedded_resnet": ("resnet.safetensors", "clip."),
    "embedded_judge": ("judge.safetensors", "clip."),
}


def halved(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it; floats in half precision."""
    return {
        key.removeprefix(prefix): (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in state.items()
        if key.startswith(prefix)
    }


def write_vocabulary(folder: Path) -> None:
    (folder / "vocabulary.txt").write_text("\n".join(world.vocabulary()) + "\n", encoding="utf-8")


def export(runs: Path, folder: Path = catalog.EMBEDDED_FOLDER) -> dict[str, str]:
    """The averaged weights of every run found in `runs`, written to `folder`; returns the hashes by file.

    A run that is not there leaves the file that is. Raises FileNotFoundError when there is none at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_vocabulary(folder)
    found = {run: runs / run / "state.pt" for run in PARTS if (runs / run / "state.pt").exists()}
    if not found:
        raise FileNotFoundError(f"no trained run in {runs}; train one first")
    for run, path in found.items():
        file, prefix = PARTS[run]
        save_file(halved(loop.averaged(path.parent), prefix), folder / file)
    hashes = {file: sha256_of(folder / file) for file, _ in PARTS.values() if (folder / file).exists()}
    (folder / "sha256.json").write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
    return hashes

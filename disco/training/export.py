"""Writes trained networks into the package: safetensors in half precision, their hashes and words beside them."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from disco.models import catalog
from disco.models.catalog import embedded_networks
from disco.models.embedded_files import VOCABULARY
from disco.models.files.store import sha256_of
from disco.models.files.weights import halved
from disco.models.networks.unet import state_for_file
from disco.models.specs import CriticSpec, PerceptorSpec, SecondarySpec, UNetSpec
from disco.training import loop, world

NETWORKS: tuple[UNetSpec | SecondarySpec | PerceptorSpec | CriticSpec, ...] = (
    *embedded_networks.UNETS,
    *embedded_networks.SECONDARIES,
    *embedded_networks.PERCEPTORS,
    *embedded_networks.CRITICS,
)


def network_of(
    spec: UNetSpec | SecondarySpec | PerceptorSpec | CriticSpec, state: dict[str, Tensor]
) -> dict[str, Tensor]:
    """What of a training's state is the network, in half precision, under the keys of its file.

    The heads that named labels stay behind.
    """
    if isinstance(spec, SecondarySpec | CriticSpec):
        return halved(state)
    part = "unet." if isinstance(spec, UNetSpec) else "clip."
    mine = {key.removeprefix(part): value for key, value in state.items() if key.startswith(part)}
    return state_for_file(mine) if isinstance(spec, UNetSpec) else halved(mine)


def export(runs: Path, folder: Path = catalog.EMBEDDED_FOLDER) -> dict[str, str]:
    """The averaged weights of every run found in `runs`, written to `folder`; returns the hashes by file.

    A run that is not there leaves the file that is. Raises FileNotFoundError when there is none at all.
    """
    found = [spec for spec in NETWORKS if any((runs / spec.name / file).exists() for file in loop.STATES)]
    if not found:
        raise FileNotFoundError(f"no trained run in {runs}; train one first")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOCABULARY).write_text("\n".join(world.vocabulary()) + "\n", encoding="utf-8")
    hashes_path = folder / "sha256.json"
    hashes = json.loads(hashes_path.read_text(encoding="utf-8")) if hashes_path.exists() else {}
    for spec in found:
        path = folder / spec.weights.name
        save_file(network_of(spec, loop.averaged(runs / spec.name)), path)
        hashes[path.name] = sha256_of(path)
    hashes_path.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
    return hashes

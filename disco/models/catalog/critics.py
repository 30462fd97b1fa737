"""The critics that may guide: the embedded one, heads on a CLIP's embeddings in files, and a program's own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models.catalog import embedded_networks
from disco.models.catalog.cards import SUFFIXES
from disco.models.catalog.custom import is_path
from disco.models.specs import CriticSpec, PerceptorSpec, WeightsFile
from disco.settings.paths import expanded

CRITICS = embedded_networks.shipping(embedded_networks.CRITICS)

#: What a head stands on that names no perceptor, by how many numbers it takes: LAION's, and most after it.
USUAL = {768: "ViT-L/14"}

#: The chain of linear layers of improved-aesthetic-predictor, by their keys: what lies between is dropout.
CHAIN = ("layers.0", "layers.2", "layers.4", "layers.6", "layers.7")

#: What this process has registered.
_OWN: dict[str, CriticSpec] = {}


def register_critic(name: str, score: Callable[..., Any], resolution: int | None = None) -> None:
    """Let a function of this process guide, under a name for the setting critics.

    score: pictures [B, 3, H, W] in 0..1, squeezed to squares of `resolution` pixels where that is given -> a number for
    each, [B], the higher the better; differentiable by torch. A module is moved to the device of the run. The name is
    known to this process alone, for settings and files name no Python objects; registered again, it stands for the new
    function.

    Raises SettingsError for a name that is taken or no identifier.
    """
    if not name.isidentifier() or any(spec.name == name for spec in embedded_networks.CRITICS):
        raise SettingsError(f"a critic cannot be called {name!r}; give it a name of its own, of letters, digits and _")
    _OWN[name] = CriticSpec(name, WeightsFile(name), resolution or 0, score=score)


def find_critic(name: str, perceptor_named: Callable[[str], PerceptorSpec]) -> CriticSpec:
    """The critic of that name: of the catalog, registered, or a head in the file at [PERCEPTOR:]PATH.

    perceptor_named: finds a perceptor in the catalog.

    Raises SettingsError with the nearest names where there is none, and for a file that holds no head.
    """
    for spec in (*CRITICS, *_OWN.values()):
        if spec.name == name:
            return spec
    if is_path(name):
        return _head(name, perceptor_named)
    names = [spec.name for spec in CRITICS] + list(_OWN)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    raise SettingsError(
        f"no critic is called {name!r}; there is {', '.join(near) or 'none'}, or the path of a head on a CLIP's "
        f"embeddings, as in heads/linear{SUFFIXES[1]}; in Python, disco.register_critic gives a function a name"
    )


def _head(given: str, perceptor_named: Callable[[str], PerceptorSpec]) -> CriticSpec:
    """The head in a file, known by its content as it is now."""
    perceptor, path = None, expanded(given).absolute()
    if not path.exists() and ":" in given:
        perceptor, _, after = given.rpartition(":")
        path = expanded(after).absolute()
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise SettingsError(f"critics names {given!r}, which is {kind}; give a file of weights, or a critic's name")
    try:
        at = path.stat()
        return _head_of(given, path, perceptor, perceptor_named, at.st_size, at.st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _head_of(
    given: str,
    path: Path,
    perceptor: str | None,
    perceptor_named: Callable[[str], PerceptorSpec],
    size: int,
    changed: int,
) -> CriticSpec:
    """`_head` of a file of that size, changed at that time."""
    from disco.models.files.store import hash_of
    from disco.models.files.weights import shapes_of  # loads torch, as only files need it

    width = head_width(shapes_of(path))
    if width is None:
        raise SettingsError(
            f"{path} is no head that is known: those are one linear layer (weight, bias) and the chain of "
            f"improved-aesthetic-predictor ({', '.join(CHAIN)}), with one number out"
        )
    if perceptor is None and width not in USUAL:
        raise SettingsError(
            f"{path} takes {width} numbers, and nothing tells of which CLIP; name it before the file, as in "
            f"ViT-B/32:{given}"
        )
    spec = perceptor_named(perceptor or USUAL[width])
    if not spec.guides:
        raise SettingsError(f"critics names {given!r} on {spec.name!r}, which only judges; name another perceptor")
    if spec.embed_dim != width:
        raise SettingsError(f"{path} takes {width} numbers, and {spec.name} gives {spec.embed_dim}; name another CLIP")
    return CriticSpec(given, WeightsFile(str(path), hash_of(path)), spec.resolution, perceptor=spec.name)


def head_width(shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """How many numbers a head takes, by the shapes in its file; None if it is none that is known."""
    layers = [""] if "weight" in shapes else [f"{layer}." for layer in CHAIN]
    if set(shapes) != {f"{layer}{part}" for layer in layers for part in ("weight", "bias")}:
        return None
    sizes = [shapes[f"{layer}weight"] for layer in layers]
    if any(len(size) != 2 for size in sizes):
        return None
    fits = all(below[0] == above[1] for below, above in zip(sizes, sizes[1:], strict=False))
    biases = all(shapes[f"{layer}bias"] == size[:1] for layer, size in zip(layers, sizes, strict=True))
    return sizes[0][1] if fits and biases and sizes[-1][0] == 1 else None

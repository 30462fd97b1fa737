"""Concepts of known vectors, and pictures to learn one from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from disco.models import catalog
from disco.models.concepts import SUFFIX, packed_concept
from disco.models.files import store


def hashes_of(names):
    """The SHA-256 of the weights of perceptors."""
    specs = map(catalog.perceptor, names)
    return {spec.name: store.known_hash(spec, store.weights_path(spec)) for spec in specs}


def vectors_for(names, tokens=1, seed=0):
    """Vectors as wide as the embedded perceptors read, float32 [tokens, 96] by name."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.05, (tokens, 96)).astype(np.float32) for name in names}


def write_concept(folder, name, vectors, hashes=None):
    """A concept in a folder, learned for the perceptors of its vectors."""
    tokens = len(next(iter(vectors.values())))
    metadata = {"name": name, "tokens": tokens, "perceptors": hashes or hashes_of(vectors), "pictures": ["0" * 64]}
    path = Path(folder) / f"{name}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed_concept(vectors, metadata))
    return path


def write_pictures(folder, count=3, side=24):
    """Red discs on grounds of other colours."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:side, :side] - side / 2
    for number in range(count):
        picture = np.zeros((side, side, 3), np.uint8) + np.uint8([60 * number, 200, 255 - 80 * number])
        picture[rows**2 + columns**2 < (side / 3) ** 2] = (220, 30, 30)
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder

"""Pictures of the world as arrays: drawn once, kept on disk, shared between trainings."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from disco.models.words import LABELS
from disco.training import world


def scenes(seed: int, count: int, held_out: bool = False) -> list[world.Scene]:
    """`count` scenes drawn from a seed, all from the held-out combinations or none."""
    rng = random.Random(seed)
    chosen: list[world.Scene] = []
    while len(chosen) < count:
        scene = world.Scene.sample(rng)
        if world.is_held_out(scene) == held_out:
            chosen.append(scene)
    return chosen


def label_indices(chosen: list[world.Scene]) -> np.ndarray:
    """int64 [N, 5]: the position of every label in its axis of `LABELS`."""
    rows = [[values.index(label) for values, label in zip(LABELS, s.labels(), strict=True)] for s in chosen]
    return np.array(rows, np.int64)


def drawn(chosen: list[world.Scene], size: int = 64) -> np.ndarray:
    """uint8 [N, size, size, 3]."""
    return np.stack([world.draw(scene, size) for scene in chosen])


def cached(folder: Path, seed: int, count: int, size: int = 64) -> tuple[list[world.Scene], np.ndarray]:
    """The scenes of a seed and their pictures, drawn into `folder` the first time and mapped from there.

    The file appears under its name only when it is complete, so that two trainings can share a folder.
    """
    chosen = scenes(seed, count)
    path = folder / f"world-{seed}-{count}-{size}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{random.randrange(2**32):08x}.part")
        pictures = np.lib.format.open_memmap(part, "w+", np.uint8, (count, size, size, 3))
        for i, scene in enumerate(chosen):
            pictures[i] = world.draw(scene, size)
        pictures.flush()
        part.rename(path)
    return chosen, np.load(path, mmap_mode="r")

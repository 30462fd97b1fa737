"""Pictures of the world as arrays: drawn once by several processes, kept on disk, shared between trainings."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from disco.training import world
from disco.training.world.scene import PLAIN_SHARE, SECOND_SHARE

#: The side of the pictures that the embedded models draw and read.
SIDE = 128

CHUNK = 500  # pictures a process draws at a time


@dataclass(frozen=True)
class Shares:
    """How many of the scenes show a second thing, and how many are in the plain style."""

    second: float = SECOND_SHARE
    plain: float = PLAIN_SHARE


EVEN = Shares()


def scenes(seed: int, count: int, held_out: bool = False, shares: Shares = EVEN) -> list[world.Scene]:
    """`count` scenes drawn from a seed, all of them held out or none."""
    rng = random.Random(seed)
    chosen: list[world.Scene] = []
    while len(chosen) < count:
        scene = world.Scene.sample(rng, shares.second, shares.plain)
        if world.holdout(scene) == held_out:
            chosen.append(scene)
    return chosen


def label_indices(chosen: list[world.Scene]) -> np.ndarray:
    """int64 [N, 8]: the position of every label in its axis of `world.AXIS_VALUES`, -1 where a scene has none."""
    positions = [{value: number for number, value in enumerate(values)} for values in world.AXIS_VALUES]
    rows = [
        [-1 if label is None else at[label] for at, label in zip(positions, scene.labels(), strict=True)]
        for scene in chosen
    ]
    return np.array(rows, np.int64)


def drawn(chosen: list[world.Scene], side: int = SIDE) -> np.ndarray:
    """uint8 [N, side, side, 3]."""
    return np.stack([world.draw(scene, side) for scene in chosen])


def covers(chosen: list[world.Scene], side: int = SIDE) -> np.ndarray:
    """uint8 [N, side, side, 1]: how much of each pixel the things of a scene cover, not the land behind them."""
    return np.stack([np.round(255 * world.things_cover(scene, side)).astype(np.uint8)[..., None] for scene in chosen])


DRAWERS: dict[str, Callable[..., np.ndarray]] = {"world": drawn, "cover": covers}


def cached(
    folder: Path,
    seed: int,
    count: int,
    side: int = SIDE,
    jobs: int | None = None,
    shares: Shares = EVEN,
    what: str = "world",
) -> tuple[list[world.Scene], np.ndarray]:
    """The scenes of a seed and what one of `DRAWERS` makes of them, done into `folder` once and mapped from there.

    `jobs` processes draw, by default one a core; who draws a picture changes no bit of it. The file appears under its
    name only when it is complete, so that two trainings can share a folder.
    """
    chosen, draw = scenes(seed, count, shares=shares), DRAWERS[what]
    mix = "" if shares == EVEN else f"-{shares.second:g}-{shares.plain:g}"
    path = folder / f"{what}-{seed}-{count}-{side}{mix}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{random.randrange(2**32):08x}.part")
        shape = draw(chosen[:1], side).shape[1:]
        pictures = np.lib.format.open_memmap(part, "w+", np.uint8, (count, *shape))
        chunks = [chosen[start : start + CHUNK] for start in range(0, count, CHUNK)]
        if len(chunks) == 1:
            pictures[:] = draw(chosen, side)
        else:
            # Spawned, not forked: a copied torch may hang.
            with ProcessPoolExecutor(jobs or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
                for number, some in enumerate(pool.map(partial(draw, side=side), chunks)):
                    pictures[number * CHUNK : number * CHUNK + len(some)] = some
        pictures.flush()
        part.rename(path)
    return chosen, np.load(path, mmap_mode="r")

"""Pictures of held-out prompts: rendered, as the world draws them, on contact sheets, and what they cost."""

from __future__ import annotations

import multiprocessing
import random
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from disco.resources.watch import process_memory
from disco.run.api import render
from disco.training import pictures, world
from disco.training.pictures import SIDE
from disco.training.world.scene import PLAIN_STYLE, held_out_style
from disco.world.words import PLACE_PHRASES, STYLE_BACKS, a


def prompts(count: int) -> tuple[list[str], np.ndarray]:
    """`count` prompts "a {colour} {subject} {place}" of held-out triples, and their labels, int64 [N, 8].

    The subjects come round in turn, each time with another of its held-out triples.
    """
    held: dict[str, list[tuple[str, str]]] = {}
    for subject in world.SUBJECTS:
        pairs = [(c, p) for c in world.COLOURS for p in world.PLACES if words_held_out(subject, c, p)]
        random.Random(subject).shuffle(pairs)
        held[subject] = pairs
    texts, labels = [], np.full((count, len(world.AXES)), -1, np.int64)
    for k in range(count):
        subject, turn = world.SUBJECTS[k % len(world.SUBJECTS)], k // len(world.SUBJECTS)
        colour, place = held[subject][turn % len(held[subject])]
        phrases = PLACE_PHRASES[place]
        # Few triples of a subject are held out; where they come round again the place has other words.
        texts.append(f"{a(f'{colour} {subject}')} {phrases[turn // len(held[subject]) % len(phrases)]}")
        chosen = (subject, colour, place)
        labels[k, :3] = [values.index(value) for values, value in zip(world.AXIS_VALUES, chosen, strict=False)]
    return texts, labels


def styled_prompts(count: int) -> tuple[list[str], np.ndarray]:
    """`prompts` that name a style too, each style in turn, and their labels; no subject in its held-out style."""
    styles = [style for style in world.STYLES if style != PLAIN_STYLE]
    texts, labels = prompts(count)
    for number, row in enumerate(labels):
        subject = world.SUBJECTS[row[0]]
        style, other = styles[number % len(styles)], styles[(number + 1) % len(styles)]
        chosen = other if style == held_out_style(subject) else style
        backs = STYLE_BACKS[chosen]
        texts[number] += f", {backs[number // len(styles) % len(backs)]}"
        row[world.AXES.index("style")] = world.STYLES.index(chosen)
    return texts, labels


def as_drawn(labels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """uint8 [N, side, side, 3]: the world's own pictures of the labels of `prompts`."""
    chosen = []
    for number, row in enumerate(labels):
        subject, colour, place = (world.AXIS_VALUES[axis][row[axis]] for axis in range(3))
        chosen.append(first_scene(subject, colour, place, number))
    return pictures.drawn(chosen, side)


def first_scene(subject: str, colour: str, place: str, seed: int = 0) -> world.Scene:
    """The three under the first sky of the place, in the plain style."""
    return world.Scene(subject, colour, place, world.SKIES_AT[place][0], seed=seed)


def words_held_out(subject: str, colour: str, place: str) -> bool:
    """Whether no training saw this subject in this colour at this place."""
    return world.holdout(first_scene(subject, colour, place))


def render_one(text: str, seed: int, settings: dict[str, Any]) -> np.ndarray:
    return np.asarray(render(text, seed=seed, **settings).pictures[0].image.convert("RGB"))


def rendered(texts: list[str], jobs: int, **settings: Any) -> np.ndarray:
    """uint8 [N, H, W, 3]: each prompt rendered at default settings, the k-th with seed k, by `jobs` processes."""
    # Spawned, not forked: a copied torch may hang. What a picture is depends on its seed alone, not on who renders it.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        images = pool.map(render_one, texts, range(len(texts)), [settings] * len(texts))
        return np.stack(list(tqdm(images, "rendering", len(texts))))


def contact_sheet(images: np.ndarray, columns: int = 20) -> Image.Image:
    """uint8 [N, H, W, 3] as one picture, row by row; what does not fill a row is left out."""
    n, height, width, _ = images.shape
    columns = min(columns, n)
    rows = n // columns
    tiles = images[: rows * columns].reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(tiles.reshape(rows * height, columns * width, 3))


def cost(text: str, count: int, device: str, **settings: Any) -> dict[str, float]:
    """Seconds of the first and of a further picture, and the peak of memory in MB, in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_cost, text, count, device, settings).result()


def _cost(text: str, count: int, device: str, settings: dict[str, Any]) -> dict[str, float]:
    seconds, held = [], []
    for seed in range(count + 1):
        clock = time.perf_counter()
        render(text, seed=seed, device=device, **settings)
        seconds.append(time.perf_counter() - clock)
        with suppress(OSError):  # no Linux. What getrusage tells begins with what the parent held.
            held.append(process_memory("VmHWM"))
    found = {"first picture, s": seconds[0], "a further picture, s": min(seconds[1:])}
    if held:
        found["peak memory, MB"] = max(held) / 2**20
    if device.startswith("cuda"):
        found["peak memory of the GPU, MB"] = torch.cuda.max_memory_allocated() / 2**20
    return {name: round(value, 2) for name, value in found.items()}

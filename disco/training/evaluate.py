"""Measures the embedded models: what perceptors recognise, and what guided pictures show.

Every share comes with its 95 % Wilson interval, (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
"""

from __future__ import annotations

import math
import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

import disco
from disco.judge import Perceptor, Reader
from disco.models import catalog, clip
from disco.models.words import AXES, LABELS
from disco.training import pictures, world

TEST_SEED = 1009


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in `count` (Wilson 1927)."""
    p = hits / count
    middle = p + z * z / (2 * count)
    spread = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return max(0.0, (middle - spread) / (1 + z * z / count)), min(1.0, (middle + spread) / (1 + z * z / count))


@dataclass(frozen=True)
class Score:
    hits: int
    count: int

    def __str__(self) -> str:
        low, high = wilson(self.hits, self.count)
        return f"{100 * self.hits / self.count:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def scores(answers: np.ndarray, labels: np.ndarray) -> dict[str, Score]:
    """The share of right answers by axis, int64 [N, 5] both; labels of -1 are not asked. Also subject with colour."""
    table = {}
    for i, axis in enumerate(AXES):
        asked = labels[:, i] >= 0
        if asked.any():
            table[axis] = Score(int((answers[asked, i] == labels[asked, i]).sum()), int(asked.sum()))
    both = (answers[:, :2] == labels[:, :2]).all(1)
    table["subject and colour"] = Score(int(both.sum()), len(both))
    return table


def recognition(perceptor: Perceptor, count: int = 2000) -> dict[str, Score]:
    """What a perceptor recognises on clean pictures of subjects in colours at places it never saw together."""
    scenes = pictures.scenes(TEST_SEED, count, held_out=True)
    labels = pictures.label_indices(scenes)
    labels[[scene.place in world.TIMELESS_SKIES for scene in scenes], AXES.index("time")] = -1
    return scores(Reader(perceptor).read(pictures.drawn(scenes)), labels)


# --------------------------------------------------------------------------------------------------------
# Guided pictures


def prompts(count: int = 160) -> tuple[list[str], np.ndarray]:
    """`count` prompts "a {colour} {subject} {place}" and their labels, int64 [N, 5], -1 for time and style.

    A balanced design: 160 prompts show every subject in every colour once, at eight different places.
    """
    texts, labels = [], []
    for k in range(count):
        s, j = k % len(world.SUBJECTS), k // len(world.SUBJECTS)
        c, p = (s + 5 * j) % len(world.COLOURS), (3 * s + j) % len(world.PLACES)
        thing = f"{world.COLOURS[c]} {world.SUBJECTS[s]}"
        article = "an" if thing[0] in "aeiou" else "a"
        texts.append(f"{article} {thing} {world.PLACE_PHRASES[world.PLACES[p]][0]}")
        labels.append((s, c, p, -1, -1))
    return texts, np.array(labels, np.int64)


def render_one(text: str, seed: int, settings: dict[str, Any]) -> np.ndarray:
    return np.asarray(disco.render(text, seed=seed, **settings).pictures[0].image.convert("RGB"))


def rendered(texts: list[str], jobs: int, **settings: Any) -> np.ndarray:
    """uint8 [N, H, W, 3]: each prompt rendered at default settings, the k-th with seed k, by `jobs` processes."""
    # Spawned, not forked: a copied torch may hang. What a picture is depends on its seed alone, not on who renders it.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        images = pool.map(render_one, texts, range(len(texts)), [settings] * len(texts))
        return np.stack(list(tqdm(images, "rendering", len(texts))))


def confusion(answers: np.ndarray, labels: np.ndarray, axis: int) -> list[tuple[str, Score, str]]:
    """For each value of an axis: its name, how often it was recognised, and what else was seen in its place."""
    values, rows = LABELS[axis], []
    for i, value in enumerate(values):
        seen = answers[labels[:, axis] == i, axis]
        if len(seen):
            others = Counter(values[other] for other in seen if other != i)
            rows.append(
                (
                    value,
                    Score(int((seen == i).sum()), len(seen)),
                    ", ".join(f"{n} {v}" for v, n in others.most_common()),
                )
            )
    return rows


def contact_sheet(images: np.ndarray, columns: int = 20) -> Image.Image:
    """uint8 [N, H, W, 3] as one picture, row by row; what does not fill a row is left out."""
    n, height, width, _ = images.shape
    rows = n // columns
    tiles = images[: rows * columns].reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(tiles.reshape(rows * height, columns * width, 3))


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def recognition_table(count: int) -> str:
    specs = [spec for spec in catalog.PERCEPTORS if spec.weights.shipped]
    by_perceptor = {spec.name: recognition(clip.load_perceptor(spec, "cpu"), count) for spec in specs}
    axes = list(next(iter(by_perceptor.values())))
    chance = [f"{100 / len(values):.1f} %" for values in LABELS]
    chance.append(f"{100 / len(world.SUBJECTS) / len(world.COLOURS):.1f} %")
    rows: list[tuple[object, ...]] = [
        (axis, *(found[axis] for found in by_perceptor.values()), c) for axis, c in zip(axes, chance, strict=True)
    ]
    return table(("", *by_perceptor, "chance"), rows)


def guided_report(count: int, jobs: int) -> tuple[str, np.ndarray]:
    """Markdown with the judge's verdict on `count` guided and unguided pictures, and the guided pictures."""
    texts, labels = prompts(count)
    judge = Reader(clip.load_perceptor(catalog.perceptor("embedded_judge"), "cpu"))
    guided, free = rendered(texts, jobs), rendered(texts, jobs, clip_guidance_scale=0)
    answers = judge.read(guided)
    with_guidance, without = scores(answers, labels), scores(judge.read(free), labels)
    rows: list[tuple[object, ...]] = [(axis, score, without[axis]) for axis, score in with_guidance.items()]
    parts = [table(("", "guided", "unguided"), rows)]
    for axis in range(3):
        rows = [
            (name, f"{score.hits} of {score.count}", seen) for name, score, seen in confusion(answers, labels, axis)
        ]
        parts.append(table((AXES[axis], "recognised", "seen instead"), rows))
    return "\n\n".join(parts), guided


MARKS = "<!-- figures by `python -m disco.training evaluate` -->", "<!-- end of figures -->"


def evaluate(count: int, true_pictures: int, jobs: int, card: Path) -> None:
    """Measures everything, prints it, puts it between the marks of the card, and the contact sheet beside it."""
    known = recognition_table(true_pictures)
    shown, images = guided_report(count, jobs)
    report = (
        f"{true_pictures} true pictures of held-out combinations, named by the nearest caption (95 % intervals):\n\n"
        f"{known}\n\n{count} prompts rendered at default settings, one seed each, read by the judge:\n\n{shown}"
    )
    print(report)
    text = card.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    card.write_text(f"{before}{MARKS[0]}\n\n{report}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}", encoding="utf-8")
    contact_sheet(images).quantize(128).save(card.with_name("guided.png"), optimize=True)

"""Numbers of an evaluation: shares with their intervals, distances between sets of pictures, tables.

A share comes with its 95 % Wilson interval, (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disco.training import world


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

    @classmethod
    def of(cls, right: np.ndarray) -> Score:
        """bool [N]."""
        return cls(int(right.sum()), len(right))

    def __str__(self) -> str:
        low, high = wilson(self.hits, self.count)
        return f"{100 * self.hits / self.count:.1f} % ({100 * low:.1f} to {100 * high:.1f})"

    def facts(self) -> dict[str, float | int]:
        low, high = wilson(self.hits, self.count)
        return {"share": self.hits / self.count, "low": low, "high": high, "count": self.count}


#: What is asked of a picture: axes that must all be right.
ASKED = {
    **{axis: (axis,) for axis in world.AXES[:5]},
    "subject and colour": ("subject", "colour"),
    "all together": ("subject", "colour", "place"),
}


def scores(answers: np.ndarray, labels: np.ndarray) -> dict[str, Score]:
    """How often the answers are right, by what is asked; int64 [N, axes] both, a label of -1 is not asked for."""
    table = {}
    for name, axes in ASKED.items():
        columns = [world.AXES.index(axis) for axis in axes]
        asked = (labels[:, columns] >= 0).all(1)
        if asked.any():
            table[name] = Score.of((answers[asked][:, columns] == labels[asked][:, columns]).all(1))
    return table


def chance(name: str) -> float:
    """How often a blind guess is right."""
    return 1 / math.prod(len(world.AXIS_VALUES[world.AXES.index(axis)]) for axis in ASKED[name])


def confusion(answers: np.ndarray, labels: np.ndarray, axis: int) -> list[tuple[str, Score, str]]:
    """For each value of an axis that was asked for: its name, how often it was recognised, what was seen instead."""
    values, rows = world.AXIS_VALUES[axis], []
    for i, value in enumerate(values):
        seen = answers[labels[:, axis] == i, axis]
        if len(seen):
            others = Counter(values[other] for other in seen if other != i)
            instead = ", ".join(f"{count} {name}" for name, count in others.most_common())
            rows.append((value, Score.of(seen == i), instead))
    return rows


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) of features [N, d] and [M, d] (Dowson and Landau 1982).

    The distance of Heusel et al. (2017, arXiv:1706.08500) in whatever features are given.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # S_a S_b has the eigenvalues of S_a^(1/2) S_b S_a^(1/2), which is symmetric.
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(min=0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def score_table(columns: Mapping[str, Mapping[str, Score]], more: Mapping[str, Mapping[str, str]]) -> str:
    """What is asked by who is asked; `more` are further columns."""
    asked = list(dict.fromkeys(name for found in columns.values() for name in found))
    rows = [
        (name, *(found.get(name, "") for found in columns.values()), *(texts.get(name, "") for texts in more.values()))
        for name in asked
    ]
    return table(["", *columns, *more], rows)

"""What pictures of held-out prompts say of a method, with intervals by prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from disco.critics.metrics import measure
from disco.training.world import AXES

DRAWN_ANEW = 2000
#: The subject, its colour and its place.
ASKED = 3
NEIGHBOURS = 3


def with_interval(values: np.ndarray, figure: Callable[[np.ndarray], float] | None = None) -> list[float]:
    """The mean of values [N], one a prompt, or another figure of them, with its 95 % interval, prompts drawn anew."""
    figure = figure or (lambda some: float(some.mean()))
    chance = np.random.default_rng(0)
    drawn = [figure(values[chance.integers(0, len(values), len(values))]) for _ in range(DRAWN_ANEW)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return [round(float(each), 4) for each in (figure(values), low, high)]


def right(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether subject, colour and place are all named as asked: float [N], of int64 [N, axes] both."""
    assert AXES[:ASKED] == ("subject", "colour", "place")
    return (answers[:, :ASKED] == labels[:, :ASKED]).all(1).astype(float)


def kid(a: np.ndarray, b: np.ndarray) -> float:
    r"""The kernel distance of two sets of features [N, d] and [M, d]: unbiased, so that it may be below 0.

    MMD^2 with (x.y / d + 1)^3 (Binkowski et al. 2018, arXiv:1801.01401).
    """
    dimension = a.shape[1]

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found: np.ndarray = (x.astype(np.float64) @ y.T.astype(np.float64) / dimension + 1) ** 3
        return found

    own, other, both = kernel(a, a), kernel(b, b), kernel(a, b)
    n, m = len(a), len(b)
    return float(
        (own.sum() - np.trace(own)) / (n * (n - 1)) + (other.sum() - np.trace(other)) / (m * (m - 1)) - 2 * both.mean()
    )


def covered(of: np.ndarray, by: np.ndarray) -> float:
    """The share of features [N, d] that lie in the balls of others [M, d], each as wide as its third neighbour is far.

    Precision is that of pictures by true ones, recall that of true ones by pictures (arXiv:1904.06991).
    """
    radii = np.sort(_apart(by, by), axis=1)[:, min(NEIGHBOURS, len(by) - 1)]
    return float((_apart(of, by) <= radii).any(1).mean())


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    found: np.ndarray = np.sqrt(squares.clip(min=0))
    return found


def diversity(features: np.ndarray, groups: np.ndarray) -> float | None:
    """1 - cosine of two pictures of one subject, the mean over pairs; features [N, d] of length 1, groups int [N].

    None where no subject has two.
    """
    alike = features @ features.T
    pairs = (groups[:, None] == groups) & ~np.eye(len(groups), dtype=bool)
    return round(float(1 - alike[pairs].mean()), 4) if pairs.any() else None


def of_pictures(
    images: np.ndarray,
    labels: np.ndarray,
    seen: Mapping[str, np.ndarray],
    answers: Mapping[str, np.ndarray],
    near: Mapping[str, np.ndarray],
    true: Mapping[str, np.ndarray],
    guides: tuple[str, ...],
) -> dict[str, Any]:
    """Figures of the pictures of a method, uint8 [N, H, W, 3], one a prompt.

    labels: int64 [N, axes]. By judge: seen, features [N, d] of length 1; answers, int64 [N, axes]; true, features of
    true pictures. near: cosines to the prompts [N], of judges and guides.
    """
    judges = list(answers)
    told: dict[str, Any] = {}
    together = np.mean([right(answers[name], labels) for name in judges], axis=0)
    told["all_together"] = with_interval(together)
    told["by_judge"] = {name: with_interval(right(answers[name], labels)) for name in judges}
    told["subject"] = with_interval(np.mean([answers[name][:, 0] == labels[:, 0] for name in judges], axis=0))
    told["judge"] = with_interval(np.mean([near[name] for name in judges], axis=0))
    told["guide_minus_judge"] = with_interval(
        np.mean([near[name] for name in guides], axis=0) - np.mean([near[name] for name in judges], axis=0)
    )
    first = judges[0]
    told["kid"] = round(float(np.mean([kid(seen[name], true[name]) for name in judges])), 5)
    told["precision"] = round(covered(seen[first], true[first]), 3)
    told["recall"] = round(covered(true[first], seen[first]), 3)
    told["diversity"] = diversity(seen[first], labels[:, 0])
    clipped = [measure(Image.fromarray(image), ["clipping"])["clipping"] for image in images]
    told["clipping"] = with_interval(np.array(clipped, float))
    return told

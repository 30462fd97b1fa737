"""Figures are computed as the card says."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import binomtest

from disco.training import scores, world
from disco.training.scores import Score


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (7, 10), (136, 160), (160, 160)])
def test_wilson_interval(hits, count):
    oracle = binomtest(hits, count).proportion_ci(method="wilson")
    assert scores.wilson(hits, count) == pytest.approx((oracle.low, oracle.high), abs=1e-4)
    assert Score(hits, count).facts()["share"] == hits / count


def test_scores_and_confusion():
    labels = np.full((3, 8), -1)
    labels[:, :3] = [[0, 1, 2], [0, 2, 2], [1, 1, 3]]
    labels[0, 4] = 5
    answers = np.zeros((3, 8), int)
    answers[:, :3] = [[0, 1, 2], [1, 2, 2], [1, 0, 0]]
    answers[0, 4] = 5
    found = scores.scores(answers, labels)
    assert {name: (s.hits, s.count) for name, s in found.items()} == {
        "subject": (2, 3),
        "colour": (2, 3),
        "place": (2, 3),
        "style": (1, 1),
        "subject and colour": (1, 3),
        "all together": (1, 3),
    }
    rows = scores.confusion(answers, labels, 0)
    assert [(name, score.hits, score.count, others) for name, score, others in rows] == [
        ("star", 1, 2, "1 heart"),
        ("heart", 1, 1, ""),
    ]


def test_chance_is_that_of_a_blind_guess():
    rng = np.random.default_rng(0)
    sizes = [len(values) for values in world.AXIS_VALUES]
    labels, answers = (np.stack([rng.integers(n, size=200_000) for n in sizes], 1) for _ in range(2))
    for name, score in scores.scores(answers, labels).items():
        low, high = scores.wilson(score.hits, score.count, z=4)
        assert low <= scores.chance(name) <= high, name


def test_frechet_distance():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))
    b = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + 1
    assert scores.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    shift = np.arange(6.0)
    assert scores.frechet_distance(a, a + shift) == pytest.approx((shift**2).sum())
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    oracle = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert scores.frechet_distance(a, b) == pytest.approx(oracle)
    # Of axis-parallel normal distributions it is the sum of (s - t)^2 over their standard deviations.
    s, t = np.array([1.0, 2.0, 0.5]), np.array([1.5, 1.0, 0.5])
    many = [rng.normal(size=(200_000, 3)) * scale for scale in (s, t)]
    assert scores.frechet_distance(*many) == pytest.approx(((s - t) ** 2).sum(), abs=0.02)


def test_a_table_has_a_row_for_what_anyone_was_asked():
    text = scores.score_table(
        {"a": {"subject": Score(1, 2)}, "b": {"style": Score(2, 2)}}, {"chance": {"style": "9 %"}}
    )
    assert text.splitlines()[0] == "|  | a | b | chance |"
    assert text.splitlines()[2].startswith("| subject | 50.0 %") and text.splitlines()[3].endswith("| 9 % |")

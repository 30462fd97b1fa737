"""What a UNet draws unguided is what it was shown, the less noise that was given."""

import numpy as np
import pytest

from disco.models import catalog
from disco.models.networks.clip import load_perceptor
from disco.training import evaluate, pictures, unguided


def test_a_distance_lies_between_its_floor_and_its_ceiling():
    judge = evaluate.reader(load_perceptor(catalog.perceptor("embedded_judge"), "cpu"))
    true, other, blurred = (pictures.drawn(pictures.scenes(seed, 60)) for seed in (1, 2, 3))
    blurred = blurred // 2 + 64
    found = unguided.distances(judge, blurred, true, other)
    assert 0 < found["true (floor)"] < found["sampled"] < found["noise (ceiling)"]
    assert unguided.distances(judge, true, true, other)["sampled"] == pytest.approx(0, abs=1e-6)


def test_a_picture_is_redrawn_as_it_was_the_less_noise_it_was_given():
    true = pictures.drawn(pictures.scenes(1, 4, shares=pictures.Shares(second=0, plain=1)))
    off = [
        np.abs(unguided.redrawn(catalog.unet("embedded"), true, t, "cpu", steps=10) - true.astype(float)).mean()
        for t in (0, 400, 1000)
    ]
    # Level 0 of a spaced run is nearly the picture itself, in 0..255.
    assert off[0] < 3 < off[1] < 30 < off[2]


def test_a_subject_is_kept_or_seen_alike():
    labels = np.array([[3, 0], [4, 0], [5, 0], [6, 0]])
    answers = {"one": np.array([[3, 1], [4, 0], [5, 0], [0, 0]]), "other": np.array([[3, 0], [0, 0], [1, 0], [0, 0]])}
    found = unguided.kept(answers, labels)
    assert {name: score.hits for name, score in found.items()} == {"one": 3, "other": 1, "judges see one": 2}

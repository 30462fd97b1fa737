"""Figures are computed as the card says."""

import numpy as np
import pytest
from scipy.stats import binomtest

from disco.models import catalog, clip
from disco.models.words import LABELS
from disco.training import evaluate, pictures, world


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (7, 10), (136, 160), (160, 160)])
def test_wilson_interval(hits, count):
    oracle = binomtest(hits, count).proportion_ci(method="wilson")
    assert evaluate.wilson(hits, count) == pytest.approx((oracle.low, oracle.high), abs=1e-4)


def test_prompts_are_balanced_and_in_known_words():
    texts, labels = evaluate.prompts(160)
    assert len(set(texts)) == 160
    assert texts[0] == "a red star over the sea"
    assert len({tuple(row[:2]) for row in labels}) == 160  # every subject in every colour
    for axis, values in enumerate(LABELS[:3]):
        assert (np.bincount(labels[:, axis]) == 160 // len(values)).all()
    words = clip.tokenizer(catalog.perceptor("embedded_judge"))
    assert not any(words.unknown(text) for text in texts)


def test_scores_and_confusion():
    labels = np.array([[0, 1, 2, -1, -1], [0, 2, 2, -1, -1], [1, 1, 3, -1, -1]])
    answers = np.array([[0, 1, 2, 0, 0], [1, 2, 2, 1, 1], [1, 0, 0, 2, 2]])
    found = evaluate.scores(answers, labels)
    assert {axis: (s.hits, s.count) for axis, s in found.items()} == {
        "subject": (2, 3),
        "colour": (2, 3),
        "place": (2, 3),
        "subject and colour": (1, 3),
    }
    rows = evaluate.confusion(answers, labels, 0)
    assert [(name, score.hits, score.count, others) for name, score, others in rows] == [
        ("star", 1, 2, "1 heart"),
        ("heart", 1, 1, ""),
    ]


def test_perceptors_know_true_pictures():
    for spec in catalog.PERCEPTORS:
        if spec.weights.shipped:
            found = evaluate.recognition(clip.load_perceptor(spec, "cpu"), 200)
            for axis in ("subject", "colour", "place"):
                assert found[axis].hits / found[axis].count >= 0.9, (spec.name, axis)


def test_a_card_is_filled_between_its_marks(tmp_path, monkeypatch):
    card = tmp_path / "CARD.md"
    card.write_text("before\n" + "old figures".join(evaluate.MARKS) + "\nafter\n")

    def painted(texts, jobs, **settings):
        _, labels = evaluate.prompts(len(texts))
        scenes = [world.Scene(world.SUBJECTS[s], world.COLOURS[c], world.PLACES[p]) for s, c, p, *_ in labels]
        return pictures.drawn(scenes)

    monkeypatch.setattr(evaluate, "rendered", painted)
    evaluate.evaluate(20, 20, 1, card)
    text = card.read_text()
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "old figures" not in text
    assert "| lighthouse | 1 of 1 |" in text
    assert (tmp_path / "guided.png").exists()

"""The evaluation measures what it says, on few pictures here."""

import json

import numpy as np
import pytest
import torch

from disco.models import catalog
from disco.models.networks.clip import load_perceptor
from disco.training import evaluate, pictures, world
from disco.training.evaluate import Extent
from disco.world.words import PLACE_PHRASES


def test_prompts_name_held_out_triples_in_turn():
    texts, labels = evaluate.prompts(200)
    assert len(set(texts)) == 200
    counts = np.bincount(labels[:, 0])
    assert len(counts) == len(world.SUBJECTS) and counts.max() - counts.min() <= 1
    for text, row in zip(texts, labels, strict=True):
        subject, colour, place = (world.AXIS_VALUES[axis][row[axis]] for axis in range(3))
        assert evaluate.words_held_out(subject, colour, place)
        assert any(f"{colour} {subject} {phrase}" in text for phrase in PLACE_PHRASES[place])
        assert set(text.split()) <= set(world.vocabulary())
    assert len({tuple(row[1:3]) for row in labels}) > 50


def test_a_distance_lies_between_its_floor_and_its_ceiling():
    judge = evaluate.reader(load_perceptor(catalog.perceptor("embedded_judge"), "cpu"))
    true, other, blurred = (pictures.drawn(pictures.scenes(seed, 60)) for seed in (1, 2, 3))
    blurred = blurred // 2 + 64
    found = evaluate.distances(judge, blurred, true, other)
    assert 0 < found["true (floor)"] < found["sampled"] < found["noise (ceiling)"]
    assert evaluate.distances(judge, true, true, other)["sampled"] == pytest.approx(0, abs=1e-6)


def test_a_picture_is_redrawn_as_it_was_the_less_noise_it_was_given():
    true = pictures.drawn(pictures.scenes(1, 4, shares=pictures.Shares(second=0, plain=1)))
    off = [
        np.abs(evaluate.redrawn(catalog.unet("embedded"), true, t, "cpu", steps=10) - true.astype(float)).mean()
        for t in (0, 400, 1000)
    ]
    # Level 0 of a spaced run is nearly the picture itself, in 0..255.
    assert off[0] < 3 < off[1] < 30 < off[2]


def test_a_subject_is_kept_or_seen_alike():
    labels = np.array([[3, 0], [4, 0], [5, 0], [6, 0]])
    answers = {"one": np.array([[3, 1], [4, 0], [5, 0], [0, 0]]), "other": np.array([[3, 0], [0, 0], [1, 0], [0, 0]])}
    found = evaluate.kept(answers, labels)
    assert {name: score.hits for name, score in found.items()} == {"one": 3, "other": 1, "judges see one": 2}


def test_what_is_told_alike_is_not_preferred():
    reader = evaluate.reader(load_perceptor(catalog.perceptor("embedded_judge"), "cpu"))
    images = pictures.drawn(pictures.scenes(1, 3))
    assert not evaluate.prefers(reader, images, ["a red cat"] * 3, ["a red cat"] * 3).any()


def test_true_pictures_are_nearest_to_their_own_prompts():
    texts, labels = evaluate.prompts(36)
    reader = evaluate.reader(load_perceptor(catalog.perceptor("embedded_judge"), "cpu"))
    true = evaluate.as_drawn(labels)
    shown = {"own": true, "other": np.roll(true, 1, 0)}  # the others show the subject before
    found = evaluate.nearness(reader, shown, texts, labels)
    (own, lead), (other, behind) = (found[what].values() for what in shown)
    assert -1 <= other < own <= 1 and behind < 0 < lead
    with torch.no_grad():  # one of them by hand
        seen, prompt, rival = reader.seen(true[:1]), reader.texts([texts[0]]), texts[0].replace("star", "heart")
        one, its_lead = evaluate.nearness(reader, {"own": true[:1]}, texts[:1], labels[:1])["own"].values()
        assert one == pytest.approx(float(seen @ prompt.T), abs=1e-5)
        assert its_lead <= one - float(seen @ reader.texts([rival]).T) + 1e-5


def test_contact_sheets_may_be_wide(tmp_path):
    images = np.zeros((12, 32, 64, 3), np.uint8)
    assert evaluate.contact_sheet(images, 6).size == (384, 64)
    assert evaluate.contact_sheet(images[:3], 6).size == (192, 32)


@pytest.mark.slow
def test_everything_is_measured_into_the_card(tmp_path, monkeypatch):
    card = tmp_path / "CARD.md"
    card.write_text("before\n" + "old figures".join(evaluate.MARKS) + "\nafter\n")
    asked = []

    def painted(texts, jobs, **settings):
        asked.append(settings)
        return pictures.drawn(pictures.scenes(9, len(texts)))

    monkeypatch.setattr(evaluate, "rendered", painted)
    monkeypatch.setattr(evaluate, "cost", lambda *given: {"first picture, s": 1.0})
    extent = Extent(prompts=12, true_pictures=24, samples=4, variants=6, redrawn_from=(250,))
    facts = evaluate.evaluate(extent, card, tmp_path / "out")
    text = card.read_text()
    assert text.startswith("before") and text.endswith("after\n") and "old figures" not in text
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == json.loads(json.dumps(facts))
    assert set(facts) == {"recognition", "frechet", "redrawn", "guided", "nearness", "variants", "sheets", "speed"}
    assert len(facts["nearness"]) == len([spec for spec in catalog.PERCEPTORS if spec.weights.shipped])
    assert {t: found["embedded_judge"]["count"] for t, found in facts["redrawn"].items()} == {"0": 2, "250": 2}
    assert {"clip_guidance_scale": 0, "device": "cpu"} in asked
    guides = [spec.name for spec in catalog.PERCEPTORS if spec.weights.shipped and spec.guides]
    assert {"clip_models": guides[:1], "device": "cpu"} in asked
    assert {"steps": 25, "device": "cpu"} in asked and {"width": 192, "height": 128, "device": "cpu"} in asked
    assert "all together" in facts["variants"]["25 steps"]
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"guided.png", "guided_128x64.png"}


@pytest.mark.slow
def test_a_render_and_its_cost():
    images = evaluate.rendered(["a red star over the sea"], 1, steps=2, device="cpu", width=64, height=32)
    assert images.shape == (1, 32, 64, 3) and images.std() > 1
    ballast = np.ones(2**31, np.uint8)  # of this process, which is not what a picture takes
    found = evaluate.cost("a red star over the sea", 1, "cpu", steps=2)
    assert 200 < found["peak memory, MB"] < ballast.nbytes / 2**20
    assert found["a further picture, s"] > 0

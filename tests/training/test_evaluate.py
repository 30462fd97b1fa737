"""The evaluation measures what it says, on few pictures here."""

import json

import numpy as np
import pytest
import torch

from disco.models import catalog
from disco.models.networks.clip import load_perceptor
from disco.training import evaluate, pictures
from disco.training.evaluate import Extent


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
    few = dict(prompts=12, true_pictures=24, samples=4, variants=6, styled=11, sentences=2)
    extent = Extent(**few, redrawn_from=(250,), unguided_steps=8)
    facts = evaluate.evaluate(extent, card, tmp_path / "out")
    text = card.read_text()
    assert text.startswith("before") and text.endswith("after\n") and "old figures" not in text
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == json.loads(json.dumps(facts))
    assert set(facts) == {
        "recognition",
        "frechet",
        "redrawn",
        "guided",
        "nearness",
        "variants",
        "styled",
        "sheets",
        "speed",
    }
    assert set(facts["nearness"]) == {*evaluate.GUIDES, *evaluate.JUDGES}
    assert {t: found["embedded_judge"]["count"] for t, found in facts["redrawn"].items()} == {"0": 2, "250": 2}
    assert {"clip_guidance_scale": 0, "device": "cpu"} in asked
    assert {"clip_models": list(evaluate.GUIDES[:1]), "device": "cpu"} in asked
    assert {"steps": 25, "device": "cpu"} in asked and {"width": 384, "height": 256, "device": "cpu"} in asked
    assert "all together" in facts["variants"]["25 steps"]
    assert facts["styled"]["guided, by embedded_judge"]["style"]["count"] == 11
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"guided.png", "guided_256x128.png"}

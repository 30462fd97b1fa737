"""The judge's verdict: by hand on a judge made to order, and by the shipped one on pictures that are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from disco.critics.judge import NO_VERDICT, Reader, load_judge, sentences, spread, verdict
from disco.planning.prompts import Prompt
from disco.training import pictures, world
from disco.world.words import AXES, LABELS, named

STAR = [Prompt("a red star over the sea", 1.0)]


class ByColour:
    """Sees the mean colour; hears red, green and blue, and nothing else."""

    spec = SimpleNamespace(resolution=8, mean=(0.0,) * 3, std=(1.0,) * 3)

    def encode_image(self, given):
        assert given.shape[1:] == (3, 8, 8)
        return given.mean((2, 3)) + 1e-6

    def encode_text(self, texts):
        heard = [[float(colour in text.split()) for colour in ("red", "green", "blue")] for text in texts]
        return torch.tensor(heard) + 1e-6


def flat(*rgb: int) -> Image.Image:
    return Image.new("RGB", (20, 12), rgb)


def test_a_verdict_by_hand():
    judge = Reader(ByColour())
    found = verdict(flat(255, 0, 0), [Prompt("a red star", 1.0)], judge)
    assert found["judge"] == pytest.approx(1, abs=1e-4)
    assert found["recognition_colour"] == 1
    # All subjects sound alike to this judge, so the first is the nearest.
    assert found["seen"] == "star, red"
    assert verdict(flat(255, 0, 0), [Prompt("a red snail", 1.0)], judge)["recognition"] == 0.5
    other = verdict(flat(255, 0, 0), [Prompt("a blue snail", 1.0)], judge)
    assert other["judge"] == pytest.approx(0, abs=1e-4) and other["recognition"] == 0


def test_weights():
    judge = Reader(ByColour())
    red, green = Prompt("red", 3.0), Prompt("green", 1.0)
    assert verdict(flat(255, 0, 0), [red, green], judge)["judge"] == pytest.approx(0.75, abs=1e-4)
    # What was to be avoided lowers the score and is not asked for.
    away = verdict(flat(0, 255, 0), [red, Prompt("green", -1.0)], judge)
    assert away["judge"] == pytest.approx(-0.5, abs=1e-4)
    assert away["recognition_colour"] == 0 and away["seen"] == "green"
    # Two colours asked for: either will do.
    assert verdict(flat(0, 255, 0), [red, green], judge)["recognition_colour"] == 1
    # Nothing but something to avoid: no word to be recognised.
    assert verdict(flat(0, 255, 0), [Prompt("green", -1.0)], judge) == {"judge": -1.0, "recognition": None}
    # Weights that cancel are no score.
    assert verdict(flat(0, 255, 0), [red, Prompt("blue", -3.0)], judge)["judge"] is None


@pytest.mark.parametrize("text", ["a storm, by Ivan Aivazovsky", "a lovely painting", ""])
def test_prompts_outside_the_world_have_no_verdict(text):
    assert verdict(flat(9, 9, 9), [Prompt(text, 1.0)], Reader(ByColour())) == NO_VERDICT
    assert verdict(flat(9, 9, 9), [], Reader(ByColour())) == NO_VERDICT
    # Beside a prompt of the world, they do not count.
    both = verdict(flat(255, 0, 0), [Prompt("red", 1.0), Prompt(text, 1.0)], Reader(ByColour()))
    assert both["judge"] == pytest.approx(1, abs=1e-4)


def test_anchors_speak_of_their_own_label():
    for axis, labels in zip(AXES[2:], LABELS[2:], strict=True):
        assert len(sentences(axis)) == len(labels)
        for label, group in zip(labels, sentences(axis), strict=True):
            assert {named(sentence)[axis] for sentence in group} == {(label,)}
    subjects, colours = LABELS[:2]
    things = [{"subject": (subject,), "colour": (colour,)} for subject in subjects for colour in colours]
    assert [named(sentence) for (sentence,) in sentences("thing")] == things


def test_a_thing_is_read_with_its_colour():
    """A judge that takes whatever is red for a snail's colour names the colour by the snail."""

    class BySnail(ByColour):
        def encode_text(self, texts):
            return super().encode_text(texts) * torch.tensor([[float("snail" in text)] for text in texts]) + 1e-6

    found = verdict(flat(0, 255, 0), [Prompt("a green snail", 1.0)], Reader(BySnail()))
    assert found["seen"] == "snail, green" and found["recognition"] == 1


def test_sentences_are_spread():
    assert spread("abcdefg", 3) == ["a", "d", "g"]
    assert spread("ab", 3) == ["a", "b"]
    assert spread("abcdefg", 7) == list("abcdefg")


def test_few_sentences_say_what_all_say(scenes):
    images = np.stack([world.draw(scene, pictures.SIDE) for scene in scenes])
    few, every = load_judge().read(images), Reader(load_judge().perceptor).read(images)
    assert (few[:, :4] == every[:, :4]).mean() > 0.9


@pytest.fixture(scope="module")
def scenes():
    return pictures.scenes(77, 40, shares=pictures.Shares(second=0))


def text_of(scene):
    return f"a {scene.colour} {scene.subject}"


def test_true_pictures_are_recognised_and_others_are_not(scenes):
    judge = load_judge()
    images = [Image.fromarray(world.draw(scene, pictures.SIDE)) for scene in scenes]
    own = [verdict(image, [Prompt(text_of(s), 1.0)], judge) for image, s in zip(images, scenes, strict=True)]
    wrong = [
        verdict(image, [Prompt(text_of(s), 1.0)], judge)
        for image, s in zip(images, scenes[7:] + scenes[:7], strict=True)
    ]
    assert np.mean([found["recognition"] for found in own]) > 0.9
    assert np.mean([found["recognition"] for found in wrong]) < 0.3
    assert np.mean([a["judge"] > b["judge"] for a, b in zip(own, wrong, strict=True)]) > 0.9


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (96, 64), (16, 16)])
def test_pictures_of_every_size_are_judged(size):
    found = verdict(Image.new("RGB", size, (200, 20, 20)), STAR, load_judge())
    assert -1 <= found["judge"] <= 1
    assert set(found) == {"judge", "recognition", "seen", *(f"recognition_{a}" for a in ("subject", "colour", "place"))}


def test_a_larger_picture_is_seen_as_the_same(scenes):
    image = Image.fromarray(world.draw(scenes[0]))
    prompts = [Prompt(text_of(scenes[0]), 1.0)]
    larger = image.resize((128, 128), Image.Resampling.NEAREST)
    # The antialiasing filter reaches into the neighbours a little.
    found, again = verdict(image, prompts, load_judge()), verdict(larger, prompts, load_judge())
    assert again["judge"] == pytest.approx(found["judge"], abs=0.05)


def test_the_judge_is_loaded_once_and_leaves_chance_alone():
    load_judge.cache_clear()
    before = torch.get_rng_state()
    assert load_judge() is load_judge()
    assert torch.equal(before, torch.get_rng_state())


def test_concepts_are_left_out_of_what_the_judge_is_asked():
    judge = Reader(ByColour())
    plain = verdict(flat(255, 0, 0), [Prompt("a red star", 1.0)], judge)
    assert verdict(flat(255, 0, 0), [Prompt("a red <blue-snail> star", 1.0)], judge) == plain
    assert verdict(flat(255, 0, 0), [Prompt("a <red-star>", 1.0)], judge) == NO_VERDICT

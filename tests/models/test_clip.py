"""Perceptors see and read; tokenizers take any text; nothing heavy is needed to check a prompt."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.models import catalog, clip

EMBEDDED = [spec for spec in catalog.PERCEPTORS if spec.weights.shipped]


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda s: s.name)
def test_embedded_perceptors_load_see_and_read(spec):
    perceptor = clip.load_perceptor(spec, "cpu", torch.float32)
    pixels = torch.randn(3, 3, spec.resolution, spec.resolution, requires_grad=True)
    image, text = perceptor.encode_image(pixels), perceptor.encode_text(["a red star", "over the sea"])
    assert image.shape == (3, spec.embed_dim)
    assert text.shape == (2, spec.embed_dim)
    assert not text.requires_grad
    assert torch.autograd.grad(image.sum(), pixels)[0].abs().max() > 0
    assert (perceptor.resolution, perceptor.mean, perceptor.std) == (spec.resolution, spec.mean, spec.std)
    assert not any(p.requires_grad for p in perceptor.model.parameters())
    assert all(p.dtype == torch.float32 for p in perceptor.model.parameters())


def test_default_perceptors_are_two_architectures_well_below_the_picture_and_the_judge_never_guides():
    guides = [spec for spec in EMBEDDED if spec.guides]
    assert [spec.name for spec in guides] == ["embedded_vit", "embedded_resnet"]
    assert all(spec.resolution <= 32 for spec in guides)
    assert len({str(spec.vision) for spec in EMBEDDED}) == 3


@pytest.fixture(scope="module")
def words():
    return clip.tokenizer(catalog.perceptor("embedded_vit"))


def test_words_count_punctuation_does_not(words):
    assert words.split("A castle, by the SEA: dusk!") == ["a", "castle", "by", "the", "sea", "dusk"]
    assert words.split('"[red] #star" – (night)') == ["red", "star", "night"]
    assert torch.equal(words.encode(["a castle, by the sea: dusk"]), words.encode(["A  castle by the sea dusk"]))


def test_unknown_words_come_with_near_ones_and_are_dropped(words):
    assert words.unknown("a lighthose by the sea") == [("lighthose", ["lighthouse"])]
    assert words.unknown("the sea, 夜の海, xyzzy xyzzy") == [("夜の海", []), ("xyzzy", [])]
    assert torch.equal(words.encode(["a zeppelin star"]), words.encode(["a star"]))


def test_long_prompts_are_cut_at_the_limit(words):
    long = "red " * 100
    assert len(words.split(long)) == 100
    row = words.encode([long])[0]
    assert len(row) == words.limit + 2
    assert row[-1] == words.end
    assert torch.equal(row, words.encode(["red " * words.limit])[0])


@given(st.text())
def test_any_text_is_accepted(words, text):
    tokens = words.split(text)
    assert all(token in words.numbers for token in tokens)
    assert all(word not in words.numbers and len(near) <= 3 for word, near in words.unknown(text))
    row = words.encode([text])[0]
    kept = min(len(tokens), words.limit)
    assert row[0] == words.start
    assert row.argmax() == kept + 1  # where the text tower reads
    assert (row[kept + 2 :] == words.PAD).all()


def test_openai_perceptors_use_the_byte_pairs_of_clip():
    pairs = clip.tokenizer(catalog.perceptor("ViT-B/32"))
    assert pairs.limit == 75
    assert pairs.split("a castle, by the sea") == ["a", "castle", ",", "by", "the", "sea"]
    assert pairs.unknown("xyzzy 夜") == []
    assert pairs.encode(["a castle"]).shape == (1, 77)


def test_a_prompt_is_checked_without_torch():
    check = (
        "import sys; from disco.models import catalog, clip; "
        "print(clip.tokenizer(catalog.perceptor('embedded_vit')).unknown('a lighthose'), 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[('lighthose', ['lighthouse'])] False"

"""A word whose vectors are those of a known word reads as that word, in every text tower that reads concepts."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from torch import nn

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.concepts import read_concept
from disco.models.networks import clip
from disco.models.networks.concepts import ConceptTokenizer, read_texts, read_tokens, token_table
from support.concepts import write_concept

VIT = catalog.perceptor("embedded_vit")


@cache
def words_of(kind):
    return clip.tokenizer(VIT) if kind == "embedded" else clip.BytePairTokenizer("ViT-B-32")


@cache
def text_tower(kind):
    """The embedded one, or open_clip's of either build with OpenAI's tokens, small and with random weights."""
    if kind == "embedded":
        return clip.load_perceptor(VIT, "cpu").model
    torch.manual_seed(0)
    build = {"CLIP": CLIP, "CustomTextCLIP": CustomTextCLIP}[kind]
    text = CLIPTextCfg(77, 49408, width=16, heads=2, layers=2)
    return build(8, CLIPVisionCfg(layers=1, width=16, head_width=8, patch_size=8, image_size=16), text).eval()


KINDS = ("embedded", "CLIP", "CustomTextCLIP")


def vectors_of(kind, text):
    """The vectors of a text's own tokens, [n, w]."""
    ids = words_of(kind).encode([text])[0]
    return token_table(text_tower(kind)).weight[ids[1 : 1 + len(words_of(kind).split(text))]].detach()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", ["star", "red star over the sea"])
def test_the_vectors_of_known_words_read_as_those_words(kind, word):
    words, vectors = words_of(kind), vectors_of(kind, word)
    other = vectors_of(kind, "blue")
    learned = ConceptTokenizer(words, {"blue-one": 1, "thing": len(vectors)})
    texts = ["a <thing> by the sea", "<Thing>", "a house, a <blue-one> <thing>'s house", "no such thing: <nothing>"]
    said = [f"a {word} by the sea", word, f"a house, a blue {word}'s house", "no such thing: <nothing>"]
    with torch.no_grad():
        found = read_texts(text_tower(kind), learned, texts, torch.cat([other, vectors]))
        expected = text_tower(kind).encode_text(words.encode(said))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert not torch.allclose(found[0], found[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_concept_counts_its_tokens_and_is_cut_at_the_limit(kind):
    words = words_of(kind)
    learned = ConceptTokenizer(words, {"thing": 3})
    assert learned.split("a <thing> star") == ["a", "<thing>", "<thing>", "<thing>", "star"]
    long = "red " * (words.limit - 2) + "<thing> star"
    assert len(learned.split(long)) == words.limit + 2
    ids = learned.encode([long])
    places = learned.places([long], ids.shape[1])[0].tolist()
    assert places[words.limit - 1 :] == [0, 1, -1]  # of three, two fit; the end is the end
    vectors = vectors_of(kind, "red star red")
    with torch.no_grad():
        found = read_texts(text_tower(kind), learned, [long], vectors)
        expected = text_tower(kind).encode_text(words.encode(["red " * (words.limit - 2) + "red star red star"]))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_words_that_nobody_knows_are_told_beside_concepts():
    learned = ConceptTokenizer(words_of("embedded"), {"thing": 1})
    assert learned.unknown("a <thing> by the see") == words_of("embedded").unknown("a by the see") != []


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_reaches_the_vectors(kind):
    words, tower = words_of(kind), copy.deepcopy(text_tower(kind)).double()
    learned = ConceptTokenizer(words, {"thing": 2})
    vectors, way = torch.randn(2, 2, token_table(tower).weight.shape[1], generator=seeded(1)).double() * 0.1
    pull = torch.randn(tower.encode_text(words.encode(["a"])).shape, generator=seeded(2))

    def score(at):
        return (read_texts(tower, learned, ["a <thing> star"], at) * pull).sum()

    asked = vectors.clone().requires_grad_()
    (slope,) = torch.autograd.grad(score(asked), asked)
    with torch.no_grad():
        step = 1e-5
        difference = (score(vectors + step * way) - score(vectors - step * way)) / (2 * step)
    assert float((slope * way).sum()) == pytest.approx(float(difference), rel=1e-5, abs=1e-9)


def test_other_texts_read_meanwhile_are_left_alone():
    """Runs beside one another share a text tower."""
    words, tower = words_of("embedded"), text_tower("embedded")
    plain = words.encode(["a red star", "a blue house"])
    meanwhile = []

    class Watched(nn.Module):
        token_embedding = tower.token_embedding

        def encode_text(self, ids):
            meanwhile.append(tower.encode_text(plain))
            return tower.encode_text(ids)

    with torch.no_grad():
        read_texts(Watched(), ConceptTokenizer(words, {"thing": 1}), ["<thing>"], torch.randn(1, 96))
        assert torch.equal(meanwhile[0], tower.encode_text(plain))


def test_a_tower_that_reads_another_way_is_refused():
    class Other(nn.Module):
        token_embedding = nn.Embedding(300, 4)

        def encode_text(self, ids):
            return self.token_embedding(ids + 0).sum(1)

    ids = torch.ones(1, 3, dtype=torch.int64)
    with pytest.raises(SettingsError, match="takes no concepts"):
        read_tokens(Other(), ids, ids - 2, torch.zeros(1, 4))
    with pytest.raises(SettingsError, match="takes no concepts"):
        token_table(nn.Linear(1, 1))


def test_a_perceptor_reads_its_own_vectors_and_plain_texts_as_ever(tmp_path):
    perceptor = clip.load_perceptor(VIT, "cpu")
    star = vectors_of("embedded", "star").numpy()
    concept = read_concept(write_concept(tmp_path, "thing", {"embedded_vit": star}))
    plain = perceptor.encode_text(["a star in the snow", "a red fox"])
    assert torch.equal(perceptor.encode_text(["a star in the snow", "a red fox"], [concept]), plain)
    found = perceptor.encode_text(["a <thing> in the snow", "a red fox"], [concept])
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-6)

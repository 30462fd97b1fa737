"""Learning a word: nearer to its pictures than any other, the rest of a sentence kept, the network left as it is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch.nn import functional as F

from disco.concepts.learning import WORD, Teaching, check_takes_concepts, learn, seen
from disco.concepts.sentences import KINDS, STYLE, SUBJECT, Sentences, said_of
from disco.diffusion.images import to_tensor
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.networks.clip import load_perceptor, tokenizer
from disco.models.networks.concepts import ConceptTokenizer, read_texts
from disco.training.world import Scene, draw

#: Few, for a test.
SENTENCES = Sentences(SUBJECT.plain[:2], SUBJECT.around[:6], ("fox", "owl", "star"))
QUICK = Teaching(tokens=1, updates=25)


@cache
def perceptor():
    return load_perceptor(catalog.perceptor("embedded_vit8"), "cpu")


@cache
def pictures():
    """Of a teapot, which none of the few sentences knows."""
    scenes = [Scene("teapot", colour, "meadow", seed=number) for number, colour in enumerate(("red", "blue", "white"))]
    return tuple(torch.from_numpy(draw(scene)).permute(2, 0, 1) / 255 for scene in scenes)


def learned(teaching=QUICK, seed=0, sentences=SENTENCES):
    return learn(perceptor(), pictures(), sentences, teaching, torch.Generator().manual_seed(seed))


def read(texts, fit):
    words = ConceptTokenizer(tokenizer(perceptor().spec), {WORD: len(fit.vectors)})
    with torch.no_grad():
        return F.normalize(read_texts(perceptor().model, words, texts, fit.vectors), dim=-1)


def test_the_word_comes_nearer_to_its_pictures_than_the_words_it_was_not_told():
    fit = learned()
    assert fit.known in SENTENCES.known
    assert fit.nearness > fit.known_nearness + 0.03
    views = seen(perceptor(), pictures(), torch.Generator().manual_seed(7)).flatten(0, 1)  # other looks at the same
    word, fox, teapot = read([f"a <{WORD}>", "a fox", "a teapot"], fit)
    near, far, true = ((views @ text).mean() for text in (word, fox, teapot))
    assert near > far and near > true - 0.05  # as near as the true word, which it was never told, or nearly


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    quick = replace(QUICK, updates=3)
    assert torch.equal(learned(quick).vectors, learned(quick).vectors)
    assert not torch.equal(learned(quick).vectors, learned(quick, seed=1).vectors)


def test_the_network_and_its_words_stay_as_they_are_to_the_bit():
    before = {key: value.clone() for key, value in perceptor().model.state_dict().items()}
    said = perceptor().encode_text(["a red fox in the snow", "a teapot"])
    learned(replace(QUICK, updates=3))
    assert all(torch.equal(before[key], value) for key, value in perceptor().model.state_dict().items())
    assert torch.equal(perceptor().encode_text(["a red fox in the snow", "a teapot"]), said)
    assert not any(p.requires_grad or p.grad is not None for p in perceptor().model.parameters())


def test_the_prior_keeps_what_stands_around_the_word():
    sentences = replace(SENTENCES, around=SUBJECT.around[::3])
    teaching = replace(QUICK, tokens=4, updates=25)
    kept, lost = (learned(replace(teaching, prior=prior), sentences=sentences) for prior in (1.0, 0.0))
    assert 1 - kept.around < 0.9 * (1 - lost.around)
    assert lost.nearness > kept.nearness + 0.005  # which is its price


def test_more_tokens_are_more_vectors_and_begin_with_the_nearest_words():
    fit = learned(Teaching(tokens=2, updates=1, learning_rate=1e-9))
    assert fit.vectors.shape == (2, 96)
    words = tokenizer(perceptor().spec)
    table = perceptor().model.token_embedding.weight
    known = [table[words.encode([word])[0, 1]] for word in SENTENCES.known]
    nearest = [min(range(3), key=lambda n: (known[n] - vector).norm()) for vector in fit.vectors]
    assert len(set(nearest)) == 2
    assert all((known[n] - vector).abs().max() < 1e-6 for n, vector in zip(nearest, fit.vectors, strict=True))
    assert SENTENCES.known[nearest[0]] == fit.known


def test_every_update_is_told():
    told = []
    learn(perceptor(), pictures(), SENTENCES, Teaching(updates=4), torch.Generator(), on_update=lambda: told.append(1))
    assert len(told) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_sentences_are_of_words_that_the_embedded_perceptors_know_and_fit(kind):
    sentences, words = KINDS[kind], tokenizer(catalog.perceptor("embedded_vit"))
    for word in sentences.known:
        for text in said_of([*sentences.plain, *sentences.around], word):
            assert text.count(word) and not words.unknown(text), text
            assert len(words.split(text)) <= words.limit
    assert all(sentence.count("{}") == 1 for sentence in (*sentences.plain, *sentences.around))
    assert STYLE.known and len(set(sentences.around)) == len(sentences.around) > 20


def test_a_tokenizer_of_the_hub_is_refused():
    class Hub:
        pass

    with pytest.raises(SettingsError, match="ViT-B-16-SigLIP:webli reads prompts by a tokenizer of the hub"):
        check_takes_concepts("ViT-B-16-SigLIP:webli", Hub())


def test_pictures_of_any_proportions_are_seen():
    from PIL import Image

    wide = (to_tensor(Image.new("RGB", (90, 40), "red")) + 1) / 2
    assert seen(perceptor(), [wide, pictures()[0]], torch.Generator()).shape == (2, 8, 128)

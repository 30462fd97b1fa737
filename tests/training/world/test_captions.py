"""Captions tell the truth, in words of the vocabulary."""

import random

from hypothesis import given
from hypothesis import strategies as st

from disco.models.networks.clip import WordTokenizer
from disco.training import world
from disco.training.world import captions
from disco.training.world.scene import Scene


@given(st.integers(0, 2**32))
def test_captions_are_short_and_of_known_words(seed):
    rng = random.Random(seed)
    told = world.describe(Scene.sample(rng), rng)
    found = WordTokenizer.words(told.text)
    assert set(found) <= set(world.vocabulary())
    assert 1 <= len(found) <= captions.WORD_LIMIT
    assert told.text == told.text.strip()
    assert "  " not in told.text


@given(st.integers(0, 2**32))
def test_a_caption_tells_what_the_scene_shows_and_names_what_it_tells(seed):
    rng = random.Random(seed)
    scene = Scene.sample(rng)
    caption = world.describe(scene, rng)
    tables = (captions.SUBJECT_WORDS, captions.COLOUR_WORDS, captions.PLACE_PHRASES, captions.SKY_PHRASES)
    for said, label, table in zip(caption.told, scene.labels(), tables, strict=False):
        assert said in (None, label)
        if said is not None:
            assert any(phrase in caption.text for phrase in table[said])
    if caption.told[5] is not None:
        assert any(phrase in caption.text for phrase in captions.RELATION_WORDS[scene.relation])
        assert caption.told[6] == scene.second


def test_every_label_has_its_words():
    tables = (
        *(
            captions.SUBJECT_WORDS,
            captions.COLOUR_WORDS,
            captions.PLACE_PHRASES,
            captions.SKY_PHRASES,
            captions.STYLE_FRONTS,
        ),
        captions.RELATION_WORDS,
    )
    for table, values in zip(tables, world.AXIS_VALUES, strict=False):
        assert set(table) == set(values)
    assert set(captions.STYLE_BACKS) == set(world.STYLES)


def test_no_colour_word_stands_where_no_colour_is_told():
    rng = random.Random(1)
    colours = {word for options in captions.COLOUR_WORDS.values() for phrase in options for word in phrase.split()}
    for _ in range(2000):
        caption = captions.describe(Scene.sample(rng), rng)
        if caption.told[1] is None and caption.told[7] is None:
            assert not colours & set(WordTokenizer.words(caption.text)), caption.text


def test_captions_vary():
    scene = Scene("cat", "red", "sea")
    rng = random.Random(2)
    assert len({captions.caption(scene, rng) for _ in range(300)}) > 150


def test_the_vocabulary_is_sorted_and_every_word_of_it_is_one_token():
    known = world.vocabulary()
    assert list(known) == sorted(set(known))
    assert all(WordTokenizer.words(word) == [word] for word in known)

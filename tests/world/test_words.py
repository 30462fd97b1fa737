"""What a text names of the embedded models' world."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.training import world
from disco.world.words import AXES, LABELS, PHRASES, named, near_words


@given(st.integers(0, world.MAX_SEED - 1))
def test_captions_name_what_they_tell(seed):
    rng = random.Random(seed)
    told = world.describe(world.Scene.sample(rng), rng)
    labels = dict(zip(world.AXES, told.told, strict=True))
    # Of two things, in whatever relation, a text names both.
    expected = {axis: {labels[axis]} - {None} for axis in AXES}
    expected["subject"] |= {labels["second"]} - {None}
    expected["colour"] |= {labels["second_colour"]} - {None}
    assert {axis: set(found) for axis, found in named(told.text).items()} == {k: v for k, v in expected.items() if v}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("A RED star, over the Sea!", {"subject": ("star",), "colour": ("red",), "place": ("sea",)}),
        ("under the sea under the stars", {"place": ("underwater",), "sky": ("night",)}),
        ("a hot air balloon on rolling hills", {"subject": ("balloon",), "place": ("meadow",)}),
        ("hot green balloon", {"subject": ("balloon",), "colour": ("green",)}),
        ("a red moon and a blue, red star", {"subject": ("moon", "star"), "colour": ("red", "blue")}),
        ("a ship, the ocean, watercolor", {"subject": ("boat",), "place": ("sea",), "style": ("watercolour",)}),
        (
            "a space rocket in the sky, made of triangles",
            {"subject": ("rocket",), "place": ("clouds",), "style": ("low poly",)},
        ),
        ("a storm, by Ivan Aivazovsky", {}),
        ("", {}),
    ],
)
def test_texts_of_all_kinds(text, labels):
    assert named(text) == labels


@given(st.text())
def test_any_text_will_do(text):
    assert set(named(text)) <= set(AXES)


def test_every_label_has_its_phrases():
    assert [tuple(table) for table in PHRASES] == [tuple(labels) for labels in LABELS]
    assert world.AXES[: len(AXES)] == AXES


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("foxes", ["fox"]),
        ("butterflies", ["butterfly"]),
        ("wolves", ["wolf"]),
        ("knives", ["knife"]),
        ("mice", ["mouse"]),
        ("women", ["woman"]),
        ("stars", ["star"]),
        ("hill", ["hills"]),
        ("glass", []),
        ("ocaen", ["ocean"]),
        ("xyzzy", []),
        ("s", []),
        ("x" * 100_000, []),
    ],
)
def test_near_words_are_of_one_thing_or_of_several_or_spelt_alike(word, near):
    known = ("fox", "butterfly", "wolf", "knife", "mouse", "woman", "star", "hills", "ocean", "waves", "start")
    assert near_words(word, known) == near

"""Prompts of what no training saw, and what is made of them."""

import numpy as np
import pytest

from disco.training import guided, pictures, world
from disco.training.world.scene import held_out_style
from disco.world.words import PLACE_PHRASES, STYLE_BACKS, named
from support.processes import fork_what_is_spawned


def test_prompts_name_held_out_triples_in_turn():
    texts, labels = guided.prompts(200)
    assert len(set(texts)) == 200
    counts = np.bincount(labels[:, 0])
    assert len(counts) == len(world.SUBJECTS) and counts.max() - counts.min() <= 1
    for text, row in zip(texts, labels, strict=True):
        subject, colour, place = (world.AXIS_VALUES[axis][row[axis]] for axis in range(3))
        assert guided.words_held_out(subject, colour, place)
        assert any(f"{colour} {subject} {phrase}" in text for phrase in PLACE_PHRASES[place])
        assert set(text.split()) <= set(world.vocabulary())
    assert len({tuple(row[1:3]) for row in labels}) > 50


def test_styled_prompts_name_each_style_and_no_held_out_one():
    texts, labels = guided.styled_prompts(66)
    seen = []
    for text, row in zip(texts, labels, strict=True):
        subject, style = (world.AXIS_VALUES[axis][row[axis]] for axis in (0, 4))
        assert style != held_out_style(subject) and any(text.endswith(back) for back in STYLE_BACKS[style])
        assert named(text)["style"] == (style,)
        assert set(text.replace(",", "").split()) <= set(world.vocabulary())
        seen.append(style)
    assert min(seen.count(style) for style in world.STYLES if style != "gouache") >= 4
    assert [text.rpartition(", ")[0] for text in texts] == guided.prompts(66)[0]


def test_the_worlds_own_pictures_have_their_side():
    _, labels = guided.prompts(2)
    assert guided.as_drawn(labels).shape == (2, 128, 128, 3)
    assert (guided.as_drawn(labels, 32) == pictures.drawn([
        guided.first_scene(*(world.AXIS_VALUES[axis][row[axis]] for axis in range(3)), number)
        for number, row in enumerate(labels)
    ], 32)).all()  # fmt: skip


def test_contact_sheets_may_be_wide(tmp_path):
    images = np.zeros((12, 32, 64, 3), np.uint8)
    assert guided.contact_sheet(images, 6).size == (384, 64)
    assert guided.contact_sheet(images[:3], 6).size == (192, 32)


@pytest.mark.slow
def test_a_render_and_its_cost(monkeypatch):
    fork_what_is_spawned(monkeypatch)
    images = guided.rendered(["a red star over the sea"], 1, steps=2, device="cpu", width=64, height=32)
    assert images.shape == (1, 32, 64, 3) and images.std() > 1
    ballast = np.ones(2**31, np.uint8)  # of this process, which is not what a picture takes
    found = guided.cost("a red star over the sea", 1, "cpu", steps=2)
    assert 200 < found["peak memory, MB"] < ballast.nbytes / 2**20
    assert found["a further picture, s"] > 0

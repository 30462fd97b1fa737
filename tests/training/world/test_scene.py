"""Scenes hold labels that go together, and what is held out is never trained on."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.training import world
from disco.training.world import scene as scenes
from disco.training.world.scene import Scene, holdout

SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_a_random_scene_tells_a_label_on_every_axis_it_has(seed):
    scene = Scene.sample(random.Random(seed))
    for label, values in zip(scene.labels(), world.AXIS_VALUES, strict=True):
        assert label is None or label in values
    assert (scene.labels()[3] is None) == (scene.place in world.TIMELESS)
    assert scene.second is None or (scene.second != scene.subject and scene.second_colour != scene.colour)


def test_every_value_is_drawn_and_the_plain_style_most():
    rng = random.Random(0)
    sample = [Scene.sample(rng) for _ in range(8000)]
    for axis, values in enumerate(world.AXIS_VALUES):
        assert {scene.labels()[axis] for scene in sample} - {None} == set(values)
    styles = Counter(scene.style for scene in sample)
    assert styles["gouache"] / len(sample) == pytest.approx(0.25, abs=0.02)
    assert sum(scene.second is not None for scene in sample) / len(sample) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"subject": "unicorn"}, "no subject 'unicorn'"),
        ({"light": "behind"}, "no light 'behind'"),
        ({"place": "space", "sky": "rain"}, "space has no 'rain'"),
        ({"relation": "over"}, "needs a relation, a name and a colour"),
        ({"relation": "inside", "second": "bicycle", "second_colour": "blue"}, "inside a bicycle"),
    ],
)
def test_labels_that_do_not_go_together_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        Scene(**{"subject": "cat", "colour": "red", "place": "sea", **changed})


def test_the_held_out_share():
    triples = [(s, c, p) for s in world.SUBJECTS for c in world.COLOURS for p in world.PLACES]
    held = [triple for triple in triples if scenes.held_out_triple(*triple)]
    assert len(held) / len(triples) == pytest.approx(1 / 16, abs=0.01)
    # Each part is seen: every subject, colour and place has far more triples than those held out ...
    for part in range(3):
        assert max(Counter(triple[part] for triple in held).values()) < 0.15 * len(triples) / 12
    # ... and of every style most subjects.
    assert max(Counter(map(scenes.held_out_style, world.SUBJECTS)).values()) <= len(world.SUBJECTS) / 4
    assert "gouache" not in map(scenes.held_out_style, world.SUBJECTS)


def test_a_second_thing_is_no_way_around_the_held_out():
    subject, colour, place = next(
        (s, c, p)
        for s in world.SUBJECTS
        for c in world.COLOURS
        for p in world.PLACES
        if scenes.held_out_triple(s, c, p)
    )
    other = next(s for s in world.SUBJECTS if s != subject and not holdout(Scene(s, "red", place)))
    sky = world.SKIES_AT[place][0]
    assert not holdout(Scene(other, "red", place, sky))
    assert holdout(Scene(other, "red", place, sky, relation="beside", second=subject, second_colour=colour))
    assert holdout(Scene("cat", "red", "sea", style=scenes.held_out_style("cat")))

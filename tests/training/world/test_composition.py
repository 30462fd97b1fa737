"""Things stand where their relation says."""

import random

import numpy as np
import pytest

from disco.training.world.composition import place_things
from disco.training.world.scene import Scene
from disco.training.world.things import Pose


def placed(relation: str, seed: int) -> tuple[Pose, Pose]:
    """Where a cat and, in a relation to it, a house are."""
    scene = Scene("cat", "red", "desert", relation=relation, second="house", second_colour="blue", seed=seed)
    house, cat = place_things(scene, 64, 64, random.Random(seed))
    assert (cat.subject, cat.colour, house.subject, house.colour) == ("cat", "red", "house", "blue")
    return cat.pose, house.pose


@pytest.mark.parametrize("seed", range(20))
def test_relations_hold(seed):
    over, below = placed("over", seed)
    assert over.y + over.half < below.y - 0.8 * below.half
    under, above = placed("under", seed)
    assert above.y + above.half < under.y - 0.8 * under.half
    here, there = placed("beside", seed)
    assert abs(here.x - there.x) > here.half + there.half - 2
    assert abs(here.y - there.y) < 0.3 * here.half
    front, back = placed("in front of", seed)
    assert front.half < back.half
    assert front.y > back.y
    assert abs(front.x - back.x) < back.half
    inner, outer = placed("inside", seed)
    assert inner.half < 0.5 * outer.half
    assert np.hypot(inner.x - outer.x, inner.y - outer.y) + inner.half < outer.half


def test_who_stands_stands_on_the_floor_and_who_flies_does_not():
    for seed in range(20):
        (cat,), (boat,), (whale,), (star,) = (
            place_things(Scene(subject, "red", "sea"), 64, 64, random.Random(seed))
            for subject in ("cat", "boat", "whale", "star")
        )
        floor = cat.pose.y + 0.98 * cat.pose.half
        assert 0.83 * 64 < floor < 0.9 * 64
        assert boat.pose.y + 0.98 * boat.pose.half > floor + 3  # below the waterline
        assert whale.pose.y > 0.5 * 64
        assert star.pose.y + star.pose.half < 0.84 * 64
        (there,) = place_things(Scene("whale", "red", "desert"), 64, 64, random.Random(seed))
        assert there.pose.y < whale.pose.y


def test_everything_faces_the_light():
    for light, facing in (("left", 1), ("right", -1)):
        (cat,) = place_things(Scene("cat", "red", "sea", light=light), 64, 64, random.Random(0))
        assert cat.pose.mirror == facing


def test_alone_or_not_things_stay_in_the_picture():
    for seed in range(300):
        rng = random.Random(seed)
        scene = Scene.sample(rng, second_share=0.7)
        for size in ((64, 64), (64, 128), (192, 128)):
            for one in place_things(scene, *size, rng):
                assert -1 < one.pose.x - 0.98 * one.pose.half
                assert one.pose.x + 0.98 * one.pose.half < size[0] + 1
                assert one.pose.y - one.pose.half > -0.02 * size[1]

"""A scene is the same picture everywhere, and shows what its labels say."""

import colorsys
import hashlib
import random
import sys
from dataclasses import replace

import numpy as np
import pytest

from disco.training import world
from disco.training.world import drawing
from disco.training.world.scene import Scene
from disco.training.world.subjects import SHAPES
from support import processes

SAMPLE = """
import hashlib, random
from disco.training.world import Scene, draw
rng = random.Random(3)
pictures = [draw(Scene.sample(rng), side) for side in (64, 128, (48, 80)) for _ in range(9)]
print(hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest())
"""


def test_the_same_seed_draws_the_same_bits_here_and_in_a_new_process():
    rng = random.Random(3)
    # Panoramas and patterns are made when first needed: drawn in another order here, they must be the same.
    world.draw(Scene("cat", "red", "forest", style="low poly", seed=9))
    pictures = [world.draw(Scene.sample(rng), side) for side in (64, 128, (48, 80)) for _ in range(9)]
    here = hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()
    there = processes.run([sys.executable, "-c", SAMPLE], check=True)
    assert there.stdout.strip() == here


@pytest.mark.parametrize("side", [32, 64, 97, 128, (64, 128), (192, 128)])
@pytest.mark.parametrize("style", world.STYLES)
def test_every_style_fills_pictures_of_any_size(style, side):
    rng = random.Random(4)
    for scene in (replace(Scene.sample(rng), style=style) for _ in range(3)):
        picture = world.draw(scene, side)
        width, height = (side, side) if isinstance(side, int) else side
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 10


def test_every_label_can_be_drawn():
    for i in range(max(map(len, world.AXIS_VALUES))):
        subject, colour, place, _, style, relation, _, _ = (values[i % len(values)] for values in world.AXIS_VALUES)
        skies = world.SKIES_AT[place]
        others = [s for s in world.HOLLOW if s != subject]
        scene = Scene(subject, colour, place, skies[i % len(skies)], style, relation, others[i % len(others)], "red")
        assert world.draw(replace(scene, seed=i), 64).std() > 10


def test_a_picture_too_small_is_refused():
    with pytest.raises(ValueError, match="16 pixels"):
        world.draw(Scene("cat", "red", "sea"), 8)


def seen_colours(style: str, colour: str, side: int) -> np.ndarray:
    """float [N, 3] in 0..1: the median colour of the subject's own pixels in many pictures."""
    rng, found = random.Random(f"{style} {colour}"), []
    while len(found) < 12:
        scene = replace(Scene.sample(rng, 0), colour=colour, style=style)
        own = world.draw(scene, side)[world.subject_mask(scene, side) > 0.9]
        if len(own) >= 20:
            found.append(np.median(own, 0) / 255)
    return np.array(found)


HUES = {"red": 357, "orange": 29, "yellow": 51, "green": 129, "turquoise": 179, "blue": 221, "purple": 275, "pink": 334}


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.parametrize("style", world.STYLES)
def test_the_subject_has_its_colour_in_every_style(style, side):
    for colour in world.COLOURS[:-1]:
        hue, saturation, value = colorsys.rgb_to_hsv(*np.median(seen_colours(style, colour, side), 0))
        found = f"{colour}: hue {360 * hue:.0f}, saturation {saturation:.2f}, value {value:.2f}"
        if colour in HUES:
            assert abs((360 * hue - HUES[colour] + 180) % 360 - 180) < 15, found
            assert saturation > 0.25, found
            assert value > (0.7 if colour == "orange" else 0.45), found
        elif colour == "brown":
            assert 10 < 360 * hue < 45, found
            assert saturation > 0.3, found
            assert value < 0.68, found
        else:
            assert saturation < 0.4, found
            assert value > 0.72 if colour == "white" else value < 0.45, found


@pytest.mark.parametrize("style", world.STYLES)
def test_a_rainbow_has_its_bands_in_order(style):
    scene = Scene("apple", "rainbow", "clouds", "day", style, seed=5)
    picture, mask = world.draw(scene, 64), world.subject_mask(scene, 64) > 0.9
    rows = np.flatnonzero(mask.sum(1) > 8)
    hues = [360 * colorsys.rgb_to_hsv(*np.median(picture[row][mask[row]], 0) / 255)[0] for row in rows]
    bands = [range(-15, 20), range(20, 42), range(42, 70), range(90, 160), range(195, 240), range(255, 300)]
    seen = [next((i for i, band in enumerate(bands) if round((h + 30) % 360 - 30) in band), None) for h in hues]
    order = [band for band in seen if band is not None]
    assert set(order) >= {0, 2, 3, 4}
    assert np.mean(np.diff(order) >= 0) > 0.85


def test_the_subject_is_large_enough_to_be_seen():
    rng = random.Random(6)
    for _ in range(300):
        scene = Scene.sample(rng)
        assert (world.subject_mask(scene, 64) > 0.5).mean() > (0.012 if scene.second else 0.04), scene


@pytest.mark.parametrize("subject", world.SUBJECTS)
def test_a_cover_is_where_a_thing_changes_the_picture(subject):
    # Above the clouds nothing casts a shadow or is mirrored: two colours of a thing differ where it is and only there.
    red, blue = (Scene(subject, colour, "clouds", seed=9) for colour in ("red", "blue"))
    differs = (world.draw(red, 64) != world.draw(blue, 64)).any(-1)
    cover = world.things_cover(red, 64)
    assert cover.min() >= 0 and cover.max() <= 1
    assert not differs[cover == 0].any()
    tinted = world.subject_mask(red, 64) > 0.9
    assert differs[tinted].all() and cover[tinted].min() > 0.85


@pytest.mark.parametrize("side", [64, 128])
def test_a_cover_alone_is_that_of_the_painting(side):
    rng = random.Random(7)
    for scene in (Scene.sample(rng) for _ in range(24)):
        painting, _ = drawing.paint_scene(scene, side, side)
        assert (world.things_cover(scene, side) == painting.cover).all()


def test_the_light_comes_from_its_side():
    left, right = (
        world.draw(Scene("apple", "green", "space", light=light, seed=3), 128).astype(int) for light in world.LIGHTS
    )
    for picture, side in ((left, 1), (right, -1)):
        bright = picture.sum(-1)
        ys, xs = np.nonzero(world.subject_mask(Scene("apple", "green", "space", seed=3), 128) > 0.9)
        lit, dark = bright[ys, xs] > np.quantile(bright[ys, xs], 0.8), bright[ys, xs] < np.quantile(bright[ys, xs], 0.2)
        assert side * (xs[dark].mean() - xs[lit].mean()) > 4


def test_seeds_vary_the_picture():
    pictures = [world.draw(Scene("cat", "red", "forest", seed=seed), 64).astype(int) for seed in range(6)]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert np.abs(one - other).mean() > 8


def test_styles_and_places_look_different():
    for axis, values in (("style", world.STYLES), ("place", world.PLACES)):
        shown = [
            np.mean([world.draw(Scene(**{"subject": "star", "colour": "red", "place": "sea", axis: v, "seed": k}), 32)
                     for k in range(8)], 0)
            for v in values
        ]  # fmt: skip
        for i, one in enumerate(shown):
            for other in shown[:i]:
                assert np.abs(one - other).mean() > 4


@pytest.mark.parametrize("colour", ["blue", "rainbow"])
def test_other_shapes_stand_where_the_subject_would(colour):
    """A fox stands as a teapot does, so its shapes in a teapot's place are the picture of a fox."""
    teapot, fox = (Scene(subject, colour, "meadow", seed=5) for subject in ("teapot", "fox"))
    assert np.array_equal(world.draw(teapot, 48, SHAPES["fox"]()), world.draw(fox, 48))
    assert not np.array_equal(world.draw(teapot, 48), world.draw(fox, 48))

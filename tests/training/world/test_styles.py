"""Styles do what they are named after."""

import random

import numpy as np
import pytest

from disco.training.world import styles
from disco.training.world.drawing import paint_scene
from disco.training.world.scene import STYLES, Scene


def finished(style: str, side: int = 64, **labels) -> np.ndarray:
    scene = Scene(**{"subject": "star", "colour": "red", "place": "meadow", "style": style, "seed": 4, **labels})
    painting, rng = paint_scene(scene, side, side)
    return styles.STYLES[style].finish(painting, rng)


def test_every_style_is_there():
    assert tuple(styles.STYLES) == STYLES


def test_gouache_is_the_picture_itself():
    painting, rng = paint_scene(Scene("star", "red", "meadow"), 64, 64)
    assert np.array_equal(styles.gouache(painting, rng), painting.whole)


@pytest.mark.parametrize(("side", "block"), [(64, 2), (128, 3)])
def test_pixel_art_is_made_of_squares(side, block):
    """Finer ones in large pictures; the last are cut off at the edge."""
    picture = finished("pixel art", side)
    squares = picture[:, ::block, ::block].repeat(block, 1).repeat(block, 2)
    assert np.array_equal(picture, squares[:, :side, :side])


def test_watercolour_leaves_the_paper_white_around():
    picture = finished("watercolour", sky="night")
    assert np.median(picture[:, 0]) > 225
    assert np.median(picture[:, 8:-8, 8:12]) < 190


def test_a_blueprint_is_blue_paper():
    for sky in ("day", "night"):
        red, _, blue = (np.median(channel) for channel in finished("blueprint", sky=sky))
        assert blue > red + 60


def test_neon_is_dark_and_its_tubes_are_bright():
    picture = finished("neon")
    assert np.median(picture) < 70
    assert picture.max() > 230


def test_low_poly_has_flat_facets():
    flat = np.abs(np.diff(finished("low poly"), axis=2)).max(0) < 1
    assert flat.mean() > 0.5
    assert (np.abs(np.diff(finished("gouache"), axis=2)).max(0) < 1).mean() < flat.mean()


def test_ink_and_woodcut_draw_in_black_on_paper():
    for style in ("ink", "woodcut"):
        grey = styles.brightness(finished(style, place="mountains"))
        assert (grey < 70).mean() > 0.03
        assert (grey > 150).mean() > 0.3


def test_edges_are_found_where_colours_change():
    picture = np.zeros((3, 64, 64), np.float32)
    picture[1, :, 20:] = 90
    found = styles.edges(picture)
    assert (found[:, 19] == 90).all()
    assert found.sum() == 90 * 64


@pytest.mark.parametrize("style", STYLES)
def test_a_style_draws_its_random_numbers_from_the_scene(style):
    painting, _ = paint_scene(Scene("star", "red", "meadow", style=style), 64, 64)
    one, other = (styles.STYLES[style].finish(painting, random.Random(3)) for _ in range(2))
    assert np.array_equal(one, other)

"""Places and skies are all there, and panoramas show what a window cuts out of them."""

import dataclasses
import random

import numpy as np
import pytest

from disco.training.world import backdrops, places, scene, skies


def test_every_place_and_sky_is_there():
    assert tuple(places.PLACES) == scene.PLACES
    assert tuple(skies.AIRS) == scene.SKIES
    assert set(places.VOLCANIC) == set(scene.SKIES_AT["volcano"])


@pytest.mark.parametrize("place", scene.PLACES)
def test_layers_reach_the_lower_edge_of_a_picture_moved_up(place):
    for sky in scene.SKIES_AT[place]:
        behind, before = places.layers(place, sky, 64, 48)
        assert behind
        for panorama in (*behind, *before):
            assert panorama.rgb.shape == (3, *panorama.keep.shape)
            assert panorama.keep.shape[1] == 64 + backdrops.EXTRA * 48
            assert panorama.top + len(panorama.keep) >= 48 + 3
            assert 0 <= panorama.keep.min() <= panorama.keep.max() <= 1
        if places.PLACES[place].kind != "air":
            assert (np.min([panorama.keep[-1] for panorama in behind], 0) < 0.01).all(), sky


def test_a_window_shows_its_part():
    canvas = backdrops.Canvas(32, 32)
    canvas.box((200, 100, 50), 1.0, 0.5, 2.0, 1.2)
    panorama = canvas.panorama()
    assert panorama.top == 16
    picture = np.full((3, 32, 32), 10, np.float32)
    panorama.over(picture, 16)
    assert (picture[:, 16:, 17:] == np.array([200, 100, 50])[:, None, None]).all()
    assert (picture[:, :16] == 10).all()
    assert (picture[:, :, :15] == 10).all()
    panorama.over(lower := np.full((3, 32, 32), 10, np.float32), 48, 2)
    assert (lower[:, :18] == 10).all()


def test_ridges_stay_within_their_height():
    canvas = backdrops.Canvas(64, 64)
    ridge = canvas.ridge(random.Random(1), 0.6, 0.05)
    assert ridge[0][0] < 0
    assert ridge[-1][0] > canvas.span
    assert all(0.55 <= y <= 0.65 for _, y in ridge)


def test_haze_covers_what_is_far():
    near, far = skies.tinted((200, 40, 40), "fog"), skies.tinted((200, 40, 40), "fog", 1.0)
    haze = skies.AIRS["fog"].haze
    assert np.abs(np.subtract(far, haze)).sum() < np.abs(np.subtract(near, haze)).sum()
    assert skies.tinted((200, 40, 40), "day") == (200, 40, 40)


def test_night_is_darker_than_day_and_dusk_redder():
    day, dusk, night = (skies.sky_panorama(sky, 48, 48).mean((1, 2)) for sky in ("day", "dusk", "night"))
    assert night.sum() < 0.4 * day.sum()
    assert dusk[0] > dusk[2]
    assert day[2] > day[0]


def test_the_sun_stands_on_its_side():
    for left in (True, False):
        light, keep = skies.sun("day", left, 0, 64, 64)
        x = np.unravel_index(light[0].argmax(), (64, 64))[1]
        assert (x < 32) == left
        assert (light >= 0).all()
        assert 0 <= keep.min() < 0.05


@pytest.mark.parametrize("place", scene.PLACES)
def test_large_pictures_show_more_of_the_same_ground(place):
    """What is seen from near changes many pixels a little: from far the place looks the same."""
    sky = scene.SKIES_AT[place][0]
    plain = dataclasses.replace(places.PLACES[place], fine=None)
    with_it, without = ([places.painted(shown, place, sky, n, 128, 128) for n in range(len(shown.far))]
                        for shown in (places.PLACES[place], plain))  # fmt: skip
    assert all((a.rgb == b.rgb).all() for a, b in zip(with_it[:-1], without[:-1], strict=True))

    def seen(panoramas):
        picture = np.full((3, 128, 384), 128, np.float32)
        for panorama in panoramas:
            panorama.over(picture, 40)
        return picture

    fine, coarse = seen(with_it), seen(without)
    assert (np.abs(fine - coarse).max(0) > 8).mean() > 0.01
    means = [picture.reshape(3, 8, 16, 24, 16).mean((2, 4)) for picture in (fine, coarse)]
    assert np.abs(means[0] - means[1]).mean() < 8
    small = places.painted(places.PLACES[place], place, sky, len(plain.far) - 1, 64, 64)
    assert (small.rgb == places.painted(plain, place, sky, len(plain.far) - 1, 64, 64).rgb).all()

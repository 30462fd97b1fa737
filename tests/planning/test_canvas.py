"""Where an init image lies: its proportions, what is cut off, and what surrounds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from disco.planning.canvas import FITS, GREY, notes_on_fit, placement_of
from disco.settings.config import specs

SIDES = st.integers(1, 40)


def picture(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def laid(fit: str, size: tuple[int, int], width: int, height: int) -> np.ndarray:
    return np.asarray(placement_of(fit, size, width, height).lay(picture(*size), mirrored=fit != "pad"))


def test_the_setting_takes_these_ways_and_no_other():
    assert specs()["init_fit"].choices == FITS


@pytest.mark.parametrize("fit", FITS)
@given(size=st.tuples(SIDES, SIDES), width=SIDES, height=SIDES)
def test_every_picture_makes_a_whole_canvas(fit, size, width, height):
    assert laid(fit, size, width, height).shape == (height, width, 3)


@pytest.mark.parametrize("fit", FITS)
def test_a_picture_of_the_canvas_s_size_stays_as_it_is(fit):
    assert np.array_equal(laid(fit, (7, 5), 7, 5), np.asarray(picture(7, 5)))


def test_stretch_is_lanczos_whatever_the_proportions():
    expected = picture(50, 30).resize((12, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(laid("stretch", (50, 30), 12, 8), np.asarray(expected))


@pytest.mark.parametrize(("size", "canvas"), [((50, 30), (12, 8)), ((30, 50), (12, 8)), ((9, 9), (32, 16))])
def test_fill_is_pillow_s_crop(size, canvas):
    expected = ImageOps.fit(picture(*size), canvas, Image.Resampling.LANCZOS)
    assert np.array_equal(laid("fill", size, *canvas), np.asarray(expected))


@pytest.mark.parametrize(("size", "canvas"), [((50, 30), (20, 20)), ((30, 50), (20, 20)), ((9, 9), (32, 16))])
def test_pad_is_pillow_s_padding(size, canvas):
    expected = ImageOps.pad(picture(*size), canvas, Image.Resampling.LANCZOS, color=(GREY,) * 3)
    assert np.array_equal(laid("pad", size, *canvas), np.asarray(expected))


def test_fit_goes_on_as_its_own_mirror_image():
    found = laid("fit", (8, 4), 8, 16)
    middle = found[6:10]
    assert np.array_equal(middle, np.asarray(picture(8, 4)))
    assert np.array_equal(found[2:6], middle[::-1]) and np.array_equal(found[10:14], middle[::-1])
    assert np.array_equal(found[14:], middle[:2])


def test_a_line_lies_on_any_canvas():
    for fit in FITS:
        assert laid(fit, (30000, 1), 16, 16).shape == (16, 16, 3)


def test_what_is_done_is_said_where_proportions_change():
    assert notes_on_fit("stretch", (640, 480), 64, 48) == []
    assert notes_on_fit("stretch", (641, 480), 64, 48) == []
    for fit in FITS:
        (note,) = notes_on_fit(fit, (640, 480), 64, 64)
        assert "640x480" in note and f"init_fit={fit}" in note

"""Where an init image lies: its proportions, what is cut off, and what surrounds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from disco.errors import SettingsError
from disco.planning.canvas import FITS, GREY, extended, margins_of, notes_on_fit, placement_of
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


# Extended


def test_margins_are_pixels_or_shares_of_their_own_side():
    assert margins_of("left=64 top=0", (100, 80)) == {"left": 64, "right": 0, "top": 0, "bottom": 0}
    assert margins_of("right=25%, bottom = 50%", (100, 80)) == {"left": 0, "right": 25, "top": 0, "bottom": 40}


@pytest.mark.parametrize(
    "text", ["64", "left", "left=", "left=-3", "left=1.5", "left=3 left=4", "up=3", "left=3 x", "left=3px"]
)
def test_what_is_no_margin(text):
    with pytest.raises(SettingsError, match=r"extend is '.*', but must name margins"):
        margins_of(text, (8, 8))


def test_no_margin_at_all():
    with pytest.raises(SettingsError, match=r"adds nothing; name a margin, such as left=64"):
        margins_of("left=0 top=0%", (8, 8))


@given(
    size=st.tuples(SIDES, SIDES),
    margins=st.fixed_dictionaries({side: st.integers(0, 30) for side in ("left", "top", "right", "bottom")}),
    multiple=st.sampled_from([1, 8, 64]),
)
def test_an_extended_canvas_holds_the_picture_in_its_own_pixels(size, margins, multiple):
    if not any(margins.values()):
        return
    notes: list[str] = []
    placement = extended(" ".join(f"{side}={margin}" for side, margin in margins.items()), size, multiple, notes)
    width, height = placement.width, placement.height
    assert width % multiple == height % multiple == 0 and len(notes) == 1
    assert 0 <= width - size[0] - margins["left"] - margins["right"] < multiple
    assert 0 <= height - size[1] - margins["top"] - margins["bottom"] < multiple
    assert placement.left == margins["left"] or not margins["right"]
    assert placement.top == margins["top"] or not margins["bottom"]
    whole = np.asarray(placement.lay(picture(*size)))
    there = whole[placement.top : placement.top + size[1], placement.left : placement.left + size[0]]
    assert whole.shape == (height, width, 3) and np.array_equal(there, np.asarray(picture(*size)))


def test_a_margin_begins_as_the_mirror_image():
    """So that the first pixel beyond the edge is the last one before it."""
    whole = np.asarray(extended("left=8", (8, 8), 8, []).lay(picture(8, 8)))
    assert np.array_equal(whole[:, :8], whole[:, 8:][:, ::-1])


def test_a_canvas_has_a_largest_side():
    with pytest.raises(SettingsError, match=r"makes a picture of 16392x8, but a side has at most 16384"):
        extended("left=16384", (8, 8), 8, [])

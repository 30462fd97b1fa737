"""Masks: which pixels stay, whatever kind of picture says so, and what is shown of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.planning.masks import AROUND, view_of_mask
from disco.planning.plan import Plan
from support.plans import plan

HALF = np.zeros((64, 64), np.uint8)
HALF[:, 40:] = 255


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with init.png in it."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "red").save("init.png")
    return tmp_path


def masked(**given: Any) -> Plan:
    size = {} if "extend" in given else {"width": 64, "height": 64}  # which follows from the picture there
    return plan(**{"init_image": "init.png", **size, **given})


def free(**given: Any) -> np.ndarray:
    """How free each pixel is, 0 to 255."""
    mask = masked(**given).mask
    assert mask is not None and mask.mode == "L"
    return np.asarray(mask)


def of_kind(kind: str) -> Image.Image:
    """HALF as a picture of some kind."""
    half = Image.fromarray(HALF)
    if kind == "sixteen bits":
        return Image.fromarray(HALF.astype(np.uint16) * 257)
    if kind == "thirty-two bits":
        return Image.fromarray(HALF.astype(np.float32) / 255)
    if kind == "alpha":
        black = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
        black.putalpha(Image.fromarray(255 - HALF))
        return black
    return half.convert(kind)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        *(("L", "png"), ("1", "png"), ("P", "png"), ("P", "gif"), ("RGB", "png"), ("CMYK", "tiff"), ("LA", "png")),
        *(("sixteen bits", "png"), ("thirty-two bits", "tiff"), ("alpha", "png"), ("RGB", "bmp")),
    ],
)
def test_black_stays_in_a_mask_of_any_kind(kind: str, suffix: str) -> None:
    of_kind(kind).save(f"mask.{suffix}")
    assert np.array_equal(free(mask=f"mask.{suffix}"), HALF)


def test_the_first_picture_of_an_animation_is_the_mask() -> None:
    first, second = Image.fromarray(HALF), Image.fromarray(255 - HALF)
    first.save("mask.gif", save_all=True, append_images=[second])
    assert np.array_equal(free(mask="mask.gif"), HALF)


def test_a_mask_of_another_size_lies_on_the_init_image() -> None:
    Image.fromarray(HALF[::4, ::4]).save("small.png")
    Image.fromarray(np.kron(HALF, np.ones((3, 3), np.uint8))).save("large.png")
    for name in ("small.png", "large.png"):
        assert np.array_equal(free(mask=name), HALF)
    Image.new("L", (1, 1), 255).save("dot.png")
    plain = masked(mask="dot.png")
    assert np.asarray(plain.mask).min() == 255 and any("white everywhere" in note for note in plain.notes)
    line = np.zeros((1, 30000), np.uint8)
    line[:, 15000:] = 255
    Image.fromarray(line).save("line.png")
    assert (
        np.array_equal(free(mask="line.png")[:, 32:], np.full((64, 32), 255))
        and not free(mask="line.png")[:, :32].any()
    )


def test_a_mask_goes_where_its_picture_goes() -> None:
    """Of a wide init image, whose right quarter is masked, the middle square shows (fill), or the whole (pad)."""
    Image.new("RGB", (128, 64), "blue").save("init.png")
    wide = np.zeros((64, 128), np.uint8)
    wide[:, 64:] = 255
    Image.fromarray(wide).save("mask.png")
    assert np.array_equal(free(mask="mask.png", init_fit="fill")[0], np.repeat([0, 255], 32))
    padded = free(mask="mask.png", init_fit="pad")
    assert np.array_equal(padded[32], np.repeat([0, 255], 32)) and padded[:16].min() == padded[48:].min() == 255
    Image.fromarray(HALF).save("mask.png")  # of the picture's own size: it lies there as it is
    assert np.array_equal(free(mask="mask.png", init_fit="fill"), HALF)


def test_alpha_of_the_init_image_is_a_mask() -> None:
    clear = Image.new("RGBA", (64, 64), "red")
    clear.putalpha(Image.fromarray(255 - HALF))
    clear.save("init.png")
    assert np.array_equal(free(mask="alpha"), HALF)
    assert masked(mask="alpha").inputs[0].setting == "init_image" and len(masked(mask="alpha").inputs) == 1


def test_margins_are_masked() -> None:
    extended = masked(extend="left=16 bottom=25%")
    assert (extended.width, extended.height) == (80, 80)
    expected = np.full((80, 80), 255, np.uint8)
    expected[:64, 16:] = 0
    assert np.array_equal(np.asarray(extended.mask), expected)
    Image.fromarray(HALF).save("mask.png")
    expected[:64, 16:] = HALF
    assert np.array_equal(free(extend="left=16 bottom=25%", mask="mask.png"), expected)


def test_without_a_mask_nothing_stays() -> None:
    assert masked().mask is None and plan().mask is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mask": "alpha"}, "mask=alpha .* 'init.png' has no transparency; name a mask"),
        ({"mask": "black.png"}, "the mask is black everywhere on 64x64 pixels, and black stays; paint"),
        ({"mask": "words.png"}, "mask='words.png' is not a picture; it must be one of PNG"),
        ({"mask": "cut.png"}, "mask='cut.png' is damaged"),
        ({"mask": "nowhere.png"}, "mask='nowhere.png': there is no such file"),
        (
            {"mask": "init.png", "init_image": None},
            "mask=init.png is about a picture to start from; give an init_image",
        ),
        ({"extend": "left=8", "init_image": None}, "extend=left=8 is about a picture to start from"),
        ({"mask": "init.png", "init_image": None, "perlin_init": True}, "mask=init.png is about a picture"),
        ({"extend": "wider"}, "extend is 'wider', but must name margins"),
        ({"mask_blur": -1}, "mask_blur is -1"),
        ({"mask_view": "eyes"}, "mask_view is 'eyes', but must be one of auto, mask, whole, both"),
    ],
)
def test_what_is_no_mask(given: dict[str, Any], said: str) -> None:
    Image.new("L", (64, 64)).save("black.png")
    Path("words.png").write_text("not a picture")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:2000])
    with pytest.raises(SettingsError, match=said) as caught:
        masked(**given)
    assert "\n" not in str(caught.value)


@given(box=st.tuples(*[st.integers(0, 47)] * 2, *[st.integers(1, 48)] * 2), width=st.integers(8, 48))
def test_what_is_shown_holds_the_region_and_is_square_where_it_can_be(box: tuple[int, ...], width: int) -> None:
    left, top, across, down = box
    mask = Image.new("L", (width, 48))
    mask.paste(1, (min(left, width - 1), top, min(left, width - 1) + across, top + down))
    y, x, height, wide = view_of_mask(mask)
    assert 0 <= y and 0 <= x and y + height <= 48 and x + wide <= width
    assert np.asarray(mask)[y : y + height, x : x + wide].sum() == np.asarray(mask).sum()
    rows, columns = (np.asarray(mask).any(axis).sum() for axis in (1, 0))
    side = max(round(AROUND * max(rows, columns)), round(0.25 * min(width, 48)))
    assert height == min(48, max(side, rows)) and wide == min(width, max(side, columns))


def test_all_of_a_tile_is_shown_along_the_edges_that_meet() -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (30, 30, 34, 34))
    assert view_of_mask(mask, (-1,)) == (24, 0, 16, 64) and view_of_mask(mask, (-2, -1)) == (0, 0, 64, 64)

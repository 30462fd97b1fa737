"""Pictures read as levels and written: in strips where they are large, to the same levels as Pillow's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from disco.enlarge.sources import Source, examine, read_levels, write_levels
from disco.errors import SettingsError


def noise(height, width, channels=3):
    return np.random.default_rng(height).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_what_a_picture_is(tmp_path):
    picture = Image.fromarray(noise(5, 9))
    exif = picture.getexif()
    exif[0x0112] = 6  # lies on its side
    picture.save(tmp_path / "a.png", exif=exif)
    found = examine(str(tmp_path / "a.png"))
    assert found.size == (9, 5) and len(found.sha256) == 64
    assert read_levels(found, tmp_path / "scratch").shape == (9, 5, 3) and not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_large_pictures_are_read_as_small_ones_are(tmp_path, mode, suffix):
    """The same picture by both ways."""
    picture = Image.fromarray(noise(31, 17, 4), "RGBA").convert(mode)
    path = tmp_path / f"a.{suffix}"
    picture.save(path)
    small = examine(str(path))
    wanted = read_levels(small, tmp_path / "none")
    found = read_levels(small, tmp_path / "scratch.raw", limit=100)
    assert isinstance(found, np.memmap) and (tmp_path / "scratch.raw").stat().st_size == 31 * 17 * 3
    assert np.abs(found.astype(int) - wanted).max() <= (1 if mode == "RGBA" else 0)  # which rounds another way
    assert examine(str(path), limit=100) == small


@pytest.mark.parametrize("limit", [10**8, 100])
def test_written_levels_are_read_again_with_their_record(tmp_path, limit):
    levels = np.memmap(tmp_path / "levels.raw", np.uint8, "w+", shape=(20, 30, 3))
    levels[:] = noise(20, 30)
    write_levels(tmp_path / "a.png", levels, {"settings": {"prompt": "a “red” star"}}, limit=limit)
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), levels) and picture.mode == "RGB"
        assert json.loads(picture.info["disco"])["settings"]["prompt"] == "a “red” star"
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_what_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nhalf")
    for limit in (10**8, 0):
        with pytest.raises(SettingsError) as error:
            examine(str(tmp_path / "a.png"), limit=limit)
        assert "\n" not in str(error.value) and "a.png" in str(error.value)


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_a_large_picture_that_was_cut_short(tmp_path, suffix):
    """Its head may be read, its pixels not."""
    Image.fromarray(noise(64, 64)).save(tmp_path / f"whole.{suffix}")
    content, path = (tmp_path / f"whole.{suffix}").read_bytes(), tmp_path / f"half.{suffix}"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(SettingsError, match=r"^[^\n]*cannot be read[^\n]*$"):
        read_levels(Source(str(path), "", (64, 64)), tmp_path / "scratch.raw", limit=0)
    assert not (tmp_path / "scratch.raw").exists()


@pytest.mark.slow
def test_a_picture_that_pillow_calls_a_bomb(tmp_path):
    """200 megapixels of one colour."""
    Image.new("L", (20_000, 10_000), 7).save(tmp_path / "a.png", compress_level=1)
    found = examine(str(tmp_path / "a.png"))
    assert found.size == (10_000, 20_000)
    levels = read_levels(found, tmp_path / "scratch.raw")
    assert levels.shape == (10_000, 20_000, 3) and (levels[::999, ::999] == 7).all()

"""Small copies of pictures, and pictures that a page hands over."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disco.app.refusal import Refusal
from disco.app.thumbs import SIDES, prune, take_picture, thumb_of
from disco.errors import SettingsError


def saved(path: Path, size: tuple[int, int], colour=(10, 200, 30)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def test_a_small_copy_keeps_proportions_and_colour(tmp_path):
    small = thumb_of(tmp_path, saved(tmp_path / "a.png", (1000, 500)), 200)
    with Image.open(small) as picture:
        assert picture.size == (256, 128)  # the next of the sides that are made
        assert np.abs(np.asarray(picture).astype(int) - (10, 200, 30)).max() < 6


def test_a_small_picture_is_its_own_copy(tmp_path):
    picture = saved(tmp_path / "a.png", (64, 64))
    assert thumb_of(tmp_path, picture, 256) == picture


def test_a_copy_is_made_once_and_again_for_another_picture(tmp_path):
    picture = saved(tmp_path / "a.png", (600, 600))
    first = thumb_of(tmp_path, picture, 128)
    os.utime(first, (1000, 1000))
    assert thumb_of(tmp_path, picture, 100) == first and first.stat().st_mtime == 1000
    saved(picture, (600, 600), (200, 0, 0))
    assert thumb_of(tmp_path, picture, 128) != first


def test_no_side_is_too_large(tmp_path):
    with Image.open(thumb_of(tmp_path, saved(tmp_path / "a.png", (3000, 10)), 99999)) as picture:
        assert picture.width == SIDES[-1]


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"not a picture"])
def test_what_is_no_picture_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        thumb_of(tmp_path, tmp_path / "a.png", 128)
    assert refusal.value.status == 404
    with pytest.raises(SettingsError):
        take_picture(tmp_path, content)


def test_a_picture_is_written_anew(tmp_path):
    """Nothing of the file but its pixels is kept: no text, no profile, nothing behind its end."""
    file = io.BytesIO()
    Image.new("RGB", (5, 4), (1, 2, 3)).save(file, "JPEG", quality=95, comment=b"<script>", exif=b"Exif\0\0secret")
    name, size = take_picture(tmp_path, file.getvalue() + b"<script>")
    data = (tmp_path / name).read_bytes()
    assert size == (5, 4) and data.startswith(b"\x89PNG") and b"script" not in data and b"secret" not in data


def test_a_link_in_the_place_of_the_uploads_is_not_followed(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs" / "uploads").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="leads out"):
        take_picture(tmp_path / "runs", saved(tmp_path / "a.png", (4, 4)).read_bytes())
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_oldest_go_until_the_rest_fit(tmp_path):
    now = time.time()
    for days in range(6):
        (tmp_path / f"{days}.png").write_bytes(b"x" * 10)
        os.utime(tmp_path / f"{days}.png", (now - days * 86400,) * 2)

    def left() -> list[str]:
        return sorted(file.name for file in tmp_path.iterdir())

    prune(tmp_path, 60, 0.0)
    assert len(left()) == 6
    prune(tmp_path, 40, 0.0, lambda file: file.name == "5.png")
    assert left() == ["0.png", "1.png", "2.png", "5.png"]
    prune(tmp_path, 0, 1.5 * 86400)  # too many, but written since
    assert left() == ["0.png", "1.png"]
    prune(tmp_path / "missing", 0, 0.0)
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    prune(tmp_path / "elsewhere", 0, 0.0)
    assert left()[:2] == ["0.png", "1.png"]

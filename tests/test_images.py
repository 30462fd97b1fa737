"""Pictures are read as they look; whatever is wrong with a file is one line that names the setting."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.images import PIXEL_LIMIT, check_image, open_image


def picture(width: int = 5, height: int = 3) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def refusal(path: Path | str) -> str:
    with pytest.raises(SettingsError) as caught:
        check_image(path, "init_image")
    message = str(caught.value)
    assert "init_image=" in message and "\n" not in message
    return message


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm"])
def test_lossless_formats_come_back_exactly(tmp_path, suffix):
    picture().save(tmp_path / f"p.{suffix}")
    read = open_image(tmp_path / f"p.{suffix}", "init_image")
    assert read.mode == "RGB"
    assert np.array_equal(np.asarray(read), np.asarray(picture()))


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif"])
def test_other_formats_are_read(tmp_path, suffix):
    Image.new("RGB", (8, 6), (200, 40, 40)).save(tmp_path / f"p.{suffix}")
    read = open_image(tmp_path / f"p.{suffix}", "init_image")
    assert read.size == (8, 6)
    assert np.abs(np.asarray(read).astype(int) - (200, 40, 40)).max() <= 4


def test_the_camera_s_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn it clockwise by 90 degrees to see it upright"
    picture().save(tmp_path / "p.png", exif=exif)
    read = np.asarray(open_image(tmp_path / "p.png", "init_image"))
    assert np.array_equal(read, np.rot90(np.asarray(picture()), k=-1))


def test_transparency_lies_on_white(tmp_path):
    clear = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    clear.putpixel((1, 0), (10, 20, 30, 255))
    clear.save(tmp_path / "rgba.png")
    read = open_image(tmp_path / "rgba.png", "init_image")
    assert [read.getpixel((0, 0)), read.getpixel((1, 0))] == [(255, 255, 255), (10, 20, 30)]

    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([10, 20, 30])
    palette.save(tmp_path / "palette.png", transparency=0)
    assert open_image(tmp_path / "palette.png", "init_image").getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bit_greys_are_scaled_not_clipped(tmp_path):
    levels = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    read = np.asarray(open_image(tmp_path / "deep.png", "init_image"))
    assert read[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("p.jpg" if mode == "CMYK" else "p.png")
    Image.new("RGB", (4, 4), "white").convert(mode.replace("A", "")).convert(mode).save(path)
    read = open_image(path, "init_image")
    assert read.mode == "RGB" and min(np.asarray(read).flat) >= 250


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    picture().save(tmp_path / "p.png")
    check_image("~/p.png", "init_image")


def test_missing_folder_and_special_files(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.png")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not an ordinary file" in refusal(tmp_path / "pipe")


def test_foreign_truncated_and_floating_files(tmp_path):
    (tmp_path / "words.png").write_text("not a picture")
    assert "is not a picture" in refusal(tmp_path / "words.png")
    (tmp_path / "empty.png").touch()
    assert "is not a picture" in refusal(tmp_path / "empty.png")
    picture(64, 64).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    assert "is damaged" in refusal(tmp_path / "cut.png")
    Image.new("F", (2, 2), 0.5).save(tmp_path / "float.tiff")
    assert "floating-point" in refusal(tmp_path / "float.tiff")


def test_formats_that_run_programs_are_refused(tmp_path):
    picture().save(tmp_path / "p.eps")
    assert "is not a picture" in refusal(tmp_path / "p.eps")


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("width, height", [(PIXEL_LIMIT + 1, 1), (20_000, 20_000)])
@pytest.mark.filterwarnings("error")
def test_huge_pictures_are_refused_by_their_header(tmp_path, width, height):
    (tmp_path / "huge.png").write_bytes(png_header(width, height))
    assert "megapixels" in refusal(tmp_path / "huge.png")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_byte_is_a_picture_or_the_one_error(tmp_path, place, value):
    picture(16, 16).save(tmp_path / "p.png")
    damaged = bytearray((tmp_path / "p.png").read_bytes())
    damaged[place % len(damaged)] = value
    (tmp_path / "p.png").write_bytes(damaged)
    try:
        assert open_image(tmp_path / "p.png", "init_image").mode == "RGB"
    except SettingsError as error:
        assert "init_image" in str(error)


def test_torch_stays_unloaded():
    code = "import sys, disco.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

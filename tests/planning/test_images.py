"""Pictures are read as they look; whatever is wrong with a file is one line that names the setting."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from disco.errors import SettingsError
from disco.planning.images import PIXEL_LIMIT, alpha_of, decoded, open_image, packed, upright_size


def picture(width: int = 5, height: int = 3) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def refusal(path: Path | str) -> str:
    with pytest.raises(SettingsError) as caught:
        open_image(path, "init_image")
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


def stretched(levels: np.ndarray) -> np.ndarray:
    """Levels as they should be read, of numbers that have no white of their own."""
    low, high = (0, 1) if 0 <= levels.min() and levels.max() <= 1 else (int(levels.min()), int(levels.max()))
    return np.array([[round(255 * (float(level) - low) / (high - low)) for level in row] for row in levels])


@pytest.mark.parametrize(
    "levels",
    [
        np.array([[0, 2**16, 2**30, 2**31 - 1]], np.int32),
        np.array([[12, 100, 4095]], np.int32),
        np.array([[-5, 0, 5]], np.int32),
        np.array([[0, 1, 0]], np.int32),
        np.array([[0.0, 0.25, 0.75]], np.float32),
        np.array([[-2.0, 0.0, 6.0]], np.float32),
        np.array([[100.0, 20000.0]], np.float32),
    ],
    ids=str,
)
def test_thirty_two_bits_are_scaled_to_their_own_range(tmp_path, levels):
    Image.fromarray(levels).save(tmp_path / "deep.tiff")
    read = np.asarray(open_image(tmp_path / "deep.tiff", "init_image"))
    assert np.abs(read - stretched(levels)[..., None]).max() <= 1


def test_unsigned_thirty_two_bits_and_what_is_no_number(tmp_path):
    Image.fromarray(np.array([[0, 2**30, -(2**30), -1]], np.int32)).save(tmp_path / "unsigned.tiff")
    signed, unsigned = (struct.pack("<HHIH", 339, 3, 1, kind) for kind in (2, 1))  # SampleFormat, one short
    raw = (tmp_path / "unsigned.tiff").read_bytes()
    assert signed in raw
    (tmp_path / "unsigned.tiff").write_bytes(raw.replace(signed, unsigned))
    assert np.asarray(open_image(tmp_path / "unsigned.tiff", "init_image"))[0, :, 0].tolist() == [0, 64, 191, 255]
    Image.fromarray(np.array([[1, np.nan, 3, np.inf]], np.float32)).save(tmp_path / "holes.tiff")
    assert np.asarray(open_image(tmp_path / "holes.tiff", "init_image"))[0, :, 0].tolist() == [0, 0, 255, 0]
    Image.fromarray(np.array([[7, 7]], np.int32)).save(tmp_path / "flat.tiff")
    assert np.asarray(open_image(tmp_path / "flat.tiff", "init_image")).min() == 255
    Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(tmp_path / "nothing.tiff")
    assert "cannot be shown as RGB (none of its pixels is a number)" in refusal(tmp_path / "nothing.tiff")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("p.jpg" if mode == "CMYK" else "p.png")
    Image.new("RGB", (4, 4), "white").convert(mode.replace("A", "")).convert(mode).save(path)
    read = open_image(path, "init_image")
    assert read.mode == "RGB" and min(np.asarray(read).flat) >= 250


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    picture().save(tmp_path / "p.png")
    open_image("~/p.png", "init_image")


def test_missing_folder_and_special_files(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.png")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not an ordinary file" in refusal(tmp_path / "pipe")


def test_foreign_and_truncated_files(tmp_path):
    (tmp_path / "words.png").write_text("not a picture")
    assert "is not a picture" in refusal(tmp_path / "words.png")
    (tmp_path / "empty.png").touch()
    assert "is not a picture" in refusal(tmp_path / "empty.png")
    picture(64, 64).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    assert "is damaged" in refusal(tmp_path / "cut.png")
    (tmp_path / "odd.tiff").write_bytes(b"II*\0" + b"\0" * 20)
    assert "is a TIFF of a kind that is not read" in refusal(tmp_path / "odd.tiff")


def test_files_that_cannot_be_read_are_not_damaged(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert "cannot be read: Too many levels of symbolic links" in refusal(tmp_path / "loop.png")
    assert "cannot be read: File name too long" in refusal("x" * 300)
    assert "no such file" in refusal(Path(__file__) / "a.png")
    assert "is no path" in refusal("a\0b.png")
    assert "begins with the home folder of nobody" in refusal("~no such user/a.png")
    picture().save(tmp_path / "p.png")
    (tmp_path / "p.png").chmod(0)
    if os.access(tmp_path / "p.png", os.R_OK):
        pytest.skip("this user may read anything")
    assert "cannot be read: Permission denied; allow this user to read it" in refusal(tmp_path / "p.png")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file at hand that is there and gives nothing")
def test_a_file_that_gives_nothing_is_not_damaged():
    assert "cannot be read: Input/output error" in refusal("/proc/self/mem")


@pytest.mark.parametrize("suffix", ["avif", "heic"])
def test_pictures_of_telephones(tmp_path, suffix):
    if suffix == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    halves = Image.new("RGB", (64, 32), (200, 40, 40))
    halves.paste((40, 40, 200), (32, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # which Pillow writes into an AVIF as its own rotation; a HEIC has none
    halves.save(tmp_path / f"p.{suffix}", exif=exif)
    read = np.asarray(open_image(tmp_path / f"p.{suffix}", "init_image")).astype(int)
    if suffix == "avif":
        read = np.rot90(read)
    assert read.shape == (32, 64, 3)
    assert np.abs(read[:, :24].mean((0, 1)) - (200, 40, 40)).max() < 8
    assert np.abs(read[:, 40:].mean((0, 1)) - (40, 40, 200)).max() < 8


def test_what_reads_heic_is_named_where_it_is_missing(tmp_path):
    """In a process that cannot import it."""
    (tmp_path / "p.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100)
    code = f"""
import sys
sys.modules["pillow_heif"] = None
from disco.planning.images import open_image
try:
    open_image({str(tmp_path / "p.heic")!r}, "init_image")
except ValueError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "is a HEIC picture, which takes the package pillow-heif; pip install 'disco-engine[heif]'" in said


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


@settings(max_examples=100)
@given(mode=st.sampled_from(["RGB", "F"]), place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_byte_is_a_picture_or_the_one_error(mode, place, value):
    file = io.BytesIO()
    picture(16, 16).convert(mode).save(file, "PNG" if mode == "RGB" else "TIFF")
    damaged = bytearray(file.getvalue())
    damaged[place % len(damaged)] = value
    for read in (decoded, alpha_of, upright_size):
        try:
            found = read(bytes(damaged), "init_image='p'")
        except SettingsError as error:
            assert "init_image" in str(error)
        else:
            assert found is None or isinstance(found, tuple) or found.mode in ("RGB", "L")


@pytest.mark.parametrize("turn", [None, 3, 6, 8])
def test_the_size_of_a_picture_is_known_without_its_pixels(tmp_path, turn):
    exif = Image.Exif()
    if turn is not None:
        exif[0x0112] = turn
    picture().save(tmp_path / "p.jpg", exif=exif)
    data = (tmp_path / "p.jpg").read_bytes()
    assert upright_size(data, "p") == decoded(data, "p").size == ((3, 5) if turn in (6, 8) else (5, 3))
    assert upright_size(data[:-20], "p") == upright_size(data, "p")
    with pytest.raises(SettingsError, match="is not a picture"):
        upright_size(b"a text", "p")


def test_transparency_is_read_upright_and_of_any_kind(tmp_path):
    clear = np.arange(15, dtype=np.uint8).reshape(3, 5) * 17
    exif = Image.Exif()
    exif[0x0112] = 6
    rgba = Image.fromarray(np.dstack([np.asarray(picture()), clear]))
    rgba.save(tmp_path / "p.png", exif=exif)
    read = alpha_of((tmp_path / "p.png").read_bytes(), "p")
    assert read is not None and np.array_equal(np.asarray(read), np.rot90(clear, k=-1))
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "palette.png", transparency=1)
    assert np.asarray(alpha_of((tmp_path / "palette.png").read_bytes(), "p")).tolist() == [[255, 0]]
    picture().save(tmp_path / "opaque.png")
    assert alpha_of((tmp_path / "opaque.png").read_bytes(), "p") is None
    at_hand = alpha_of(packed(np.asarray(rgba), "init_image"), "p")
    assert at_hand is not None and np.array_equal(np.asarray(at_hand), clear)


# Pictures at hand


COLOURS = np.random.default_rng(1).integers(0, 256, (3, 5, 4), dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (Image.fromarray(COLOURS[..., :3]), COLOURS[..., :3]),
        (COLOURS[..., :3], COLOURS[..., :3]),
        (COLOURS[..., :3] / 255, COLOURS[..., :3]),
        ((COLOURS[..., :3] / 255).astype(np.float32), COLOURS[..., :3]),
        (COLOURS[..., 0], COLOURS[..., [0, 0, 0]]),
        (COLOURS[..., :1], COLOURS[..., [0, 0, 0]]),
        (COLOURS[..., 0] > 99, np.where(COLOURS[..., [0, 0, 0]] > 99, 255, 0)),
        (np.dstack([COLOURS[..., :3], np.full((3, 5), 255, np.uint8)]), COLOURS[..., :3]),
        (np.dstack([COLOURS[..., :3], np.zeros((3, 5), np.uint8)]), np.full((3, 5, 3), 255)),
        (COLOURS.transpose(1, 0, 2)[::-1, :, :3], COLOURS.transpose(1, 0, 2)[::-1, :, :3]),
    ],
    ids=map(str, range(10)),
)
def test_pictures_at_hand_become_files_without_loss(given, read):
    assert np.array_equal(np.asarray(decoded(packed(given, "init_image"), "init_image")), read)


def test_a_picture_at_hand_is_read_as_its_file_would_be(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(tmp_path / "p.jpg", exif=exif)
    Image.fromarray(np.array([[0, 2**30]], np.int32)).save(tmp_path / "deep.tiff")
    for name in ("p.jpg", "deep.tiff"):
        at_hand = decoded(packed(Image.open(tmp_path / name), "init_image"), "init_image")
        assert np.array_equal(np.asarray(at_hand), np.asarray(open_image(tmp_path / name, "init_image")))
    numbers = decoded(packed(Image.fromarray(np.array([[0, 2**30, 2**31 - 1]], np.int32)), "init_image"), "init_image")
    assert np.asarray(numbers)[0, :, 0].tolist() == [0, 128, 255]
    picture(64, 64).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:5000])
    with pytest.raises(SettingsError, match="init_image cannot be shown as RGB .*truncated"):
        packed(Image.open(tmp_path / "cut.png"), "init_image")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "init_image is a int, but must be a path, an address, a Pillow picture, or an array"),
        (np.zeros((3, 8, 8)), r"an array of shape \[3, 8, 8\], but must be"),
        (np.zeros((0, 8, 3)), r"an array of shape \[0, 8, 3\]"),
        (np.full((2, 2), 255.0), "holds 255 to 255, but floats must be from 0 to 1"),
        (np.full((2, 2), np.nan), "holds nan to nan, but floats"),
        (np.zeros((2, 2), np.int64), "holds int64, but must hold uint8, or floats from 0 to 1"),
        (Image.new("RGB", (0, 4)), "has 0 x 4 pixels"),
        (Image.new("1", (PIXEL_LIMIT // 1000 + 1, 1000)), "has 100001 x 1000 pixels"),
    ],
    ids=map(str, range(8)),
)
def test_what_is_no_picture_at_hand(given, said):
    with pytest.raises(SettingsError, match=said):
        packed(given, "init_image")


def test_torch_stays_unloaded():
    code = "import sys, disco.planning.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

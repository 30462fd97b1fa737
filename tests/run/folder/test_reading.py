"""Records read back from pictures and run.json, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from disco.errors import SettingsError
from disco.run.folder.reading import read_record, read_settings
from support.run_folders import RECORD, picture, png, started


def test_a_picture_gives_back_its_own_settings(tmp_path):
    path = started(tmp_path).final(1, picture(), seed=41)
    assert read_record(path) == {key: RECORD[key] for key in ("version", "settings", "inputs", "weights")} | {
        "seed": 41
    }
    assert read_settings(path) == RECORD["settings"] | {"seed": 41, "n_batches": 1, "batch_size": 1}


def test_a_run_gives_back_the_settings_of_the_run(tmp_path):
    folder = started(tmp_path)
    assert read_settings(tmp_path / "run.json") == RECORD["settings"]
    folder.finish("interrupted")
    assert read_record(tmp_path / "run.json")["status"] == "interrupted"


def test_records_of_older_versions_have_their_settings_in_the_groups_of_now(tmp_path):
    older = {"settings": {"prompt": "a", "model": {"width": 64, "threads": 2}}, "seed": 3}
    (tmp_path / "image_0.png").write_bytes(png(json.dumps(older)))
    (tmp_path / "run.json").write_text(json.dumps(older))
    for name in ("image_0.png", "run.json"):
        now = read_record(tmp_path / name)["settings"]
        assert now == {"prompt": "a", "model": {"width": 64}, "machine": {"threads": 2}}


@pytest.mark.parametrize(
    "content, reason",
    [
        (png(None), "another program"),
        (png("not json"), "holds no record"),
        (png("[1]"), "holds no settings"),
        (png('{"settings": 3}'), "holds no settings"),
        (png('{"settings": {}}')[:20], "damaged picture"),
        (b"", "holds no record"),
        (b"\xff\xfe\x00", "holds no record"),
        (b"[" * 100_000, "holds no record"),
        (b" " * (17 * 2**20), "larger than 16 MB"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path, content, reason):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SettingsError, match=reason) as caught:
        read_settings(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_other_pictures_are_called_what_they_are(tmp_path, kind):
    Image.new("RGB", (4, 4)).save(tmp_path / "x", kind)
    with pytest.raises(SettingsError, match=f"is a {kind} picture, which carries no settings of disco; give the PNG"):
        read_settings(tmp_path / "x")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypavif", "an AVIF or HEIC picture, which"),
        (b"\0\0\0\x1cftypheic", "an AVIF or HEIC picture, which"),
        (b"\0\0\0\x1cftypisom", "a film, which"),
        (b"\x80\x81", "holds no record of a run: it is neither a PNG nor a text"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, head, kind):
    (tmp_path / "x").write_bytes(head + b"\xff" * 40)
    with pytest.raises(SettingsError, match=kind) as caught:
        read_settings(tmp_path / "x")
    assert "codec" not in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.png"):
        with pytest.raises(SettingsError, match="cannot be read"):
            read_settings(path)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_settings_or_the_one_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    try:
        assert isinstance(read_settings(path), dict)
    except SettingsError:
        pass


def test_records_are_read_without_torch():
    code = "import sys, disco.run.folder.run_folder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

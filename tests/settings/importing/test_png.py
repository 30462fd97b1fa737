"""Settings in the text chunks of PNGs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from disco.errors import SettingsError
from disco.settings.importing.png import png_tree


def png(folder: Path, **chunks: str) -> Path:
    info = PngInfo()
    for key, text in chunks.items():
        info.add_text(key, text)
    Image.new("RGB", (2, 2)).save(folder / "a.png", pnginfo=info)
    return folder / "a.png"


def test_entmike_keeps_json_in_one_chunk(tmp_path):
    path = png(tmp_path, dd_args=json.dumps({"steps": 50, "text_prompts": {"0": ["a"]}}))
    assert png_tree(path, "a.png") == ("PNG of entmike", {"steps": 50, "text_prompts": {"0": ["a"]}})


def test_progrockdiffusion_keeps_a_chunk_each(tmp_path):
    path = png(
        tmp_path, prompt="{0: ['a', 'b:2']}", steps="50", clip_guidance_scale="[7]*1000", cut_overview="[1]*1000"
    )
    kind, tree = png_tree(path, "a.png")
    assert kind == "PNG of progrockdiffusion" and tree["text_prompts"] == "{0: ['a', 'b:2']}" and tree["steps"] == "50"


def test_pictures_without_settings_and_damaged_ones(tmp_path):
    with pytest.raises(SettingsError, match="without settings"):
        png_tree(png(tmp_path, Title="x"), "a.png")
    with pytest.raises(SettingsError, match=r"a\.png: the settings in the picture cannot be read"):
        png_tree(png(tmp_path, dd_args="{"), "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 30)
    with pytest.raises(SettingsError, match="damaged picture"):
        png_tree(tmp_path / "b.png", "b.png")
    with pytest.raises(SettingsError, match="more than 1 MiB"):
        png_tree(png(tmp_path, dd_args=" " * (2**20 + 1)), "a.png")

"""Settings out of what is dropped onto the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from disco.app.imported import imported
from disco.errors import SettingsError
from disco.settings.config import load, to_dict


def test_a_picture_of_ours_gives_what_differs_from_the_usual(tmp_path: Path):
    settings = load(["prompt='{a|b} star'", "expanded_prompts=['a star']", "guidance.clamp_max=0.1", "seed=3"])
    info = PngInfo()
    info.add_text("disco", json.dumps({"version": "0.2.0", "settings": to_dict(settings), "seed": 5}))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    found = imported(tmp_path / "a.png", "a.png")
    assert found["settings"] == {"prompt": "{a|b} star", "clamp_max": 0.1, "seed": 5}
    assert found["program"] == "disco" and found["unknown"] == []


def test_a_file_of_another_program_says_what_became_of_its_keys(tmp_path: Path):
    file = tmp_path / "x.txt"
    file.write_text(
        json.dumps({"text_prompts": {"0": ["a {red} boat"]}, "steps": 240, "clamp_max": 0.05, "odd_key": 1})
    )
    found = imported(file, "settings.txt")
    assert found["preset"] == "disco57" and found["settings"]["steps"] == 240 and found["unknown"] == ["odd_key"]
    assert found["settings"]["wildcards"] is None  # braces stood for themselves there


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt": "a red star, at night", "steps": 30, "clamp_max": "[0.1]*500+[0.2]*500"}',
        '{"prompt": "a red star, at night", "sampler": {"steps": 30}, "guidance.clamp_max": "[0.1]*500+[0.2]*500"}',
        "prompt: a red star, at night\nsteps: 30\nclamp_max: '[0.1]*500+[0.2]*500'\n",
    ],
)
def test_settings_by_our_own_names_are_ours(tmp_path: Path, text: str):
    (tmp_path / "x").write_text(text)
    found = imported(tmp_path / "x", "mine.json")
    assert (found["program"], found["preset"]) == ("disco", None)
    assert found["settings"] == {
        "prompt": "a red star, at night",
        "steps": 30,
        "clamp_max": "[0.1]*500+[0.2]*500",
    }


def test_values_that_only_another_program_has_are_of_that(tmp_path: Path):
    (tmp_path / "x").write_text('{"animation_mode": "2D", "steps": 30, "max_frames": 4, "clip_guidance_scale": 1000}')
    assert imported(tmp_path / "x", "x")["preset"] == "disco57"


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"import os", b"{", b"<html>", b"!!python/object/apply:os.system [ls]"]
)
def test_what_holds_no_settings_is_said_with_the_files_own_name(tmp_path: Path, content: bytes):
    (tmp_path / "temporary.txt").write_bytes(content)
    with pytest.raises(SettingsError) as error:
        imported(tmp_path / "temporary.txt", "mine.txt")
    assert "temporary" not in str(error.value)

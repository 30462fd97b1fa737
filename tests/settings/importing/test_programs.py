"""Which program wrote a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from disco.errors import SettingsError
from disco.settings.importing.formats import parsed
from disco.settings.importing.programs import flattened, program_of, version_of

ALL = {path.stem: path.read_text() for path in (Path(__file__).parent / "samples").iterdir()}
DISCO = json.loads(ALL["disco"])


def named(text: str) -> str:
    _, tree = parsed(text)
    shared, runs = flattened(tree)
    return program_of(shared | (flattened(runs[0])[0] if runs else {}), "a.txt").name


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ("disco", "Disco Diffusion 5.5 to 5.7"),
        ("progrock", "progrockdiffusion"),
        ("overlay", "progrockdiffusion"),
        ("discoart", "DiscoArt"),
        ("version1", "DiscoArt"),
        ("entmike", "entmike's fork of Disco Diffusion"),
        ("modified", "entmike's fork of Disco Diffusion"),
        ("chaos", "Visions of Chaos"),
        ("majesty", "majesty diffusion"),
        ("explorer", "progrockdiffusion"),
        ("queue", "Disco Diffusion 5.5 to 5.7"),
        ("toml", "Disco Diffusion"),
        ("command", "clip-guided-diffusion"),
        ("table", "DiscoArt"),
        ("pixelart", "Pixel Art Diffusion"),
        ("wrapped", "Disco Diffusion 5.5 to 5.7"),
    ],
)
def test_programs_are_known_by_their_keys(sample, name):
    assert named(ALL[sample]) == name


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({**DISCO, "style_strength_schedule": [0.7]}, "Stable WarpFusion"),
        ({"W": 512, "H": 512, "steps": 50, "seed": 1}, "Deforum"),
        ({"text_prompts": {}, "sds_mode": True}, "vector diffusion"),
        ({"controlnet_canny": {}}, "WarpFusion"),
        ({"name": "a", "version": 1}, "none of its keys are known"),
        ({"width": 5, "height": 6, "zoom": 2}, "none of its keys are known"),
    ],
)
def test_settings_of_another_kind_are_refused_in_one_line(keys, words):
    with pytest.raises(SettingsError, match=words) as error:
        named(json.dumps(keys))
    assert re.match(r"a\.txt: [^\n]+$", str(error.value))


def test_versions_of_disco_diffusion():
    later = {**DISCO, "cut_ic_pow": 5}
    assert version_of(later) == "Disco Diffusion 5.3"
    assert version_of({**later, "video_init_flow_warp": True}) == "Disco Diffusion 5.4"
    del later["ViTL14_336px"]
    assert version_of(later) == "Disco Diffusion 5.1 or 5.2"
    assert version_of({"skip_timesteps": 5}) == "Disco Diffusion 3"
    assert version_of({"sharpen_preset": "Off", "skip_steps": 1}) == "Disco Diffusion 4.1"


def test_settings_are_found_in_what_is_wrapped_round_them():
    assert flattened({"input": {"settings": {"steps": 5, "text_prompts": {"0": []}}}, "id": 3}) == (
        {"steps": 5, "text_prompts": {"0": []}, "id": 3},
        [],
    )
    assert flattened({"a": 1, "queue": [{"eta": 1}, {"eta": 2}]}) == ({"a": 1}, [{"eta": 1}, {"eta": 2}])

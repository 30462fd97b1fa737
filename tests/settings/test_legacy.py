"""Disco's own names come out as the settings that they stand for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.models import catalog
from disco.settings.config import load, specs
from disco.settings.legacy import OTHER_NAMES, SWITCHES, is_legacy, translated
from disco.settings.overrides import from_python


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"text_prompts": {0: ["a, b", "night:-0.3"]}}, {"prompts": ["a, b", "night:-0.3"]}),
        ({"text_prompts": {"0": "a red star"}}, {"prompt": "a red star"}),
        ({"text_prompts": ["a red star"]}, {"prompts": ["a red star"]}),
        ({"text_prompts": "a: b"}, {"prompt": "a: b"}),
        ({"set_seed": "random_seed"}, {"seed": "random"}),
        ({"set_seed": "17"}, {"seed": 17}),
        ({"set_seed": 17}, {"seed": 17}),
        ({"width_height": [1280, 768]}, {"width": 1280, "height": 768}),
        ({"width_height": (512, 448)}, {"width": 512, "height": 448}),
        ({"width_height": "512x448"}, {"width": 512, "height": 448}),
        ({"use_checkpoint": True}, {"checkpointing": "on"}),
        ({"use_checkpoint": False}, {"checkpointing": "off"}),
        ({"check_model_SHA": False}, {}),
        ({"video_init_steps": 60, "video_init_frames_skip_steps": "80%"}, {"steps": 60, "frames_skip_steps": "80%"}),
        ({"tensorboard": True}, {"track": ["tensorboard"]}),
        ({"output.tensorboard": False}, {"track": []}),
    ],
)
def test_values_of_other_names(given: dict[str, Any], ours: dict[str, Any]) -> None:
    assert translated(given, tuple) == ours
    load(from_python(ours))  # which takes them


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text_prompts": {0: ["a"], 100: ["b"]}}, "2 sets of prompts for the frames 0, 100, but a picture takes one"),
        ({"text_prompts": {}}, "text_prompts holds 0 sets"),
        ({"text_prompts": [1]}, r"text_prompts is \[1\], but must hold texts, such as"),
        ({"text_prompts": 5}, "text_prompts is 5, but must hold texts"),
        ({"width_height": [1280]}, r"width_height is \[1280\], but must be width and height, such as"),
        ({"width_height": 64}, "width_height is 64"),
        ({"check_model_SHA": "yes"}, "check_model_SHA is 'yes', but must be true or false"),
        ({"tensorboard": "runs"}, "tensorboard is 'runs', but must be true or false"),
        ({"use_checkpoint": 1}, "use_checkpoint is 1, but must be true or false"),
        ({"RN50": "true,false"}, r"RN50 is 'true,false', but .*; to compare several sets, write clip_models="),
    ],
)
def test_values_that_a_name_does_not_take(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        translated(given, tuple)


def test_every_switch_is_a_perceptor_and_no_name_is_ours() -> None:
    for name, perceptor in SWITCHES.items():
        assert catalog.perceptor(perceptor).guides and is_legacy(name)
    assert not {*SWITCHES, *OTHER_NAMES} & set(specs())


@given(st.dictionaries(st.sampled_from(sorted(SWITCHES)), st.booleans(), min_size=1), st.booleans())
def test_switches_change_the_set_that_is_there(switched: dict[str, bool], preset: bool) -> None:
    """As sets, by Disco's rule: a model is on that is switched on, or was on and is not switched off."""
    before = ("ViT-B/32", "ViT-B/16", "RN50", "embedded_vit") if preset else ()
    on = {SWITCHES[name] for name, value in switched.items() if value}
    off = {SWITCHES[name] for name, value in switched.items() if not value} - on
    expected = (on | set(before) - {"embedded_vit"}) - off
    if not expected and preset:
        with pytest.raises(SettingsError, match="no CLIP model is left on"):
            translated(switched, lambda: before)
        return
    found = translated(switched, lambda: before).get("clip_models", [])
    assert set(found) == expected and len(found) == len(expected)
    assert [name for name in before if name in expected] == found[: len(set(before) & expected)]

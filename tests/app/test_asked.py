"""What a page asks for: words that say the same, and nothing that leads out of the folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco.app.asked import CHECKED, PLAIN, Asked, check_paths, read_asked
from disco.app.refusal import Refusal
from disco.cli.line import read_line
from disco.errors import SettingsError
from disco.settings.config import load, specs, value_of
from disco.settings.overrides import from_arguments, quoted


def asked(settings=None, preset=None, axes=None) -> Asked:
    return read_asked({"preset": preset, "settings": settings, "axes": axes})


def loaded(settings):
    return load(from_arguments(asked(settings).words))


@pytest.mark.parametrize(
    "name, given, meant",
    [
        ("prompt", 'a "red" star, ${oc.env:HOME} = {x}', 'a "red" star, ${oc.env:HOME} = {x}'),
        ("prompt", "steps=50", "steps=50"),
        ("prompt", "-m", "-m"),
        ("clamp_max", "0.1", 0.1),
        ("clamp_max", 0.1, 0.1),
        ("cut_overview", "[12]*400+[4]*600", "[12]*400+[4]*600"),
        ("clip_models", ["embedded_vit"], ("embedded_vit",)),
        ("clip_models", "[embedded_vit,embedded_resnet]", ("embedded_vit", "embedded_resnet")),
        ("init_image", "it's, a (1).png", "it's, a (1).png"),
        ("init_image", "${oc.env:HOME}", "${oc.env:HOME}"),
        ("init_image", "null", "null"),
        ("init_image", None, None),
        ("perceptor_weights", {"embedded_vit": 2}, {"embedded_vit": 2}),
        ("skip_steps", "4%", "4%"),
        ("fuzzy_prompt", "true", True),
        ("fuzzy_prompt", True, True),
        ("animation_prompts", {"0": "a, b", "4": "c: d"}, {"0": "a, b", "4": "c: d"}),
        ("prompts", ["a star:2", "a, boat"], ["a star:2", "a, boat"]),
        ("extend", "left=64 top=25%", "left=64 top=25%"),
    ],
)
def test_settings_arrive_as_they_were_sent(name, given, meant):
    found = value_of(loaded({name: given}), name)
    assert found == meant or list(found) == list(meant)


@settings(max_examples=40)
@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_prompt_is_a_prompt(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    words = asked({"prompt": text}).words
    assert load(from_arguments(words)).prompt == text
    assert shlex.split(shlex.join(words)) == words


@pytest.mark.parametrize(
    "said",
    [
        {"settings": {"hydra.run.dir": "/tmp/x"}},
        {"settings": {"hydra": {"_target_": "os.system"}}},
        {"settings": {"++x": 1}},
        {"settings": {"_target_": "os.system"}},
        {"settings": {"study": "claims"}},
        {"axes": {"preset": "default,disco57"}},
        {"axes": {"hydra.sweeper.params": "x"}},
    ],
)
def test_only_settings_can_be_named(said):
    with pytest.raises(SettingsError, match="there is no setting"):
        read_asked(said)


@pytest.mark.parametrize("preset", ["/etc/passwd", "../default", "default.yaml", 3, ["default"], {"a": 1}, "none"])
def test_only_presets_that_exist_can_be_chosen(preset):
    with pytest.raises(Refusal, match="there is no preset"):
        asked(preset=preset)


@pytest.mark.parametrize(
    "settings",
    [
        {"clamp_max": "${oc.env:HOME}"},
        {"seed": "${hydra:runtime.cwd}"},
        {"seed": r"$\{oc.env:HOME\}"},
        {"prompts": "['${oc.env:HOME}']"},
        {"image_prompts": r"[$\{oc.env:HOME\}]"},
    ],
)
def test_no_text_is_looked_up_elsewhere(settings):
    with pytest.raises(Refusal, match="does not take"):
        asked(settings).words  # noqa: B018


def test_axes_become_a_multirun():
    words = asked({"prompt": "x", "steps": 3}, axes={"clamp_max": "0.1,0.2", "prompt": ["a, b", "c"]}).words
    assert words[0] == "-m"
    assert words[1:] == ["steps=3", "clamp_max=0.1,0.2", 'prompt="a, b","c"']


@pytest.mark.parametrize("prompt", ['"a","b"', "'a', 'b'", "x", "seed=3", "--", "-m"])
def test_the_prompt_of_a_study_is_one(prompt):
    found = asked({"prompt": prompt}, axes={"seed": "0,1"})
    assert found.words[-2:] == ["--", prompt]
    assert [each for each in found.overrides if "prompt" in each] == [f"prompt={quoted(prompt, 'prompt')}"]
    line = read_line(found.words)
    assert line.multirun and line.texts == [prompt]


@pytest.mark.parametrize("axes", [{"seed": []}, {"seed": ""}, {"seed": 3}, {"folder": "a,b"}, {"batch_name": "a,b"}])
def test_axes_without_values_and_of_folders_are_refused(axes):
    with pytest.raises(Refusal):
        asked(axes=axes).words  # noqa: B018


# Paths


#: A value that leads out of the folder for every setting that may hold a path or weights.
OUTSIDE = {
    **dict.fromkeys(("init_image", "mask", "previous_frame", "noise_order", "video_init_path"), "/etc/passwd"),
    "image_prompts": ["inside.png", "../x.png:0.5"],
    "wildcards": ["inside", "/etc"],
    "concepts": "/etc",
    "depth": "/etc/passwd",
    "by_frame": {"image_prompts": {"0": ["inside.png"], "4": ["../x.png"]}},
    "diffusion_model": "/models/x.safetensors",
    "secondary_model": "x/y.pth",
    "clip_models": ["/models/clip.pt"],
    "critics": ["/models/head.pth"],
    "flow_model": "/models/raft.pth",
    "batch_name": "../elsewhere",
    "folder": "/elsewhere",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_paths_outside_are_refused(name, tmp_path):
    settings = loaded({name: OUTSIDE[name]})
    if name == "folder":  # the app's own is said in its place
        assert value_of(settings, "folder") == value_of(load([]), "folder")
        return
    with pytest.raises(Refusal) as refusal:
        check_paths(settings, tmp_path)
    assert refusal.value.setting == name


@pytest.mark.parametrize("name", ["init_image", "mask", "image_prompts", "previous_frame", "video_init_path"])
@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x.png", "HTTPS://example.org/x.png"])
def test_addresses_are_not_fetched(name, address, tmp_path):
    with pytest.raises(Refusal, match="address"):
        check_paths(loaded({name: [address] if name == "image_prompts" else address}), tmp_path)


def test_what_lies_inside_is_taken(tmp_path):
    (tmp_path / "uploads").mkdir()
    inner = {"init_image": "uploads/x.png", "mask": "alpha", "image_prompts": [f"{tmp_path}/uploads/y.png:0.5"]}
    check_paths(loaded(inner), tmp_path)
    check_paths(loaded({"depth": "depth_anything", "wildcards": None, "concepts": None}), tmp_path)
    check_paths(load([]), tmp_path)


def test_a_folder_of_networks_is_refused(tmp_path):
    (tmp_path / "network").mkdir()
    with pytest.raises(Refusal, match="depth"):
        check_paths(loaded({"depth": "network"}), tmp_path)


def test_links_out_of_a_folder_of_wildcards_are_refused(tmp_path):
    place = tmp_path / "runs"
    (place / "wildcards").mkdir(parents=True)
    check_paths(load([]), place)
    (place / "wildcards" / "words.txt").symlink_to("/etc/passwd")
    with pytest.raises(Refusal, match="wildcards"):
        check_paths(load([]), place)


def test_a_batch_is_a_folder_inside(tmp_path):
    (tmp_path / "out").symlink_to(Path("/"))
    for name in ("out", ".hidden", "a/b", "..", ""):
        with pytest.raises(Refusal, match="batch_name"):
            check_paths(loaded({"batch_name": name}), tmp_path)
    check_paths(loaded({"batch_name": "my pictures"}), tmp_path)


def test_every_setting_is_known_to_hold_paths_or_none():
    """A new setting that is a text, a list or anything must be said to be harmless, or be checked."""
    may_hold_paths = {
        spec.name
        for spec in specs().values()
        if spec.type not in (bool, int, float) and not spec.choices and not (spec.timed and spec.type is not dict)
        if not spec.keyframes
    }
    timed_mappings = {"perceptor_weights", "critic_weights"}
    assert may_hold_paths | timed_mappings == PLAIN | CHECKED
    assert not PLAIN & CHECKED
    assert OUTSIDE.keys() == CHECKED

"""Whole files: what they come to, and 10,000 damaged ones.

    HYPOTHESIS_PROFILE=nightly DISCO_SETTINGS_FILES=FOLDER python -m pytest tests/settings/importing/test_imports.py

changes the files of a folder of yours as well.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given

from disco.errors import SettingsError
from disco.settings.compose import load
from disco.settings.convert import from_dict, to_dict, with_values
from disco.settings.importing.imports import Imported, import_settings
from disco.settings.importing.report import report
from disco.settings.importing.writing import preset_text, study_text
from support.damaged import damaged_files, odd_files, sample_files, trees_in

#: Files in the shapes that the programs write, by a name for each kind.
ALL = {path.stem: path.read_bytes().decode() for path in sorted((Path(__file__).parent / "samples").iterdir())}
DISCO, PROGROCK, EXPLORER = (json.loads(ALL[name]) for name in ("disco", "progrock", "explorer"))
#: The catalog's diffusion models that they name, with their sizes.
UNETS = {
    "512x512_diffusion_uncond_finetune_008100": 512,
    "256x256_diffusion_uncond": 256,
    "pixelartdiffusion_expanded": 256,
}


def imported(folder: Path, text: str | bytes) -> Imported:
    path = folder / "settings.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_settings(path, UNETS)


def fates(found: Imported) -> dict[str, str]:
    return {entry.key: entry.verdict for entry in found.entries}


@pytest.mark.parametrize("sample", ALL)
def test_every_key_is_told_of_and_the_schema_takes_all(tmp_path, sample):
    found = imported(tmp_path, ALL[sample])
    base = load([f"preset={found.base}"])
    for run in found.runs:
        from_dict(to_dict(with_values(base, run)))
    assert not [entry for entry in found.entries if entry.verdict in ("unknown", "not readable")]
    if sample in ("disco", "pixelart", "queue"):
        assert set(fates(found)) >= set(DISCO)


def test_disco_diffusion(tmp_path):
    found = imported(tmp_path, ALL["disco"])
    (run,) = found.runs
    assert run["prompts"] == ["a red star over the sea:2", "night:-0.5"] and found.base == "disco57"
    assert (run["seed"], run["steps"], run["skip_steps"], run["eta"]) == (31415926, 240, 12, 0.6)
    assert (run["width"], run["height"], run["clamp_max"]) == (896, 512, 0.08)
    assert run["clip_models"] == ["ViT-B/32", "RN101"] and run["range_scale"] == 0 and run["init_loss"] == "lpips"
    assert fates(found)["range_scale"] == "changed" and fates(found)["diffusion_steps"] == "bookkeeping of the program"
    assert fates(found)["turbo_mode"].endswith("does not change")


def test_progrockdiffusion(tmp_path):
    found = imported(tmp_path, ALL["progrock"])
    (run,) = found.runs
    assert (run["eta"], run["clamp_max"], run["clip_guidance_scale"]) == (0.75, 0.05, 7277)  # its documented example
    assert list(run["prompts"]) == ["0%", f"{100 * 50 / 245:.6g}%"] and run["skip_end_steps"] == 5
    assert run["clip_models"] == ["ViT-B/32", "ViT-B/16", "ViT-L/14"] and "perceptor_weights" not in run
    assert run["cut_ic_pow"] == "interp([1]*999+[20])" and run["diffusion_sampling_mode"] == "plms"
    assert (run["symmetry_axis"], run["symmetry_loss_scale"], run["symmetry_switch"]) == ("horizontal", 20000, 46)
    assert fates(found)["fix_brightness_contrast"].endswith("picture changes")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steps": 40}, {"eta": 0, "clamp_max": 0.0125}),
        ({"steps": 400, "use_secondary_model": False}, {"eta": 1, "clamp_max": 0.15}),
        ({"width": 256, "height": 256}, {"clip_guidance_scale": 2500}),
        ({"width": 2048, "height": 2048}, {"clip_guidance_scale": 50000}),
        ({"perlin_init": True}, {"skip_steps": 100}),
        ({"perlin_init": True, "skip_steps_ratio": 7}, {"skip_steps": 82}),
        ({"skip_steps": 30, "perlin_init": True}, {"skip_steps": 30}),
        ({"symmetry_loss_h": True}, {"symmetry_axis": "both"}),
        ({"symmetry_loss_h": True, "symmetry_loss_v": False}, {"symmetry_axis": "vertical"}),
        ({"init_image": "a.png", "perlin_init": True}, {"perlin_init": False, "init_image": "a.png"}),
        ({"width_height_scale": 2}, {"width": 1664, "height": 1024}),
        ({"cutn_batches_final": "None", "cutn_batches": 3}, {"cutn_batches": 3}),
    ],
)
def test_what_progrockdiffusion_works_out(tmp_path, changes, expected):
    run = imported(tmp_path, json.dumps(PROGROCK | changes)).runs[0]
    assert {name: run[name] for name in expected} == expected


def test_prompts_of_several_pictures_are_a_study(tmp_path):
    found = imported(tmp_path, json.dumps({**PROGROCK, "text_prompts": {"0": ["a"], "1": ["b", "c"]}}))
    assert found.axes == {"prompts": [["a"], ["b", "c"]]} and found.runs[0]["seed"] == 0 and found.is_study


def test_a_mask_of_where_to_draw(tmp_path):
    run = imported(tmp_path, ALL["drawn"]).runs[0]
    assert (run["init_image"], run["mask"], run["mask_view"]) == ("sketch.png", "masks/mask.png", "whole")
    assert run["paste"] is True
    found = imported(tmp_path, ALL["drawn"].replace('"sketch.png"', "null"))
    assert "mask" not in found.runs[0] and fates(found)["render_mask"].endswith("picture changes")


def test_discoart(tmp_path):
    found = imported(tmp_path, ALL["discoart"])
    (run,) = found.runs
    weights = [5, 3, -1]
    pull = 6000 * sum(weights) / sum(weight**2 for weight in weights) ** 0.5
    assert run["clip_guidance_scale"] == pytest.approx(pull, rel=1e-5)
    assert run["cut_overview"].startswith("[14]*200") and run["cut_ic_pow"] == 3  # its own wins over the group's
    assert run["perceptor_weights"] == {"RN50": "[1]*400+[0]*600"} and run["range_scale"] == 300
    assert run["intermediate_saves"] == [40, 80, 120, 160] and (run["video"], run["fps"]) == ("gif", 20)
    assert run["truncate_prompts"] is True and run["seed"] == "random" and run["skip_steps"] == 0
    older = imported(
        tmp_path, ALL["discoart"] + "fuzzy_prompt: false\n"
    )  # before it divided by the root of the squares
    assert older.runs[0]["clip_guidance_scale"] == 6000


def test_multipliers_and_modifiers(tmp_path):
    found = imported(tmp_path, ALL["entmike"])
    assert found.axes == {"clip_guidance_scale": [500, 1000], "cut_ic_pow": [1, 5, 10]} and len(found.runs) == 1
    found = imported(tmp_path, ALL["modified"])
    assert [run["clip_guidance_scale"] for run in found.runs] == [500, 900] and not found.axes
    assert found.runs[0]["tv_scale"] == 10 and "tv_scale" not in found.runs[1]
    pairs = imported(tmp_path, ALL["entmike"].replace("cut_ic_pow: [1, 5, 10]", "width_height: [[64, 64], [128, 96]]"))
    assert [(run["width"], run["height"], run["clip_guidance_scale"]) for run in pairs.runs] == [
        *((64, 64, 500), (128, 96, 500), (64, 64, 1000), (128, 96, 1000))
    ]


def test_ranges(tmp_path):
    found = imported(tmp_path, ALL["explorer"])
    assert [(run["steps"], run["skip_augs"]) for run in found.runs[:3]] == [(10, False), (20, False), (30, True)]
    assert [run["tv_scale"] for run in found.runs[3:]] == [0.5, 1.5]
    one = {"settings": [EXPLORER["settings"][1]]}
    assert imported(tmp_path, json.dumps(one)).axes == {"tv_scale": [0.5, 1.5]}


def test_a_queue_and_a_list_of_prompts(tmp_path):
    found = imported(tmp_path, ALL["queue"])
    assert [(run["seed"], run["eta"]) for run in found.runs] == [(1, 0.6), (2, 0.1)]
    memes = {
        "defaults": {"steps": 50, "ViTB32": True},
        "common_prompts": ["oil on canvas"],
        "memes": [{"prompt": "a cat"}, {"prompt": "a dog", "overrides": {"steps": 70}}],
    }
    found = imported(tmp_path, json.dumps(memes))
    assert [(run["steps"], run["prompts"]) for run in found.runs] == [
        (50, ["a cat", "oil on canvas"]),
        (70, ["a dog", "oil on canvas"]),
    ]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("cut_overview", "np.linspace(0, 1, 1000)", "it calls np.linspace"),
        ("eta", "fast", "it cannot be read as a schedule"),
        ("seed", -5, "must be a number from 0"),
        ("text_prompts", {"first": ["a"]}, "numbers of frames"),
        ("width_height", [1, 2, 3], "width and height"),
        ("clip_denoised", "maybe", "true or false"),
        ("skip_steps", 500, "below the steps"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_its_key(tmp_path, key, value, words):
    found = imported(tmp_path, json.dumps({"steps": 240, "ViTB32": True, **{key: value}}, indent=1))
    (entry,) = [entry for entry in found.entries if entry.verdict == "not readable"]
    assert words in entry.said and f"settings.txt, line 4: {key}: " in entry.said
    assert key not in found.runs[0]


@pytest.mark.parametrize(
    ("key", "value", "name", "expected"),
    [
        ("set_seed", "123", "seed", 123),
        ("seed", None, "seed", "random"),
        ("seed", -1, "seed", "random"),
        ("steps", 2000, "steps", 1000),
        ("steps", "75", "steps", 75),
        ("skip_steps", True, "skip_steps", 1),
        ("n_batches", True, "n_batches", 1),
        ("n_batches", 0, "n_batches", 1),
        ("init_image", "init\\a.jpg", "init_image", "init/a.jpg"),
        ("init_image", "None", "init_image", None),
        ("perlin_mode", "colored", "perlin_mode", "mixed"),
        ("transformation_percent", "0.09", "transformation_percent", [0.09]),
        ("transformation_steps", [0, 0.5], "transformation_percent", [0.5]),
        ("intermediate_saves", [0.5, 10, 900], "intermediate_saves", ["50%", 10]),
        ("intermediate_saves", False, "intermediate_saves", 0),
        ("sampling_mode", "plms", "diffusion_sampling_mode", "plms"),
        ("image_prompts", {"0": ["a.png:2"]}, "image_prompts", ["a.png:2"]),
        ("image_prompts", {}, "image_prompts", []),
        ("useCPU", True, "device", "cpu"),
        ("use_checkpoint", False, "checkpointing", "off"),
        ("diffusion_model", "PADexpanded", "diffusion_model", "pixelartdiffusion_expanded"),
        ("cutn_batches", 0, "clip_guidance_scale", 0),
        ("batch_name", "a/b", "batch_name", "a_b"),
        ("width_height_for_512x512_models", [640, 384], "width", 640),
        ("tv_scale", "300", "tv_scale", 300),
        ("skip_timesteps", 20, "skip_steps", 20),
        ("ViTL14_336", "1", "clip_models", ["ViT-B/32", "ViT-B/16", "RN50", "ViT-L/14@336px"]),
    ],
)
def test_keys_of_disco_diffusion_and_its_forks(tmp_path, key, value, name, expected):
    run = imported(tmp_path, json.dumps({"text_prompts": {"0": ["a"]}, "turbo_steps": "3", key: value})).runs[0]
    assert run[name] == expected


def test_a_models_own_schedules_hold_where_the_file_chooses_it(tmp_path):
    given = {**DISCO, "watercolor_cut_overview": "[9]*1000", "pad_or_pulp_cut_overview": "[7]*1000"}
    assert imported(tmp_path, json.dumps(given)).runs[0]["cut_overview"] == DISCO["cut_overview"]
    given["diffusion_model"] = "pixelartdiffusion_expanded"
    assert imported(tmp_path, json.dumps(given)).runs[0]["cut_overview"] == "[7]*1000"


def test_an_unknown_model_is_told_with_the_command_that_imports_it(tmp_path):
    given = {**DISCO, "diffusion_model": "custom", "custom_path": "/m/own.pt", "custom_model_num_channels": 128}
    found = imported(tmp_path, json.dumps(given))
    (entry,) = [entry for entry in found.entries if entry.key == "diffusion_model"]
    assert entry.verdict.endswith("picture changes") and "diffusion_model" not in found.runs[0]
    assert "disco models import '/m/own.pt' NAME num_channels=128" in entry.said


def test_two_names_of_one_network_are_taken_once(tmp_path):
    given = {**DISCO, "RN50_yffcc15m": True, "RN50_quickgelu_yfcc15m": True}
    found = imported(tmp_path, json.dumps(given))
    assert found.runs[0]["clip_models"].count("RN50:yfcc15m") == 1 and "two names" in " ".join(found.notes)


def test_secrets_are_not_shown(tmp_path):
    found = imported(tmp_path, ALL["entmike"] + "my_token: 0123456789abcdef\n")
    said = report(found) + preset_text(found.runs[0], found.base, [])
    assert "8f7d6a5b4c3d2e1f" not in said and "0123456789abcdef" not in said
    assert "twilio_auth_token" in said and "my_token" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [("- steps=50\n- model.width=64\n", "overrides of a command line; type them"), ("- a\n- b\n", "a list of values")],
)
def test_lists_of_texts_are_told(tmp_path, text, words):
    with pytest.raises(SettingsError, match=words):
        imported(tmp_path, text)


def test_a_name_with_two_values_is_told(tmp_path):
    found = imported(tmp_path, ALL["disco"].replace('"eta"', '"steps": 5, "eta"', 1))
    assert "steps stands twice in the file with different values; the last counts" in found.notes


def test_a_description_of_settings_is_no_settings_file(tmp_path):
    schema = {key: {"type": "string", "title": key} for key in DISCO}
    with pytest.raises(SettingsError, match="more than can be read") as error:
        imported(tmp_path, json.dumps(schema))
    assert "\n" not in str(error.value)


def test_a_preset_of_disco_needs_no_import(tmp_path):
    with pytest.raises(SettingsError, match="disco's own settings already"):
        imported(tmp_path, preset_text(imported(tmp_path, ALL["disco"]).runs[0], "disco57", []))


# Damaged files

FOLDER = os.environ.get("DISCO_SETTINGS_FILES")
FILES = sample_files() + (
    [path.read_bytes() for path in sorted(Path(FOLDER).iterdir()) if path.is_file()] if FOLDER else []
)


@given(damaged_files(FILES))
def test_a_damaged_file_is_a_preset_or_one_line(tmp_path_factory, content):
    becomes_a_preset_or_one_line(tmp_path_factory.getbasetemp(), content)


@given(odd_files(trees_in(FILES)))
def test_values_of_any_kind_are_a_preset_or_one_line(tmp_path_factory, content):
    becomes_a_preset_or_one_line(tmp_path_factory.getbasetemp(), content)


def becomes_a_preset_or_one_line(folder: Path, content: bytes) -> None:
    try:
        found = imported(folder, content)
    except SettingsError as error:
        assert str(error).strip() and "\n" not in str(error) and len(str(error)) < 3000
        return
    base = load_once(found.base)
    for run in found.runs[:3]:
        from_dict(to_dict(with_values(base, run)))
        preset_text(run, found.base, []).encode()
    said = report(found)
    assert all(sign.isprintable() or sign == "\n" for sign in said) and said.encode()
    if found.is_study:
        study_text(found, ["a"], []).encode()


def load_once(base: str, known: dict = {}):  # noqa: B006
    if base not in known:
        known[base] = load([f"preset={base}"])
    return known[base]

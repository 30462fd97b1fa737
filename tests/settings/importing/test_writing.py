"""Presets and studies as files: read back by Hydra they are what was imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco.settings.compose import load
from disco.settings.importing.imports import Imported
from disco.settings.importing.writing import name_for, preset_text, write
from disco.settings.overrides import from_python

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DISCO_CONFIG", str(tmp_path / "settings"))
    return tmp_path / "settings"


def an_import(*runs, path="a file (1).txt", **given) -> Imported:
    return Imported(path, "Disco", "disco57", runs, **({"axes": {}, "entries": (), "assumed": (), "notes": ()} | given))


RUN = {
    "prompts": ["a red star: at 5:30", "'quoted' \"and\" #not a comment", "${oc.env:HOME} ${x}", "\\${y} 日本", "???"],
    "clip_guidance_scale": "[12]*400+[4]*600",
    "perceptor_weights": {"ViT-B/32": "[1]*500+[0]*500"},
    "init_image": None,
    "checkpointing": "off",
    "batch_name": "null",
    "transformation_percent": [0.25],
    "intermediate_saves": ["50%", 10],
    "seed": 2**40,
}


@pytest.mark.parametrize("by_path", [False, True])
def test_a_preset_is_read_back_by_its_name_and_by_its_path(folder, by_path):
    written = write(an_import(RUN))
    assert written.path == folder / "preset" / "a-file-1.yaml" and (written.kind, written.name) == (
        "preset",
        "a-file-1",
    )
    settings = load(from_python({"preset": str(written.path) if by_path else written.name}))
    assert list(settings.prompts) == RUN["prompts"] and settings.seed == 2**40
    assert settings.guidance.clip_guidance_scale == "[12]*400+[4]*600"
    assert settings.perceptors.perceptor_weights == RUN["perceptor_weights"]
    assert settings.machine.checkpointing == "off" and settings.output.batch_name == "null"
    assert settings.sampler.steps == 250 and settings.model.width == 1280  # of the preset that it builds upon


# Many texts a file: to have Hydra read one takes longer than all that is in it.
@settings(max_examples=settings().max_examples // 5)
@given(st.lists(TEXTS, min_size=5, max_size=25))
def test_any_text_is_read_back(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "texts.yaml"
    path.write_text(preset_text({"prompts": texts}, "default", ["a comment"]), encoding="utf-8", newline="")
    assert list(load(from_python({"preset": str(path)})).prompts) == texts


def test_nothing_is_overwritten_and_nothing_written_twice(folder):
    first, again = write(an_import({"seed": 1})), write(an_import({"seed": 1}))
    other = write(an_import({"seed": 2}))
    assert again == first and other.name == "a-file-1-2"
    assert len(list((folder / "preset").iterdir())) == 2
    assert load(["preset=a-file-1"]).seed == 1 and load(["preset=a-file-1-2"]).seed == 2


def test_several_runs_are_a_study_of_presets(folder):
    written = write(an_import({"seed": 1}, {"seed": 2}, path="queue.json"))
    assert written.kind == "study" and [path.stem for path in written.presets] == ["queue-run1", "queue-run2"]
    assert "preset:\n      - queue-run1\n      - queue-run2" in written.path.read_text()


def test_axes_are_a_study_over_one_preset(folder):
    written = write(an_import({"seed": 1}, axes={"prompts": [["a"], ["${b}"]], "eta": [0, 1]}))
    text = written.path.read_text()
    assert "override /preset: a-file-1" in text and "\\${b}" in text and len(written.presets) == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("TimeToDisco(0)_settings.txt", "TimeToDisco-0_settings"),
        ("/a/b/p.q.json", "p-q"),
        ("disco57.yaml", "disco57-imported"),
        ("null", "imported-null"),
        ("日本.txt", "imported"),
        ("12.txt", "imported-12"),
        (".settings", "settings"),
        ("a" * 200 + ".txt", "a" * 60),
    ],
)
def test_names(folder, path, name):
    assert name_for(path) == name

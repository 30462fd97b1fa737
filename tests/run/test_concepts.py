"""Runs with concepts: what they render, what their record says, and that they are told a concept that changed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from disco.cli.main import main
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.networks.clip import load_perceptor, tokenizer
from disco.run.api import render, resume
from support.concepts import vectors_for, write_concept
from support.toy_runs import TINY

ONE = ("embedded_vit",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models" / "concepts"


def pixels(run):
    return np.asarray(run.pictures[0].image)


def test_a_concept_of_a_known_words_vectors_renders_what_that_word_does(folder):
    model, words = load_perceptor(catalog.perceptor("embedded_vit"), "cpu").model, tokenizer(catalog.perceptor(*ONE))
    star = model.token_embedding.weight[words.encode(["star"])[0, 1]][None].numpy()
    write_concept(folder, "thing", {"embedded_vit": star})
    write_concept(folder, "other", vectors_for(ONE))
    by_name = {
        name: pixels(render(f"a red {name}", **TINY | {"steps": 4, "clip_guidance_scale": 20000}))
        for name in ("star", "<thing>", "<other>")
    }
    assert np.abs(by_name["star"].astype(int) - by_name["<thing>"]).max() <= 1
    assert np.abs(by_name["star"].astype(int) - by_name["<other>"]).max() > 1


def test_the_record_and_the_picture_say_which_and_replay_refuses_another(folder, tmp_path, capsys):
    path = write_concept(folder, "shell", vectors_for(ONE))
    run = render("a <shell>", folder="first", keep_inputs=True, **TINY)
    (entry,) = json.loads((tmp_path / "first" / "run.json").read_text())["inputs"]
    assert (entry["setting"], entry["given"], entry["path"]) == ("concepts", "shell", str(path))
    kept = tmp_path / "first" / entry["kept"]
    assert kept.read_bytes() == path.read_bytes()

    shutil.copy(run.pictures[0].path, tmp_path / "alone.png")
    write_concept(folder, "shell", vectors_for(ONE, seed=1))
    assert main(["replay", "alone.png"]) == 2
    assert "<shell> was a concept of SHA-256" in capsys.readouterr().err
    assert main(["replay", "first/image_0.png"]) == 0  # which has its own beside it
    again = next((tmp_path / "runs").rglob("image_0.png"))
    from PIL import Image

    assert (np.asarray(Image.open(again)) == pixels(run)).all()


def test_a_run_does_not_go_on_with_another_concept(folder, tmp_path):
    write_concept(folder, "shell", vectors_for(ONE))

    def stop(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render("a <shell>", folder="first", on_step=stop, **TINY)
    write_concept(folder, "shell", vectors_for(ONE, seed=1))
    with pytest.raises(SettingsError, match="cannot be resumed to the same picture, for <shell> is another concept"):
        resume("first")
    write_concept(folder, "shell", vectors_for(ONE))
    assert resume("first").pictures

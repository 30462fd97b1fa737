"""`disco.learn_concept`: what it writes, what it adds, what it refuses, and that it leaves nothing half done."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import disco
from disco.concepts import api, learning
from disco.errors import SettingsError
from disco.models.concepts import read_concept
from support.concepts import hashes_of, write_pictures

VIT, VIT8 = "embedded_vit", "embedded_vit8"
QUICK = {"updates": 2, "clip_models": [VIT8]}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / "concepts"


@pytest.fixture
def folder(tmp_path):
    return write_pictures(tmp_path / "discs")


def test_a_concept_says_of_what_and_how_it_was_learned(folder, home):
    learned = disco.learn_concept("disc", folder, tokens=3, seed=5, **QUICK)
    assert learned.path == home / "disc.safetensors" and learned.new == (VIT8,)
    found = read_concept(learned.path)
    assert found.tensors[VIT8].shape == (3, 96) and found.perceptors == hashes_of([VIT8])
    said = found.metadata
    hashes = [api.hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]
    assert said["pictures"] == hashes
    assert said["settings"] | {"seed": 5, "tokens": 3, "kind": "subject", "updates": 2} == said["settings"]
    assert said["figures"] == learned.figures and -1 < said["figures"][VIT8]["nearness"] < 1
    assert (found.metadata["name"], found.metadata["version"]) == ("disc", disco.__version__)


def test_the_same_seed_gives_the_same_file_and_another_does_not(folder, tmp_path):
    def data(place, seed):
        return disco.learn_concept("disc", folder, seed=seed, concepts=str(tmp_path / place), **QUICK).path.read_bytes()

    assert data("a", 0) == data("b", 0) != data("c", 1)


def test_perceptors_are_added_to_the_file_that_is_there(folder, home):
    first = disco.learn_concept("disc", folder, **QUICK).path.read_bytes()
    assert disco.learn_concept("disc", folder, **QUICK).new == ()
    assert (home / "disc.safetensors").read_bytes() == first
    both = disco.learn_concept("disc", folder, updates=2, clip_models=[VIT8, VIT])
    assert both.new == (VIT,) and set(both.figures) == {VIT, VIT8}
    found = read_concept(both.path)
    assert found.perceptors == hashes_of([VIT, VIT8])
    (home / "disc.safetensors").unlink()
    at_once = read_concept(disco.learn_concept("disc", folder, updates=2, clip_models=[VIT, VIT8]).path)
    assert at_once.data == found.data  # whoever else learned it


def test_another_concept_is_not_overwritten(folder, home):
    before = disco.learn_concept("disc", folder, **QUICK).path.read_bytes()
    with pytest.raises(SettingsError, match=r"is there already, learned from other settings \(kind=subject .*seed=0 "):
        disco.learn_concept("disc", folder, seed=1, **QUICK)
    Image.new("RGB", (8, 8)).save(folder / "more.png")
    with pytest.raises(SettingsError, match="is there already, learned from other pictures; take another name"):
        disco.learn_concept("disc", folder, **QUICK)
    assert (home / "disc.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["", "Disc", "a b", "a_b", "-a", "a--b", "<a>", "ä", "a/b", "a:2", ".", "x" * 41])
def test_names_with_odd_characters_are_refused(name, folder):
    with pytest.raises(SettingsError, match="cannot name a concept: small letters, digits"):
        disco.learn_concept(name, folder, **QUICK)


def test_a_word_that_is_known_is_refused(folder):
    with pytest.raises(SettingsError, match="'fox' is a word that the embedded perceptors know already.*my-fox"):
        disco.learn_concept("fox", folder, **QUICK)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "thing"}, "kind is 'thing', but must be one of subject, style"),
        ({"tokens": 0}, "tokens is 0, but must be a whole number from 1 to 16"),
        ({"tokens": 1.5}, "tokens is 1.5"),
        ({"updates": "many"}, "updates is 'many'"),
        ({"updates": True}, "updates is True"),
        ({"prior": -1}, "prior is -1, but must be a number from 0 to 100"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"concepts": None}, "concepts is null, but a concept is kept in a folder"),
        ({"clip_models": ["ViT-B/32"]}, "the weights are not in"),
    ],
)
def test_what_cannot_be_asked_is_refused(given, said, folder, home):
    with pytest.raises(SettingsError, match=said):
        disco.learn_concept("disc", folder, **{**QUICK, **given})
    assert not home.exists()


def test_a_folder_that_is_not_there_is_empty_or_holds_rubbish_is_refused(tmp_path, folder):
    with pytest.raises(SettingsError, match="nowhere is no folder"):
        disco.learn_concept("disc", tmp_path / "nowhere", **QUICK)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("none")
    with pytest.raises(SettingsError, match="empty holds no pictures"):
        disco.learn_concept("disc", tmp_path / "empty", **QUICK)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(SettingsError, match="broken.png"):
        disco.learn_concept("disc", folder, **QUICK)


def test_few_pictures_are_enough_but_told(tmp_path, home):
    notes = []
    asked = api.Asked("disc", write_pictures(tmp_path / "one", 1), updates=1)
    settings = api.load(api.from_python({"clip_models": [VIT8]}))
    api.learn_settings(asked, settings, quiet=True, say=notes.append)
    assert notes == [f"{tmp_path / 'one'} holds 1 picture; from 3 to 30 make a better concept"]


def test_an_interruption_leaves_nothing(folder, home, monkeypatch):
    updates = []

    def stop(*args):
        updates.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(learning.torch.optim.Adam, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        disco.learn_concept("disc", folder, **QUICK)
    assert updates and not home.exists()


def test_large_pictures_are_scaled_down():
    assert api.shrunk(Image.new("RGB", (2000, 1024))).size == (1000, 512)
    small = Image.new("RGB", (600, 300))
    assert api.shrunk(small) is small


def test_pictures_of_subfolders_count(folder):
    write_pictures(folder / "more", 1)
    assert [path.relative_to(folder) for path in api.read_pictures(folder)] == [
        *(Path(f"{number}.png") for number in range(3)),
        Path("more/0.png"),
    ]

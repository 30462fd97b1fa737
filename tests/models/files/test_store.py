"""Where weights are, which file is which, and what is said of those that are missing."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.files import store
from disco.models.files.weights import load_state
from disco.models.specs import BackboneSpec, WeightsFile
from support.published import CONTENT, OTHER, SHA256, fetch, left


def test_files_of_other_programs_are_found_and_left_alone(file, faults, models, tmp_path, monkeypatch):
    file = replace(file, addresses=(f"{faults.address}/published.safetensors", "hf://owner/repo/in/hub.safetensors"))
    snapshot = tmp_path / "hub" / "models--owner--repo" / "snapshots" / "abc"
    (snapshot / "in").mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    places = [
        tmp_path / "torch" / "hub" / "checkpoints" / "published.safetensors",
        tmp_path / "torch" / "hub" / "checkpoints" / "a.safetensors",
        tmp_path / "home" / ".cache" / "clip" / "a.safetensors",
        snapshot / "in" / "hub.safetensors",
    ]
    for place in places:
        assert store.find(file) is None
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(CONTENT)
        assert store.find(file) == fetch(file) == place
        load_state(place, SHA256)
        place.write_bytes(CONTENT[:-1])  # of another size: another file
        assert store.find(file) is None
        place.unlink()
    assert faults.asked == [] and left(models) == []


def test_the_models_folder_comes_first_and_a_wrong_file_elsewhere_is_not_taken_for_right(file, models, tmp_path):
    place = tmp_path / "home" / ".cache" / "torch" / "hub" / "checkpoints" / "a.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(OTHER)
    assert len(OTHER) == len(CONTENT)
    assert store.find(file) == place
    assert fetch(file) == store.find(file) == models / "a.safetensors"


def test_missing_weights_name_the_command_that_fetches_them(file, models):
    with pytest.raises(SettingsError, match="disco models fetch 'a name'; or put the published file there as a.safe"):
        store.weights_path(BackboneSpec("a name", file))
    with pytest.raises(SettingsError) as error:
        store.weights_path(BackboneSpec("a name", WeightsFile("a.pt")))
    assert "fetch" not in str(error.value) and str(models) in str(error.value)
    with pytest.raises(SettingsError, match="install disco again"):
        store.weights_path(BackboneSpec("a name", WeightsFile("a.pt", shipped=True)))
    with pytest.raises(SettingsError, match="install disco again"):
        fetch(WeightsFile("a.pt", shipped=True))


def test_a_file_of_another_length_is_refused_before_it_is_read(file, models, monkeypatch):
    spec = BackboneSpec("a name", file)
    place = models / file.name
    models.mkdir()
    place.write_bytes(CONTENT[:-1])
    monkeypatch.setattr(store, "sha256_of", None)
    for ask in (store.weights_path, lambda spec: store.check_here([spec])):
        with pytest.raises(SettingsError, match=f"{len(CONTENT) - 1} bytes instead of {len(CONTENT)}; disco models fe"):
            ask(spec)
    unhashed = replace(spec, weights=replace(file, sha256=None))
    assert store.weights_path(unhashed) == place, "a size without a hash is hearsay"
    place.write_bytes(CONTENT)
    assert store.weights_path(spec) == place


def test_all_that_is_missing_is_named_at_once(file, models):
    first, second, third = (BackboneSpec(name, replace(file, name=f"{name}.pt")) for name in ("a", "b c", "d"))
    unknown = BackboneSpec("e", WeightsFile("e.pt"))
    fetch(second.weights)
    with pytest.raises(SettingsError, match=r"^a, d, e: .*disco models fetch a d; .* there as a.pt, d.pt, e.pt, or"):
        store.check_here([first, second, third, unknown, first])
    store.check_here([second, catalog.unet("embedded")])


def test_a_default_run_leaves_nothing_in_the_models_folder(models):
    for spec in (*catalog.UNETS, *catalog.SECONDARIES, *catalog.PERCEPTORS):
        if spec.weights.shipped:
            load_state(store.weights_path(spec), spec.weights.sha256)
            assert fetch(spec.weights) == store.weights_path(spec)
    assert not models.exists()


def test_records_of_files_by_one_name_do_not_mix(models, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "WORTH_REMEMBERING", 1)
    models.mkdir()
    for folder, content in ((models, CONTENT), (tmp_path, OTHER)):
        (folder / "a.pt").write_bytes(content)
        assert store.hash_of(folder / "a.pt") == hashlib.sha256(content).hexdigest()
    assert store.record_of(models / "a.pt") != store.record_of(tmp_path / "a.pt")
    (models / "a.pt").write_bytes(OTHER)
    os.utime(models / "a.pt", (1, 1))
    assert store.hash_of(models / "a.pt") == hashlib.sha256(OTHER).hexdigest(), "it is another file by now"
    (models / "a.pt").write_bytes(CONTENT)
    for spoilt in ('{"found": ', "[1]", "1", ""):
        (models / "records" / "a.pt.json").write_text(spoilt)
        assert store.hash_of(models / "a.pt") == SHA256

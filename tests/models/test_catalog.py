"""The catalog answers with entries or with one clear line; files are verified."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from disco.errors import SettingsError
from disco.models import catalog, store, weights


@pytest.mark.parametrize(
    ("find", "typo", "near"),
    [
        (catalog.unet, "embeded", "embedded"),
        (catalog.unet, "512x512_diffusion_uncond", "512x512_diffusion_uncond_finetune_008100"),
        (catalog.secondary, "secondary_model", "secondary_model_imagenet_2"),
        (catalog.perceptor, "ViT-B32", "ViT-B/32"),
        (catalog.perceptor, "ViTB32_laion2b", "ViTB32_laion2b_e16"),
        (catalog.perceptor, "ViT-B-32:laion2b", "laion2b_s34b_b79k"),
        (catalog.perceptor, "VitB-32:laion2b_s34b_b79k", "ViT-B-32:laion2b_s34b_b79k"),
    ],
)
def test_a_wrong_name_is_answered_with_near_ones(find, typo, near):
    with pytest.raises(SettingsError, match=near):
        find(typo)


@pytest.mark.parametrize("spec", [*catalog.UNETS, *catalog.SECONDARIES, *catalog.PERCEPTORS], ids=lambda s: s.name)
def test_names_are_found(spec):
    find = {"UNetSpec": catalog.unet, "SecondarySpec": catalog.secondary, "PerceptorSpec": catalog.perceptor}
    assert find[type(spec).__name__](spec.name) == spec


def test_missing_weights_say_what_was_looked_for_where_and_how_to_supply_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    with pytest.raises(SettingsError) as error:
        store.weights_path(catalog.perceptor("ViT-B/32"))
    for part in ("ViT-B/32", str(tmp_path), "ViT-B-32.pt or ViT-B-32.safetensors", "DISCO_MODELS"):
        assert part in str(error.value)
    for name in ("ViT-B-32.safetensors", "ViT-B-32.pt"):  # the latter is preferred
        (tmp_path / name).touch()
        assert store.weights_path(catalog.perceptor("ViT-B/32")) == tmp_path / name


def test_embedded_files_are_the_recorded_ones_and_small():
    specs = (*catalog.UNETS, *catalog.SECONDARIES, *catalog.PERCEPTORS)
    files = {spec.weights.name: spec for spec in specs if spec.weights.shipped}
    total = 0
    for file, spec in files.items():
        path = store.weights_path(spec)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == spec.weights.sha256, file
        total += path.stat().st_size
    assert total <= 16e6


def test_a_state_is_read_from_safetensors_and_from_tensors_only_pickles(tmp_path):
    state = {"a": torch.arange(3.0)}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pt")
    for name in ("a.safetensors", "a.pt"):
        assert torch.equal(weights.load_state(tmp_path / name)["a"], state["a"])
    right = weights.sha256_of(tmp_path / "a.pt")
    assert weights.load_state(tmp_path / "a.pt", right)
    with pytest.raises(SettingsError, match="damaged or another file"):
        weights.load_state(tmp_path / "a.pt", "0" * 64)


class Harmful:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_file_with_code_or_rubbish_is_refused(tmp_path, capsys):
    torch.save({"a": Harmful()}, tmp_path / "code.pt")
    (tmp_path / "rubbish.pt").write_bytes(b"rubbish" * 100)
    (tmp_path / "rubbish.safetensors").write_bytes(b"rubbish" * 100)
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("code.pt", "rubbish.pt", "rubbish.safetensors", "list.pt", "missing.pt"):
        with pytest.raises(SettingsError, match=name):
            weights.load_state(tmp_path / name)
    assert "code ran" not in capsys.readouterr().out

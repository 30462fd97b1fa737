"""The catalog answers with entries or with one clear line."""

import hashlib

import pytest

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.files import store


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
    spec = catalog.perceptor("ViT-B/32")
    for form in reversed(spec.weights.forms):  # the first is preferred
        with (tmp_path / form.name).open("wb") as file:
            file.truncate(form.size or 0)
        assert store.weights_path(spec) == tmp_path / form.name


def test_embedded_files_are_the_recorded_ones_and_small():
    specs = (*catalog.UNETS, *catalog.SECONDARIES, *catalog.PERCEPTORS)
    files = {spec.weights.name: spec for spec in specs if spec.weights.shipped}
    total = 0
    for file, spec in files.items():
        path = store.weights_path(spec)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == spec.weights.sha256, file
        total += path.stat().st_size
    assert total <= 32e6

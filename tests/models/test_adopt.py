"""Files of the user's are recognised by hash or shapes, fit before they are taken, and never replace another."""

import hashlib
import json
import os
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from disco.errors import SettingsError
from disco.models import adopt as module
from disco.models import catalog
from disco.models.adopt import adopt
from disco.models.catalog import perceptors
from disco.models.catalog.flags import assumed
from disco.models.files import fetch, store
from disco.models.files.weights import load_state
from disco.models.networks.clip import build_clip
from disco.models.networks.unet import UNet, load_unet, state_for_file
from disco.models.specs import WeightsFile


@pytest.fixture(autouse=True)
def folder(models):
    return models


def small(**changes):
    """A UNet of guided-diffusion's kind, small, unknown to the catalog."""
    spec = catalog.unet("64x64_diffusion")
    return replace(
        spec, num_channels=32, channel_mult=(1, 2), num_res_blocks=1, num_classes=None, num_head_channels=16,
        attention_downsampling=(2,), use_new_attention_order=False, **changes,
    )  # fmt: skip


def saved(spec, path):
    torch.manual_seed(0)
    torch.save(UNet(spec).net.state_dict(), path)
    return path


def left(models):
    return sorted(path.name for path in models.glob("*") if path.is_file())


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file, and a catalog whose secondary model was published as that file."""
    path = tmp_path / "download (1).bin"
    torch.save({"state_dict": {"a": torch.zeros(3)}}, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    spec = catalog.secondary("secondary_model_imagenet_2")
    spec = replace(spec, weights=WeightsFile("secondary_model_imagenet_2.pth", sha256))
    monkeypatch.setattr(catalog, "SECONDARIES", (spec,))
    return path, spec


def test_a_published_file_is_known_by_its_hash_whatever_its_name(published, folder):
    path, spec = published
    assert adopt(path) == (spec, folder / spec.weights.name)
    assert store.find(spec.weights) == folder / spec.weights.name
    assert fetch.verify(spec.weights, folder / spec.weights.name) == "has the published hash"
    assert adopt(path, "secondary_model_imagenet_2") == (spec, folder / spec.weights.name)
    assert adopt(folder / spec.weights.name)[1] == folder / spec.weights.name, "once more, from where it is now"


def test_a_file_is_not_copied_where_it_can_have_two_names(published, folder, monkeypatch):
    path, spec = published
    _, place = adopt(path)
    assert place.samefile(path)
    place.unlink()

    def no_link(*_):
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", no_link)
    _, place = adopt(path)
    assert not place.samefile(path) and place.read_bytes() == path.read_bytes()
    assert left(folder) == [spec.weights.name]


def test_a_copy_that_fails_leaves_nothing(published, folder, monkeypatch):
    path, _ = published

    def fail(source, target, **_):
        with open(target, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(18, "another disk")))
    monkeypatch.setattr(module.shutil, "copyfile", fail)
    with pytest.raises(SettingsError, match="cannot be taken into .*: No space left on device"):
        adopt(path)
    assert left(folder) == []


def test_a_folder_that_takes_nothing(published, folder):
    folder.write_text("a file, where the folder should be")
    with pytest.raises(SettingsError, match="cannot be taken into"):
        adopt(published[0])


def test_a_link_to_a_file_brings_the_file(published, folder, tmp_path):
    path, _ = published
    (tmp_path / "link.pt").symlink_to(path)
    _, place = adopt(tmp_path / "link.pt")
    assert place.samefile(path) and not place.is_symlink()


def test_another_file_is_not_the_published_one(published, folder, tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "other.pt")
    with pytest.raises(SettingsError, match="is not the published file of secondary_model_imagenet_2"):
        adopt(tmp_path / "other.pt", "secondary_model_imagenet_2")
    assert left(folder) == []


def test_nothing_is_replaced(published, folder):
    path, spec = published
    folder.mkdir()
    (folder / spec.weights.name).write_bytes(b"mine")
    with pytest.raises(SettingsError, match="is there already and another file"):
        adopt(path)
    assert (folder / spec.weights.name).read_bytes() == b"mine"


def tiny_perceptor(monkeypatch):
    """ViT-B/32 of the catalog, as small as the embedded one."""
    own = catalog.perceptor("embedded_vit")
    spec = replace(own, name="ViT-B/32", weights=catalog.perceptor("ViT-B/32").weights)
    monkeypatch.setattr(perceptors, "PERCEPTORS", (spec,))
    monkeypatch.setattr(catalog, "PERCEPTORS", (spec,))
    monkeypatch.setattr(module, "build_clip", lambda spec: build_clip(own))
    return spec, build_clip(own).state_dict()


def test_a_perceptor_whose_hash_nobody_published_is_held_to_its_shapes(folder, tmp_path, monkeypatch):
    spec, state = tiny_perceptor(monkeypatch)
    catalog.perceptor.cache_clear()
    save_file(state, tmp_path / "open_clip_model.safetensors")
    try:
        assert adopt(tmp_path / "open_clip_model.safetensors", "ViTB32") == (spec, folder / "ViT-B-32.safetensors")
        del state["logit_scale"]
        save_file(state, tmp_path / "b.safetensors")
        with pytest.raises(SettingsError, match="do not fit ViT-B/32: 1 missing: logit_scale"):
            adopt(tmp_path / "b.safetensors", "ViTB32")
        with pytest.raises(SettingsError, match="if it holds a perceptor, say which"):
            adopt(tmp_path / "open_clip_model.safetensors")
    finally:
        catalog.perceptor.cache_clear()


# UNets of the user's own


def test_an_unknown_unet_becomes_a_custom_model(folder, tmp_path):
    path = saved(small(), tmp_path / "my style.pt")
    with pytest.raises(SettingsError, match="'my style' cannot be the name of a model"):
        adopt(path)
    spec, place = adopt(path, "my_style")
    assert place == folder / "my_style.pt" and place.samefile(path)
    assert left(folder) == ["my_style.json", "my_style.pt"]
    assert catalog.unet("my_style") == spec
    loaded, state = load_unet(spec, "cpu").net.state_dict(), load_state(path)
    assert loaded.keys() == state.keys()
    changed = [key for key, value in state.items() if not torch.equal(loaded[key], value)]
    # What convolves an enlarged picture is summed up for the small one.
    places = [key.split(".", 3)[0::3] for key in changed]
    assert places == [["output_blocks", "in_layers.2.weight"], ["output_blocks", "in_layers.2.bias"]]


def test_a_unet_that_mends_its_seams_is_taken_whole(folder, tmp_path):
    torch.manual_seed(0)
    state = state_for_file(UNet(small(patch=4, mend=12, refine=8)).state_dict())
    torch.save(state, tmp_path / "mine.pt")
    spec, _ = adopt(tmp_path / "mine.pt")
    assert (spec.patch, spec.mend, spec.refine) == (4, 12, 8)
    loaded = load_unet(spec, "cpu")
    for part in ("mend", "refine"):
        mended = getattr(loaded, part).state_dict()
        assert mended and all(torch.equal(value.half(), state[f"{part}.{key}"]) for key, value in mended.items())
    torch.save({key: value for key, value in state.items() if "refine" not in key}, tmp_path / "theirs.pt")
    with pytest.raises(SettingsError, match="do not fit theirs: 4 missing: refine"):
        adopt(tmp_path / "theirs.pt", flags={"refine": 8})


def test_flags_say_what_shapes_do_not(folder, tmp_path):
    path = saved(small(), tmp_path / "mine.pt")
    spec, _ = adopt(path, flags={"noise_schedule": "cosine", "num_heads": 2})
    assert (spec.noise_schedule, spec.num_heads, spec.num_head_channels) == ("cosine", 2, None)
    assert catalog.unet("mine") == spec
    with pytest.raises(SettingsError, match="do you mean noise_schedule"):
        adopt(path, flags={"noise_schedul": "cosine"})
    with pytest.raises(SettingsError, match="do not fit mine: .*their shapes fit"):
        adopt(path, flags={"num_channels": 64})
    assert catalog.unet("mine") == spec


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"num_heads": 2, "num_head_channels": 16}, "num_heads=2 and num_head_channels=16 contradict each other"),
        ({"num_heads": -1, "num_head_channels": -1}, "both -1"),
        ({"num_heads": 3}, "num_heads is 3, but must divide the 64 channels"),
        ({"num_head_channels": 24}, "num_head_channels is 24, but must divide the 64 channels"),
        ({"use_fp16": True}, "^use_fp16 of a training script changes nothing here; leave it out$"),
        ({"dropout": 0, "use_kl": False}, "^dropout, use_kl of a training script change nothing"),
        ({"predict_xstart": True}, "predict_xstart is true"),
        ({"rescale_timesteps": False, "diffusion_steps": 4000}, "rescale_timesteps is false and diffusion_steps 4000"),
        ({"num_heads": 2, "num_heads_upsample": 4}, "num_heads_upsample is 4"),
        ({"learn_sigma": False}, "do not fit mine"),
        ({"class_cond": True}, "do not fit mine: 1 missing: label_emb"),
    ],
)
def test_flags_that_contradict_or_change_nothing_are_refused(folder, tmp_path, flags, said):
    with pytest.raises(SettingsError, match=said):
        adopt(saved(small(), tmp_path / "mine.pt"), flags=flags)
    assert left(folder) == []


@given(heads=st.sampled_from([1, 2, 4, 8]), by=st.sampled_from(["num_heads", "num_head_channels"]), again=st.booleans())
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_heads_that_are_given_are_the_networks(folder, tmp_path, heads, by, again):
    """Also where the file came with other ones before: the bits of a picture hang on it."""
    path = saved(small(), tmp_path / "mine.pt")
    if again:
        adopt(path, flags={"num_heads": 16})
    spec, _ = adopt(path, flags={by: heads})
    assert (spec.num_heads, spec.num_head_channels) == ((heads, None) if by == "num_heads" else (None, heads))
    attention = load_unet(catalog.unet("mine"), "cpu").net.middle_block[1]
    assert attention.num_heads == (heads if by == "num_heads" else 64 // heads)
    for left_over in folder.glob("mine*"):
        left_over.unlink()


def test_heads_that_nobody_can_know_are_asked_for(folder, tmp_path):
    """No published model is like it, and its nearest relative's heads of 64 channels do not divide 96."""
    path = saved(replace(small(), channel_mult=(1, 3)), tmp_path / "mine.pt")
    with pytest.raises(SettingsError, match="how many heads its attention has is in no shape.*give num_heads=N or"):
        adopt(path)
    assert left(folder) == []
    assert adopt(path, flags={"num_heads": 3})[0].num_heads == 3


def test_the_size_that_is_given_leaves_attention_where_it_is(folder, tmp_path):
    path = saved(small(), tmp_path / "mine.pt")
    spec, _ = adopt(path, flags={"image_size": 128})
    assert (spec.image_size, spec.attention_downsampling, spec.sizes) == (128, (2,), ((128, 128),))


def test_what_agrees_with_the_shapes_may_be_said(folder, tmp_path):
    path = saved(small(), tmp_path / "mine.pt")
    flags = {"num_channels": 32, "learn_sigma": True, "class_cond": False, "predict_xstart": False}
    spec, _ = adopt(path, flags=flags | {"rescale_timesteps": False, "diffusion_steps": 1000})
    assert spec == adopt(path)[0]


def test_what_nobody_said_is_named_with_its_value():
    spec = small()
    everything = {
        "image_size": 64, "num_head_channels": 16, "use_new_attention_order": False, "noise_schedule": "cosine",
        "predicts": "eps", "rescale_timesteps": True,
    }  # fmt: skip
    assert assumed(spec) == everything
    assert assumed(replace(spec, num_head_channels=None, num_heads=2))["num_heads"] == 2
    said = {"num_head_channels": 16, "noise_schedule": "cosine", "predict_xstart": False}
    assert assumed(spec, said).keys() == everything.keys() - {"num_head_channels", "noise_schedule", "predicts"}


@pytest.mark.parametrize("dots", [True, False], ids=["dots", "no dots"])
def test_of_a_training_checkpoint_the_averaged_weights_are_taken(folder, tmp_path, dots):
    state = UNet(small()).net.state_dict()
    average = {key: value + 1 for key, value in state.items()}
    names = {key: "diffusion_model." + key if dots else f"diffusion_model.{key}".replace(".", "") for key in average}
    both = {f"model.diffusion_model.{key}": value for key, value in state.items()} | {
        f"model_ema.{names[key]}": value for key, value in average.items()
    }
    torch.save({"state_dict": both | {"model_ema.decay": torch.tensor(0.9)}}, tmp_path / "mine.pt")
    _, place = adopt(tmp_path / "mine.pt")
    loaded = load_state(place)
    assert loaded.keys() == average.keys()
    assert all(torch.equal(loaded[key], value) for key, value in average.items())


def test_a_card_that_was_written_by_hand_stays(folder, tmp_path):
    path = saved(small(), tmp_path / "mine.pt")
    adopt(path)
    card = json.loads((folder / "mine.json").read_text()) | {"about": "boats", "noise_schedule": "cosine"}
    (folder / "mine.json").write_text(json.dumps(card))
    spec, _ = adopt(path)
    assert (spec.about, spec.noise_schedule) == ("boats", "cosine")
    assert json.loads((folder / "mine.json").read_text()) == card


def test_the_file_of_a_custom_model_is_held_to_its_hash(folder, tmp_path):
    spec, place = adopt(saved(small(), tmp_path / "mine.pt"))
    other = saved(small(learn_sigma=True), tmp_path / "other.pt")
    place.unlink()
    other.rename(place)
    with pytest.raises(SettingsError, match="damaged or another file"):
        load_unet(catalog.unet("mine"), "cpu")


@pytest.mark.parametrize("name", ["../mine", "a/b", "RN50:mine", ".hidden", "a b", ""])
def test_names_that_cannot_be(folder, tmp_path, name):
    with pytest.raises(SettingsError):
        adopt(saved(small(), tmp_path / "mine.pt"), name)
    assert left(folder) == []


@pytest.mark.parametrize("content", [b"", b"rubbish", b"<!doctype html>"])
def test_rubbish_is_not_taken(folder, tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    for name in (None, "RN50", "mine"):
        with pytest.raises(SettingsError, match="a.pt"):
            adopt(tmp_path / "a.pt", name)
    with pytest.raises(SettingsError, match="no file"):
        adopt(tmp_path / "missing.pt")
    assert left(folder) == []


def test_what_is_shipped_or_catalogued_is_not_changed(folder, tmp_path, published):
    path, _ = published
    with pytest.raises(SettingsError, match="comes with disco"):
        adopt(path, "embedded_vit")
    with pytest.raises(SettingsError, match="is in the catalog, which knows its settings; leave out image_size"):
        adopt(path, flags={"image_size": 64})

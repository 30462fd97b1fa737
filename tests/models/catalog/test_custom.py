"""Cards of the user's own models are read or refused in one line; shapes tell their flags."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import pytest
import torch
from guided_diffusion.script_util import create_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import disco
from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog import cards, custom, embedded_networks
from disco.models.catalog import shapes as unet_shapes
from disco.models.files import store
from disco.models.files.weights import load_state
from disco.models.networks import unet
from disco.models.networks.unet import UNet, load_unet, state_for_file
from disco.planning.plan import build_plan
from disco.planning.recorded import retrained
from disco.run.folder.reading import read_record
from disco.settings.config import from_dict, load
from disco.settings.overrides import from_python

#: Disco Diffusion's cell for custom models.
DISCOS_CELL = {
    "attention_resolutions": "16",
    "class_cond": False,
    "diffusion_steps": 1000,
    "rescale_timesteps": True,
    "timestep_respacing": "ddim100",
    "image_size": 256,
    "learn_sigma": True,
    "noise_schedule": "linear",
    "num_channels": 128,
    "num_heads": 1,
    "num_res_blocks": 2,
    "use_checkpoint": True,
    "use_fp16": True,
    "use_scale_shift_norm": False,
}


def test_what_to_type_names_a_size_and_perceptors_that_suit():
    assert custom.command_for(catalog.unet("embedded"), "mine") == 'disco diffusion_model=mine "a prompt"'
    large = replace(catalog.unet("embedded"), image_size=512, sizes=((512, 512), (768, 512)))
    words = 'disco diffusion_model=mine width=512 height=512 perceptors=disco57 "a prompt"'
    assert custom.command_for(large, "mine") == words


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    return tmp_path


def test_discos_own_flags_make_a_card(folder):
    (folder / "mine.json").write_text(json.dumps(DISCOS_CELL))
    (folder / "mine.pth").touch()
    spec = catalog.unet("mine")
    known = catalog.unet("watercolordiffusion")
    mine = replace(known, name="mine", weights=spec.weights, sizes=((256, 256),), about="", brings=(), preset=None)
    assert spec == mine
    assert spec.weights.name == "mine.pth"
    assert catalog.network("mine") == spec
    with pytest.raises(SettingsError, match="mine"):
        catalog.unet("mime")


@pytest.mark.parametrize("spec", [*catalog.UNETS, *embedded_networks.UNETS], ids=lambda spec: spec.name)
def test_a_card_says_all_there_is_to_say(spec):
    """Of the network; what the original sets along with a model of its own is the catalog's."""
    again = cards.from_card(spec.name, cards.card_of(spec))
    assert again == replace(spec, weights=again.weights, sizes=again.sizes, about="", unused=(), brings=(), preset=None)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"num_chanels": 128}, "do you mean num_channels"),
        ({"image_size": "256"}, "image_size is '256'.*positive integer"),
        ({"num_res_blocks": 0}, "num_res_blocks is 0"),
        ({"learn_sigma": "yes"}, "learn_sigma is 'yes'.*true or false"),
        ({"noise_schedule": "sigmoid"}, "linear, cosine, shifted"),
        ({"image_size": 96}, "channel_mult is needed"),
        ({"predicts": "x0"}, "predicts is 'x0'.*eps or v"),
        ({"patch": 0}, "patch is 0"),
        ({"refine": -1}, "refine is -1"),
        ({"mend": 0.5}, "mend is 0.5"),
        ({"attention_resolutions": "24"}, "attention_resolutions holds 24"),
        ({"attention_resolutions": "all"}, "must be numbers"),
        ({"num_channels": 48}, "a width of 48 channels.*multiple of 32"),
        ({"channel_mult": "1,1.1"}, "a width of 140 channels"),
        ({"num_heads": 3}, "num_heads is 3, but must divide the 512 channels"),
        ({"num_head_channels": 48}, "num_head_channels is 48, but must divide the 512"),
        ({"num_heads": 0}, "num_heads is 0"),
        ({"predict_xstart": True}, "predict_xstart"),
        ({"sizes": [512, 512]}, "sizes is .* but must be pairs"),
        ({"sizes": 512}, "sizes is 512"),
        ({"attention_resolutions": True}, "must be numbers"),
        ({"file": "../mine.pt"}, "name of a file in the models folder"),
    ],
)
def test_a_card_that_cannot_be_is_refused_in_a_line(folder, card, said):
    (folder / "mine.json").write_text(json.dumps(card))
    with pytest.raises(SettingsError, match=f"mine.json: .*{said}"):
        catalog.unet("mine")


def test_one_number_is_a_list_of_one(folder):
    flags = {"image_size": 256, "num_channels": 64}
    assert cards.from_card("mine", flags | {"attention_resolutions": 16}) == cards.from_card(
        "mine", flags | {"attention_resolutions": "16"}
    )


def test_python_in_a_card_is_told_to_be_json(folder):
    (folder / "mine.json").write_text("{'class_cond': False,}")
    with pytest.raises(SettingsError, match="it is JSON, with double quotes"):
        catalog.unet("mine")


def test_a_card_that_is_none_is_refused(folder):
    for text in ("[1, 2]", "{"):
        (folder / "mine.json").write_text(text)
        with pytest.raises(SettingsError, match="mine.json"):
            catalog.unet("mine")


def test_a_name_cannot_leave_the_folder(folder):
    (folder.parent / "outside.json").write_text("{}")
    assert custom.custom_unet("../outside") is None


# Files where they lie


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A small UNet of guided-diffusion's, in a folder of its own that is the working directory and the home."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    return written(place / "mine.pt")


def written(path, seed=0, **flags):
    torch.manual_seed(seed)
    flags = {"channel_mult": "1,2", "num_heads": 2, "learn_sigma": True} | flags
    torch.save(create_model(64, 32, 1, **flags).state_dict(), path)
    return path


@pytest.mark.parametrize("given", ["mine.pt", "./mine.pt", "~/mine.pt", "../elsewhere/mine.pt", "{}"])
def test_a_file_draws_where_it_lies(file, given):
    given = given.format(file)
    spec = catalog.unet(given)
    assert (spec.name, spec.num_channels, spec.channel_mult, spec.learn_sigma) == (given, 32, (1, 2), True)
    assert spec.weights.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert store.weights_path(spec).samefile(file)
    assert store.known_hash(spec, file) == spec.weights.sha256
    loaded = load_unet(spec, "cpu")
    assert torch.equal(loaded.net.time_embed[0].weight, load_state(file)["time_embed.0.weight"])
    assert not (file.parent.parent / "models").exists(), "nothing is copied"


def test_a_file_that_changed_is_another_network(file):
    first = catalog.unet("mine.pt")
    written(file, seed=1)
    os.utime(file, (1, 1))
    second = catalog.unet("mine.pt")
    assert first != second and replace(first, weights=second.weights) == second
    with pytest.raises(SettingsError, match="damaged or another file"):
        load_unet(first, "cpu")


def test_a_file_that_cannot_draw_is_refused_in_a_line(file):
    (file.parent / "rubbish.pt").write_bytes(b"rubbish")
    torch.save({"a": torch.zeros(3)}, file.parent / "other.pt")
    written(file.parent / "three.pt", channel_mult="1,3", resblock_updown=True, use_scale_shift_norm=True)
    said = {
        "nowhere/a.pt": "which is not there; give a file of weights, or a model's name",
        "~/nowhere": "which is not there",
        str(file.parent): "which is a folder",
        "~nobody_at_all/a.pt": "the home folder of nobody",
        "rubbish.pt": "rubbish.pt cannot be read as weights",
        "other.pt": "is no diffusion model: they are not of a UNet of guided-diffusion",
        "three.pt": "import it with them: disco models import three.pt three num_heads=N",
    }
    for name, line in said.items():
        with pytest.raises(SettingsError, match=line) as refused:
            catalog.unet(name)
        assert "\n" not in str(refused.value)


def test_a_run_says_what_it_assumes_of_a_file(file):
    plan = build_plan(load(from_python({"prompt": "a star", "diffusion_model": "mine.pt", "steps": 2})))
    (note,) = (note for note in plan.notes if "assumed" in note)
    assert "noise_schedule=linear" in note and "disco models import mine.pt mine flag=value" in note
    assert catalog.about_unet(catalog.unet("embedded")) is None


def test_the_record_of_a_run_knows_a_file_by_its_content(file, tmp_path):
    disco.render("a star", folder=tmp_path / "run", diffusion_model="mine.pt", steps=2, width=32, height=32)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    for name in ("run.json", "image_0.png"):
        record = read_record(tmp_path / "run" / name)
        assert record["weights"]["mine.pt"] == sha256
    settings = from_dict(read_record(tmp_path / "run" / "run.json")["settings"])
    assert list(retrained(settings, {"mine.pt": sha256})) == []
    assert list(retrained(settings, {"mine.pt": "0" * 64})) == ["mine.pt"]


# Shapes


flags = st.fixed_dictionaries(
    {
        "num_channels": st.sampled_from([32, 64]),
        "num_res_blocks": st.integers(1, 3),
        "channel_mult": st.lists(st.sampled_from([1, 2, 3, 4]), min_size=2, max_size=5).map(
            lambda m: ",".join(map(str, m))
        ),
        "attention_resolutions": st.lists(st.sampled_from([64, 32, 16, 8]), max_size=4, unique=True),
        "learn_sigma": st.booleans(),
        "class_cond": st.booleans(),
        "resblock_updown": st.booleans(),
        "use_scale_shift_norm": st.booleans(),
    }
)


@pytest.mark.slow
@given(flags)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_shapes_tell_the_flags(given):
    resolutions = ",".join(map(str, given["attention_resolutions"])) or "1"
    with torch.device("meta"):
        model = create_model(64, **{**given, "attention_resolutions": resolutions}, num_head_channels=32)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    guess = unet_shapes.guess_unet(shapes)
    assert guess is not None
    with torch.device("meta"):
        again = UNet(guess).net.state_dict()
    assert {key: tuple(value.shape) for key, value in again.items()} == shapes
    levels = given["channel_mult"].count(",") + 1
    places = {64 // side for side in given["attention_resolutions"]} & {2**level for level in range(levels)}
    assert (guess.num_channels, guess.num_res_blocks, set(guess.attention_downsampling)) == (
        given["num_channels"], given["num_res_blocks"], places,
    )  # fmt: skip
    assert guess.resblock_updown == given["resblock_updown"]


@pytest.mark.parametrize("spec", catalog.UNETS, ids=lambda spec: spec.name)
def test_the_catalogs_own_shapes_are_recognised(spec):
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in state_for_file(UNet(spec).state_dict()).items()}
    guess = unet_shapes.guess_unet(shapes)
    assert spec.name in unet_shapes.names_of_same_shapes(guess)
    assert (
        spec.weights.shipped
        or spec.name in unet_shapes.what_they_are(shapes)
        or "..." in unet_shapes.what_they_are(shapes)
    )


@pytest.mark.parametrize("shapes", [{}, {"a": (3,)}, {"time_embed.0.weight": (4, 4)}, {"time_embed.0.weight": ()}])
def test_other_shapes_are_not_guessed_at(shapes):
    assert unet_shapes.guess_unet(shapes) is None
    assert "not of a UNet" in unet_shapes.what_they_are(shapes)


def test_what_a_file_holds_too_much_has_to_be_said(folder):
    flags = {"image_size": 64, "num_channels": 32, "channel_mult": "1,2", "attention_resolutions": "16", "num_heads": 1}
    model = create_model(**flags, num_res_blocks=2, class_cond=True, use_scale_shift_norm=True)
    torch.save(model.state_dict(), folder / "mine.pt")
    (folder / "mine.json").write_text(json.dumps(flags))
    with pytest.raises(SettingsError, match="label_emb.weight.*class_cond=True"):
        load_unet(catalog.unet("mine"), "cpu")
    (folder / "mine.json").write_text(json.dumps(flags | {"unused": ["label_emb.weight"]}))
    out = load_unet(catalog.unet("mine"), "cpu")(torch.zeros(1, 3, 16, 16), torch.zeros(1))
    assert out.shape == (1, 3, 16, 16)


def test_a_wrong_architecture_is_answered_with_the_right_one(folder, monkeypatch):
    (folder / "mine.json").write_text(json.dumps({"image_size": 64, "num_channels": 32, "num_head_channels": 32}))
    torch.save(
        create_model(64, 32, 1, channel_mult="1,2", learn_sigma=True, num_heads=2).state_dict(), folder / "mine.pt"
    )
    with pytest.raises(SettingsError) as error:
        load_unet(catalog.unet("mine"), "cpu")
    for flag in ("num_channels=32", "num_res_blocks=1", "channel_mult=1,2 ", "learn_sigma=True", "heads assumed"):
        assert flag in str(error.value)
    monkeypatch.setattr(unet, "weights_path", lambda spec: catalog.EMBEDDED_FOLDER / "unet128.safetensors")
    with pytest.raises(SettingsError, match="they have the shapes of embedded"):
        load_unet(catalog.unet("mine"), "cpu")

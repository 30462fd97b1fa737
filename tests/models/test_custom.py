"""Cards of the user's own models are read or refused in one line; shapes tell their flags."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from guided_diffusion.script_util import create_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.models import catalog, custom, embedded_networks, unet
from disco.models.unet import UNet, load_unet, state_for_file

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
    assert spec == replace(known, name="mine", weights=spec.weights, sizes=((256, 256),), about="")
    assert spec.weights.name == "mine.pth"
    assert catalog.network("mine") == spec
    with pytest.raises(SettingsError, match="mine"):
        catalog.unet("mime")


@pytest.mark.parametrize("spec", [*catalog.UNETS, *embedded_networks.UNETS], ids=lambda spec: spec.name)
def test_a_card_says_all_there_is_to_say(spec):
    again = custom.from_card(spec.name, custom.card_of(spec))
    assert again == replace(spec, weights=again.weights, sizes=again.sizes, about="", unused=())


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"num_chanels": 128}, "do you mean num_channels"),
        ({"image_size": "256"}, "image_size is '256'.*positive integer"),
        ({"num_res_blocks": 0}, "num_res_blocks is 0"),
        ({"learn_sigma": "yes"}, "learn_sigma is 'yes'.*true or false"),
        ({"noise_schedule": "sigmoid"}, "linear or cosine"),
        ({"image_size": 96}, "channel_mult is needed"),
        ({"predicts": "x0"}, "predicts is 'x0'.*eps or v"),
        ({"patch": 0}, "patch is 0"),
        ({"refine": -1}, "refine is -1"),
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
    assert custom.from_card("mine", flags | {"attention_resolutions": 16}) == custom.from_card(
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
    guess = custom.guess_unet(shapes)
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
    guess = custom.guess_unet(shapes)
    assert spec.name in custom.names_of_same_shapes(guess)
    assert spec.weights.shipped or spec.name in custom.what_they_are(shapes) or "..." in custom.what_they_are(shapes)


@pytest.mark.parametrize("shapes", [{}, {"a": (3,)}, {"time_embed.0.weight": (4, 4)}, {"time_embed.0.weight": ()}])
def test_other_shapes_are_not_guessed_at(shapes):
    assert custom.guess_unet(shapes) is None
    assert "not of a UNet" in custom.what_they_are(shapes)


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
    monkeypatch.setattr(unet, "weights_path", lambda spec: catalog.EMBEDDED_FOLDER / "unet64.safetensors")
    with pytest.raises(SettingsError, match="they have the shapes of embedded"):
        load_unet(catalog.unet("mine"), "cpu")

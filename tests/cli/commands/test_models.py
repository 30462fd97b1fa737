"""disco models: what it prints, what it does, and one line with exit code 2 for what it cannot do."""

import hashlib

import pytest
import torch
from guided_diffusion.script_util import create_model
from safetensors.torch import save

from disco.cli.commands import models as module
from disco.cli.main import main
from disco.models import catalog
from disco.models.files import download, reach
from disco.models.files.retry import RetryPolicy
from disco.models.specs import BackboneSpec, WeightsFile
from disco.settings.config import load
from disco.settings.overrides import from_arguments

CONTENT = save({"a": torch.arange(100.0)})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A models folder of the test's own, and a machine without any other."""
    folder = tmp_path / "models"
    monkeypatch.setenv("DISCO_MODELS", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("DISCO_OFFLINE", "HF_HUB_OFFLINE", "DISCO_MIRROR", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "DEFAULT", RetryPolicy(pauses=()))
    monkeypatch.setattr(reach, "PAUSE", 0.0)
    return folder


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder that holds a backbone named one, which is published, and lacks another, named two."""
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "one.safetensors").write_bytes(CONTENT)
    monkeypatch.setenv("DISCO_MIRROR", str(tmp_path / "mirror"))
    sha256 = hashlib.sha256(CONTENT).hexdigest()

    def spec(name):
        addresses = (f"http://127.0.0.1:1/{name}",)  # where nobody answers
        return BackboneSpec(name, WeightsFile(f"{name}.safetensors", sha256, len(CONTENT), addresses=addresses))

    monkeypatch.setattr(catalog, "BACKBONES", (spec("one"), spec("two")))
    return tmp_path / "mirror"


def say(capsys, *words, code=0):
    """What the command prints, on both streams."""
    assert main(["models", *words]) == code
    return capsys.readouterr()


def test_the_list_names_every_network_and_where_its_file_is(capsys, folder):
    lines = say(capsys, "list").out.splitlines()
    assert lines == say(capsys).out.splitlines(), "the list is what is shown for no word at all"
    rows = {line.split()[0]: line for line in lines if line}
    assert {spec.name for spec in catalog.networks()} <= set(rows)
    assert "yes" in rows["embedded"] and "in the package" in rows["embedded"]
    unet = rows["512x512_diffusion_uncond_finetune_008100"]
    assert "2.1 GiB" in unet and " no " in unet and "MIT" in unet
    folder.mkdir()
    (folder / "RN50.pt").write_bytes(bytes(2048))
    row = next(line for line in say(capsys, "list").out.splitlines() if line.startswith("RN50 "))
    assert "2.0 KiB" in row and "yes" in row and row.endswith(str(folder / "RN50.pt"))


def test_the_list_by_words(capsys):
    lines = say(capsys, "list", "laion2b", "b32").out.splitlines()[1:]
    assert any(line.startswith("ViT-B-32:laion2b_s34b_b79k ") for line in lines)
    assert all("laion2b" in line for line in lines)
    assert "secondary_model" in say(capsys, "list", "Secondary Model").out
    assert "no model has 'laoin' in its name" in say(capsys, "list", "laoin", code=2).err


def test_the_list_shows_custom_models_and_says_what_is_wrong_with_a_card(capsys, folder):
    folder.mkdir()
    (folder / "mine.json").write_text('{"image_size": 64}')
    (folder / "broken.json").write_text("{")
    said = say(capsys, "list")
    assert any(line.startswith("mine ") for line in said.out.splitlines())
    assert "broken.json cannot be read" in said.err


def test_fetch_goes_on_after_a_failure_and_says_so(capsys, mirror, folder):
    said = say(capsys, "fetch", "two", "one", "one", code=2)
    assert said.out == f"one: {folder / 'one.safetensors'}\n"
    assert "disco: error: two: two.safetensors: " in said.err and "No such file" in said.err
    assert (folder / "one.safetensors").read_bytes() == CONTENT
    (mirror / "two.safetensors").write_bytes(CONTENT)
    assert say(capsys, "fetch", "two").out == f"two: {folder / 'two.safetensors'}\n"


def test_a_wrong_name_is_refused_before_anything_is_fetched(capsys, mirror, folder):
    assert "no model is called 'tow'; the nearest are two" in say(capsys, "fetch", "one", "tow", code=2).err
    assert not folder.exists()


def test_fetch_takes_settings(monkeypatch, capsys):
    asked, reaches = [], set()
    monkeypatch.setattr(
        module, "fetch_file", lambda file, reach: reaches.add(id(reach)) or asked.append(file.name) or file.name
    )
    say(capsys, "fetch", "preset=disco57", "RN101")
    assert sorted(asked) == sorted(
        ["RN101.pt", "512x512_diffusion_uncond_finetune_008100.pt", "secondary_model_imagenet_2.pth", "RN50.pt"]
        + ["ViT-B-32.pt", "ViT-B-16.pt", "vgg16-397923af.pth"]
    )
    assert len(reaches) == 1, "what is found out of a server holds for all files"
    asked.clear()
    say(capsys, "fetch", "preset=disco57", "use_secondary_model=false", "init_scale=0", "clip_models=[ViTL14]")
    assert sorted(asked) == ["512x512_diffusion_uncond_finetune_008100.pt", "ViT-L-14.pt"]
    assert "there is no setting 'clip_model'" in say(capsys, "fetch", "clip_model=[RN50]", code=2).err


def test_what_settings_need_is_what_a_run_loads():
    """The engine knows it from a plan."""
    from disco.planning.plan import build_plan
    from disco.run.session import specs_of

    for overrides in ([], ["use_secondary_model=true"], ["clip_models=[embedded_resnet]"]):
        settings = load(from_arguments([*overrides, "a star"]))
        assert {spec.name for spec in specs_of(build_plan(settings))} == set(module.needed(settings))
    lpips = {spec.name for spec in module.catalog.BACKBONES}
    for overrides, asked in (["init_loss=lpips", "init_scale=5"], lpips), (["init_loss=lpips", "init_scale=0"], set()):
        assert lpips & set(module.needed(load(from_arguments([*overrides, "a star"])))) == asked


def test_verify(capsys, mirror, folder):
    assert "embedded_vit: has the published hash" in say(capsys, "verify").out
    say(capsys, "fetch", "one")
    assert say(capsys, "verify", "one").out == "one: has the published hash\n"
    (folder / "mine.pt").write_bytes(CONTENT)
    assert "mine.pt: readable; no hash is published" in say(capsys, "verify").out
    (folder / "one.safetensors").write_bytes(CONTENT[:-1] + b"!")
    (folder / "mine.pt").write_bytes(CONTENT[:-1] + b"!")
    said = say(capsys, "verify", code=2)
    assert "embedded_vit: has the published hash" in said.out
    for name in ("one", "mine.pt"):
        assert f"disco: error: {name}: " in said.err and "damaged or another file" in said.err
    assert "disco models fetch two" in say(capsys, "verify", "two", code=2).err


def test_path(capsys, mirror, folder):
    assert say(capsys, "path").out == f"{folder}\n"
    assert "disco models fetch one" in say(capsys, "path", "one", code=2).err
    say(capsys, "fetch", "one")
    assert say(capsys, "path", "one").out == f"{folder / 'one.safetensors'}\n"


def test_import(capsys, mirror, folder, tmp_path):
    assert say(capsys, "import", str(mirror / "one.safetensors")).out == f"one: {folder / 'one.safetensors'}\n"
    (tmp_path / "a.pt").write_bytes(b"rubbish")
    assert "a.pt cannot be read as weights" in say(capsys, "import", str(tmp_path / "a.pt"), code=2).err


def test_import_says_what_it_assumes_and_which_weights_it_takes(capsys, folder, tmp_path):
    state = create_model(64, 32, 1, channel_mult="1,2", num_heads=2).state_dict()
    torch.save({"model": state, "ema": state}, tmp_path / "mine.pt")
    said = say(capsys, "import", str(tmp_path / "mine.pt"), "num_heads=2").err
    assert "the averaged one is taken, ema" in said
    assert "it is assumed: image_size=" in said and "noise_schedule=linear" in said and "num_heads" not in said
    assert (
        "num_heads=2 and num_head_channels=8 contradict"
        in say(capsys, "import", str(tmp_path / "mine.pt"), "num_heads=2", "num_head_channels=8", code=2).err
    )


@pytest.mark.parametrize(("word", "value"), [
    ("a=true", True), ("a=False", False), ("a=-1", -1), ("a=64", 64), ("a=1,2", "1,2"), ("a=", ""), ("a=b=c", "b=c"),
])  # fmt: skip
def test_flags(word, value):
    name, read = module.flag(word)
    assert (name, read) == ("a", value) and type(read) is type(value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fetsh"], "do you mean fetch"),
        (["a red star"], "which are list, fetch, verify, path, import"),
        (["fetch"], "needs names, or settings such as preset=disco57"),
        (["fetch", "--all"], "has no flag --all"),
        (["fetch", "preset=disco58"], "preset is 'disco58'"),
        (["import"], "needs a file"),
        (["import", "a.pt", "b", "c"], "under one name"),
        (["import", "nowhere.pt"], "there is no file 'nowhere.pt'"),
        (["verify", "RN51"], "no model is called 'RN51'; the nearest are RN50"),
        (["verify", "zzzz"], "no model is called 'zzzz'; disco models list shows those that there are"),
    ],
)
def test_bad_words_are_one_line(capsys, words, said):
    error = say(capsys, *words, code=2).err
    assert said in error and error.startswith("disco: error: ") and error.count("\n") == 1


def test_help(capsys):
    for verb in module.VERBS:
        assert f"disco models {verb}" in say(capsys, "help").out

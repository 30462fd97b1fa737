"""States come out of every common form of file, bit for bit; files with code, other files and rubbish are refused."""

import os
import shutil
import time
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.files import store, weights
from disco.models.files.weights import fill, load_state
from disco.models.networks.secondary import build_secondary, load_secondary
from disco.models.networks.unet import UNet, freeze_unet, load_unet
from disco.models.specs import WeightsFile
from support.processes import called
from support.victims import convert


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """A models folder of the test's own."""
    folder = tmp_path / "models"
    monkeypatch.setenv("DISCO_MODELS", str(folder))
    return folder


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 4)))


def states(dtype: torch.dtype = torch.float32) -> tuple[dict, dict]:
    """A state, and the averaged one of the same network."""
    return network(0).to(dtype).state_dict(), network(1).to(dtype).state_dict()


def prefixed(state: dict, prefix: str) -> dict:
    return {prefix + key: value for key, value in state.items()}


def same(left: dict, right: dict) -> None:
    assert set(left) == set(right)
    for key, value in right.items():
        assert left[key].dtype == value.dtype and torch.equal(left[key], value), key


#: What training scripts save, by where it comes from; each of (state, averaged) -> what is saved, and which is wanted.
FORMS = {
    "bare": lambda s, e: (s, s),
    "ordered": lambda s, e: (OrderedDict(s), s),
    "parameters": lambda s, e: ({k: nn.Parameter(v) if v.is_floating_point() else v for k, v in s.items()}, s),
    "data parallel": lambda s, e: (prefixed(s, "module."), s),
    "compiled": lambda s, e: (prefixed(s, "_orig_mod."), s),
    "compiled and parallel": lambda s, e: (prefixed(s, "module._orig_mod."), s),
    "open_clip's training": lambda s, e: (
        {
            "epoch": 3,
            "name": "a",
            "state_dict": prefixed(s, "module."),
            "optimizer": {"state": {0: {"m": s["0.bias"]}}},
        },
        s,
    ),
    "Lightning": lambda s, e: (
        {"epoch": 1, "pytorch-lightning_version": "1.5.0", "state_dict": prefixed(s, "model."), "callbacks": {}},
        s,
    ),
    "Lightning with EMA": lambda s, e: (
        {
            "global_step": 9,
            "state_dict": prefixed(s, "model.")
            | prefixed(e, "model_ema.")
            | {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(7)},
        },
        e,
    ),
    "model and model_ema": lambda s, e: ({"model": s, "model_ema": e, "opt": {"lr": 0.1}, "step": 4}, e),
    "state_dict and state_dict_ema": lambda s, e: ({"state_dict": s, "state_dict_ema": prefixed(e, "module.")}, e),
    "ema within ema": lambda s, e: ({"ema": {"decay": 0.9, "model": e}, "model": s}, e),
    "no ema": lambda s, e: ({"ema": None, "model": s}, s),
    "ema-pytorch": lambda s, e: (
        prefixed(s, "online_model.")
        | prefixed(e, "ema_model.")
        | {"initted": torch.tensor(True), "step": torch.tensor(5)},
        e,
    ),
    "torch's average": lambda s, e: (AveragedModel(network(0)).to(s["0.bias"].dtype).state_dict(), s),
    "numbers beside": lambda s, e: (dict(s) | {"epoch": 5, "lr": 0.1, "note": "x"}, s),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["single", "half"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("large", [False, True], ids=["read", "converted"])
def test_round_trip(tmp_path, models, monkeypatch, form, dtype, legacy, large):
    if large:
        monkeypatch.setattr(weights, "LARGE", 1)
    saved, wanted = FORMS[form](*states(dtype))
    path = tmp_path / "a.pt"
    torch.save(saved, path, _use_new_zipfile_serialization=not legacy)
    loaded = load_state(path, store.sha256_of(path))
    same(loaded, wanted)
    other = network(2).to(dtype)
    fill(other, loaded, "a")
    same(other.state_dict(), wanted)
    assert (models / "a.pt.safetensors").exists() == large
    assert not any(value.requires_grad for value in loaded.values())


@pytest.mark.parametrize("form", FORMS)
def test_of_several_states_the_one_that_is_taken_is_named(tmp_path, form):
    state, average = states()
    saved, wanted = FORMS[form](state, average)
    torch.save(saved, tmp_path / "a.pt")
    name = weights.average_in(tmp_path / "a.pt")
    assert (name is not None) == (wanted is average)
    assert name is None or "ema" in name


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin", ".safetensors", ""])
def test_the_format_is_told_by_the_bytes(tmp_path, suffix):
    state, _ = states()
    if suffix != ".safetensors":
        torch.save(state, tmp_path / f"a{suffix}")
        same(load_state(tmp_path / f"a{suffix}"), state)
    save_file(state, tmp_path / f"b{suffix}")
    same(load_state(tmp_path / f"b{suffix}"), state)


def test_half_precision_fills_a_single_precision_network_and_the_other_way_round():
    half, single = states(torch.float16)[0], network(3)
    fill(single, half, "a")
    same(single.state_dict(), {k: v.float() if v.is_floating_point() else v for k, v in half.items()})
    halved = network(3).half()
    fill(halved, states()[0], "a")
    same(halved.state_dict(), half)


# The networks of the catalog, out of files in the originals' formats


@pytest.mark.parametrize(  # every wrapping, precision and format; in all their pairs, a small state goes through above
    ("wrap", "half", "legacy"),
    [
        pytest.param(lambda s: s, False, False, id="bare-single-zip"),
        pytest.param(lambda s: prefixed(s, "module."), True, True, id="module.-half-legacy"),
        pytest.param(lambda s: {"model": {}, "ema": s}, False, True, id="ema-single-legacy"),
        pytest.param(lambda s: {"state_dict": s}, True, False, id="state_dict-half-zip"),
    ],
)
def test_a_unet_and_a_secondary_model_come_out_of_their_files(models, wrap, half, legacy):
    """By way of the models folder, with the hash of the catalog; the networks give what they gave before."""
    models.mkdir()
    unet_spec = replace(catalog.unet("256x256_diffusion_uncond"), num_channels=32, num_head_channels=16)
    secondary_spec = replace(catalog.secondary("secondary_model_imagenet_2"), channels=(16, 32, 32))
    torch.manual_seed(0)
    x, t = torch.randn(1, 3, 64, 64), torch.tensor([0.3])
    for spec, built, state_of, finish, load in (
        (unet_spec, UNet(unet_spec), lambda network: network.net, lambda n: freeze_unet(n, torch.float32), load_unet),
        (secondary_spec, build_secondary(secondary_spec), lambda network: network, nn.Module.eval, load_secondary),
    ):
        # of a UNet's layers many start at zero, and would tell nothing
        state = {k: 0.1 * torch.randn_like(v) for k, v in state_of(built).state_dict().items()}
        state = {k: v.half() for k, v in state.items()} if half else state
        state_of(built).load_state_dict(state)
        path = models / spec.weights.name
        torch.save(wrap(state), path, _use_new_zipfile_serialization=not legacy)
        file = WeightsFile(path.name, store.sha256_of(path), path.stat().st_size)
        loaded = load(replace(spec, weights=file), "cpu")
        with torch.no_grad():
            wanted = finish(built)(x, t)
            assert wanted.std() > 0.01 and torch.equal(loaded(x, t), wanted)


# Conversion


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that counts as large, and its state."""
    monkeypatch.setattr(weights, "LARGE", 1)
    monkeypatch.setattr(store, "WORTH_REMEMBERING", 1)
    state, _ = states()
    torch.save({"model": state}, tmp_path / "big.pt")
    return tmp_path / "big.pt", state


def test_a_large_file_is_converted_once(large, models, monkeypatch):
    path, state = large
    same(load_state(path), state)
    assert (models / "big.pt.safetensors").stat().st_mode == path.stat().st_mode
    with safe_open(models / "big.pt.safetensors", "pt") as file:
        assert file.metadata()["source"] == store.sha256_of(path)
    for reader in ("read_state", "save_file"):
        monkeypatch.setattr(weights, reader, None)
    monkeypatch.setattr(store, "sha256_of", None)  # nor is it read to be hashed
    same(load_state(path, store.record_of(path)["found"]["sha256"]), state)


def test_another_file_of_that_name_is_converted_anew(large, models):
    path, state = large
    load_state(path)
    _, other = states()
    torch.save(other, path)
    same(load_state(path), other)
    same(load_state(path), other)


@pytest.mark.parametrize("harm", ["cut", "rubbish", "rules"])
def test_a_spoilt_conversion_is_made_again(large, models, monkeypatch, harm):
    path, state = large
    load_state(path)
    conversion = models / "big.pt.safetensors"
    data = conversion.read_bytes()
    if harm == "rules":
        monkeypatch.setattr(weights, "RULES", "another")
    else:
        conversion.write_bytes(data[: len(data) // 2] if harm == "cut" else b"rubbish" * 100)
    same(load_state(path), state)
    same(load_state(conversion), state)


@pytest.mark.slow
def test_two_processes_share_one_conversion(large, models):
    path, state = large
    both = [called(convert, (path,), cwd=path.parent) for _ in range(2)]
    said = [process.communicate(60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(place.name for place in models.glob("big*")) == ["big.pt.safetensors"]
    same(load_state(models / "big.pt.safetensors"), state)


def test_tensors_that_share_memory_are_converted(large):
    path, _ = large
    base = torch.arange(12.0).reshape(3, 4)
    state = {"whole": base, "again": base, "turned": base.T, "row": base[1], "empty": torch.zeros(0)}
    torch.save(state, path)
    same(load_state(path), state)


def test_where_nothing_can_be_written_the_file_itself_is_read(large, models, monkeypatch):
    path, state = large
    models.write_text("a file, where the folder should be")
    same(load_state(path), state)
    models.unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 0))
    same(load_state(path), state)
    assert not list(models.glob("*.safetensors*"))


def test_a_changed_file_is_hashed_again(large):
    path, state = large
    right = store.sha256_of(path)
    load_state(path, right)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 10**9))
    with pytest.raises(SettingsError, match="damaged or another file"):
        load_state(path, right)


# What is refused


class Harmful:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return (os.mkdir, (self.place,))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("size", [1, 1 << 40], ids=["converted", "read"])
@pytest.mark.parametrize(
    "wrap", [lambda h, s: {"a": h}, lambda h, s: h, lambda h, s: {"state_dict": s, "callbacks": [h]}],
    ids=["an entry", "the whole", "beside the state"],
)  # fmt: skip
def test_code_in_a_file_does_not_run(tmp_path, models, monkeypatch, legacy, size, wrap):
    monkeypatch.setattr(weights, "LARGE", size)
    place = tmp_path / "made"
    torch.save(wrap(Harmful(place), states()[0]), tmp_path / "code.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(SettingsError, match=r"code.pt cannot be read as weights: it names posix.mkdir, which is code"):
        load_state(tmp_path / "code.pt")
    assert not place.exists()
    assert not list(models.glob("code*"))
    torch.load(tmp_path / "code.pt", weights_only=False)
    assert place.exists(), "the file was harmless to begin with"


PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Too many requests</body></html>"


@pytest.mark.parametrize("size", [1, 1 << 40], ids=["converted", "read"])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize("content", [PAGE, b"", b"rubbish" * 100, b"PK\x03\x04 rubbish", bytes(2000)])
def test_rubbish_is_refused_in_one_line(tmp_path, monkeypatch, content, name, size):
    monkeypatch.setattr(weights, "LARGE", size)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=name) as error:
        load_state(tmp_path / name)
    assert "weights_only" not in str(error.value) and len(str(error.value)) < 400


def test_a_page_is_called_a_page(tmp_path):
    (tmp_path / "a.pt").write_bytes(PAGE)
    with pytest.raises(SettingsError, match="is a web page, not a file of weights"):
        load_state(tmp_path / "a.pt")


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.01, 0.4, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, kind, share):
    path = tmp_path / "whole.pt"
    if kind == "safetensors":
        save_file(states()[0], path)
    else:
        torch.save(states()[0], path, _use_new_zipfile_serialization=kind == "zip")
    data = path.read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: int(len(data) * share)])
    for refuse in (load_state, weights.shapes_of):
        with pytest.raises(SettingsError, match="cut.pt cannot be read as weights"):
            refuse(tmp_path / "cut.pt")


@pytest.mark.parametrize("saved", [[1, 2], {"a": 1}, {1: torch.zeros(2)}, torch.zeros(3), {"state_dict": {"a": 1}}])
def test_what_holds_no_state_is_refused(tmp_path, saved):
    torch.save(saved, tmp_path / "a.pt")
    with pytest.raises(SettingsError, match="it holds no tensors by name"):
        load_state(tmp_path / "a.pt")


def test_another_hash_is_refused(tmp_path):
    torch.save(states()[0], tmp_path / "a.pt")
    with pytest.raises(SettingsError, match="damaged or another file"):
        load_state(tmp_path / "a.pt", "0" * 64)
    with pytest.raises(SettingsError, match="no weights at"):
        load_state(tmp_path / "missing.pt", "0" * 64)


# Filling


def test_a_state_that_does_not_fit_is_described():
    state, _ = states()
    del state["0.bias"], state["1.weight"], state["1.bias"], state["2.0.bias"]
    state["strange"] = torch.zeros(1)
    state["2.1.weight"] = torch.zeros(5, 4)
    model = network(3)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(SettingsError) as error:
        fill(model, state, "a network")
    said = str(error.value)
    assert said.startswith(
        "the weights do not fit a network: 4 missing: 0.bias, 1.weight, 1.bias, ...; 1 unexpected: strange; "
        "1 of another shape: 2.1.weight [5, 4] instead of [4, 4]"
    )
    same(model.state_dict(), before)

"""A stage by a network from a file: a small ESRGAN of random weights, written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from disco.enlarge.enlarging import declare, enlarge, read_back
from disco.enlarge.stages import Box
from disco.enlarge.upscaler import by_network, network
from disco.errors import SettingsError
from disco.planning.inputs import sha256_of
from support.toy_runs import TINY, settings_of

spandrel = pytest.importorskip("spandrel")


@pytest.fixture(scope="module")
def weights():
    """A network of two blocks that makes pictures four times as large."""
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    return ESRGAN(scale=4, num_filters=8, num_blocks=2).state_dict()


@pytest.fixture(scope="module")
def file(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    save_file(weights, path)
    return str(path)


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def seen_whole(model, picture):
    with torch.no_grad():
        seen = model.model(torch.tensor(picture).permute(2, 0, 1)[None] / 255)[0].clamp(0, 1)
    return (seen * 255).round().byte().permute(1, 2, 0).numpy()


def test_parts_are_those_of_the_networks_own_picture(file):
    model, picture = network(file), noise(60, 70)
    assert model.scale == 4
    whole = seen_whole(model, picture)
    found = by_network(picture, 4, model)(Box(90, 120, 40, 50))
    assert np.abs(found.astype(int) - whole[90:130, 120:170]).max() <= 1


@pytest.mark.parametrize("by", [2, 6])
def test_other_scales_are_reached_by_lanczos(file, by):
    model, picture = network(file), noise(12, 10)
    scaled = Image.fromarray(seen_whole(model, picture)).resize((10 * by, 12 * by), Image.Resampling.LANCZOS)
    found = by_network(picture, by, model)(Box(0, 0, 12 * by, 10 * by))
    assert np.abs(found.astype(int) - np.asarray(scaled)).max() <= 1


@pytest.mark.parametrize("wrapped", [None, "params_ema", "state_dict"])
def test_torchs_own_files(weights, wrapped, tmp_path):
    torch.save(weights if wrapped is None else {wrapped: weights}, tmp_path / "tiny.pth")
    assert network(str(tmp_path / "tiny.pth")).scale == 4


def test_tiles_start_from_the_networks_picture(file, tmp_path):
    """One tile; of another file it would be another enlargement."""
    picture = noise(8, 8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    settings = settings_of(**{**TINY, "steps": 4, "strength": 0.25, "width": 16, "height": 16, "display_rate": 0})
    found = declare(str(tmp_path / "picture.png"), settings, by=2, upscaler=file)
    enlarge(found, tmp_path / "out", quiet=True)
    (init,) = (tmp_path / "out" / "tiles" / "0-0" / "inputs").iterdir()
    with Image.open(init) as started:
        assert np.array_equal(started, by_network(picture, 2, network(file))(Box(0, 0, 16, 16)))
    assert found.weights["upscaler"] == sha256_of(Path(file).read_bytes()) and read_back(tmp_path / "out") == found


class Harmful:
    def __reduce__(self):
        return print, ("harm",)


def test_what_cannot_be_used_is_one_line(tmp_path, capsys):
    torch.save({"a": Harmful()}, tmp_path / "harm.pth")
    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    (tmp_path / "half.safetensors").write_bytes(b"half")
    (tmp_path / "text.txt").write_text("text")
    for name, said in (
        ("harm.pth", "holds no network that spandrel knows"),
        ("other.safetensors", "holds no network that spandrel knows"),
        ("half.safetensors", "holds no network that spandrel knows"),
        ("text.txt", "is no file of weights, which end in .safetensors"),
        ("nowhere.pth", "there is no such file"),
    ):
        with pytest.raises(SettingsError, match=said) as error:
            network(str(tmp_path / name))
        assert "\n" not in str(error.value)
    assert "harm" not in capsys.readouterr().out

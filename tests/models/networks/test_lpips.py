"""LPIPS from a local backbone, against its formula written out."""

import lpips
import pytest
import torch
from torchvision.models import vgg

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.networks import lpips as own
from disco.models.networks.lpips import Lpips, check_lpips, load_lpips

BACKBONE = "vgg16-397923af.pth"

#: VGG-16's activations that LPIPS compares: relu1_2, relu2_2, relu3_3, relu4_3, relu5_3.
TAPS = (3, 8, 15, 22, 29)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of models, no other place to find one, and nothing to hold a file against."""
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(own, "BACKBONE", catalog.BackboneSpec("vgg16", catalog.WeightsFile(BACKBONE)))
    return tmp_path


def test_distance_is_the_papers(models):
    torch.manual_seed(0)
    features = vgg.make_layers(vgg.cfgs["D"])
    torch.save({f"features.{key}": value for key, value in features.state_dict().items()}, models / BACKBONE)
    model = load_lpips(torch.device("cpu"))

    generator = torch.Generator().manual_seed(1)
    x, y = (torch.rand(2, 3, 48, 64, generator=generator) * 2 - 1 for _ in range(2))
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    lins = torch.load(f"{lpips.__path__[0]}/weights/v0.1/vgg.pth", map_location="cpu", weights_only=True)
    expected = torch.zeros(2)
    a, b = (x - shift) / scale, (y - shift) / scale
    for number, layer in enumerate(features):
        a, b = layer(a), layer(b)
        if number in TAPS:
            unit_a, unit_b = (f / (f.norm(dim=1, keepdim=True) + 1e-10) for f in (a, b))
            weight = lins[f"lin{TAPS.index(number)}.model.1.weight"]
            expected += ((unit_a - unit_b) ** 2 * weight).sum(1).mean((1, 2))
    torch.testing.assert_close(model(x, y), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model(x, x), torch.zeros(2))


def test_missing_backbone_is_said_before_anything_is_loaded(models):
    with pytest.raises(SettingsError, match=f"{BACKBONE}.*init_loss=perceptors"):
        check_lpips()


def test_the_backbone_is_torchvisions_and_is_found_where_torch_keeps_it(models, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("DISCO_MODELS", str(models))
    monkeypatch.setenv("TORCH_HOME", str(models / "torch"))
    published = vgg.VGG16_Weights.IMAGENET1K_V1
    assert published.url in own.BACKBONE.weights.addresses
    assert own.BACKBONE.weights.sha256.startswith(published.url.rpartition("-")[2].removesuffix(".pth"))
    place = models / "torch" / "hub" / "checkpoints" / BACKBONE
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.truncate(own.BACKBONE.weights.size)  # takes no room: a file of nothing but a size
    assert check_lpips() == place


def test_another_file_in_its_place_is_refused(models):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, models / BACKBONE)
    with pytest.raises(SettingsError, match="not torchvision's VGG-16"):
        load_lpips(torch.device("cpu"))


def test_backbone_keys_are_torchvisions():
    wanted = {"features." + key.split(".", 1)[1] for key in Lpips().net.net.state_dict()}
    assert wanted == {f"features.{key}" for key in vgg.make_layers(vgg.cfgs["D"]).state_dict()}

"""The embedded networks load, take other sizes and let gradients through; the published ones have their keys."""

import dataclasses

import pytest
import torch
from guided_diffusion.script_util import create_model
from torch.nn import functional as F

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.networks import unet
from disco.models.networks.secondary import FourierFeatures, SecondaryDiffusionImageNet2, load_secondary
from disco.models.networks.unet import UNet, load_unet


@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_embedded_unet(size, dtype):
    model = load_unet(catalog.unet("embedded"), "cpu", dtype)
    x = torch.randn(2, 3, *size, requires_grad=True)
    out = model(x, torch.tensor([3.0, 980.0]))
    assert out.shape == (2, 6, *size)
    (gradient,) = torch.autograd.grad(out.float().square().sum(), x)
    assert gradient.abs().min(dim=0).values.max() > 0
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.training


def test_half_precision_leaves_the_time_as_it_was():
    features, t = FourierFeatures(16), torch.linspace(0, 1, 50)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(
            features(t),
            torch.cat([f(t[:, None] * features.weight.T * 2 * torch.pi) for f in (torch.cos, torch.sin)], 1),
        )


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_embedded_secondary(size):
    model = load_secondary(catalog.secondary("embedded_secondary"), "cpu", torch.float32)
    x = torch.randn(2, 3, *size, requires_grad=True)
    v = model(x, torch.tensor([0.1, 0.95]))
    assert v.shape == x.shape
    assert torch.autograd.grad(v.square().sum(), x)[0].abs().max() > 0
    assert not any(p.requires_grad for p in model.parameters())


def test_in_pure_noise_both_models_see_v_as_the_mean_picture_turned_round():
    """At t = 999 x is noise, v = -x0, and the best x0 is the world's mean: v hardly depends on x."""
    x = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for v in (
        load_unet(catalog.unet("embedded"), "cpu")(x, torch.full((4,), 999.0))[:, :3],
        load_secondary(catalog.secondary("embedded_secondary"), "cpu")(x, torch.ones(4)),
    ):
        assert v.abs().mean() < 0.6
        assert (v - v.mean(0)).square().mean() < 0.25 * x.square().mean()


def test_the_published_512_model_has_its_parameters():
    with torch.device("meta"):
        model = UNet(catalog.unet("512x512_diffusion_uncond_finetune_008100"))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(557.97e6, rel=1e-4)


def test_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unet, "weights_path", lambda spec: catalog.EMBEDDED_FOLDER / "unet128.safetensors")
    spec = dataclasses.replace(catalog.unet("embedded"), channel_mult=(1, 2, 2))
    with pytest.raises(SettingsError, match="do not fit embedded"):
        load_unet(spec, "cpu")


def guided_diffusions_512(channels: int) -> torch.nn.Module:
    return create_model(
        512, channels, 2, attention_resolutions="32, 16, 8", num_head_channels=64, resblock_updown=True,
        use_scale_shift_norm=True, learn_sigma=True,
    ).eval().requires_grad_(False)  # fmt: skip


def test_the_512_model_is_guided_diffusions_and_predicts_what_that_does(tmp_path, monkeypatch):
    """From a file in half precision, a quarter as wide, on a picture as small as its levels allow."""
    name = "512x512_diffusion_uncond_finetune_008100"
    published = catalog.unet(name)
    with torch.device("meta"):  # at its own width: the same layers of the same shapes
        states = UNet(published).net.state_dict(), guided_diffusions_512(published.num_channels).state_dict()
    ours, theirs = ({key: value.shape for key, value in state.items()} for state in states)
    assert ours == theirs

    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    oracle = guided_diffusions_512(published.num_channels // 4)
    generator = torch.Generator().manual_seed(0)
    for key, value in oracle.named_parameters():  # many start at zero, where nothing could be told apart
        start = 1.0 if key.endswith("weight") and value.ndim == 1 else 0.0
        value.copy_(value.normal_(start, 0.04, generator=generator).half())
    torch.save({key: value.half() for key, value in oracle.state_dict().items()}, tmp_path / f"{name}.pt")
    x, t = torch.randn(1, 3, 64, 128, generator=generator), torch.tensor([371.0])
    expected = oracle(x, t)
    narrow = dataclasses.replace(published, num_channels=published.num_channels // 4)
    spec = dataclasses.replace(narrow, weights=dataclasses.replace(published.weights, sha256=None))
    predicted = load_unet(spec, "cpu")(x, t)
    assert predicted.shape == (1, 6, 64, 128)
    assert expected.std() > 0.05
    torch.testing.assert_close(predicted, expected, rtol=1e-4, atol=1e-4)


def second_writing(state: dict[str, torch.Tensor], x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Crowson's secondary model written straight along, from the weights: down five levels, up again, skips beside.

    Follows the network of Disco Diffusion's cell 1.6, whose levels are nested; their weights are found by the nesting.
    """
    angles = 2 * torch.pi * t[:, None] * state["timestep_embed.weight"][:, 0]
    planes = torch.cat([torch.cos(angles), torch.sin(angles)], 1)[:, :, None, None].repeat(1, 1, *x.shape[2:])

    def conv(prefix: str, h: torch.Tensor) -> torch.Tensor:
        return F.conv2d(h, state[f"{prefix}.weight"], state[f"{prefix}.bias"], padding=1)

    def block(prefix: str, h: torch.Tensor) -> torch.Tensor:
        return conv(f"{prefix}.0", h).relu()

    h = block("net.1", block("net.0", torch.cat([x, planes], 1)))
    prefix, skips = "net.2.main", []
    for level in range(5):
        skips.append(h)
        h = block(f"{prefix}.2", block(f"{prefix}.1", F.avg_pool2d(h, 2)))
        if level < 4:
            prefix += ".3.main"
    h = block(f"{prefix}.4", block(f"{prefix}.3", h))
    for level in range(5):
        h = torch.cat([F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False), skips.pop()], 1)
        if level < 4:
            prefix = prefix.removesuffix(".3.main")
            h = block(f"{prefix}.5", block(f"{prefix}.4", h))
    return conv("net.4", block("net.3", h))


def test_the_secondary_model_is_its_second_writing(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path))
    published = catalog.secondary("secondary_model_imagenet_2")
    spec = dataclasses.replace(published, weights=dataclasses.replace(published.weights, sha256=None))
    torch.manual_seed(0)
    state = SecondaryDiffusionImageNet2().state_dict()
    torch.save(state, tmp_path / "secondary_model_imagenet_2.pth")
    x, t = torch.randn(2, 3, 64, 96), torch.tensor([0.1, 0.8])
    expected = second_writing(state, x, t)
    predicted = load_secondary(spec, "cpu")(x, t)
    assert expected.std() > 1e-3
    torch.testing.assert_close(predicted, expected, rtol=1e-4, atol=1e-6)


def test_the_published_secondary_model_has_its_keys():
    """Levels nest in `main`; a level's blocks are numbered after its pooling, the last one's upsampling is empty."""
    keys = {"timestep_embed.weight"}

    def convolutions(prefix, numbers):
        for number in numbers:
            keys.update((f"{prefix}{number}.0.weight", f"{prefix}{number}.0.bias"))

    convolutions("net.", (0, 1, 3))
    keys.update(("net.4.weight", "net.4.bias"))
    prefix = "net.2.main."
    for _ in range(4):
        convolutions(prefix, (1, 2, 4, 5))
        prefix += "3.main."
    convolutions(prefix, (1, 2, 3, 4))
    model = SecondaryDiffusionImageNet2()
    assert set(model.state_dict()) == keys
    assert model(torch.randn(1, 3, 32, 64), torch.tensor([0.5])).shape == (1, 3, 32, 64)
    widths = [w.shape[0] for k, w in model.state_dict().items() if k.endswith("weight") and w.ndim == 4]
    assert widths == [
        64,
        64,
        128,
        128,
        128,
        128,
        256,
        256,
        256,
        256,
        512,
        512,
        512,
        256,
        256,
        256,
        256,
        128,
        128,
        128,
        128,
        64,
        64,
        3,
    ]

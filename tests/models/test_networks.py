"""The embedded networks load, take other sizes and let gradients through; the published ones have their keys."""

import dataclasses

import pytest
import torch
from guided_diffusion.script_util import create_model

from disco.errors import SettingsError
from disco.models import catalog, unet
from disco.models.secondary import SecondaryDiffusionImageNet2, load_secondary
from disco.models.unet import UNet, load_unet


@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_embedded_unet(size, dtype):
    model = load_unet(catalog.unet("embedded"), "cpu", dtype)
    x = torch.randn(2, 3, *size, requires_grad=True)
    out = model(x, torch.tensor([3.0, 980.0]))
    assert out.shape == x.shape
    (gradient,) = torch.autograd.grad(out.float().square().sum(), x)
    assert gradient.abs().min(dim=0).values.max() > 0
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.training


@pytest.mark.parametrize("size", [(64, 64), (40, 88)])
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
        load_unet(catalog.unet("embedded"), "cpu")(x, torch.full((4,), 999.0)),
        load_secondary(catalog.secondary("embedded_secondary"), "cpu")(x, torch.ones(4)),
    ):
        assert v.abs().mean() < 0.6
        assert (v - v.mean(0)).square().mean() < 0.25 * x.square().mean()


@pytest.mark.parametrize("image_size", [256, 512])
def test_openai_unets_have_the_published_shape(image_size):
    name = {256: "256x256_diffusion_uncond", 512: "512x512_diffusion_uncond_finetune_008100"}[image_size]
    spec = dataclasses.replace(catalog.unet(name), num_channels=64, num_head_channels=32)
    oracle = create_model(
        image_size, 64, 2, attention_resolutions="32, 16, 8", num_head_channels=32, resblock_updown=True,
        use_scale_shift_norm=True, learn_sigma=True,
    )  # fmt: skip
    assert {k: v.shape for k, v in UNet(spec).net.state_dict().items()} == {
        k: v.shape for k, v in oracle.state_dict().items()
    }


def test_the_published_512_model_has_its_parameters():
    with torch.device("meta"):
        model = UNet(catalog.unet("512x512_diffusion_uncond_finetune_008100"))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(557.97e6, rel=1e-4)


def test_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unet, "weights_path", lambda spec: catalog.EMBEDDED_FOLDER / "unet.safetensors")
    spec = dataclasses.replace(catalog.unet("embedded"), channel_mult=(1, 2, 2))
    with pytest.raises(SettingsError, match="do not fit embedded"):
        load_unet(spec, "cpu")


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

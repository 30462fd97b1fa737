"""The quick blocks compute what guided-diffusion's do, under the same keys."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from disco.kernels import backend
from guided_diffusion.nn import GroupNorm32
from guided_diffusion.unet import ResBlock
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from disco.models import catalog
from disco.models.networks import unet_blocks
from disco.models.networks.unet import UNet, freeze_unet

SMALL = dataclasses.replace(
    catalog.unet("512x512_diffusion_uncond_finetune_008100"),
    num_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_downsampling=(2,),
    num_head_channels=32,
)
OTHERWISE = {
    "use_scale_shift_norm": False,
    "resblock_updown": False,
    "use_new_attention_order": True,
    "num_head_channels": None,
    "num_heads": 4,
    "num_classes": 5,
}
SPECS = {
    "embedded": catalog.unet("embedded"),
    "as the 512": SMALL,
    "otherwise": dataclasses.replace(SMALL, **OTHERWISE),
}


def network_of(spec: catalog.UNetSpec) -> UNet:
    """A network as guided-diffusion has it, with weights of which none is 0 and every norm counts."""
    network = UNet(spec).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, value in network.named_parameters():
        is_norm = name.endswith("weight") and value.ndim == 1
        value.normal_(
            1.0 if is_norm else 0.0, 0.3 if is_norm else 1.5 / max(1, value[0].numel()) ** 0.5, generator=generator
        )
    return network


def given(spec: catalog.UNetSpec, seed: int = 1) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = [] if spec.num_classes is None else [torch.tensor([1, 4])]
    size = (32, 48) if spec.patch == 4 else (16, 24)
    return [torch.randn(2, 3, *size, generator=generator), torch.tensor([20.0, 700.0]), *labels]


def prediction_and_gradient(network: UNet, x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    y = network(x, *others)
    return y.detach(), torch.autograd.grad(y.square().sum(), x)[0]


@pytest.mark.parametrize("name", SPECS)
def test_prediction_and_gradient_are_guided_diffusions(name) -> None:
    spec = SPECS[name]
    original = network_of(spec)
    norms = sum(isinstance(module, GroupNorm32) for module in original.modules())
    quick = freeze_unet(copy.deepcopy(original), torch.float32)
    with backend.watching() as ran:
        got = prediction_and_gradient(quick, *given(spec))
    assert ran == ["group_norm_silu:reference"] * norms  # none is left as it was
    for mine, exact in zip(got, prediction_and_gradient(original, *given(spec)), strict=True):
        assert exact.std() > 1e-3
        torch.testing.assert_close(mine / exact.std(), exact / exact.std(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_half_precision_is_no_farther_from_float32(name) -> None:
    spec = SPECS[name]
    original = network_of(spec)
    quick, theirs = freeze_unet(copy.deepcopy(original), torch.bfloat16), copy.deepcopy(original)
    theirs.net.convert_to_fp16()  # guided-diffusion's own half is float16: its convolutions go on to bfloat16
    halves = [value for value in theirs.parameters() if value.dtype == torch.float16]
    for value in halves:
        value.data = value.data.bfloat16()
    theirs.net.dtype = torch.bfloat16
    assert halves
    errors = torch.zeros(2, 2)  # ours, theirs; of the prediction, of the gradient
    for seed in range(12):  # one input may round either way, by a fifth
        exact = prediction_and_gradient(original, *given(spec, seed))
        for network, sums in zip((quick, theirs), errors, strict=True):
            found = prediction_and_gradient(network, *given(spec, seed))
            sums += torch.stack([(a - b).square().mean() for a, b in zip(found, exact, strict=True)])
    assert (errors[0] < 1.05 * errors[1]).all()


def test_keys_stay_and_copies_are_their_own() -> None:
    original = network_of(SMALL)
    quick = freeze_unet(copy.deepcopy(original), torch.float32)
    assert quick.state_dict().keys() == original.state_dict().keys()
    other = copy.deepcopy(quick)
    for value in other.parameters():
        value.zero_()
    again = freeze_unet(quick, torch.float32)  # once more changes nothing
    torch.testing.assert_close(again(*given(SMALL)), original(*given(SMALL)), rtol=1e-5, atol=1e-5)
    assert other(*given(SMALL)).abs().max() == 0
    assert all(type(module) is not ResBlock for module in quick.modules())


@pytest.mark.parametrize("name", ["as the 512", "otherwise"])
def test_attention_takes_its_fast_kernel(name) -> None:
    """Heads that do not lie as it wants them are sent through a matrix of T x T, without a word."""
    network = freeze_unet(network_of(SPECS[name]), torch.float32)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        assert network(*given(SPECS[name])).isfinite().all()


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 5, 1, 3), (3, 2, 2, 1)])
def test_an_enlarged_picture_is_convolved_as_the_small_one(shape, order) -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(shape[1], 6, 3, padding=1).double().requires_grad_(False)
    before = torch.get_rng_state()
    quarters = unet_blocks.in_quarters(conv)
    assert torch.equal(before, torch.get_rng_state())
    x = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=order).requires_grad_()
    got, expected = unet_blocks.interleave(quarters(x)), conv(F.interpolate(x, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    upstream = torch.randn(got.shape, dtype=torch.float64)
    gradients = (torch.autograd.grad(out, x, upstream)[0] for out in (got, expected))
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)
    assert got.is_contiguous(memory_format=order)


def test_enlarging_takes_fewer_operations() -> None:
    original = network_of(SMALL)
    flops = []
    for network in (original, freeze_unet(copy.deepcopy(original), torch.float32)):
        with FlopCounterMode(display=False) as counter:
            network(*given(SMALL))
        flops.append(counter.get_total_flops())
    assert flops[1] < 0.95 * flops[0]

"""Networks with circular padding draw a sheet of tiles as they draw the tile, and leave the network they came from."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.models import catalog
from disco.models.networks.circular import CircularConv2d, CircularUpsample, circular
from disco.models.networks.secondary import EmbeddedSecondary, SecondaryDiffusionImageNet2
from disco.models.networks.unet import UNet, freeze_unet

AXES = {"x": (-1,), "y": (-2,), "both": (-2, -1)}
SMALL = dataclasses.replace(
    catalog.unet("512x512_diffusion_uncond_finetune_008100"),
    num_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_downsampling=(2,),
    num_head_channels=32,
)
SPECS = {
    "embedded": dataclasses.replace(catalog.unet("embedded"), num_res_blocks=1),
    "as the 512": SMALL,
    "without resblock_updown": dataclasses.replace(SMALL, resblock_updown=False, use_scale_shift_norm=False),
}


def filled(network: nn.Module) -> nn.Module:
    """With weights of which none is 0, so that every layer counts."""
    generator = torch.Generator().manual_seed(0)
    for value in network.parameters():
        value.data.normal_(0.0, 1.2 / max(1, value[0].numel()) ** 0.5, generator=generator)
    return network.eval().requires_grad_(False)


SECONDARIES = {
    "embedded secondary": (EmbeddedSecondary, (16, 24, 32)),
    "secondary of the 512": (SecondaryDiffusionImageNet2, (8, 12, 16)),
}
NETWORKS = (*SPECS, *SECONDARIES)


@cache
def network_of(name: str) -> nn.Module:
    if name in SPECS:
        return freeze_unet(filled(UNet(SPECS[name])), torch.float32)
    kind, channels = SECONDARIES[name]
    return filled(kind(channels))


def picture(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def tile_of(name: str) -> Tensor:
    """A picture that is no square, on patches of 4 pixels as large as on single ones."""
    return picture(1, 3, 32, 48) if name.startswith("embedded") else picture(1, 3, 16, 24)


def sheet(x: Tensor, axis: str) -> Tensor:
    """Two tiles side by side along each axis."""
    return x.repeat(1, 1, 1 + (axis != "x"), 1 + (axis != "y"))


def call(network: nn.Module, x: Tensor) -> Tensor:
    return network(x, torch.full((len(x),), 0.3 if "Secondary" in type(network).__name__ else 300.0))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_sheet_of_tiles_is_drawn_as_the_tile(name: str, axis: str) -> None:
    network, x = circular(network_of(name), AXES[axis]), tile_of(name)
    tile, whole = call(network, x), call(network, sheet(x, axis))
    torch.testing.assert_close(whole, sheet(tile, axis), rtol=1e-4, atol=1e-4 * float(tile.std()))
    plain = call(network_of(name), sheet(x, axis)) - sheet(call(network_of(name), x), axis)
    assert plain.abs().max() > 0.01 * tile.std()  # which sees the edges


@pytest.mark.parametrize("name", NETWORKS)
def test_where_the_tile_is_cut_makes_no_difference(name: str) -> None:
    """Moved by as many pixels as the coarsest level makes one of."""
    network, x = circular(network_of(name), (-2, -1)), tile_of(name)
    moved = call(network, x.roll((16, 32), (2, 3))).roll((-16, -32), (2, 3))
    torch.testing.assert_close(moved, call(network, x), rtol=1e-4, atol=1e-4 * float(moved.std()))


@pytest.mark.parametrize("wrap", [(), *AXES.values()])
@pytest.mark.parametrize(("kernel", "padding", "stride"), [(3, 1, 1), (3, 1, 2), (5, (2, 1), 1), (2, 1, 1)])
def test_a_convolution_sees_what_numpy_pads(wrap, kernel, padding, stride) -> None:
    conv = nn.Sequential(filled(nn.Conv2d(3, 4, kernel, padding=padding, stride=stride)))
    x = picture(2, 3, 6, 8)
    padded = x.numpy()
    for dim, margin in zip((-2, -1), padding if isinstance(padding, tuple) else (padding, padding), strict=True):
        widths = [(0, 0)] * 4
        widths[dim] = (margin, margin)
        padded = np.pad(padded, widths, mode="wrap" if dim in wrap else "constant")
    expected = F.conv2d(torch.from_numpy(padded), conv[0].weight, conv[0].bias, stride)
    torch.testing.assert_close(circular(conv, wrap)(x), expected)


def test_the_network_itself_stays_as_it_is_and_lends_its_weights() -> None:
    for name, wrap in itertools.product(NETWORKS, AXES.values()):
        network = network_of(name)
        before, kinds = call(network, picture(1, 3, 16, 16)), [type(module) for module in network.modules()]
        tiled = circular(network, wrap)
        call(tiled, picture(1, 3, 16, 16))
        assert torch.equal(call(network, picture(1, 3, 16, 16)), before)
        assert [type(module) for module in network.modules()] == kinds
        pairs = zip(network.state_dict().items(), tiled.state_dict().items(), strict=True)
        assert all(name == other and one.data_ptr() == two.data_ptr() for (name, one), (other, two) in pairs)
        circles = [module for module in tiled.modules() if isinstance(module, CircularConv2d | CircularUpsample)]
        assert circles and all(module.wrap == wrap for module in circles)
        assert not any(isinstance(module, CircularConv2d | CircularUpsample) for module in network.modules())
        assert circular(network, ()) is network


def test_checkpointing_is_its_own_and_changes_no_bit() -> None:
    plain = copy.deepcopy(network_of("as the 512"))
    plain.set_checkpointing(True)
    tiled, found = circular(plain, (-1,)), []
    for on in (True, False):
        tiled.set_checkpointing(on)
        x = picture(1, 3, 8, 16).requires_grad_()
        y = call(tiled, x)
        found.append((y.detach(), torch.autograd.grad(y.square().sum(), x)[0]))
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))
    assert "forward" in plain.net.middle_block.__dict__ and "forward" not in tiled.net.middle_block.__dict__


def test_half_precision_tiles_too() -> None:
    network = circular(freeze_unet(filled(UNet(SMALL)), torch.bfloat16), (-2, -1))
    x = picture(1, 3, 16, 16)
    exact, half = call(circular(network_of("as the 512"), (-2, -1)), x), call(network, x)
    assert (half - exact).std() < 0.05 * exact.std()

"""Gradients with checkpointed blocks are those without, to the bit; what is held between the passes is less."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from disco.kernels import backend

from disco.models import catalog
from disco.models.networks.checkpointing import checkpointed
from disco.models.networks.clip import build_clip, set_tower_checkpointing
from disco.models.networks.unet import UNet, freeze_unet


def gradient_and_held(network, *inputs):
    """The gradient of a network's output, and the bytes its graph saves."""
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    x = inputs[0].clone().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = network(x, *inputs[1:])
    held = sum(saved.values())
    return torch.autograd.grad(y.float().square().sum(), x)[0], held


def random_weights(network):
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_the_unet(dtype):
    network = freeze_unet(random_weights(UNet(catalog.unet("embedded"))), dtype)
    given = torch.randn(1, 3, 64, 64), torch.tensor([500.0])
    plain, held = gradient_and_held(network, *given)
    network.set_checkpointing(True)
    again, less = gradient_and_held(network, *given)
    assert torch.equal(plain, again) and plain.abs().max() > 0
    assert less < held / 2
    network.set_checkpointing(False)
    assert gradient_and_held(network, *given)[1] == held


@pytest.mark.parametrize("name", ["embedded_vit", "embedded_resnet", "embedded_judge", "embedded_judge2"])
def test_of_the_image_towers(name):
    spec = catalog.perceptor(name)
    tower = random_weights(build_clip(spec)).visual.eval().requires_grad_(False)
    cuts = torch.randn(3, 3, spec.resolution, spec.resolution)
    plain, held = gradient_and_held(tower, cuts)
    set_tower_checkpointing(tower, True)
    again, less = gradient_and_held(tower, cuts)
    assert torch.equal(plain, again) and plain.abs().max() > 0
    assert less < held


def test_the_second_pass_takes_the_kernels_of_the_first_in_another_thread_too():
    """As autograd's own threads do, which a GPU's part of the gradient is computed in."""

    def product(x):
        backend.by_triton("product", x)
        return x.sin() * x

    x = torch.ones(2, requires_grad=True)
    with backend.using("triton"):
        y = checkpointed(product)(x)
    with ThreadPoolExecutor(1) as pool:

        def walk_back():
            with backend.watching() as ran:
                torch.autograd.grad(y.sum(), x)
            return ran

        with backend.using("triton"):
            y = checkpointed(product)(x)
        assert pool.submit(walk_back).result() == ["product:triton"]


def test_without_a_gradient_nothing_changes():
    network = freeze_unet(random_weights(UNet(catalog.unet("embedded"))), torch.float32)
    given = torch.randn(1, 3, 64, 64), torch.tensor([500.0])
    with torch.no_grad():
        plain = network(*given)
        network.set_checkpointing(True)
        assert torch.equal(plain, network(*given))

"""Towers made fast see what they saw before, to the last digits, in fewer operations."""

from __future__ import annotations

import copy

import pytest
import torch
from open_clip.model import convert_weights_to_lp
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import QuickGELU, VisionTransformer
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from disco.models.networks.towers import FirstToken, Patches, SelfAttention, is_tiling, optimize_tower


def transformer(side: int = 16, **more) -> VisionTransformer:
    return VisionTransformer(side, 4, width=24, layers=3, heads=3, mlp_ratio=4.0, output_dim=10, **more)


def resnet() -> ModifiedResNet:
    return ModifiedResNet((2, 1, 1, 1), output_dim=10, heads=4, image_size=64, width=8)


TOWERS = {
    "class token": lambda: transformer(),
    "a rest at the edges": lambda: transformer(18),
    "quick gelu": lambda: transformer(act_layer=QuickGELU),
    "layer scale": lambda: transformer(ls_init_value=0.5),
    "mean of all tokens": lambda: transformer(pool_type="avg"),
    "norm after the pool": lambda: transformer(final_ln_after_pool=True),
    "with tokens": lambda: transformer(output_tokens=True),
    "attentional pool": lambda: transformer(attentional_pool=True, attn_pooler_queries=4, attn_pooler_heads=2),
    "resnet": resnet,
}


def randomised(tower: nn.Module) -> nn.Module:
    """Every weight and every statistic its own: what is initialised to zero or one would hide a fault."""
    generator = torch.Generator().manual_seed(0)
    for key, value in tower.state_dict().items():
        if value.is_floating_point():
            value += 0.1 * torch.randn(value.shape, generator=generator)
        if key.endswith("running_var"):
            value.abs_()
    return tower.eval().requires_grad_(False)


@pytest.fixture(params=TOWERS)
def towers(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module]:
    """open_clip's in float64, and the same made fast."""
    torch.manual_seed(0)
    plain = randomised(TOWERS[request.param]()).double()
    fast = copy.deepcopy(plain)
    optimize_tower(fast)
    return plain, fast


def seen(tower: nn.Module, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, int]:
    """The embeddings of two pictures, the gradient of a mix of them, and the operations that both took."""
    side = 64 if isinstance(tower, ModifiedResNet) else tower.image_size[0]
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, side, side, generator=generator).to(dtype).requires_grad_()
    with FlopCounterMode(display=False) as counter:
        out = tower(x * 1)  # the counter cannot follow a gradient to a leaf
        out = out[0] if isinstance(out, tuple) else out
        (gradient,) = torch.autograd.grad((out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum(), x)
    return out, gradient, counter.get_total_flops()


def test_same_numbers_fewer_operations(towers):
    plain, fast = map(seen, towers)
    for ours, theirs in zip(fast[:2], plain[:2], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)
    assert fast[2] <= plain[2]
    is_cut_short = isinstance(towers[1], ModifiedResNet) or isinstance(towers[1].transformer.resblocks[-1], FirstToken)
    assert (fast[2] < 0.95 * plain[2]) == is_cut_short


def test_the_last_block_is_cut_short_where_its_first_token_alone_is_read():
    for name, cut in [("class token", True), ("mean of all tokens", False), ("with tokens", False)]:
        tower = randomised(TOWERS[name]())
        optimize_tower(tower)
        assert all(
            isinstance(getattr(block, "block", block).attn, SelfAttention) for block in tower.transformer.resblocks
        )
        assert isinstance(tower.transformer.resblocks[-1], FirstToken) == cut


def test_patches_side_by_side_are_a_product():
    tower = randomised(transformer())
    assert is_tiling(tower.conv1)
    for other in ({"stride": 2}, {"stride": 4, "padding": 1}, {"stride": 4, "groups": 3}):
        assert not is_tiling(nn.Conv2d(3, 6, 4, **other))
    optimize_tower(tower)
    assert isinstance(tower.conv1, Patches)


def test_half_precision(towers):
    """No worse than open_clip's own, against float64."""
    plain, fast = towers
    true = [result.float() for result in seen(plain)[:2]]
    for tower in towers:
        convert_weights_to_lp(tower.float(), torch.bfloat16)
    errors = []
    for tower in (plain, fast):
        with torch.autocast("cpu", torch.bfloat16):
            found = seen(tower, torch.float32)
        errors.append([((a.float() - b).norm() / b.norm()).item() for a, b in zip(found, true, strict=False)])
    for theirs, ours in zip(*errors, strict=True):
        assert ours < 1.5 * theirs + 0.01


def test_other_towers_stay_as_they_are():
    tower = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = list(tower.modules())
    optimize_tower(tower)
    assert list(tower.modules()) == before

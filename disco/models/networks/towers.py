"""Image towers with the same numbers in fewer operations, for towers that look and learn nothing: ours and open_clip's.

- A vision transformer is read out at its class token. Its last block works out that token alone: the others' part of
  its second half, four fifths of a block, would be thrown away.
- Attention is handed to the processor as one product for queries, keys and values, and as four dimensions. Patches
  that do not overlap are a product too, and no convolution.
- A ResNet's normalisations are constants, and go into the convolutions before them; of its attention pool, only the
  one query that it answers with is asked.

Weights are read into the towers as published, and these changes made afterwards: no key of a file knows of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from disco.models.networks import small_clip
from disco.models.networks.attention import attend

if TYPE_CHECKING:
    from open_clip.modified_resnet import AttentionPool2d
    from open_clip.transformer import ResidualAttentionBlock


def optimize_tower(tower: nn.Module) -> None:
    """Change a tower in eval mode in place; towers of other families stay as they are."""
    if is_resnet(tower):
        _optimize_resnet(tower)
    elif isinstance(tower, small_clip.VisionTransformer):
        _optimize_transformer(tower, first_alone=True)
    elif is_transformer(tower):
        from open_clip.transformer import ResidualAttentionBlock

        transformer: Any = tower.transformer
        if transformer.batch_first and all(type(block) is ResidualAttentionBlock for block in transformer.resblocks):
            pooled = tower.attn_pool is not None or tower.pool_type != "tok" or tower.output_tokens
            _optimize_transformer(tower, first_alone=not pooled)


def blocks_of(tower: Any) -> list[nn.Module] | None:
    """The blocks of a tower, one after another; None for towers of other families."""
    if is_transformer(tower):
        return list(tower.transformer.resblocks)
    if is_resnet(tower):
        return [block for layer in _layers(tower) for block in layer]
    return list(tower.trunk["stages"].children()) if isinstance(tower, small_clip.ConvNeXt) else None


def is_transformer(tower: nn.Module) -> bool:
    """Whether it is a ViT, ours or open_clip's."""
    return isinstance(tower, (small_clip.VisionTransformer, *_of_open_clip("transformer", "VisionTransformer")))


def is_resnet(tower: nn.Module) -> bool:
    """Whether it is CLIP's ResNet, ours or open_clip's."""
    return isinstance(tower, (small_clip.ModifiedResNet, *_of_open_clip("modified_resnet", "ModifiedResNet")))


def _of_open_clip(module: str, name: str) -> tuple[type, ...]:
    """A class of open_clip, if that has been imported; where it has not, nothing can be of its classes."""
    found = sys.modules.get(f"open_clip.{module}")
    return () if found is None else (getattr(found, name),)


def hold_in(tower: nn.Module, dtype: torch.dtype) -> None:
    """Hold the matrices and convolutions of one of our towers in half precision; norms and embeddings stay as they are.

    The same parameters as those that `open_clip.model.convert_weights_to_lp` converts.
    """
    for module in tower.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            for parameter in module.parameters():
                parameter.data = parameter.data.to(dtype)
        elif isinstance(module, small_clip.VisionTransformer):
            module.proj.data = module.proj.data.to(dtype)


# Vision transformers


def _optimize_transformer(tower: Any, first_alone: bool) -> None:
    """first_alone: whether the tower is read out at its first token, and nowhere else."""
    blocks = tower.transformer.resblocks
    if is_tiling(tower.conv1):
        tower.conv1 = Patches(tower.conv1)
    for block in blocks:
        block.attn = SelfAttention(block.attn)
    if first_alone:
        blocks[-1] = FirstToken(blocks[-1])


def is_tiling(conv: nn.Conv2d) -> bool:
    """Whether a convolution looks at squares that lie side by side."""
    return conv.stride == conv.kernel_size and conv.padding == (0, 0) and conv.groups == 1


class Patches(nn.Module):
    """A convolution over patches side by side, its weights taken over: [N, 3, H, W] -> [N, d, H / p, W / p].

    Measured on a processor, with the gradient: 2.4 times as fast for patches of 4 x 4, 5 times for those of 32 x 32.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias, self.sides = conv.weight, conv.bias, conv.kernel_size

    def forward(self, x: Tensor) -> Tensor:
        down, across = self.sides
        # What is over at the lower and right edges is looked at by no patch.
        rows, columns = x.shape[2] // down, x.shape[3] // across
        x = x[:, :, : rows * down, : columns * across].unflatten(3, (columns, across)).unflatten(2, (rows, down))
        pixels = x.permute(0, 2, 4, 1, 3, 5).flatten(3)
        return F.linear(pixels, self.weight.flatten(1), self.bias).movedim(3, 1)


class SelfAttention(nn.Module):
    """`nn.MultiheadAttention` of a sequence with itself, batch first, its weights taken over."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        assert attention.in_proj_weight is not None and attention.batch_first
        self.heads = attention.num_heads
        self.qkv = nn.Linear(attention.embed_dim, 3 * attention.embed_dim, device="meta")
        self.qkv.weight, self.qkv.bias = attention.in_proj_weight, attention.in_proj_bias
        self.out = attention.out_proj

    def forward(
        self, x: Tensor, k: Tensor | None = None, v: Tensor | None = None, **others: object
    ) -> tuple[Tensor, None]:
        """x [N, T, d] -> [N, T, d]; k and v are x, as open_clip hands them over, and attention has no mask."""
        assert (k is None or k is x) and (v is None or v is x) and others.get("attn_mask") is None
        q, k, v = self.split(self.qkv(x))
        return self.joined(attend(q, k, v)), None

    def first(self, x: Tensor) -> Tensor:
        """What the first of x [N, T, d] sees in all of them: [N, 1, d]."""
        width = x.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        (q,) = self.split(F.linear(x[:, :1], weight[:width], bias[:width]))
        k, v = self.split(F.linear(x, weight[width:], bias[width:]))
        return self.joined(attend(q, k, v))

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        """[N, T, m d] -> m times [N, heads, T, d / heads]."""
        width = self.out.in_features
        return x.unflatten(-1, (-1, self.heads, width // self.heads)).permute(2, 0, 3, 1, 4).unbind()

    def joined(self, x: Tensor) -> Tensor:
        """[N, heads, T, d / heads] -> [N, T, d], projected."""
        return self.out(x.transpose(1, 2).flatten(2))


class FirstToken(nn.Module):
    """A transformer's last block, of which the first token alone is wanted: [N, T, d] -> [N, 1, d]."""

    def __init__(self, block: small_clip.Block | ResidualAttentionBlock) -> None:
        super().__init__()
        self.block: Any = block
        self.ls_1 = getattr(block, "ls_1", nn.Identity())  # ours scale nothing
        self.ls_2 = getattr(block, "ls_2", nn.Identity())

    def forward(self, x: Tensor, *others: object, **more: object) -> Tensor:
        block = self.block
        x = x[:, :1] + self.ls_1(block.attn.first(block.ln_1(x)))
        return x + self.ls_2(block.mlp(block.ln_2(x)))


# ResNets


def _optimize_resnet(tower: Any) -> None:
    for module in [tower, *(block for layer in _layers(tower) for block in layer)]:
        for number in (1, 2, 3):
            _fold(module, f"conv{number}", f"bn{number}")
        if getattr(module, "downsample", None) is not None:
            _fold(module.downsample, "0", "1")
    tower.attnpool = FirstPool(tower.attnpool)
    # Channels last, as a processor's convolutions and a GPU's in half precision want them.
    tower.to(memory_format=torch.channels_last)


def _layers(tower: Any) -> tuple[nn.Sequential, ...]:
    return tower.layer1, tower.layer2, tower.layer3, tower.layer4


def _fold(parent: nn.Module, convolution: str, norm: str) -> None:
    """Let a convolution do what the normalisation after it does."""
    fused = fuse_conv_bn_eval(getattr(parent, convolution), getattr(parent, norm))
    setattr(parent, convolution, fused.requires_grad_(False))
    setattr(parent, norm, nn.Identity())


class FirstPool(nn.Module):
    """`AttentionPool2d`, its weights taken over: what the mean of all places sees in them. [N, C, h, w] -> [N, d]."""

    def __init__(self, pool: small_clip.AttentionPool | AttentionPool2d) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return small_clip.pooled(self.pool, x, attend)

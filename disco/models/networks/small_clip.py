"""The embedded perceptors' networks: CLIPs of open_clip's shapes under open_clip's keys, written plainly.

open_clip builds the same ones, and tests hold these against it to the bit. But importing it brings timm, torchvision,
torch's compiler and, where they are installed, transformers and wandb: two seconds and more, as long as many a picture
takes, for three small towers. Published perceptors are open_clip's own.

Sources: Radford et al. 2021, arXiv:2103.00020 (CLIP, its ViT, its ResNet and its text transformer); Liu et al. 2022,
arXiv:2201.03545 (ConvNeXt, in the shape that timm calls test_convnext2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Clip(nn.Module):
    """An image tower and a text tower that give embeddings of one length, [N, d].

    vocabulary: how many tokens there are; a text is read out where its greatest token stands.
    """

    def __init__(
        self, visual: nn.Module, embed_dim: int, context: int, vocabulary: int, width: int, heads: int, layers: int
    ) -> None:
        super().__init__()
        self.visual = visual
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.empty(context, width))
        self.transformer = Transformer(width, heads, layers)
        self.ln_final = LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
        self.logit_scale = nn.Parameter(torch.ones([]) * math.log(1 / 0.07))
        mask = torch.full((context, context), -math.inf).triu(1)  # a token is read by those after it
        self.register_buffer("attn_mask", mask, persistent=False)
        self._draw(width, layers)

    def _draw(self, width: int, layers: int) -> None:
        """First weights, as Radford et al. draw them."""
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        for name, parameter in self.transformer.named_parameters():
            if name.endswith("attn.in_proj_weight"):
                nn.init.normal_(parameter, std=width**-0.5)
            elif name.endswith("mlp.c_fc.weight"):
                nn.init.normal_(parameter, std=(2 * width) ** -0.5)
            elif name.endswith(("attn.out_proj.weight", "mlp.c_proj.weight")):
                nn.init.normal_(parameter, std=(2 * width * layers) ** -0.5)
        nn.init.normal_(self.text_projection, std=width**-0.5)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """float [N, 3, H, W], normalised, to [N, d]."""
        return self.visual(pixels)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """int64 [N, context] to [N, d]."""
        x = self.token_embedding(tokens) + self.positional_embedding
        x = self.ln_final(self.transformer(x, self.attn_mask))
        return x[torch.arange(len(x), device=x.device), tokens.argmax(1)] @ self.text_projection


# Transformers


class LayerNorm(nn.LayerNorm):
    """torch's, which under autocast gives float32, back in what it was given."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).to(x.dtype)


class MLP(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    """Attention and a perceptron, each beside the way: [N, T, d] to the same. mask: [T, T], added to the products."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = LayerNorm(width)
        self.mlp = MLP(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        seen = self.ln_1(x)
        x = x + self.attn(seen, seen, seen, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VisionTransformer(nn.Module):
    """A ViT over patches side by side, read out at a token of its own: [N, 3, side, side] to [N, d]."""

    def __init__(self, side: int, patch: int, width: int, heads: int, layers: int, embed_dim: int) -> None:
        super().__init__()
        self.grid_size = (side // patch, side // patch)
        scale = width**-0.5
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn((side // patch) ** 2 + 1, width))
        self.ln_pre = LayerNorm(width)
        self.transformer = Transformer(width, heads, layers)
        self.ln_post = LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, embed_dim))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv1(x).flatten(2).mT
        first = self.class_embedding.to(patches.dtype).expand(len(x), 1, -1)
        x = torch.cat([first, patches], 1) + self.positional_embedding.to(patches.dtype)
        return self.ln_post(self.transformer(self.ln_pre(x)))[:, 0] @ self.proj


# CLIP's ResNet


class Bottleneck(nn.Module):
    """Three convolutions beside the way, [N, C, h, w] to [N, 4 planes, h / stride, w / stride]; means shrink."""

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        nn.init.zeros_(self.bn3.weight)  # each begins as the way beside it
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != 4 * planes:
            self.downsample = nn.Sequential()
            self.downsample.add_module("-1", nn.AvgPool2d(stride))
            self.downsample.add_module("0", nn.Conv2d(channels, 4 * planes, 1, bias=False))
            self.downsample.add_module("1", nn.BatchNorm2d(4 * planes))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(self.avgpool(out)))
        out += x if self.downsample is None else self.downsample(x)
        return F.relu(out, inplace=True)


class AttentionPool(nn.Module):
    """What the mean of all places sees in them: [N, C, h, w] to [N, d]."""

    def __init__(self, side: int, channels: int, heads: int, embed_dim: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(side**2 + 1, channels) / channels**0.5)
        self.k_proj, self.q_proj, self.v_proj = (nn.Linear(channels, channels) for _ in range(3))
        self.c_proj = nn.Linear(channels, embed_dim)
        self.num_heads = heads
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.c_proj):
            nn.init.normal_(projection.weight, std=channels**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return pooled(self, x, F.scaled_dot_product_attention)


def pooled(pool: Any, x: Tensor, attention: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """As `AttentionPool`, of ours or open_clip's, with the one query that is answered; by an attention's function."""
    x = x.flatten(2).mT
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + pool.positional_embedding.to(x.dtype)
    q, k, v = (
        projection(each).unflatten(-1, (pool.num_heads, -1)).transpose(1, 2)
        for projection, each in ((pool.q_proj, x[:, :1]), (pool.k_proj, x), (pool.v_proj, x))
    )
    found: Tensor = pool.c_proj(attention(q, k, v).transpose(1, 2).flatten(2))[:, 0]
    return found


class ModifiedResNet(nn.Module):
    """CLIP's ResNet with a stem of three convolutions that keeps its resolution: [N, 3, side, side] to [N, d].

    layers: blocks of each of the four stages; the first convolution halves the side, and so do three stages.
    """

    def __init__(self, layers: Sequence[int], width: int, heads: int, side: int, embed_dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        stages, channels = [], width
        for number, blocks in enumerate(layers):
            planes = width * 2**number
            first = Bottleneck(channels, planes, 1 if number == 0 else 2)
            stages.append(nn.Sequential(first, *(Bottleneck(4 * planes, planes, 1) for _ in range(blocks - 1))))
            channels = 4 * planes
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.attnpool = AttentionPool(side // 16, channels, heads, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        x = F.relu(self.bn3(self.conv3(x)), inplace=True)
        return self.attnpool(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


# ConvNeXt


class LayerNorm2d(nn.LayerNorm):
    """Over the channels of [N, C, h, w]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtMLP(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class ConvNeXtBlock(nn.Module):
    """A convolution a channel and a perceptron at every place, beside the way: [N, C, h, w] to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = ConvNeXtMLP(width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        out = self.mlp(self.norm(self.conv_dw(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return out * self.gamma.reshape(1, -1, 1, 1) + x


class ConvNeXtStage(nn.Module):
    """Half the size, but in the first stage, then a block."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.downsample: nn.Module = nn.Identity()
        if channels != width:
            self.downsample = nn.Sequential(LayerNorm2d(channels), nn.Conv2d(channels, width, 2, stride=2))
        self.blocks = nn.Sequential(ConvNeXtBlock(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


class ConvNeXt(nn.Module):
    """A ConvNeXt with a block a stage, and a projection of its places' mean: [N, 3, H, W] to [N, d]."""

    def __init__(self, widths: Sequence[int], embed_dim: int) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), LayerNorm2d(widths[0]))
        before = (widths[0], *widths[:-1])
        stages = nn.Sequential(*(ConvNeXtStage(*each) for each in zip(before, widths, strict=True)))
        norm = nn.ModuleDict({"norm": LayerNorm2d(widths[-1])})
        self.trunk = nn.ModuleDict({"stem": stem, "stages": stages, "head": norm})
        self.head = nn.ModuleDict({"proj": nn.Linear(widths[-1], embed_dim, bias=False)})
        for name, parameter in self.trunk.named_parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        x = self.trunk["stages"](self.trunk["stem"](x)).mean((2, 3), keepdim=True)
        return self.head["proj"](self.trunk["head"]["norm"](x).flatten(1))  # type: ignore[index]

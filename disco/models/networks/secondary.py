"""Secondary models: small v-predictors that stand in for the UNet when a gradient is needed.

x0 = alpha x - sigma v,    alpha = cos(pi t / 2), sigma = sin(pi t / 2), t = atan2(sigma, alpha) 2 / pi in 0..1
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.models.catalog import SecondarySpec
from disco.models.files.store import weights_path
from disco.models.files.weights import Undrawn, fill, load_state
from disco.models.networks.unet import Refine


class FourierFeatures(nn.Module):
    """float [B] to [B, features]: cosines and sines of fixed random frequencies (Tancik et al. 2020)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features // 2, 1))

    def forward(self, t: Tensor) -> Tensor:
        # Of angles up to 16 rad half precision leaves too little, and autocast would take a matrix product for safe.
        angles = 2 * math.pi * t[:, None] * self.weight.T
        return torch.cat([angles.cos(), angles.sin()], 1)


def with_time_planes(x: Tensor, features: Tensor) -> Tensor:
    """[B, C, H, W] and [B, F] to [B, C + F, H, W]: the features as constant planes."""
    return torch.cat([x, features[:, :, None, None].expand(-1, -1, *x.shape[2:]).to(x.dtype)], 1)


class Residual(nn.Module):
    """Two 3x3 convolutions added to their input; the second starts at zero, so the block starts as identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


class EmbeddedSecondary(nn.Module):
    """A fully convolutional U of residual blocks over patches of `patch` pixels; skips are added, not concatenated.

    With `refine` two convolutions over the pixels mend the patches' seams, as in `disco.models.networks.unet.UNet`.
    """

    def __init__(self, channels: tuple[int, ...], patch: int = 2, refine: int = 0) -> None:
        super().__init__()
        self.patch = patch
        self.time = FourierFeatures(16)
        self.stem = nn.Conv2d(3 * patch**2 + 16, channels[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(Residual(c) for c in channels)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(channels, channels[1:], strict=False))
        self.middle = nn.Sequential(Residual(channels[-1]), Residual(channels[-1]))
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear")
        self.ups = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in zip(channels, channels[1:], strict=False))
        self.up_blocks = nn.ModuleList(Residual(c) for c in channels[:-1])
        self.head = nn.Conv2d(channels[0], 3 * patch**2, 3, padding=1)
        self.refine = Refine(3, refine) if refine else None

    def forward(self, x: Tensor, cosine_t: Tensor) -> Tensor:
        """v of the picture. x: float [B, 3, H, W], H and W multiples of 4 patches; cosine_t: float [B] in 0..1."""
        h = self.stem(with_time_planes(F.pixel_unshuffle(x, self.patch), self.time(cosine_t)))
        skips = []
        for block, down in zip(self.down_blocks[:-1], self.downs, strict=True):
            h = block(h)
            skips.append(h)
            h = down(F.avg_pool2d(h, 2))
        h = self.middle(self.down_blocks[-1](h))
        for block, up, skip in zip(reversed(self.up_blocks), reversed(self.ups), reversed(skips), strict=True):
            h = block(skip + self.enlarge(up(h)))
        v = F.pixel_shuffle(self.head(F.silu(h)), self.patch)
        return v if self.refine is None else self.refine(v, x)


class ConvBlock(nn.Sequential):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU())


class Skip(nn.Module):
    """[main(x), x] along the channels."""

    def __init__(self, *main: nn.Module) -> None:
        super().__init__()
        self.main = nn.Sequential(*main)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.main(x), x], 1)


class SecondaryDiffusionImageNet2(nn.Module):
    """Katherine Crowson's secondary model of Disco Diffusion, with its published keys.

    `channels` are the widths from the full size down; every level halves the picture by an average and doubles it
    again bilinearly.
    """

    def __init__(self, channels: tuple[int, ...] = (64, 128, 128, 256, 256, 512)) -> None:
        super().__init__()
        self.timestep_embed = FourierFeatures(16)
        first, *rest = channels
        self.net = nn.Sequential(
            ConvBlock(3 + 16, first),
            ConvBlock(first, first),
            self._level(first, rest),
            ConvBlock(2 * first, first),
            nn.Conv2d(first, 3, 3, padding=1),
        )

    def _level(self, outer: int, inner: list[int]) -> Skip:
        width, *deeper = inner
        if deeper:
            core = [self._level(width, deeper), ConvBlock(2 * width, width), ConvBlock(width, outer)]
        else:
            core = [ConvBlock(width, width), ConvBlock(width, outer)]
        up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        return Skip(nn.AvgPool2d(2), ConvBlock(outer, width), ConvBlock(width, width), *core, up)

    def forward(self, x: Tensor, cosine_t: Tensor) -> Tensor:
        """v of the picture. x: float [B, 3, H, W], H and W multiples of 32; cosine_t: float [B] in 0..1."""
        return self.net(with_time_planes(x, self.timestep_embed(cosine_t)))


def build_secondary(spec: SecondarySpec) -> EmbeddedSecondary | SecondaryDiffusionImageNet2:
    if spec.architecture == "embedded":
        return EmbeddedSecondary(spec.channels, spec.patch, spec.refine)
    return SecondaryDiffusionImageNet2(spec.channels)


def load_secondary(spec: SecondarySpec, device: str | torch.device, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The network with its weights, in eval mode, without gradients to its parameters.

    Called with x [B, 3, H, W] and cosine t [B] it returns v [B, 3, H, W]. Raises `disco.errors.SettingsError` when the
    weights are missing or not the ones of the catalog.
    """
    with Undrawn():
        model = build_secondary(spec)
    path = weights_path(spec)
    fill(model, load_state(path, spec.weights.form_at(path).sha256), spec.name)
    return model.eval().requires_grad_(False).to(device, dtype)

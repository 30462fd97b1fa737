"""The diffusion UNet: guided-diffusion's `UNetModel`, built from its catalog entry."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.errors import SettingsError
from disco.models.catalog import UNetSpec
from disco.models.catalog.shapes import what_they_are
from disco.models.files.store import weights_path
from disco.models.files.weights import Undrawn, fill, halved, load_state
from disco.models.networks.checkpointing import set_checkpointing

#: The networks beside guided-diffusion's, and what their keys begin with.
BESIDE = ("mend", "refine")


class UNet(nn.Module):
    """guided-diffusion's UNet, looking at the picture in patches of `spec.patch` pixels.

    A patch of p x p pixels becomes 3 p^2 channels on the way in and pixels again on the way out, which lets a small
    network afford a 64-pixel picture; with patch 1 it is the plain network, and its keys are the published ones.
    Pixels of neighbouring patches are predicted apart from one another, which leaves a faint grid; with `spec.refine`
    two convolutions over the pixels of the prediction and of the picture mend it, with `spec.mend` two over patches of
    2 x 2 of them before. Of pictures of 128 px on patches of 4 x 4, after 120 steps from the same weights, the latter
    (96 wide, then 16 at full size) left a quarter less error at equal noise and picture than 32 at full size alone.
    """

    def __init__(self, spec: UNetSpec) -> None:
        super().__init__()
        with warnings.catch_warnings():  # of how it spells torch's autocast, which concerns nobody here
            warnings.simplefilter("ignore", FutureWarning)
            from guided_diffusion.unet import UNetModel  # slow to import; a plan of settings never needs it

        self.patch = spec.patch
        out_channels = 6 if spec.learn_sigma else 3
        self.net = UNetModel(
            image_size=spec.image_size // spec.patch,
            in_channels=3 * spec.patch**2,
            model_channels=spec.num_channels,
            out_channels=out_channels * spec.patch**2,
            num_res_blocks=spec.num_res_blocks,
            attention_resolutions=spec.attention_downsampling,
            channel_mult=spec.channel_mult,
            num_classes=spec.num_classes,
            num_head_channels=-1 if spec.num_head_channels is None else spec.num_head_channels,
            num_heads=1 if spec.num_heads is None else spec.num_heads,
            use_new_attention_order=spec.use_new_attention_order,
            use_scale_shift_norm=spec.use_scale_shift_norm,
            resblock_updown=spec.resblock_updown,
        )
        self.mend = Refine(out_channels, spec.mend, 2) if spec.mend else None
        self.refine = Refine(out_channels, spec.refine) if spec.refine else None

    def set_checkpointing(self, on: bool) -> None:
        """Hold the inputs of the blocks alone for the backward pass, or everything."""
        set_checkpointing([*self.net.input_blocks, self.net.middle_block, *self.net.output_blocks], on)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """The raw prediction (eps or v, then the variance channels where the model learned them).

        x: float [B, 3, H, W], H and W multiples of `spec.multiple`; t: float [B] in 0..1000;
        y: int64 [B], for class-conditional models only. Returns [B, 3 or 6, H, W].
        """
        patches = F.pixel_unshuffle(x, self.patch) if self.patch > 1 else x
        out = self.net(patches, t) if y is None else self.net(patches, t, y)
        out = F.pixel_shuffle(out, self.patch) if self.patch > 1 else out
        out = out if self.mend is None else self.mend(out, x)
        return out if self.refine is None else self.refine(out, x)


class Refine(nn.Module):
    """A prediction [B, C, H, W] and the picture it was made of, [B, 3, H, W], to the mended prediction.

    Two convolutions over patches of `patch` pixels. It starts as the identity.
    """

    def __init__(self, out_channels: int, width: int, patch: int = 1) -> None:
        super().__init__()
        self.patch = patch
        self.first = nn.Conv2d((out_channels + 3) * patch**2, width, 3, padding=1)
        self.second = nn.Conv2d(width, out_channels * patch**2, 3, padding=1)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, out: Tensor, x: Tensor) -> Tensor:
        seen = torch.cat([out, x], 1)
        if self.patch == 1:
            return out + self.second(F.silu(self.first(seen)))
        change = self.second(F.silu(self.first(F.pixel_unshuffle(seen, self.patch))))
        return out + F.pixel_shuffle(change, self.patch)


def load_unet(spec: UNetSpec, device: str | torch.device, dtype: torch.dtype = torch.float32) -> UNet:
    """The network with its weights, in eval mode, without gradients to its parameters.

    Half precision follows guided-diffusion: the convolutions run in it, normalisation and embeddings stay float32.
    Raises `disco.errors.SettingsError` when the weights are missing or not the ones of the catalog.
    """
    with Undrawn():  # drawing half a billion random numbers takes longer than reading the right ones
        model = UNet(spec)
    path = weights_path(spec)
    state = load_state(path, spec.weights.form_at(path).sha256)
    state = {key: value for key, value in state.items() if key not in spec.unused}
    try:
        fill_unet(model, state, spec.name)
    except SettingsError as error:
        raise SettingsError(f"{error}; {what_they_are({key: value.shape for key, value in state.items()})}") from error
    model = freeze_unet(model, dtype).to(device)
    if spec.patch > 1 and torch.device(device).type == "cpu":
        # Measured: a processor's small convolutions are a tenth quicker with channels last, large ones neither.
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def fill_unet(model: UNet, state: Mapping[str, Tensor], name: str) -> None:
    """Fill it from the tensors of a file; raises `disco.errors.SettingsError` when they are not its own."""
    for part in BESIDE:
        if (module := getattr(model, part)) is not None:
            own = {key: value for key, value in state.items() if key.startswith(f"{part}.")}
            fill(module, {key.removeprefix(f"{part}."): value for key, value in own.items()}, name)
            state = {key: value for key, value in state.items() if key not in own}
    fill(model.net, dict(state), name)


def state_for_file(model_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a `UNet` in half precision, under the keys of its file."""
    return {key.removeprefix("net."): value for key, value in halved(model_state).items()}


def freeze_unet(model: UNet, dtype: torch.dtype) -> UNet:
    """The network in eval mode, without gradients to its parameters, its convolutions in `dtype`, its blocks quick."""
    from disco.models.networks.unet_blocks import optimize_unet  # imports guided-diffusion, as the network has already

    model.eval().requires_grad_(False)
    optimize_unet(model.net)
    if dtype != torch.float32:
        model.net.dtype = dtype
        for part in (model.net.input_blocks, model.net.middle_block, model.net.output_blocks):
            for module in part.modules():
                if isinstance(module, (nn.Conv1d, nn.Conv2d)):
                    module.to(dtype)
    return model

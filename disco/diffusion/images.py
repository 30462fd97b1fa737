"""Pictures as tensors, float32 [3, H, W] in [-1, 1], and what is done to one that a run starts from."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from disco.errors import SettingsError


def fit_init(picture: Image.Image, height: int, width: int) -> Tensor:
    """An RGB picture, resized (Lanczos) to height x width whatever its proportions: float32 [3, H, W] in [-1, 1]."""
    return to_tensor(picture.resize((width, height), Image.Resampling.LANCZOS))


def to_tensor(picture: Image.Image) -> Tensor:
    """A Pillow picture of mode "RGB" -> float32 [3, H, W] in [-1, 1]; 0 becomes -1 and 255 becomes 1."""
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return values.float() / 127.5 - 1


def overlay_noise(picture: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Lay coloured, uniform noise over [3, H, W] in [-1, 1] as a layer of opacity `amount`: 0 nothing, 1 only noise.

    Diffusion makes its detail from variation. Flat areas of an init image offer none, and stay dead when many steps
    are skipped; a layer of noise gives them something to grow from.

    Raises SettingsError, naming init_noise, for an amount outside 0 to 1.
    """
    if not 0 <= amount <= 1:
        raise SettingsError(f"init_noise={amount} is outside the range 0 (no noise) to 1 (nothing but noise)")
    noise = torch.rand(*picture.shape, generator=generator) * 2 - 1
    return torch.lerp(picture, noise.to(picture), amount)

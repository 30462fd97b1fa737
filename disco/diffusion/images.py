"""Pictures as tensors, float32 [3, H, W] in [-1, 1], and what is done to one that a run starts from."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from disco.errors import SettingsError

#: What flatness looks at: so many pixels across, and the standard deviation of their greys, in 0..1, that is no longer
#: flat. A slope from black to white over sixty pixels has a third of it.
WINDOW, FLAT = 7, 0.1


def to_tensor(picture: Image.Image) -> Tensor:
    """A Pillow picture of mode "RGB" -> float32 [3, H, W] in [-1, 1]; 0 becomes -1 and 255 becomes 1."""
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return values.float() / 127.5 - 1


def overlay_noise(picture: Tensor, amount: float, generator: torch.Generator, flat_only: bool = False) -> Tensor:
    """Lay coloured, uniform noise over [3, H, W] in [-1, 1] as a layer of opacity `amount`: 0 nothing, 1 only noise.

    Diffusion makes its detail from variation. Flat areas of an init image offer none, and stay dead when many steps
    are skipped; a layer of noise gives them something to grow from. flat_only: its opacity is multiplied by `flatness`.

    Raises SettingsError, naming init_noise, for an amount outside 0 to 1.
    """
    if not 0 <= amount <= 1:
        raise SettingsError(f"init_noise={amount} is outside the range 0 (no noise) to 1 (nothing but noise)")
    noise = torch.rand(*picture.shape, generator=generator) * 2 - 1
    if flat_only:
        return picture + amount * flatness(picture) * (noise.to(picture) - picture)
    return torch.lerp(picture, noise.to(picture), amount)


def flatness(picture: Tensor) -> Tensor:
    r"""How flat a picture [3, H, W] in [-1, 1] is around each pixel: [1, H, W], from 1 (one colour) to 0 (detail).

        flatness  =  max(0, 1 - s / FLAT),    s^2 = E(g^2) - E(g)^2    over the WINDOW x WINDOW pixels around

    of the grey g, the mean of the channels in 0..1. Beyond its edges the picture repeats its border.
    """
    grey = (picture.mean(0, keepdim=True)[None] + 1) / 2
    around = F.unfold(F.pad(grey, [WINDOW // 2] * 4, mode="replicate"), WINDOW)
    spread = around.std(1, correction=0).unflatten(1, picture.shape[-2:])
    return (1 - spread / FLAT).clamp_min(0)

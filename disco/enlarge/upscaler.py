"""A stage by a network from a file: ESRGAN, SwinIR, DAT and whatever else spandrel knows, told by its weights."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from disco.enlarge.stages import Stage, within
from disco.errors import SettingsError
from disco.settings.paths import expanded

#: Pixels around a part that the network sees at either side, so that parts agree where they meet.
REACH = 16

#: What holds weights and nothing else: safetensors, and torch's own files, of which tensors alone are read.
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")


def network(path: str) -> Any:
    """The network of a file, as spandrel describes it: `scale`, and a call of [1, 3, h, w] in 0..1.

    Raises SettingsError, one line, where the file or the package is missing, or it holds no network that scales up.
    """
    given = f"upscaler={path!r}"
    file = expanded(path)
    if not file.is_file():
        raise SettingsError(f"{given}: there is no such file; give lanczos, none, or the path of a model file")
    if file.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"{given} is no file of weights, which end in {', '.join(SUFFIXES)}")
    if find_spec("spandrel") is None:
        raise SettingsError(f"{given} needs the package spandrel; pip install 'disco-engine[enlarge]'")
    import spandrel

    try:
        model = spandrel.ModelLoader("cpu").load_from_state_dict(_weights(file))
    except Exception as error:  # a damaged file, a network of another kind: whatever its readers raise
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise SettingsError(f"{given} holds no network that spandrel knows ({reason}); give another") from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != 3 or model.output_channels != 3:
        raise SettingsError(f"{given} does not scale up pictures in colour; give another")
    return model.eval()


def by_network(picture: np.ndarray, by: int, model: Any) -> Stage:
    """The network's picture, brought from its own scale to `by` times by Lanczos's filter.

    picture: uint8 [H, W, 3]. model: see `network`.
    """

    @torch.no_grad()
    def scale(part: np.ndarray) -> np.ndarray:
        height, width = part.shape[:2]
        pixels = torch.tensor(part).permute(2, 0, 1)[None] / 255
        seen = model(pixels)[0].clamp(0, 1)
        levels = (seen * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        size = (width * by, height * by)
        return np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.LANCZOS))

    return within(picture, by, REACH, scale)


def _weights(file: Path) -> Mapping[str, Tensor]:
    if file.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    found = torch.load(file, map_location="cpu", weights_only=True)
    for name in ("params_ema", "params", "state_dict"):  # as trainers wrap them
        found = found.get(name, found)
    return found

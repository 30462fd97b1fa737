"""Optical flow between two pictures, and how far it is to be believed.

A flow [H, W, 2] says for every pixel of the later picture how far from there, in pixels, the same thing was in the
earlier one (x and y). It is a warp: `sample(earlier, pixels(H, W) + flow)` shows the earlier picture's things where the
later one has them.

A flow is believed where the flow the other way leads back, and where motion does not change at once (Sundaram, Brox and
Keutzer, "Dense point trajectories by GPU-accelerated large displacement optical flow", ECCV 2010, eq. 5 and 6; the
constants are those that film makers' tools took from it).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from disco.animation.sampling import pixels, sample
from disco.errors import SettingsError

#: Width of the blur that softens what is believed, in pixels.
BLUR = 2.0
#: OpenCV's flow finds nothing in pictures smaller than a few of its patches.
LEAST_SIDE = 16


def flow_between(later: Tensor, earlier: Tensor) -> Tensor:
    """The flow from a picture to the one before, both [3, H, W] in [-1, 1]: float32 [H, W, 2].

    By OpenCV's dense inverse search (Kroeger and others, "Fast optical flow using dense inverse search", ECCV 2016),
    which needs no weights. Raises `SettingsError` where OpenCV is not installed, or for pictures that are too small.
    """
    cv2 = _opencv()
    if later.shape != earlier.shape:
        raise ValueError(f"pictures of {tuple(later.shape)} and {tuple(earlier.shape)} have no flow between them")
    if min(later.shape[-2:]) < LEAST_SIDE:
        raise SettingsError(f"optical flow needs pictures of at least {LEAST_SIDE} pixels a side")
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return torch.from_numpy(search.calc(_grey(later), _grey(earlier), None))


def _opencv() -> Any:
    if find_spec("cv2") is None:
        raise SettingsError(
            "optical flow needs OpenCV, which is not installed; pip install 'disco-engine[video]', or set "
            "video_init_flow_warp=false"
        )
    import cv2

    return cv2


def _grey(picture: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Luma (BT.601) of [3, H, W] in [-1, 1] as bytes [H, W]."""
    luma = torch.einsum("chw,c->hw", picture.double().cpu(), torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64))
    return ((luma + 1) * 127.5).round().clamp(0, 255).byte().numpy()


def belief(flow: Tensor, back: Tensor, blur: float = BLUR) -> Tensor:
    """How far a flow is to be believed, given the flow the other way: [H, W] from 0 (not at all) to 1.

    flow: from the later picture to the earlier, [H, W, 2]; back: from the earlier to the later. Where the later picture
    shows what the earlier one hides, the two do not cancel.
    """
    flow, back = flow.double(), back.double()
    where = pixels(*flow.shape[:2]) + flow
    returned = sample(back.permute(2, 0, 1)[None], where)[0].permute(1, 2, 0)
    size = flow.square().sum(-1)
    lost = (flow + returned).square().sum(-1) >= 0.01 * (size + returned.square().sum(-1)) + 0.5
    rows, columns = torch.gradient(flow, dim=(0, 1))
    edge = (rows.square() + columns.square()).sum(-1) > 0.01 * size + 0.002
    believed = (~(lost | edge)).double()
    if blur == 0:
        return believed
    from torchvision.transforms.functional import gaussian_blur  # which imports torch's compiler

    width = 2 * round(3 * blur) + 1
    return gaussian_blur(believed[None, None], [width, width], [blur, blur])[0, 0].clamp(0, 1)

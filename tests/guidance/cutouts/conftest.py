"""What the tests of cuts hold them against."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision.transforms.functional as TF
from torch import Tensor
from torchvision.transforms import InterpolationMode

from disco.guidance.cutouts.looks import Looks


@pytest.fixture(name="looks_one_by_one")
def fixture_of_looks() -> Callable[..., Tensor]:
    return looks_one_by_one


def looks_one_by_one(
    cuts: Tensor, looks: Looks, generator: torch.Generator, turned: InterpolationMode = InterpolationMode.BILINEAR
) -> Tensor:
    """torchvision's functions on each cut, with the same draws. The flip comes after its noise: see `augment`."""

    def noisy(cuts: list[Tensor]) -> list[Tensor]:
        return list(torch.stack(cuts) + 0.01 * torch.randn(torch.stack(cuts).shape, generator=generator))

    height, width = cuts.shape[-2:]
    seen = [TF.hflip(cut) if flip else cut for cut, flip in zip(noisy(list(cuts)), looks.flip, strict=True)]
    seen = [
        TF.affine(cut, angle.item(), shift.int().tolist(), 1.0, [0.0], interpolation=turned)
        for cut, angle, shift in zip(seen, looks.angle, looks.shift, strict=True)
    ]
    if looks.corners is not None:
        frame = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        seen = [
            TF.perspective(cut, frame, corners.int().tolist(), interpolation=InterpolationMode.BILINEAR)
            for cut, corners in zip(noisy(seen), looks.corners, strict=True)
        ]
    seen = [TF.rgb_to_grayscale(cut, 3) if g else cut for cut, g in zip(seen, looks.grey, strict=True)]
    own = 0.01 * torch.randn(torch.stack(seen).shape, generator=generator)
    # Noise, grey, noise: the channels' covariance is that of the luma of the first, on top of the second's.
    size, axes = torch.linalg.eigh(torch.eye(3).double() + 0.2989**2 + 0.587**2 + 0.114**2)
    root = (axes * size.sqrt()) @ axes.T
    laid = [torch.einsum("ij,jyx->iyx", root, n.double()) if g else n * 2**0.5
            for n, g in zip(own, looks.grey, strict=True)]  # fmt: skip
    seen = [cut + n for cut, n in zip(seen, laid, strict=True)]
    if looks.jitter is not None:
        adjust = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue]
        for i, by in enumerate(looks.jitter):
            for step in looks.order:
                seen[i] = adjust[step](seen[i], by[step].item())
    return torch.stack(seen)

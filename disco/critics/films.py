r"""What a film measures beside its pictures: how steady it is, and whether its colours stay.

    flicker   mean over pixels and channels of |frame - frame before, moved along|, of levels in 0..1         0 to 1
    drift     distance of the mean colour from the first frame's, in CIE L*a*b* (CIE76's delta E)             0 to 100

The frame before is moved as the camera moved, or as things move in the video that the film follows; pixels that it does
not show do not count. So a camera flight through a still world has a flicker of 0, up to what reading between pixels
blurs, and two frames of independent noise, uniform over all levels, 1/3. 1 of drift is about the least difference of
colour that is seen side by side.

Sources: Lai and others, "Learning blind video temporal consistency", ECCV 2018 (the warping error, there squared);
CIE 15 for L*a*b*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from disco.diffusion.colour import to_lab


def flicker(frame: Tensor, before: Tensor, seen: Tensor) -> float | None:
    """How much a frame differs from the frame before, as it was moved along.

    frame, before: [3, H, W] in [-1, 1]. seen: how far each pixel of the frame is in both, [H, W], bool or from 0 to 1.
    None where nothing is.
    """
    weights = seen.to(frame.dtype)
    total = weights.sum()
    if not total > 0:
        return None
    apart = (frame - before).abs().mean(0) / 2
    return _six_digits(float((apart * weights).sum() / total))


def drift(frame: Tensor, first: Tensor) -> float:
    """How far a frame's mean colour is from the first frame's; both [3, H, W] in [-1, 1], of any sizes."""
    means = [to_lab(picture).mean((-2, -1)) for picture in (frame, first)]
    return _six_digits(float(torch.linalg.vector_norm(means[0] - means[1])))


def of_film(frames: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """The metrics of a film, of those of its frames: the mean of each number, and of drift the last.

    A metric that no frame has a number for is None. Texts, such as what the judge saw, are left out.
    """
    found: dict[str, float | None] = {}
    for name in dict.fromkeys(name for frame in frames for name in frame):
        given = [frame[name] for frame in frames if name in frame]
        numbers = [float(value) for value in given if isinstance(value, int | float) and not isinstance(value, bool)]
        if any(isinstance(value, str) for value in given):
            continue
        if not numbers:
            found[name] = None
        else:
            found[name] = numbers[-1] if name == "drift" else _six_digits(sum(numbers) / len(numbers))
    return found


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")

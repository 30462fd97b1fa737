"""Carries the weights of a UNet over to pictures of a larger side, on larger patches and the same grid.

Everything inside the network sees what it saw. Its first convolution reads the means of the pixels that were one, and
its last one writes each value to all of them; the convolutions over pixels, which are another size, begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

#: The convolutions whose channels are the pixels of a patch.
FIRST, LAST = "input_blocks.0.0.weight", "out.2."


def enlarged(state: Mapping[str, Tensor], patch: int, factor: int) -> dict[str, Tensor]:
    """The state of guided-diffusion's network for patches of `patch` pixels, for patches of `factor` times the side.

    Channels of a patch are ordered by colour, row and column, as `torch.nn.functional.pixel_unshuffle` has them.
    """
    found = dict(state)
    found[FIRST] = _spread(state[FIRST].transpose(0, 1), patch, factor).transpose(0, 1).contiguous() / factor**2
    for name in ("weight", "bias"):
        found[LAST + name] = _spread(state[LAST + name], patch, factor)
    return found


def _spread(weights: Tensor, patch: int, factor: int) -> Tensor:
    """Rows [C p p, ...] to [C (k p) (k p), ...], each repeated for all the pixels that take its place."""
    rows = weights.unflatten(0, (-1, patch, patch))
    return rows.repeat_interleave(factor, 1).repeat_interleave(factor, 2).flatten(0, 2)

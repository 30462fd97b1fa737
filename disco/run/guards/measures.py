"""What the guard measures of the picture that a step predicts: a few sums, cheap beside the step.

    overflow   mean of max(|x| - 1, 0)                                  0 where all values are colours
    light      mean of the luma of c, c the values held to -1..1        -1 black to 1 white
    spread     standard deviation of c over pixels, mean over channels  0 one colour to 1
    grain      mean squared difference of neighbours / (2 variance)     0 smooth, 1 white noise
    copies     highest off-centre rise of the autocorrelation           0 to 1

grain is von Neumann's ratio (1941), of differences to the right and downwards. copies is the motifs of
`disco.critics.metrics`, of the luma alone and with the shorter side shrunk to 24 pixels.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

#: In the order in which `measures` returns them.
MEASURES = ("overflow", "light", "spread", "grain", "copies")

#: Weights of red, green and blue in the luma (Rec. ITU-R BT.709).
LUMA = (0.2126, 0.7152, 0.0722)

#: Shorter side, in pixels, at which copies are looked for.
SIDE = 24

#: Points on the way from the centre to a peak of the autocorrelation at which it must have fallen.
WAY = 8

#: A variance that is that of rounding.
TINY = 1e-6


def measures(x0: Tensor) -> tuple[Tensor, ...]:
    """x0 [B, 3, H, W], about -1..1, to a tensor [B] for each of `MEASURES`; nothing waits for the device."""
    colours = x0.clamp(-1, 1)
    overflow = (x0 - colours).abs().mean((1, 2, 3))
    luma = torch.tensordot(colours, _luma_weights(x0.device, x0.dtype), dims=([1], [0]))
    variance = colours.var((2, 3), correction=0)
    return (
        overflow,
        luma.mean((1, 2)),
        variance.sqrt().mean(1),
        _grain(colours, variance.mean(1)),
        copies(luma),
    )


def _grain(colours: Tensor, variance: Tensor) -> Tensor:
    squares = [colours.diff(dim=dim).square().mean((1, 2, 3)) for dim in (-1, -2) if colours.shape[dim] > 1]
    if not squares:
        return torch.zeros_like(variance)
    return sum(squares) / (2 * len(squares) * variance.clamp_min(TINY))


def copies(luma: Tensor) -> Tensor:
    r"""[B, H, W] to [B]: how much of the picture comes again elsewhere in it.

        r(d)    =  sum over x of f(x) f(x + d) / sum of f^2
        copies  =  max over d of  r(d) - max(0, min over 0 < s < 1 of r(s d))

    f is the luma less the mean of each row, and 0 outside. n copies in a row or a column give (n - 1) / n.
    """
    small = _shrunk(luma)
    f = small - small.mean(2, keepdim=True)
    height, width = f.shape[1:]
    if height * width == 1:
        return torch.zeros_like(f[:, 0, 0])
    energy = f.square().sum((1, 2))
    doubled = 2 * height, 2 * width  # with room for every shift, so that the borders do not meet
    spectrum = torch.fft.rfft2(f, s=doubled)
    r = torch.fft.irfft2(spectrum.real.square() + spectrum.imag.square(), s=doubled).flatten(1)
    places = _places(height, width, luma.device)
    on_the_way = r.index_select(1, places.flatten()).unflatten(1, places.shape)
    rise = on_the_way[:, -1] - on_the_way[:, :-1].amin(1).clamp_min(0)
    found = rise.amax(1) / energy.clamp_min(TINY)
    return torch.where(energy > TINY * height * width, found, torch.zeros_like(found))


def _shrunk(luma: Tensor) -> Tensor:
    """[B, H, W] with the shorter side `SIDE` pixels long, each the mean of the area it covers; never enlarged."""
    height, width = luma.shape[1:]
    shorter = min(height, width)
    if shorter <= SIDE:
        return luma
    return F.adaptive_avg_pool2d(luma, (round(height * SIDE / shorter), round(width * SIDE / shorter)))


@lru_cache(maxsize=8)
def _luma_weights(device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.tensor(LUMA, device=device, dtype=dtype)


@lru_cache(maxsize=8)
def _places(height: int, width: int, device: torch.device) -> Tensor:
    """int64 [WAY, N]: where in a flattened r the points on the way to each of N shifts lie, the last the shift itself.

    Half of all shifts, for r(-d) = r(d); a negative shift counts from the end, which is where a transform has it.
    """
    dy, dx = torch.meshgrid(torch.arange(height), torch.arange(1 - width, width), indexing="ij")
    far = ((dy != 0) | (dx != 0)).flatten()
    shifts = torch.stack([dy.flatten()[far], dx.flatten()[far]]).float()
    parts = torch.arange(1, WAY + 1)[:, None, None] / WAY
    y, x = (parts * shifts).round().long().unbind(1)
    return ((y % (2 * height)) * 2 * width + x % (2 * width)).to(device)

"""Random numbers, drawn by seed, stream and noise level.

Everything random is drawn on the CPU, in float32, from a generator that belongs to one image: what a seed gives depends
neither on the device and precision nor on the rest of the batch. What is drawn at a step has a generator of its own as
well, so that it depends on no step before it: a run that starts in the middle draws what the whole run does, and runs
of one seed that differ in skipped steps draw the same where their levels meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageStreams:
    """Named random streams, all of which come from the seed of one image.

    Streams do not disturb one another: an image that draws more cutouts still starts from the same noise.
    """

    seed: int

    def generator(self, stream: str, t: float | None = None) -> torch.Generator:
        """The CPU generator of `stream`, at its beginning.

        t: the noise level, 0 to 1000, of what is drawn anew at every step; None for what a run draws once.
        """
        # Not Python's hash(), which differs from process to process.
        name = f"{self.seed}/{stream}" if t is None else f"{self.seed}/{stream}/{t}"
        digest = hashlib.sha256(name.encode()).digest()
        # torch's CPU generator reads 32 bits of its seed.
        return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))


@dataclass(frozen=True)
class NoiseSource:
    """What draws the noise that runs start from, and that of their steps.

    streams: one a picture. order: which pixel's noise each pixel takes, by number in reading order, [H, W]; None where
    each takes its own.
    """

    streams: Sequence[ImageStreams]
    order: Tensor | None = None

    def drawn(
        self, stream: str, t: float | None, shape: Sequence[int], device: torch.device | str, dtype: torch.dtype
    ) -> Callable[[], Tensor]:
        """What draws standard normal noise [B, *shape] out of a stream, at every call anew. t: as of `generator`."""
        generators = [each.generator(stream, t) for each in self.streams]

        def draw() -> Tensor:
            noise = normal(generators, shape, dtype=torch.float32)
            if self.order is not None:
                noise = noise.flatten(-2)[..., self.order.flatten()].view_as(noise)
            return noise.to(device, dtype)

        return draw


def normal(
    generators: Iterable[torch.Generator],
    shape: Sequence[int],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Standard normal noise [B, *shape], row b drawn from generator b; each moves on."""
    return torch.stack([torch.randn(*shape, generator=own) for own in generators]).to(device, dtype)

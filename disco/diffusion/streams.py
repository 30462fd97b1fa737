"""Random numbers: named streams, all of which come from the seed of one image.

Everything random is drawn on the CPU, in float32, from a generator that belongs to one image: what a seed gives depends
neither on the device and precision nor on the rest of the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


class ImageStreams:
    """Named random streams, all of which come from the seed of one image.

    Streams do not disturb one another: an image that draws more cutouts still starts from the same noise.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generators: dict[str, torch.Generator] = {}

    def generator(self, stream: str) -> torch.Generator:
        """The CPU generator of `stream`: the same object at every call, so that its draws go on."""
        if stream not in self._generators:
            self._generators[stream] = torch.Generator().manual_seed(_stream_seed(self.seed, stream))
        return self._generators[stream]


def _stream_seed(seed: int, stream: str) -> int:
    # Not Python's hash(), which differs from process to process.
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:4], "little")  # torch's CPU generator reads 32 bits of its seed


def normal(
    streams: Sequence[ImageStreams],
    stream: str,
    shape: Sequence[int],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Standard normal noise [B, *shape], row b drawn from `stream` of image b."""
    drawn = torch.stack([torch.randn(*shape, generator=own.generator(stream)) for own in streams])
    return drawn.to(device, dtype)

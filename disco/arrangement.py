"""How a run is laid out in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Arrangement:
    """How a run is laid out in memory, which changes no picture but for rounding.

    precision: "float32", "float16" or "bfloat16". checkpointing: of the UNet and of the perceptors' image towers.
    cuts_at_once: how many cuts a perceptor looks at together, 0 = all. why: in a few words, for the record.
    """

    precision: str
    checkpointing: bool = False
    cuts_at_once: int = 0
    why: str = field(default="", compare=False)

    @property
    def dtype(self) -> torch.dtype:
        return PRECISIONS[self.precision]

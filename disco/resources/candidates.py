"""The ways to lay out a run in memory that its settings allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from disco.arrangement import Arrangement
from disco.planning.plan import Plan
from disco.planning.values import cuts_at_once
from disco.resources.estimate import heaviest


def candidates(plan: Plan, device_type: str) -> Iterator[Arrangement]:
    """The arrangements that the settings allow, in the order to be tried."""
    machine = plan.settings.machine
    precisions = auto_precisions(device_type) if machine.precision == "auto" else (machine.precision,)
    switch = {"auto": (False, True), "on": (True,), "off": (False,)}[machine.checkpointing]
    cuts = heaviest(plan).cuts.number
    given = cuts_at_once(plan.settings)
    chunks = [0] if given is None else [given if given < cuts else 0]
    while given is None and cuts > 1:
        cuts = -(-cuts // 2)
        chunks.append(cuts)
    for precision in precisions:
        pairs = [(on, chunk) for on in switch for chunk in chunks]
        if device_type == "cpu":  # a chunk changes rounding, checkpointing nothing
            pairs.sort(key=lambda pair: (chunks.index(pair[1]), pair[0]))
        for on, chunk in pairs:
            yield Arrangement(precision, on, chunk)


def auto_precisions(device_type: str) -> tuple[str, ...]:
    """What precision=auto may be, the preferred first; the later ones only where memory asks for them."""
    if device_type == "cpu":
        return ("bfloat16",) if multiplies_in_half() else ("float32", "bfloat16")
    return ("float16",) if device_type == "cuda" else ("float32",)


def multiplies_in_half() -> bool:
    """Whether the processor has instructions for products in bfloat16 (AMX, AVX-512); where it has none, they are slow.

    A PyTorch that cannot tell yet counts as none.
    """
    can: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(can.get("amx_bf16") or can.get("avx512_bf16"))

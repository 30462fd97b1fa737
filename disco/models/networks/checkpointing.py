"""Gradient checkpointing: a block forgets what happened inside it, and finds out again when the gradient asks.

Source: Chen et al. 2016, arXiv:1604.06174. The second pass does what the first did, so no bit of a gradient changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from disco.kernels import backend


def set_checkpointing(blocks: Iterable[nn.Module], on: bool) -> None:
    """Let each of these blocks hold its inputs alone until the backward pass, or, with `on` false, everything again.

    guided-diffusion's own switch asks for gradients of its parameters, and fails where they are frozen.
    """
    for block in blocks:
        block.__dict__.pop("forward", None)
        if on:
            block.forward = checkpointed(block.forward)  # type: ignore[method-assign]


def checkpointed(forward: Callable[..., Any]) -> Callable[..., Any]:
    """`forward`, computed a second time for its gradient, with the kernels of the first, in whichever thread.

    Autograd walks back through what lies on a GPU in a thread of its own.
    """

    def computed(*given: Any, **named: Any) -> Any:
        again = forward if torch.compiler.is_compiling() else backend.as_chosen_here(forward)
        # Nothing in these networks draws at random, so there is no random state to keep.
        return checkpoint(again, *given, use_reentrant=False, preserve_rng_state=False, **named)

    return computed

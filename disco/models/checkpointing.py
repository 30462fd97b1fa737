"""Gradient checkpointing: a block forgets what happened inside it, and finds out again when the gradient asks.

Source: Chen et al. 2016, arXiv:1604.06174. The second pass does what the first did, so no bit of a gradient changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint


def set_checkpointing(blocks: Iterable[nn.Module], on: bool) -> None:
    """Let each of these blocks hold its inputs alone until the backward pass, or, with `on` false, everything again.

    guided-diffusion's own switch asks for gradients of its parameters, and fails where they are frozen.
    """
    for block in blocks:
        block.__dict__.pop("forward", None)
        if on:
            # Nothing in these networks draws at random, so there is no random state to keep.
            block.forward = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)  # type: ignore[method-assign]

"""Attention, as every network here computes it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scaled dot products [N, heads, T, d]; on a processor in float32, for its gradient is ten times slower in half."""
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v)
    with torch.autocast("cpu", enabled=False):
        exact = torch.promote_types(q.dtype, torch.float32)
        return F.scaled_dot_product_attention(q.to(exact), k.to(exact), v.to(exact)).to(q.dtype)

"""Attention is softmax of scaled products, and exact inside on a processor."""

from __future__ import annotations

import torch

from disco.models.networks.attention import attend


def test_attention_on_a_processor_keeps_its_type_and_is_exact_inside():
    q, k, v = (torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(n)).bfloat16() for n in range(3))
    with torch.autocast("cpu", torch.bfloat16):
        found = attend(q, k, v)
    assert found.dtype == torch.bfloat16
    scores = (q.double() @ k.double().mT / 2).softmax(-1) @ v.double()
    torch.testing.assert_close(found.double(), scores, rtol=2**-8, atol=1e-3)

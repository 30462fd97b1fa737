"""The ledger: what is held, and what is done, against closed forms and torch's own allocator."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disco.resources import ledger as ledgers
from disco.resources.ledger import Ledger


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_the_ledger_knows_what_is_held(sizes):
    with Ledger("cpu", 64) as ledger:
        held = [torch.zeros(size, dtype=torch.uint8) for size in sizes]
        rounded = [-(-size // 64) * 64 for size in sizes]
        assert ledger.live == ledger.peak == sum(rounded)
        views = [tensor[:1] for tensor in held]
        assert ledger.live == sum(rounded)
        del held[0]
        assert ledger.live == sum(rounded)  # its view holds it
        del views[0]
        assert ledger.live == sum(rounded[1:]) and ledger.peak == sum(rounded)


def test_the_ledger_follows_a_gradient():
    """y = relu(x)^2 saves relu(x) alone; backward has that, its own gradient and one more at a time."""
    x = torch.randn(1024, requires_grad=True)
    with Ledger("cpu", 64) as ledger:
        ledger.ignore(iter([x]))
        y = torch.relu(x).square().sum()
        assert ledger.live == 4096 + 64
        torch.autograd.grad(y, x)
    assert ledger.work.flops == 0 and ledger.work.calls > 3


def test_the_ledger_counts_multiply_adds_as_two():
    a = torch.randn(3, 5)
    with Ledger("cpu", 64) as ledger:
        a @ a.T
    assert ledger.work.flops == 2 * 3 * 5 * 3
    assert ledger.work.moved == 4 * (15 + 15 + 9)
    assert ledger.work.calls == 1


@pytest.mark.parametrize(("count", "width"), [(20, 32), (64, 32), (256, 32), (1024, 64)])
def test_attention_takes_its_tiles(monkeypatch, count, width, allocator_peak):
    monkeypatch.setattr(ledgers, "HEAP_SLACK", 1)
    q = torch.randn(1, 4, count, width, requires_grad=True)

    def attended():
        return torch.nn.functional.scaled_dot_product_attention(q, q, q)

    for call in (attended, lambda: torch.autograd.grad(attended(), q, torch.ones_like(q))):
        with Ledger("cpu", 64, malloc=True) as ledger:
            ledger.ignore(iter([q]))
            call()
        assert ledger.peak == pytest.approx(allocator_peak(call), rel=0.02)

"""Operations that several threads share: the bits of one thread, and somebody told how far things have got."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from disco.kernels.norm import group_norm_silu
from disco.kernels.sharing import alone, set_threads, setter, shared, told_of


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_what_is_alone_has_one_thread_where_operations_are_shared():
    told = []
    assert alone(torch.get_num_threads) == 2 and not told
    with shared(lambda: told.append("passed")):
        assert alone(torch.get_num_threads) == 1 and told == ["passed"]
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            alone(lambda: 1 // 0)
        assert torch.get_num_threads() == 2
        with shared(lambda: torch.set_num_threads(1)):  # who is told may leave the others
            alone(lambda: None)
        assert torch.get_num_threads() == 1
    assert alone(lambda x: x, "given") == "given" and len(told) == 2


def test_the_backward_pass_tells_when_it_comes_by():
    told = []
    x = torch.ones(3, requires_grad=True)
    with shared(lambda: told.append("passed")):
        first = told_of(x * 2)
        last = told_of(first * 3)
        assert told_of(torch.ones(3)).grad_fn is None  # which has no backward pass
    first.register_hook(lambda _: told.append("first"))
    last.register_hook(lambda _: told.append("last"))
    (gradient,) = torch.autograd.grad(last.sum(), x)
    assert told == ["passed", "last", "passed", "first"] and gradient.tolist() == [6, 6, 6]


def test_the_number_of_threads_is_torchs_whoever_is_told_it():
    for count in (1, 3, 2):
        set_threads(count)
        assert torch.get_num_threads() == count
    assert setter("no_such_library.so") is torch.set_num_threads
    assert setter("libm.so.6") is torch.set_num_threads  # which knows nothing of threads
    assert torch.get_num_threads() == 2


def test_threads_share_each_their_own():
    told = []

    def elsewhere() -> None:
        alone(lambda: None)

    with shared(lambda: told.append("passed")):
        other = threading.Thread(target=elsewhere)
        other.start()
        other.join()
    assert not told


@pytest.mark.parametrize("size", [(1, 64, 32, 32), (1, 96, 16, 16), (2, 64, 32, 32)], ids=str)
def test_normalisation_in_half_has_the_bits_of_one_thread(size):
    """Channels last, as a processor has them, where the sums depend on the number of threads."""
    x = torch.randn(size, generator=torch.Generator().manual_seed(0))
    x = x.bfloat16().to(memory_format=torch.channels_last)
    weight, bias = torch.rand(size[1]), torch.rand(size[1])

    def results(threads: int) -> tuple[torch.Tensor, torch.Tensor]:
        torch.set_num_threads(threads)
        leaf = x.clone().requires_grad_()
        with shared(lambda: None):
            out = group_norm_silu(leaf, 32, weight, bias)
        assert out.is_contiguous(memory_format=torch.channels_last)
        (gradient,) = torch.autograd.grad(out, leaf, torch.ones_like(out))
        return out.detach(), gradient

    (one, pull), (two, pull_too) = results(1), results(2)
    assert torch.equal(one, two) and torch.equal(pull, pull_too)
    exact = F.silu(F.group_norm(x.double(), 32, weight.double(), bias.double()))
    torch.testing.assert_close(two.double(), exact, rtol=0.02, atol=0.02)

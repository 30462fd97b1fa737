"""torch's private parts: on which releases they were tried, and that they do what is asked of them."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import torch

from disco.resources.torch_private import TRIED_ON, FakeTensorMode, TorchDispatchMode, without_modes


class Watching(TorchDispatchMode):
    """Remembers the names of the operations that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.name())
        return func(*args, **(kwargs or {}))


def test_this_torch_is_one_that_it_was_tried_on():
    """A newer one is installed before anyone has tried it; whether it serves, the other tests of this folder say."""
    if not version("torch").startswith(TRIED_ON["torch"]):
        pytest.skip(f"torch is {version('torch')}: where this folder's other tests pass, add it to TRIED_ON")


def test_a_mode_sees_what_is_done_in_it_unless_modes_are_left_out():
    x = torch.ones(2)
    with Watching() as watching:
        x.neg()
        with without_modes():
            x.exp()
    assert watching.seen == ["aten::neg"]


def test_fake_tensors_have_a_shape_and_compute_nothing():
    with FakeTensorMode():
        product = torch.empty(2**20, 2**20) @ torch.empty(2**20, 3)
    assert product.shape == (2**20, 3)  # of four terabytes

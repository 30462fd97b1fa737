"""The pull towards the frame before: its value where that is known, its gradient, and what is not seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from disco.guidance.terms.base import Seen
from disco.guidance.terms.temporal import temporal, temporal_loss
from support.draws import normal
from support.plans import plan

BEFORE, SEEN = normal(1, 3, 5, 6, seed=2), (normal(1, 1, 5, 6, seed=3) > 0).double()


def test_what_is_a_constant_apart_has_its_square():
    assert temporal_loss(BEFORE + 0.5, BEFORE, SEEN).tolist() == pytest.approx([0.25])
    assert temporal_loss(BEFORE.expand(2, -1, -1, -1), BEFORE, SEEN).tolist() == [0, 0]


def test_what_is_not_seen_does_not_count():
    elsewhere = BEFORE + 9 * (1 - SEEN)
    assert temporal_loss(elsewhere, BEFORE, SEEN).item() == 0
    assert temporal_loss(elsewhere, BEFORE, torch.zeros_like(SEEN)).item() == 0


def test_the_gradient_is_that_of_the_loss():
    x = normal(2, 3, 5, 6)
    assert torch.autograd.gradcheck(lambda x: temporal_loss(x, BEFORE, SEEN), x.requires_grad_())
    (step, *_) = plan(steps=4).steps
    term = temporal(BEFORE, SEEN)
    assert not term.wants(step) and term.wants(replace(step, temporal_scale=7.0))
    pull = term.pull(Seen(x.detach(), x.detach()), replace(step, temporal_scale=7.0))
    torch.testing.assert_close(pull.losses["temporal"], 7 * temporal_loss(x.detach(), BEFORE, SEEN))
    closed = 7 * 2 * (x.detach() - BEFORE) * SEEN / (3 * SEEN.sum())
    torch.testing.assert_close(pull.gradient, closed)

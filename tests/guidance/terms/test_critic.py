"""Critics as a term of the loss: closed forms, weights, and the gradient by finite differences."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import disco
from disco.guidance.terms.base import Seen
from disco.guidance.terms.critic import Critic, Critics, ReadingCritic
from disco.models import catalog
from disco.models.networks.critic import build_critic
from disco.planning.plan import build_plan
from disco.settings.config import load
from disco.settings.overrides import from_python
from disco.step import Step
from support.draws import pictures
from support.plans import plan

#: The mean of red, from 0 to 1, and of green with the other sign.
RED = Critic("red", 0, lambda x: x[:, 0].mean((1, 2)))
UNGREEN = Critic("ungreen", 0, lambda x: -x[:, 1].mean((1, 2)))


def step_of(scale: float, *weights: float) -> Step:
    return dataclasses.replace(plan().steps[0], critic_scale=scale, critic_weights=weights)


def seen(count: int = 2, side: int = 12) -> Seen:
    x = 2 * pictures(count, 3, side, side + 4) - 1
    return Seen(x.requires_grad_(), x.detach())


def test_the_mean_of_red_pulls_every_red_value_alike() -> None:
    losses, gradient = Critics([RED, UNGREEN]).pull(seen(), step_of(30, 2, -1))
    assert gradient is not None
    torch.testing.assert_close(losses["critic/red"], -60 * (seen().x0[:, 0].mean((1, 2)) + 1) / 2)
    torch.testing.assert_close(losses["critic/ungreen"], -30 * (seen().x0[:, 1].mean((1, 2)) + 1) / 2)
    expected = torch.zeros_like(gradient)
    expected[:, 0], expected[:, 1] = -60 / 2 / (12 * 16), -30 / 2 / (12 * 16)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize(("scale", "weights", "wants"), [(0, (1, 1), False), (5, (0, 0), False), (5, (0, -1), True)])
def test_it_is_asked_where_it_pulls(scale: float, weights: tuple[float, float], wants: bool) -> None:
    def fails(x: Tensor) -> Tensor:
        raise AssertionError

    term, step = Critics([dataclasses.replace(RED, score=fails), UNGREEN]), step_of(scale, *weights)
    assert term.wants(step) is wants
    if wants:
        assert list(term.pull(seen(), step).losses) == ["critic/ungreen"]


def test_a_picture_is_squeezed_to_the_critics_square() -> None:
    shapes: list[Any] = []

    def score(x: Tensor) -> Tensor:
        shapes.append(x.shape)
        return x.mean((1, 2, 3))

    grey = torch.full((2, 3, 20, 30), 0.5)
    assert Critic("a", 8, score).of(grey).tolist() == pytest.approx([0.75, 0.75])
    Critic("a", 0, score).of(grey)
    assert shapes == [(2, 3, 8, 8), (2, 3, 20, 30)]


@pytest.mark.parametrize("resolution", [0, 16])
def test_the_gradient_is_that_of_finite_differences(resolution: int) -> None:
    """Of the embedded architecture with random weights, on pictures of its side and on others."""
    torch.manual_seed(2)
    network = build_critic(dataclasses.replace(catalog.CRITICS[0], resolution=16, channels=(4, 8))).double()
    term, step = Critics([Critic("own", resolution, network)]), step_of(7, 1.5)
    x = seen(1, 16).x0 if resolution else 2 * pictures(1, 3, 16, 16) - 1
    gradient = term.pull(Seen(x, x), step).gradient
    assert gradient is not None
    generator = torch.Generator().manual_seed(4)
    for _ in range(4):
        way = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        up, down = (sum(term.pull(Seen(x + h * way, x), step).losses.values()) for h in (1e-5, -1e-5))
        assert ((up - down) / 2e-5).sum().item() == pytest.approx((gradient * way).sum().item(), rel=1e-5)


def test_pictures_of_a_batch_are_each_asked_for_their_own() -> None:
    """A reader that hears a text's length, and wants so much red."""
    reader = ReadingCritic(
        *("lengths", 0, lambda x, heard: x[:, 0].mean((1, 2))[:, None] * heard),
        lambda texts: torch.tensor([[float(len(text)) for text in own] for own in texts]),
    )
    stages = [[[("ab", 1.0), ("c", 1.0)], [("abcd", 1.0), ("ef", 1.0)]], [[("a", -2.0)], [("abc", -2.0)]]]
    told = reader.told(stages)
    red = (seen().x0[:, 0].mean((1, 2)) + 1) / 2
    torch.testing.assert_close(told.of(seen().x0), red * torch.tensor([1.5, 3.0]))
    torch.testing.assert_close(told.of(seen().x0, 1), red * torch.tensor([-1.0, -3.0]))
    second = dataclasses.replace(step_of(10, 1), stage=1)
    losses, gradient = Critics([told]).pull(seen(), second)
    torch.testing.assert_close(losses["critic/lengths"], red * torch.tensor([10.0, 30.0]))
    assert gradient is not None and gradient[1, 0].mean() == pytest.approx(3 * gradient[0, 0].mean().item())


# In a run


@pytest.fixture
def redness():
    """A critic of this process: a module, so that what it holds counts as memory."""

    class Redness(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([1.0, -0.5, -0.5]), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            return (x.mean((2, 3)) * self.weight).sum(1)

    disco.register_critic("redness", Redness())
    return "redness"


QUICK = dict(steps=4, width=32, height=32, cut_overview=1, cut_innercut=1, clip_models=["embedded_vit"], threads=1)


def redness_of(run: Any) -> float:
    red, green, blue = np.asarray(run.pictures[0].image).mean((0, 1))
    return float(red - (green + blue) / 2)


def test_a_critic_moves_the_picture_to_what_it_likes(redness: str) -> None:
    likes, without, dislikes = (
        disco.render("a star", critics=[redness], critic_scale=scale, clip_guidance_scale=0, clamp_max=1, **QUICK)
        for scale in (2000, 0, -2000)
    )
    assert redness_of(likes) > redness_of(without) + 5 > redness_of(dislikes) + 10
    assert "critic/redness" in likes.steps[-1]["losses"] and "critic/redness" not in without.steps[-1]["losses"]


def test_weights_are_schedules(redness: str) -> None:
    """Its weight falls from 1 to 0 in the middle, which the record shows, and a negative one is the other way."""
    weights = {"redness": "[1]*500+[0]*500"}
    run = disco.render("a star", critics=[redness], critic_scale=10, critic_weights=weights, **QUICK)
    assert [line["critic_weights"] for line in run.steps] == [(1,), (1,), (0,), (0,)]
    assert ["critic/redness" in line["losses"] for line in run.steps] == [True, True, False, False]


def test_a_run_without_critics_needs_none() -> None:
    given = {"prompt": "a star", **QUICK, "critics": [], "critic_scale": 5}
    found = build_plan(load(from_python(given)))
    assert (
        found.critics == ()
        and "critic_scale is without effect: critics are none, or all their weights 0" in found.notes
    )

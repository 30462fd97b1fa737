"""What perceptors should see: each picture of a batch its own prompts, as if it were alone."""

from __future__ import annotations

from typing import Any

import torch

from disco.diffusion.streams import ImageStreams
from disco.guidance.perceptor import Perceptor
from disco.guidance.targets import targets_of
from disco.planning.plan import Plan, build_plan
from disco.settings.config import load
from disco.settings.overrides import from_python

CPU = torch.device("cpu")


def perceptor(asked: list[list[str]]) -> Perceptor:
    """It hears two numbers in a text: how long it is, and its first letter."""

    def hear(texts: list[str]) -> torch.Tensor:
        asked.append(texts)
        return torch.tensor([[float(len(text)), float(ord(text[-1]))] for text in texts])

    return Perceptor("heard", 4, (0, 0, 0), (1, 1, 1), lambda cuts: cuts.mean((2, 3))[:, :2], hear)


def plan_of(**given: Any) -> Plan:
    return build_plan(load(from_python({"steps": 4, **given})))


def test_pictures_of_a_batch_have_prompts_of_their_own():
    prompts = {"0": ["a {@red|blue|white} star", "night:-0.5"], "50%": ["a fox"]}
    asked: list[list[str]] = []
    plan = plan_of(prompts=prompts, seed=3, n_batches=2, batch_size=2)
    for seeds in ([3, 4], [5, 6]):
        targets, weights = targets_of(plan, perceptor(asked), [], [ImageStreams(seed) for seed in seeds], CPU)
        assert [tuple(each.shape) for each in targets] == [(2, 2, 2), (2, 1, 2)]
        assert weights[0].tolist() == [2, -1] and weights[1].tolist() == [1]
        for row, seed in enumerate(seeds):
            alone = plan_of(prompts=prompts, seed=seed)
            single, same = targets_of(alone, perceptor([]), [], [ImageStreams(seed)], CPU)
            assert all(torch.equal(many[row], one[0]) for many, one in zip(targets, single, strict=True))
            assert all(torch.equal(*pair) for pair in zip(weights, same, strict=True))


def test_a_text_that_pictures_share_is_heard_once():
    asked: list[list[str]] = []
    targets_of(
        plan_of(prompt="a red star", batch_size=3), perceptor(asked), [], [ImageStreams(s) for s in range(3)], CPU
    )
    assert asked == [["a red star"]]

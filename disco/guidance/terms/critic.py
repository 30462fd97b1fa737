"""Critics: how good a whole picture is, by whatever gives it a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from disco.guidance.cutouts.boxes import whole_box
from disco.guidance.terms.base import Pull, Seen
from disco.losses import CRITIC, Loss
from disco.step import Step


@dataclass(frozen=True)
class Critic:
    """What gives pictures a number, the higher the better.

    resolution: the side of the square that a picture is squeezed to; 0 for as it is. score: pictures [B, 3, h, w] in
    0..1 -> [B], floating point, differentiable.
    """

    name: str
    resolution: int
    score: Callable[..., Tensor]

    def of(self, pictures: Tensor, stage: int = 0) -> Tensor:
        """The score of pictures [B, 3, H, W] in -1..1 in a stage of the run: [B]."""
        return self.score(self.seen(pictures))

    def seen(self, pictures: Tensor) -> Tensor:
        """Pictures [B, 3, H, W] in -1..1 as it is shown them, in 0..1."""
        seen = (pictures + 1) / 2
        if self.resolution and seen.shape[-2:] != (self.resolution,) * 2:
            whole = whole_box(*seen.shape[-2:])
            seen = torch.cat([whole.cut(picture, self.resolution) for picture in seen])
        return seen

    def told(self, stages: Sequence[Sequence[Sequence[tuple[str, float]]]]) -> Critic:
        """The same, told what is asked for: by stage and picture, texts with their weights."""
        return self


@dataclass(frozen=True)
class ReadingCritic(Critic):
    """What says how well pictures are what is asked for.

    score: pictures as of `Critic`, and what it heard of their texts -> a number for each text, [B, T]. hear: the texts
    of each picture, T each -> what it hears of them. stages: what it heard in each stage of the run, and the weights
    of the texts there, [T], their absolute sum 1.
    """

    hear: Callable[[Sequence[Sequence[str]]], Any]
    stages: tuple[tuple[Any, Tensor], ...] = ()

    def of(self, pictures: Tensor, stage: int = 0) -> Tensor:
        heard, weights = self.stages[stage]
        scores = self.score(self.seen(pictures), heard)
        return (scores * weights.to(scores)).sum(1)

    def told(self, stages: Sequence[Sequence[Sequence[tuple[str, float]]]]) -> Critic:
        heard = []
        for prompts in stages:
            weights = torch.tensor([weight for _, weight in prompts[0]], dtype=torch.float64)
            texts = [[text for text, _ in own] for own in prompts]
            heard.append((self.hear(texts), weights / weights.abs().sum()))
        return replace(self, stages=tuple(heard))


@dataclass(frozen=True)
class Critics:
    """Minus `critic_scale` times the scores of x_in, each by its weight.

    critics: in the order of the step's `critic_weights`. Their losses are named critic/NAME.
    """

    critics: Sequence[Critic]
    reads: str = "x_in"
    loss: Loss = CRITIC

    def wants(self, step: Step) -> bool:
        return bool(step.critic_scale and any(step.critic_weights))

    def pull(self, seen: Seen, step: Step) -> Pull:
        losses: dict[str, Tensor] = {}
        pull = torch.zeros_like(seen.x_in)
        for critic, weight in zip(self.critics, step.critic_weights, strict=True):
            if not weight:
                continue
            leaf = seen.x_in.detach().requires_grad_()
            loss = -step.critic_scale * weight * critic.of(leaf, step.stage)
            losses[f"{CRITIC.name}/{critic.name}"] = loss.detach().to(leaf.dtype)
            pull += torch.autograd.grad(loss.sum(), leaf)[0]
        return Pull(losses, pull)

"""Heads that name the labels of a picture from a network's features, while it is trained; they are thrown away."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from disco.training import world

#: By axis: subject, colour, place, sky, style, relation, second, second_colour; the contrast has the weight 1. Subjects
#: are the hardest, and learned last: weighted as colours were, a judge knew 41 % of them in held-out pictures of one
#: thing after 1700 steps; weighted so, 84 % after 2000. Styles are fine grains: at 0.09 a judge told 55 % of
#: them after 4500 steps.
AXIS_WEIGHTS = (1.1, 0.18, 0.18, 0.15, 0.4, 0.09, 0.18, 0.09)


def label_heads(width: int) -> nn.ModuleList:
    """A linear layer for each label axis, from features [N, width] to the logits of its values."""
    return nn.ModuleList(nn.Linear(width, len(values)) for values in world.AXIS_VALUES)


def label_loss(heads: nn.ModuleList, embedding: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Weighted cross entropy over the axes, labels [N, 8] with -1 for "not told"; and the losses by axis.

    An axis on which no label is told costs nothing.
    """
    losses = []
    for i, head in enumerate(heads):
        total = F.cross_entropy(head(embedding), labels[:, i], ignore_index=-1, reduction="sum")
        losses.append(total / (labels[:, i] >= 0).sum().clamp(min=1))
    return torch.stack([w * loss for w, loss in zip(AXIS_WEIGHTS, losses, strict=True)]).sum(), losses

"""What the tests of this folder share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from disco.critics.judge import load_judge
from disco.guidance.perceptor import Perceptor
from disco.models import catalog
from disco.models.files import store
from disco.pipeline.build import Networks
from disco.run.session import Session


@pytest.fixture
def toys(monkeypatch):
    """Small smooth networks in the places of the embedded ones; `loads` counts how often they were asked for."""
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 3, 3, padding=1).requires_grad_(False)
    tower = nn.Sequential(nn.Conv2d(3, 8, 5, stride=3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    tower.requires_grad_(False)

    def encode_text(texts):
        rows = [torch.randn(32, generator=torch.Generator().manual_seed(sum(map(ord, text)))) for text in texts]
        return state.hear(torch.stack(rows))

    state = SimpleNamespace(
        loads=0,
        classes=None,
        seen_classes=[],
        calls=0,
        spoil=lambda picture: picture,
        hear=lambda embeddings: embeddings,
    )

    def unet(x, t, y=None):
        state.calls += 1
        if y is not None:
            state.seen_classes.append(y.tolist())
        return state.spoil(torch.tanh(conv(x)))

    def networks(session, plan, device, arrangement):
        state.loads += 1
        spec = replace(catalog.unet("embedded"), predicts="eps", num_classes=state.classes)
        secondary = (lambda x, t: torch.tanh(conv(x))) if plan.settings.model.use_secondary_model else None
        perceptors = [Perceptor(name, 16, (0.5,) * 3, (0.3,) * 3, tower, encode_text) for name in plan.perceptors]
        return Networks(unet, spec, secondary, tuple(perceptors))

    load_judge()  # by its own hash and from its own place, and kept
    monkeypatch.setattr(Session, "networks", networks)
    monkeypatch.setattr(store, "hash_of", lambda path: "0" * 64)
    monkeypatch.setattr(store, "weights_path", lambda spec: Path(spec.weights.name))
    return state

"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from disco.models.files import download, http
from disco.models.files import part as parts
from disco.models.specs import WeightsFile
from support.published import CONTENT, OVERLAP, SHA256


@pytest.fixture(autouse=True)
def hurry(monkeypatch, models):
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    monkeypatch.setattr(parts, "OVERLAP", OVERLAP)


@pytest.fixture
def file(faults):
    """A published file, at one address."""
    faults.files["/a.safetensors"] = CONTENT
    return WeightsFile("a.safetensors", SHA256, len(CONTENT), "MIT", addresses=(f"{faults.address}/a.safetensors",))

"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from disco.models.specs import WeightsFile
from support.published import CONTENT, SHA256


@pytest.fixture(autouse=True)
def own_folder(models):
    """No test finds what is in the user's folder."""


@pytest.fixture
def file(faults):
    """A published file, at one address."""
    faults.files["/a.safetensors"] = CONTENT
    return WeightsFile("a.safetensors", SHA256, len(CONTENT), "MIT", addresses=(f"{faults.address}/a.safetensors",))

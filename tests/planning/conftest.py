"""What the tests of this folder share."""

from __future__ import annotations

import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path) -> str:
    path = tmp_path / "a picture.png"
    Image.new("RGB", (8, 8), "red").save(path)
    return str(path)

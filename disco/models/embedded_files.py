"""The files of weights that come with the package."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from disco.models.specs import WeightsFile

EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
#: The words that the embedded perceptors read, one a line.
VOCABULARY = "vocabulary.txt"


@cache
def embedded_hashes() -> dict[str, str]:
    """SHA-256 of every shipped file, as `python -m disco.training export` wrote them."""
    path = EMBEDDED_FOLDER / "sha256.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def shipped(file: str) -> WeightsFile:
    """A file of `EMBEDDED_FOLDER`."""
    return WeightsFile(file, embedded_hashes().get(file), licence="MIT", shipped=True)

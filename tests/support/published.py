"""A published file of weights, for tests that fetch and find it."""

from __future__ import annotations

import hashlib

import torch
from safetensors.torch import save

from disco.models.files import fetch as fetching
from disco.models.files.reach import Reach
from disco.models.files.retry import RetryPolicy

STATE = {"a": torch.arange(1000.0), "b": torch.ones(3, 4)}

CONTENT = save(STATE)

OTHER = save({"a": torch.zeros(1000), "b": torch.ones(3, 4)})

SHA256 = hashlib.sha256(CONTENT).hexdigest()

OVERLAP = 64
HURRY = RetryPolicy(pauses=(0.0, 0.0, 0.0), timeout=0.3, overlap=OVERLAP)


def fetch(file):
    return fetching.fetch(file, progress=False, reach=Reach(sleep=lambda seconds: None), retry=HURRY)


def left(models):
    """The files in the models folder, records aside."""
    return sorted(path.name for path in models.glob("*") if path.is_file())

"""What takes long to find of pictures, kept on the disk under their content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from disco.run.folder.files import beside


def kept(folder: Path, parts: Sequence[bytes], shape: tuple[int, ...], find: Callable[[], Tensor]) -> Tensor:
    """A float32 tensor of this shape: read where it was kept whole, else found and kept.

    parts: all that it follows from, by which it is known.
    """
    name = hashlib.sha256(b"".join(parts)).hexdigest()[:32]
    place = folder / f"{name}.npy"
    try:
        found = np.load(place, allow_pickle=False)
        if found.shape == shape and found.dtype == np.float32 and np.isfinite(found).all():
            return torch.from_numpy(found)
    except (OSError, ValueError, EOFError):
        pass  # none, or a damaged one: it is found anew
    fresh = find()
    folder.mkdir(parents=True, exist_ok=True)
    with beside(place) as part, open(part, "wb") as file:
        np.save(file, fresh.numpy())
    return fresh

"""What a UNet drew before it is fitted to other pictures: kept in mind meanwhile, and how much of it is lost.

A share of every batch is of the old world, as DreamBooth preserves the prior of its class (Ruiz et al. 2022,
arXiv:2208.12242, eq. 2): of the embedded models the world that they were taught, of any other what the UNet itself
draws from noise before its first step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from disco.models import catalog
from disco.models.networks.unet import UNet
from disco.training import pictures
from disco.training.objective import Objective, random_times
from disco.training.unguided import sampled

#: The seeds of the world's pictures that are learned from, and of those that drift is measured on.
SEED, TEST_SEED = 1013, 1014
#: Pictures that drift is measured on, and how many at once.
MEASURED, AT_ONCE = 48, 16


@dataclass(frozen=True, eq=False)
class OldWorld:
    """Pictures, uint8 [N, S, S, 3]: to be learned again, and to measure by, which are never learned."""

    kept: np.ndarray
    measured: np.ndarray


def old_world(spec: catalog.UNetSpec, model: UNet, count: int, folder: Path, device: str) -> OldWorld:
    """The pictures that a UNet knew, `count` of them to be learned again; made once and kept in `folder`.

    model: with the weights that are started from.
    """
    path = folder / "prior.npy"
    if not path.exists():
        known = spec.weights.shipped and spec.name in {each.name for each in catalog.UNETS}
        made = _taught(spec.image_size, count) if known else sampled(spec, count + MEASURED, device, model)
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, made)
        part.replace(path)
    both = np.load(path)
    return OldWorld(both[:-MEASURED], both[-MEASURED:])


def _taught(side: int, count: int) -> np.ndarray:
    """Pictures of the embedded models' world, those to measure by last."""
    return pictures.drawn(pictures.scenes(SEED, count) + pictures.scenes(TEST_SEED, MEASURED), side)


def share_of(batch: int, prior: float) -> int:
    """How many pictures of a batch are of the old world: at least one of either, where there is a prior."""
    return 0 if prior == 0 else min(max(1, round(prior * batch)), batch - 1)


def drift_of(
    model: nn.Module, crop: Callable[[np.ndarray], np.ndarray], known: OldWorld, objective: Objective, device: str
) -> float:
    """The mean square error of a UNet's output over pictures of the old world that it is not learning.

    crop: uint8 [S, S, 3] to the size that is trained. Levels and noise are the same at every call.
    """
    model_was, found = model.training, list[Tensor]()
    generator = torch.Generator(device).manual_seed(0)
    model.eval()
    with torch.no_grad():
        for start in range(0, len(known.measured), AT_ONCE):
            crops = np.stack([crop(picture) for picture in known.measured[start : start + AT_ONCE]])
            x0 = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
            t = random_times(len(x0), 0.5, objective.alpha, generator)
            eps = torch.randn(x0.shape, generator=generator, device=device)
            out = model(objective.noised(x0, t, eps), t.float())
            found.append(objective.losses(out, x0, t, eps)["mse"])
    model.train(model_was)
    return float(torch.cat(found).mean())

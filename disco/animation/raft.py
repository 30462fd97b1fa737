"""Optical flow by RAFT, where its weights are there.

Teed and Deng, "RAFT: recurrent all-pairs field transforms for optical flow", ECCV 2020, as torchvision has it.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large, raft_small

from disco.errors import SettingsError
from disco.models.files.weights import compare, fill, load_state
from disco.settings.paths import expanded

#: Sides that RAFT looks at: multiples of the first, and at least the second, of which its coarsest features are 2 x 2.
MULTIPLE, LEAST = 8, 128

KINDS = {"small": raft_small, "large": raft_large}


class Raft:
    """Finds flow as `disco.animation.flow.flow_between` does, by a network of torchvision's."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, later: Tensor, earlier: Tensor) -> Tensor:
        """The flow from a picture to the one before, both [3, H, W] in [-1, 1]: float32 [H, W, 2]."""
        height, width = later.shape[-2:]
        sides = [max(LEAST, -(-side // MULTIPLE) * MULTIPLE) for side in (height, width)]
        pair = F.interpolate(torch.stack([later, earlier]).float().cpu(), sides, mode="bilinear", align_corners=False)
        found = self.network(pair[:1], pair[1:])[-1]
        flow = F.interpolate(found, (height, width), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
        return flow * flow.new_tensor([width / sides[1], height / sides[0]])


@lru_cache(maxsize=1)
def load_raft(given: str, sha256: str) -> Raft:
    """The network whose weights lie at a path. sha256: of the file, by which another under the same name is told.

    Raises `SettingsError` for a file that cannot be read, or holds something else.
    """
    state, differences = load_state(expanded(given), sha256), {}
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    for name, kind in KINDS.items():
        network = kind(weights=None)
        differences[name] = compare(network.state_dict(), shapes)
        if not differences[name]:
            fill(network, state, f"RAFT {name}")
            return Raft(network)
    raise SettingsError(f"flow_model={given!r} holds no weights of torchvision's RAFT: {differences['small']}")

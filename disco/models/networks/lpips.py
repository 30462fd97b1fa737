"""LPIPS, the learned distance of pictures that init_scale measures with (Zhang et al. 2018, arXiv:1801.03924).

The lpips package carries the weights that LPIPS learned, not those of VGG-16 beneath them; torchvision's file of those
is the catalog's vgg16, and torch's own cache will do.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.files.store import weights_path
from disco.models.files.weights import Undrawn, load_state

#: torchvision's VGG-16, trained on ImageNet.
BACKBONE = catalog.backbone("vgg16")


def check_lpips() -> Path:
    """Where the backbone's weights lie. Raises SettingsError if nowhere."""
    try:
        return weights_path(BACKBONE)
    except SettingsError as error:
        raise SettingsError(f"init_loss is 'lpips'; {error}; or use init_loss=perceptors") from error


class Lpips(nn.Module):
    """LPIPS over VGG-16: pictures [B, 3, H, W] in [-1, 1] twice -> distances [B]."""

    def __init__(self) -> None:
        super().__init__()
        import lpips  # takes a second, and few runs measure with it

        self.net = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)

    def load_backbone(self, state: dict[str, Tensor]) -> None:
        """Take torchvision's VGG-16 weights. Raises KeyError where one is missing."""
        own = self.net.net.state_dict()  # keys such as slice2.5.weight, torchvision's features.5.weight
        self.net.net.load_state_dict({key: state["features." + key.split(".", 1)[1]] for key in own})

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.net(x, y).flatten()


def load_lpips(device: torch.device) -> Lpips:
    """LPIPS with its weights, float32, in eval mode, without gradients to its parameters."""
    path = check_lpips()
    with Undrawn():
        model = Lpips()
    try:
        model.load_backbone(load_state(path, BACKBONE.weights.form_at(path).sha256))
    except (KeyError, RuntimeError) as error:
        raise SettingsError(f"{path} is not torchvision's VGG-16: {error}") from error
    return model.eval().requires_grad_(False).to(device)

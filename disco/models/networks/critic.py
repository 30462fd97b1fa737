"""Critics: networks that give a picture a number. Our own, which looks at pixels, and heads on a CLIP's embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from disco.models.catalog.critics import CHAIN
from disco.models.files.store import weights_path
from disco.models.files.weights import Undrawn, fill, load_state
from disco.models.specs import CriticSpec

#: What our own sees in a picture, each from 0 to 1; its score is their mean. No picture has more than 1 of any: what it
#: sees beyond that is a picture that deceives it, and not counted, so that nothing pulls there.
PARTS = ("thirds", "contrast", "palette")


class Residual(nn.Module):
    """x + a smooth convolution of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + nn.functional.silu(self.conv(x))


class EmbeddedCritic(nn.Module):
    """A small convolutional network that has learned to see `PARTS` in pictures of the embedded models' world.

    side: of the square pictures that it reads. channels: its widths, at a quarter of the side and at an eighth.
    """

    def __init__(self, side: int, channels: tuple[int, int]) -> None:
        super().__init__()
        first, second = channels
        self.net = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=4),
            nn.SiLU(),
            Residual(first),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.SiLU(),
            Residual(second),
            nn.Conv2d(second, second // 4, 1),
            nn.Flatten(),  # where things are matters
            nn.Linear(second // 4 * (side // 8) ** 2, second),
            nn.SiLU(),
            nn.Linear(second, len(PARTS)),
        )

    def parts(self, pictures: Tensor) -> Tensor:
        """float [B, 3, side, side] in 0..1 -> what it sees of each of `PARTS`, [B, 3], 0 to 1 in true pictures."""
        return self.net(2 * pictures - 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """The score of pictures [B, 3, side, side] in 0..1: [B]."""
        return self.parts(pictures).clamp(max=1).mean(1)


def build_critic(spec: CriticSpec) -> nn.Module:
    """The network of a critic that has one of its own, untrained."""
    if spec.kind == "reward":
        from disco.models.networks.image_reward import build_image_reward  # loads transformers

        return build_image_reward(spec)
    return EmbeddedCritic(spec.resolution, spec.channels)


def load_head(spec: CriticSpec) -> tuple[Tensor, Tensor]:
    """The one linear map that a head's layers make together: weights float32 [d] and bias [], on the CPU.

    Raises `disco.errors.SettingsError` where the file is another one by now.
    """
    state = {key: value.double() for key, value in load_state(spec.weights.name, spec.weights.sha256).items()}
    layers = [""] if "weight" in state else [f"{layer}." for layer in CHAIN]
    width = state[f"{layers[0]}weight"].shape[1]
    weight, bias = torch.eye(width, dtype=torch.float64), torch.zeros(width, dtype=torch.float64)
    for layer in layers:
        weight, bias = state[f"{layer}weight"] @ weight, state[f"{layer}weight"] @ bias + state[f"{layer}bias"]
    return weight[0].float(), bias[0].float()


def scored_by_head(embed: Callable[[Tensor], Tensor], weight: Tensor, bias: Tensor, pictures: Tensor) -> Tensor:
    """The score of pictures [B, 3, r, r] in 0..1 by a head on their embeddings, brought to length 1: [B]."""
    return nn.functional.normalize(embed(pictures), dim=-1) @ weight + bias


def scored_by_texts(embed: Callable[[Tensor], Tensor], pictures: Tensor, heard: Tensor) -> Tensor:
    """How near pictures [B, 3, r, r] in 0..1 are to texts, as `heard_by` has them: cosines [B, T], -1 to 1."""
    seen = nn.functional.normalize(embed(pictures), dim=-1)
    return torch.einsum("bd,btd->bt", seen, heard)


def heard_by(read: Callable[[Sequence[str]], Tensor], texts: Sequence[Sequence[str]]) -> Tensor:
    """The embeddings of the texts of each picture, T each, brought to length 1: [B, T, d].

    read: texts -> their embeddings [T, d].
    """
    heard = {own: nn.functional.normalize(read(own), dim=-1) for own in dict.fromkeys(map(tuple, texts))}
    return torch.stack([heard[tuple(own)] for own in texts])


def load_critic(spec: CriticSpec, device: str | torch.device) -> nn.Module:
    """A critic's own network with its weights, float32, in eval mode, without gradients to its parameters.

    Raises `disco.errors.SettingsError` when the weights are missing or not the ones of the catalog.
    """
    if spec.kind == "reward":
        from disco.models.networks.image_reward import load_image_reward

        return load_image_reward(spec, device)
    with Undrawn():
        network = build_critic(spec)
    path = weights_path(spec)
    fill(network, load_state(path, spec.weights.sha256), spec.name)
    return network.eval().requires_grad_(False).to(device)

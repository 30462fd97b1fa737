"""RAFT, with weights that were drawn: what it is given, what is made of its flow, and files that are none of its."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torchvision.models.optical_flow import raft_small

from disco.animation.inputs import content_of, files_of
from disco.animation.raft import Raft, load_raft
from disco.errors import SettingsError
from support.draws import pictures
from support.plans import settings_with


class Shift(nn.Module):
    """Stands for a network: says that everything went by a part of the picture's sides."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[torch.Size] = []

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> list[torch.Tensor]:
        self.given.append(first.shape)
        by = first.new_tensor([first.shape[-1] / 16, first.shape[-2] / 8])[None, :, None, None]
        return [torch.zeros(1, 2, *first.shape[-2:]), by.expand(1, 2, *first.shape[-2:])]


@pytest.mark.parametrize(
    ("size", "looked"), [((48, 64), (128, 128)), ((250, 131), (256, 136)), ((160, 200), (160, 200))]
)
def test_flow_is_in_pixels_of_the_picture_whatever_size_the_network_looks_at(size, looked):
    network = Shift()
    flow = Raft(network)(torch.zeros(3, *size), torch.zeros(3, *size))
    assert network.given == [(1, 3, *looked)] and flow.shape == (*size, 2) and flow.dtype == torch.float32
    torch.testing.assert_close(flow, torch.tensor([size[1] / 16, size[0] / 8]).expand(*size, 2))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: Any) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "raft_small.safetensors"
    save_file(raft_small(weights=None).state_dict(), path)
    return path


def test_a_network_from_a_file_is_torchvisions(weights):
    later, earlier = pictures(2, 3, 128, 136, dtype=torch.float32) * 2 - 1
    network = raft_small(weights=None).eval()
    network.load_state_dict(load_raft(str(weights), content_of("flow_model", str(weights))).network.state_dict())
    with torch.no_grad():
        theirs = network(later[None], earlier[None])[-1][0].permute(1, 2, 0)
    ours = load_raft(str(weights), content_of("flow_model", str(weights)))(later, earlier)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert not torch.equal(ours, Raft(network)(earlier, later))  # from the later picture to the earlier
    assert F.mse_loss(ours, torch.zeros_like(ours)) > 0


def test_files_that_are_no_weights_of_raft_are_one_line(tmp_path, weights):
    other = tmp_path / "other.safetensors"
    save_file({"a.weight": torch.zeros(2)}, other)
    with pytest.raises(SettingsError, match="holds no weights of torchvision's RAFT: .* missing") as error:
        load_raft(str(other), content_of("flow_model", str(other)))
    assert "\n" not in str(error.value)
    with pytest.raises(SettingsError, match="flow_model='.*' cannot be read"):
        content_of("flow_model", str(tmp_path / "none.pth"))


def test_a_film_is_known_by_the_weights_too(weights, tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"any")
    settings = settings_with(animation_mode="video", video_init_path=str(clip), flow_model=str(weights))
    assert [entry["setting"] for entry in files_of(settings)] == ["video_init_path", "flow_model"]

"""Flow and what is believed of it: known motions, and the published formulas pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from disco.animation.camera import moved_2d
from disco.animation.flow import belief, flow_between
from disco.animation.motion import Motion2D
from disco.animation.sampling import pixels, sample
from disco.errors import SettingsError


def texture(height: int = 64, width: int = 80) -> torch.Tensor:
    """A smooth random picture, [1, 3, H, W] in [-1, 1]: motion shows in all of it."""
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1) * 2 - 1


@pytest.mark.parametrize("motion", [Motion2D(translation_x=3, translation_y=-2), Motion2D(angle=3, zoom=1.03)])
def test_the_flow_of_a_known_motion(motion):
    earlier = texture()
    origin = moved_2d(motion, 64, 80)
    later = sample(earlier, origin.where, "bicubic", "reflection")
    flow = flow_between(later[0], earlier[0])
    away = (flow - (origin.where - pixels(64, 80))).norm(dim=-1)[8:-8, 8:-8]
    assert away.median() < 0.15 and away.mean() < 0.3


def test_pictures_that_are_too_small_or_differ_in_size():
    with pytest.raises(SettingsError, match="at least 16 pixels"):
        flow_between(torch.zeros(3, 8, 64), torch.zeros(3, 8, 64))
    with pytest.raises(ValueError, match="no flow between"):
        flow_between(torch.zeros(3, 32, 32), torch.zeros(3, 32, 33))


def test_a_steady_motion_is_believed():
    flow = torch.full((20, 30, 2), 1.5)
    assert belief(flow, -flow).min() == pytest.approx(1)


def test_what_a_moving_thing_uncovers_is_not_believed():
    """A square of 10 pixels went 6 to the right over a still ground: the ground behind it is new."""
    flow, back = torch.zeros(30, 40, 2), torch.zeros(30, 40, 2)
    flow[10:20, 16:26, 0] = -6
    back[10:20, 10:20, 0] = 6
    believed = belief(flow, back, blur=0)
    assert believed[12:18, 18:24].min() == 1 and believed[2:6].min() == 1
    assert believed[11:19, 10:15].max() == 0


def test_belief_is_the_published_formula():
    draw = np.random.default_rng(0)
    flow = 4 + gaussian_filter(draw.normal(0, 12, (18, 22, 2)), (4, 4, 0))
    back = -flow + gaussian_filter(draw.normal(0, 6, (18, 22, 2)), (2, 2, 0))
    height, width = flow.shape[:2]
    expected = np.ones((height, width))
    for y in range(height):
        for x in range(width):
            u, v = flow[y, x]
            px, py = np.clip(x + u, 0, width - 1), np.clip(y + v, 0, height - 1)
            x0, y0 = min(int(px), width - 2), min(int(py), height - 2)
            fx, fy = px - x0, py - y0
            corners = back[y0 : y0 + 2, x0 : x0 + 2]
            there = (corners[0, 0] * (1 - fx) + corners[0, 1] * fx) * (1 - fy)
            there += (corners[1, 0] * (1 - fx) + corners[1, 1] * fx) * fy
            if (u + there[0]) ** 2 + (v + there[1]) ** 2 >= 0.01 * (u**2 + v**2 + (there**2).sum()) + 0.5:
                expected[y, x] = 0
    slopes = sum(np.gradient(flow[..., i], axis=axis) ** 2 for i in (0, 1) for axis in (0, 1))
    expected[slopes > 0.01 * (flow**2).sum(-1) + 0.002] = 0
    assert 0.1 < expected.mean() < 0.9
    np.testing.assert_array_equal(belief(torch.tensor(flow), torch.tensor(back), blur=0).numpy(), expected)
    soft = belief(torch.tensor(flow), torch.tensor(back)).numpy()
    np.testing.assert_allclose(soft, gaussian_filter(expected, 2, mode="mirror", radius=6), atol=1e-6)

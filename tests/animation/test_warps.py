"""Pictures as the camera moves them, as depth says, and as two eyes see them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from disco.animation.camera import plane
from disco.animation.motion import Motion2D
from disco.animation.warps import blended, camera_of, depth_of
from disco.errors import SettingsError
from support.plans import settings_with

IN_SPACE = {"animation_mode": "3d"}


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def test_a_picture_that_does_not_move_stays_as_it_is():
    camera = camera_of(settings_with(animation_mode="2d", padding_mode="wrap"), 12, 16)
    assert camera.read(noise(12, 16), camera.origin(Motion2D(), size=(12, 16))).tobytes() == noise(12, 16).tobytes()


def test_grey_is_the_plane_white_is_near_and_black_is_far():
    levels = Image.fromarray(np.array([[255, 128, 0]], np.uint8)).resize((48, 4), Image.Resampling.NEAREST)
    depth = depth_of(levels, 4, 48, 40)
    assert depth[0, 2].item() == pytest.approx(plane(40) / 1.5)
    assert depth[0, 24].item() == pytest.approx(plane(40), rel=0.01)
    assert depth[0, -2].item() == pytest.approx(plane(40) * 2)


def test_a_depth_map_is_read_from_its_file(tmp_path):
    Image.new("L", (10, 10), 255).save(tmp_path / "near.png")
    camera = camera_of(settings_with(**IN_SPACE, depth=str(tmp_path / "near.png")), 8, 8)
    assert camera.depth is not None and camera.depth.unique().item() == pytest.approx(plane(40) / 1.5)
    with pytest.raises(SettingsError, match="depth"):
        camera_of(settings_with(**IN_SPACE, depth=str(tmp_path / "none.png")), 8, 8)


def test_blends_round_halves_to_even():
    new, old = (Image.fromarray(np.full((1, 1, 3), level, np.uint8)) for level in (3, 2))
    assert blended(new, old, 0.5).getpixel((0, 0)) == (2, 2, 2)
    assert blended(new, old, 1).getpixel((0, 0)) == (3, 3, 3)


def test_the_eyes_see_a_stripe_at_mirrored_places():
    levels = np.zeros((33, 33, 3), np.uint8)
    levels[:, 16] = 255
    camera = camera_of(settings_with(**IN_SPACE, vr_eye_angle=0, vr_ipd=40), 33, 33)
    left, right = (np.asarray(camera.seen_by(side, Image.fromarray(levels)))[..., 0] for side in ("left", "right"))
    assert np.array_equal(left, right[:, ::-1])
    # 20 / 200 of the scene's unit, half the picture's width, over the plane's depth in units of its focal length.
    assert int(left[16].argmax()) - 16 == pytest.approx(0.1 * 16.5 / 1, abs=1)
    assert int(left[16].argmax()) > 16


def test_beyond_the_lens_is_black():
    camera = camera_of(settings_with(**IN_SPACE), 33, 33)
    seen = np.asarray(camera.seen_by("left", Image.new("RGB", (33, 33), "white")))
    assert seen[0, 0].max() == 0 and seen[16, 16].min() == 255

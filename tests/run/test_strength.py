"""How much of an init is left, in whole runs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from disco.run.api import render
from support.toy_runs import QUICK, pixels


@pytest.fixture(scope="module")
def colours() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))


@pytest.mark.parametrize("more", [{}, {"compat": "disco57"}, {"diffusion_sampling_mode": "plms"}, {"init_noise": 0.5}])
def test_strength_0_gives_the_init_back_to_the_bit(toys, colours, more):
    run = render("a red star", init_image=colours, strength=0, **QUICK, **more)
    assert np.array_equal(pixels(run)[0], np.asarray(colours))
    assert len(run.steps) == 1 and run.steps[0]["loss"] is None


def test_strength_0_gives_back_what_was_resized(toys, colours):
    run = render("a red star", init_image=colours.resize((50, 20)), init_fit="fill", strength="0%", **QUICK)
    from PIL import ImageOps

    expected = ImageOps.fit(colours.resize((50, 20)), (32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(pixels(run)[0], np.asarray(expected))


def test_strength_is_skip_steps_by_another_name(toys, colours):
    for strength, skip_steps in ((0.5, 3), (1, 0), ("33%", 4)):
        ours = render("a red star", init_image=colours, strength=strength, **QUICK)
        disco = render("a red star", init_image=colours, skip_steps=skip_steps, **QUICK)
        assert np.array_equal(pixels(ours), pixels(disco))


def test_noise_on_flat_areas_leaves_the_others_alone(toys):
    """Of a picture that is all detail nothing is changed; of one that is all one colour everything, as everywhere."""
    fine = Image.fromarray((np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8))
    for picture, like in ((fine, {"init_noise": 0}), (Image.new("L", (32, 32), 90), {"init_noise": 0.5})):
        given = dict(init_image=picture, skip_steps=4, **QUICK)
        flat = render("a red star", init_noise=0.5, init_noise_mode="flat", **given)
        assert np.abs(pixels(flat).astype(int) - pixels(render("a red star", **like, **given))).max() <= 1

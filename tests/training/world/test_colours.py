"""Colours are told apart, and each has all its tones."""

import numpy as np

from disco.training.world.colours import PALETTES, RAINBOW_HUES, TINTED
from disco.training.world.scene import COLOURS


def test_every_colour_has_its_tones_from_light_to_dark():
    assert tuple(PALETTES) == COLOURS
    for name, tones in PALETTES.items():
        assert {*TINTED, "rim"} <= set(tones)
        light, base, shade, rim = (np.dot(tones[t], (0.299, 0.587, 0.114)) for t in ("light", "base", "shade", "rim"))
        assert light > base > shade > rim, name
    assert len(PALETTES["rainbow"]) == 4 + 3 * len(RAINBOW_HUES)


def test_no_two_colours_are_alike():
    for i, one in enumerate(COLOURS[:-1]):
        for other in COLOURS[:i]:
            difference = np.subtract(PALETTES[one]["base"], PALETTES[other]["base"])
            assert np.abs(difference).max() >= 80, (one, other)

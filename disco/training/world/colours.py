"""Colours: the tones of every colour of a thing, and the tones that are the same in all."""

from __future__ import annotations

import colorsys

RGB = tuple[int, int, int]
Tones = dict[str, RGB]

#: The tones that follow a thing's colour: lit, plain, in the shade, and its contour.
TINTED = ("light", "base", "shade")

PALETTES: dict[str, Tones] = {
    "red": {"light": (250, 102, 92), "base": (222, 34, 42), "shade": (162, 14, 38), "rim": (84, 6, 28)},
    "orange": {"light": (255, 178, 84), "base": (250, 132, 20), "shade": (206, 88, 8), "rim": (112, 42, 6)},
    "yellow": {"light": (255, 244, 138), "base": (254, 220, 38), "shade": (218, 170, 14), "rim": (116, 82, 8)},
    "green": {"light": (122, 216, 104), "base": (44, 168, 62), "shade": (16, 114, 50), "rim": (4, 58, 34)},
    "turquoise": {"light": (128, 238, 226), "base": (28, 196, 192), "shade": (10, 140, 148), "rim": (2, 68, 80)},
    "blue": {"light": (104, 164, 252), "base": (32, 92, 226), "shade": (16, 54, 164), "rim": (6, 20, 84)},
    "purple": {"light": (188, 124, 236), "base": (134, 52, 192), "shade": (90, 24, 142), "rim": (44, 6, 78)},
    "pink": {"light": (255, 196, 220), "base": (255, 130, 184), "shade": (222, 78, 146), "rim": (124, 26, 78)},
    "brown": {"light": (182, 126, 80), "base": (132, 80, 42), "shade": (90, 50, 24), "rim": (44, 22, 10)},
    "black": {"light": (92, 94, 108), "base": (42, 42, 52), "shade": (22, 22, 30), "rim": (4, 4, 8)},
    "white": {"light": (255, 255, 255), "base": (240, 242, 248), "shade": (196, 204, 222), "rim": (86, 94, 122)},
}

#: Tones that do not follow the thing's colour.
COMMON_TONES: Tones = {
    "lamp": (255, 222, 110),
    "ink": (30, 26, 40),
    "wood": (122, 82, 52),
    "clay": (196, 108, 74),
    "leaf": (62, 138, 62),
    "cream": (246, 230, 200),
    "glass": (190, 226, 244),
    "steel": (132, 142, 160),
}

#: A rainbow thing is cut into bands from top to bottom, each with its own three tones: "base0", "base1" ...
RAINBOW_HUES = (0.985, 0.075, 0.145, 0.38, 0.6, 0.77)


def rainbow_tones() -> Tones:
    tones: Tones = {"rim": (70, 30, 70), "light": (255, 120, 90), "base": (240, 60, 90), "shade": (170, 30, 110)}
    for number, hue in enumerate(RAINBOW_HUES):
        for tone, saturation, value in (("light", 0.55, 1.0), ("base", 0.86, 0.96), ("shade", 0.92, 0.72)):
            r, g, b = colorsys.hsv_to_rgb(hue, saturation, value)
            tones[f"{tone}{number}"] = round(255 * r), round(255 * g), round(255 * b)
    return tones


PALETTES["rainbow"] = rainbow_tones()

"""The first world of captioned pictures, which the embedded models that ship were trained on.

Their tests and their card are held against it. `disco.training.world` is larger, and what the models that take their
place will know; this one goes with them.

A `Scene` says what a picture shows: a subject in a colour, at a place and a time of day, in a style of
painting, and a seed for everything else (where the subject stands, how the dunes roll). `draw` paints it,
`caption` describes it. Both are pure functions: the same scene is the same bits, in any process.

Geometry is in shares of the picture's side, x to the right and y down, so a scene can be drawn at any size.
A subject is a list of polygons on [-1, 1]^2, each with a tone; tones become colours through `PALETTES`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from disco.models.words import (
    COLOUR_WORDS,
    COLOURS,
    PLACE_PHRASES,
    PLACES,
    STYLE_PHRASES,
    STYLES,
    SUBJECT_WORDS,
    SUBJECTS,
    TIME_PHRASES,
    TIMES,
)

Point = tuple[float, float]
RGB = tuple[int, int, int]

SUPERSAMPLING = 3
RIM = 0.02  # width of the subject's contour, in shares of the side

# --------------------------------------------------------------------------------------------------------
# Colours

PALETTES: dict[str, dict[str, RGB]] = {
    "red": {"light": (245, 92, 84), "base": (216, 34, 42), "shade": (160, 16, 40), "rim": (84, 8, 30)},
    "orange": {"light": (255, 172, 78), "base": (246, 128, 22), "shade": (200, 88, 10), "rim": (108, 44, 8)},
    "yellow": {"light": (255, 242, 128), "base": (252, 218, 36), "shade": (214, 168, 16), "rim": (112, 82, 10)},
    "green": {"light": (112, 206, 98), "base": (44, 164, 62), "shade": (18, 112, 52), "rim": (6, 58, 36)},
    "blue": {"light": (98, 160, 250), "base": (34, 92, 220), "shade": (18, 54, 158), "rim": (8, 22, 84)},
    "purple": {"light": (180, 116, 228), "base": (130, 52, 186), "shade": (88, 26, 138), "rim": (44, 8, 78)},
    "pink": {"light": (255, 190, 216), "base": (252, 128, 180), "shade": (216, 78, 142), "rim": (122, 28, 78)},
    "white": {"light": (255, 255, 255), "base": (242, 243, 248), "shade": (196, 202, 220), "rim": (74, 80, 108)},
}
# Tones that do not follow the subject's colour: windows and lamps, eyes, wood, leaves, cream for stems and skin.
COMMON_TONES: dict[str, RGB] = {
    "lamp": (255, 222, 110),
    "ink": (30, 26, 40),
    "wood": (122, 82, 52),
    "leaf": (62, 138, 62),
    "cream": (246, 230, 200),
    "glass": (190, 226, 244),
}

# --------------------------------------------------------------------------------------------------------
# Polygons


@dataclass(frozen=True)
class Shape:
    """A filled polygon on [-1, 1]^2 and its tone; `inner` shapes are details that cast no contour."""

    points: tuple[Point, ...]
    tone: str
    inner: bool = False


def polygon(tone: str, *points: Point, inner: bool = False) -> Shape:
    return Shape(points, tone, inner)


def rectangle(tone: str, x0: float, y0: float, x1: float, y1: float, inner: bool = False) -> Shape:
    return Shape(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), tone, inner)


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float, count: int = 16) -> list[Point]:
    """Points of an ellipse from angle `start` to `stop` (degrees, clockwise on the picture, 0 is right)."""
    angles = [math.radians(start + (stop - start) * i / (count - 1)) for i in range(count)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def ellipse(tone: str, x: float, y: float, rx: float, ry: float | None = None, inner: bool = False) -> Shape:
    return Shape(tuple(arc(x, y, rx, ry or rx, 0, 345, 24)), tone, inner)


def tilted(shape: Shape, degrees: float, x: float = 0.0, y: float = 0.0) -> Shape:
    """The shape turned about (x, y)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = tuple((x + c * (px - x) - s * (py - y), y + s * (px - x) + c * (py - y)) for px, py in shape.points)
    return Shape(turned, shape.tone, shape.inner)


# --------------------------------------------------------------------------------------------------------
# Subjects


def star() -> list[Shape]:
    rays = [
        (r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5) + 0.06) for i, r in enumerate((1.0, 0.45) * 5)
    ]
    centre = (0.0, 0.06)
    facets = [
        polygon("light" if i % 2 else "shade", centre, rays[i], rays[(i + 1) % 10], inner=True) for i in range(10)
    ]
    return [polygon("base", *rays), *facets[1::2], *[Shape(f.points, "base", True) for f in facets[::2]]]


def heart() -> list[Shape]:
    turn = [i * 2 * math.pi / 36 for i in range(36)]

    def outline(scale: float, x: float, y: float) -> list[Point]:
        return [
            (
                x + scale * math.sin(a) ** 3,
                y - scale * (13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 15,
            )
            for a in turn
        ]

    return [
        polygon("shade", *outline(0.95, 0, -0.08)),
        polygon("base", *outline(0.8, -0.07, -0.12), inner=True),
        tilted(ellipse("light", -0.5, -0.5, 0.2, 0.13, inner=True), -40, -0.5, -0.5),
    ]


def moon() -> list[Shape]:
    crescent = arc(0, 0, 0.95, 0.95, 50, 310, 28) + arc(0.38, 0, 0.78, 0.74, 283, 77, 22)
    lit = arc(0, 0, 0.95, 0.95, 130, 300, 20) + arc(0.2, 0.06, 0.92, 0.92, 285, 140, 18)
    return [
        polygon("base", *crescent),
        polygon("light", *lit, inner=True),
        ellipse("shade", -0.62, 0.12, 0.12, inner=True),
        ellipse("shade", -0.42, 0.5, 0.09, inner=True),
        ellipse("shade", -0.45, -0.36, 0.07, inner=True),
    ]


def castle() -> list[Shape]:
    def battlement(tone: str, x0: float, x1: float, y0: float, y1: float) -> list[Shape]:
        tooth = (x1 - x0) / 5
        teeth = [rectangle(tone, x0 + i * tooth, y0 - 0.16, x0 + (i + 1) * tooth, y0 + 0.02) for i in (0, 2, 4)]
        return [rectangle(tone, x0, y0, x1, y1), *teeth]

    return [
        *battlement("base", -0.42, 0.42, -0.2, 0.95),
        *battlement("base", -0.95, -0.45, -0.45, 0.95),
        *battlement("shade", 0.45, 0.95, -0.45, 0.95),
        rectangle("base", -0.14, -0.7, 0.14, -0.2),
        polygon("shade", (-0.22, -0.68), (0, -1.0), (0.22, -0.68)),
        rectangle("light", -0.95, -0.4, -0.83, 0.95, inner=True),
        polygon("ink", *arc(0, 0.52, 0.2, 0.24, 180, 360, 10), (0.2, 0.95), (-0.2, 0.95), inner=True),
        rectangle("lamp", -0.75, -0.12, -0.62, 0.12, inner=True),
        rectangle("lamp", 0.63, -0.12, 0.76, 0.12, inner=True),
        rectangle("lamp", -0.05, -0.55, 0.05, -0.38, inner=True),
    ]


def lighthouse() -> list[Shape]:
    def half_width(y: float) -> float:
        return 0.22 + 0.2 * (y + 0.5) / 1.4

    def band(tone: str, y0: float, y1: float, left: float = -1, right: float = 1) -> Shape:
        w0, w1 = half_width(y0), half_width(y1)
        corners = ((left * w0, y0), (right * w0, y0), (right * w1, y1), (left * w1, y1))
        return polygon(tone, *corners, inner=True)

    tower = polygon(
        "base", (-half_width(-0.5), -0.5), (half_width(-0.5), -0.5), (half_width(0.9), 0.9), (-half_width(0.9), 0.9)
    )
    return [
        polygon("wood", *arc(0, 1.0, 0.78, 0.24, 180, 360, 12)),
        polygon("lamp", (-0.16, -0.68), (-0.95, -0.9), (-0.95, -0.46), (-0.16, -0.6), inner=True),
        polygon("lamp", (0.16, -0.68), (0.95, -0.9), (0.95, -0.46), (0.16, -0.6), inner=True),
        tower,
        band("cream", -0.2, 0.06),
        band("cream", 0.36, 0.62),
        band("shade", -0.5, 0.9, 0.45, 1),
        rectangle("shade", -0.34, -0.56, 0.34, -0.46),
        rectangle("lamp", -0.17, -0.8, 0.17, -0.56),
        polygon("base", (-0.27, -0.78), (0, -1.04), (0.27, -0.78)),
    ]


def house() -> list[Shape]:
    return [
        rectangle("shade", 0.42, -0.9, 0.64, -0.3),
        rectangle("base", -0.72, -0.15, 0.72, 0.92),
        polygon("shade", (-0.98, -0.08), (0, -0.92), (0.98, -0.08)),
        polygon("base", (-0.7, -0.12), (0, -0.72), (0.7, -0.12), inner=True),
        rectangle("light", -0.72, -0.06, -0.58, 0.92, inner=True),
        rectangle("wood", -0.16, 0.3, 0.2, 0.92, inner=True),
        rectangle("lamp", -0.52, 0.1, -0.26, 0.42, inner=True),
        rectangle("lamp", 0.32, 0.1, 0.58, 0.42, inner=True),
    ]


def windmill() -> list[Shape]:
    sail = [rectangle("light", 0.12, -0.1, 0.98, 0.14), rectangle("shade", 0.12, -0.1, 0.98, -0.02, inner=True)]
    sails = [
        Shape(tuple((x, y - 0.3) for x, y in tilted(s, 45 + 90 * i).points), s.tone, s.inner)
        for i in range(4)
        for s in sail
    ]
    return [
        polygon("base", (-0.3, -0.4), (0.3, -0.4), (0.52, 0.98), (-0.52, 0.98)),
        polygon("shade", (0.1, -0.4), (0.3, -0.4), (0.52, 0.98), (0.2, 0.98), inner=True),
        polygon("shade", *arc(0, -0.38, 0.36, 0.34, 180, 360, 10)),
        polygon("ink", *arc(0, 0.7, 0.14, 0.16, 180, 360, 8), (0.14, 0.98), (-0.14, 0.98), inner=True),
        *sails,
        ellipse("wood", 0, -0.3, 0.1),
    ]


def boat() -> list[Shape]:
    return [
        rectangle("wood", -0.04, -0.98, 0.05, 0.5),
        polygon("base", (0.1, -0.95), (0.85, 0.36), (0.1, 0.36)),
        polygon("shade", (0.1, -0.1), (0.6, 0.36), (0.1, 0.36), inner=True),
        polygon("light", (-0.09, -0.78), (-0.09, 0.36), (-0.72, 0.36)),
        polygon("base", (-0.98, 0.46), (0.98, 0.46), (0.66, 0.95), (-0.68, 0.95)),
        polygon("shade", (-0.85, 0.72), (0.84, 0.72), (0.66, 0.95), (-0.68, 0.95), inner=True),
    ]


def rocket() -> list[Shape]:
    body = [
        (0, -1.0),
        (0.2, -0.75),
        (0.33, -0.4),
        (0.36, 0.1),
        (0.26, 0.6),
        (-0.26, 0.6),
        (-0.36, 0.1),
        (-0.33, -0.4),
        (-0.2, -0.75),
    ]
    return [
        polygon("lamp", (-0.2, 0.6), (0.2, 0.6), (0.1, 0.84), (0, 1.05), (-0.1, 0.84), inner=True),
        polygon("shade", (-0.3, 0.1), (-0.75, 0.55), (-0.75, 0.9), (-0.24, 0.6)),
        polygon("shade", (0.3, 0.1), (0.75, 0.55), (0.75, 0.9), (0.24, 0.6)),
        polygon("base", *body),
        polygon(
            "light",
            (-0.12, -0.68),
            (-0.24, -0.4),
            (-0.27, 0.1),
            (-0.18, 0.56),
            (-0.06, 0.56),
            (-0.06, -0.68),
            inner=True,
        ),
        polygon("shade", (0, -1.0), (0.2, -0.72), (-0.2, -0.72), inner=True),
        ellipse("ink", 0, -0.26, 0.2, inner=True),
        ellipse("glass", 0, -0.26, 0.14, inner=True),
    ]


def balloon() -> list[Shape]:
    envelope = arc(0, -0.28, 0.74, 0.72, 160, 380, 26) + [(0.2, 0.52), (-0.2, 0.52)]
    middle = arc(0, -0.28, 0.24, 0.72, 180, 360, 16) + [(0.07, 0.52), (-0.07, 0.52)]
    right = arc(0, -0.28, 0.74, 0.72, 285, 380, 14) + [(0.2, 0.52), (0.12, 0.52)] + arc(0, -0.28, 0.46, 0.7, 20, -70, 8)
    return [
        polygon("wood", (-0.17, 0.5), (-0.12, 0.5), (-0.1, 0.8), (-0.15, 0.8)),
        polygon("wood", (0.17, 0.5), (0.12, 0.5), (0.1, 0.8), (0.15, 0.8)),
        rectangle("wood", -0.2, 0.72, 0.2, 1.0),
        polygon("base", *envelope),
        polygon("light", *middle, inner=True),
        polygon("shade", *right, inner=True),
    ]


def umbrella() -> list[Shape]:
    scallops = [p for i in (2, 1, 0, -1, -2) for p in arc(0.38 * i, 0.1, 0.19, 0.12, 360, 180, 6)]
    dome = arc(0, 0.1, 0.95, 0.95, 180, 360, 22) + scallops
    return [
        rectangle("wood", -0.05, -0.9, 0.05, 0.8),
        polygon("wood", *arc(0.17, 0.76, 0.22, 0.24, 180, 0, 10), *arc(0.17, 0.76, 0.11, 0.12, 0, 180, 8)),
        polygon("base", *dome),
        polygon("light", *arc(0, 0.1, 0.95, 0.95, 180, 225, 6), *arc(0, 0.1, 0.57, 0.95, 240, 180, 8), inner=True),
        polygon("shade", *arc(0, 0.1, 0.57, 0.95, 300, 360, 8), *arc(0, 0.1, 0.95, 0.95, 360, 315, 6), inner=True),
        polygon("shade", *arc(0, 0.1, 0.19, 0.95, 180, 360, 12), inner=True),
    ]


def fish() -> list[Shape]:
    body = arc(-0.2, 0, 0.78, 0.52, 0, 345, 26)
    return [
        polygon("shade", (0.42, 0), (0.98, -0.56), (0.84, 0), (0.98, 0.56)),
        polygon("shade", (-0.4, -0.45), (0.0, -0.86), (0.26, -0.3)),
        polygon("shade", (-0.2, 0.45), (0.08, 0.8), (0.2, 0.36)),
        polygon("base", *body),
        polygon("light", *arc(-0.2, 0.02, 0.72, 0.46, 30, 150, 14), inner=True),
        polygon("shade", (-0.22, -0.5), (-0.02, -0.5), (0.06, 0), (-0.02, 0.5), (-0.22, 0.5), (-0.1, 0), inner=True),
        polygon("shade", (0.2, -0.42), (0.34, -0.34), (0.4, 0), (0.34, 0.34), (0.2, 0.42), (0.28, 0), inner=True),
        ellipse("cream", -0.6, -0.1, 0.14, inner=True),
        ellipse("ink", -0.62, -0.1, 0.07, inner=True),
    ]


def bird() -> list[Shape]:
    return [
        rectangle("wood", -0.12, 0.6, -0.04, 0.98),
        rectangle("wood", 0.14, 0.6, 0.22, 0.98),
        polygon("shade", (0.4, 0.1), (1.0, -0.3), (1.0, 0.06), (0.5, 0.55)),
        polygon("lamp", (-0.72, -0.56), (-1.02, -0.36), (-0.7, -0.3)),
        ellipse("base", 0.05, 0.2, 0.62, 0.52),
        ellipse("base", -0.42, -0.4, 0.38, 0.36),
        ellipse("base", -0.12, 0.0, 0.46, 0.4, inner=True),
        polygon("light", *arc(-0.1, 0.26, 0.44, 0.42, 40, 170, 12), inner=True),
        polygon(
            "shade",
            *arc(0.16, 0.08, 0.42, 0.3, 180, 330, 10),
            (0.72, 0.34),
            *arc(0.16, 0.12, 0.4, 0.26, 40, 180, 8),
            inner=True,
        ),
        ellipse("cream", -0.5, -0.46, 0.11, inner=True),
        ellipse("ink", -0.52, -0.46, 0.06, inner=True),
    ]


def butterfly() -> list[Shape]:
    wings = []
    for side in (-1, 1):
        wings += [
            tilted(ellipse("base", side * 0.54, -0.38, 0.46, 0.4), side * -38, side * 0.54, -0.38),
            tilted(ellipse("shade", side * 0.44, 0.42, 0.34, 0.4), side * 32, side * 0.44, 0.42),
            ellipse("light", side * 0.58, -0.42, 0.21, inner=True),
            ellipse("light", side * 0.46, 0.46, 0.13, inner=True),
            polygon(
                "ink", (side * 0.02, -0.5), (side * 0.3, -0.98), (side * 0.36, -0.94), (side * 0.07, -0.46), inner=True
            ),
        ]
    return [*wings, ellipse("ink", 0, 0, 0.09, 0.6, inner=True)]


def cat() -> list[Shape]:
    return [
        polygon("shade", *arc(0.6, 0.5, 0.36, 0.44, 100, -100, 14), *arc(0.6, 0.5, 0.2, 0.27, -100, 100, 12)),
        ellipse("base", 0, 0.5, 0.52, 0.5),
        polygon("base", (-0.55, -0.3), (-0.58, -1.0), (-0.1, -0.68)),
        polygon("base", (0.55, -0.3), (0.58, -1.0), (0.1, -0.68)),
        ellipse("base", 0, -0.3, 0.58, 0.46),
        polygon("shade", (-0.48, -0.58), (-0.5, -0.84), (-0.28, -0.68), inner=True),
        polygon("shade", (0.48, -0.58), (0.5, -0.84), (0.28, -0.68), inner=True),
        ellipse("light", 0, 0.56, 0.27, 0.34, inner=True),
        ellipse("lamp", -0.24, -0.34, 0.12, 0.13, inner=True),
        ellipse("lamp", 0.24, -0.34, 0.12, 0.13, inner=True),
        ellipse("ink", -0.24, -0.34, 0.05, 0.12, inner=True),
        ellipse("ink", 0.24, -0.34, 0.05, 0.12, inner=True),
        polygon("ink", (-0.08, -0.16), (0.08, -0.16), (0, -0.06), inner=True),
    ]


def car() -> list[Shape]:
    return [
        polygon("base", (-0.52, 0.0), (-0.36, -0.5), (0.32, -0.5), (0.58, 0.0)),
        polygon("base", (-0.98, 0.08), (-0.8, -0.04), (0.84, -0.04), (0.98, 0.14), (0.98, 0.48), (-0.98, 0.48)),
        rectangle("shade", -0.98, 0.3, 0.98, 0.48, inner=True),
        polygon("glass", (-0.4, -0.04), (-0.28, -0.4), (-0.04, -0.4), (-0.04, -0.04), inner=True),
        polygon("glass", (0.06, -0.04), (0.06, -0.4), (0.26, -0.4), (0.44, -0.04), inner=True),
        rectangle("lamp", 0.82, 0.08, 0.98, 0.24, inner=True),
        ellipse("ink", -0.52, 0.5, 0.25),
        ellipse("ink", 0.52, 0.5, 0.25),
        ellipse("cream", -0.52, 0.5, 0.11, inner=True),
        ellipse("cream", 0.52, 0.5, 0.11, inner=True),
    ]


def mushroom() -> list[Shape]:
    return [
        polygon("cream", (-0.24, 0.0), (0.24, 0.0), (0.36, 0.9), (0.0, 0.98), (-0.36, 0.9)),
        polygon("base", *arc(0, 0.08, 0.96, 1.0, 180, 360, 24), *arc(0, 0.08, 0.96, 0.16, 0, 180, 14)),
        polygon("shade", *arc(0, 0.08, 0.96, 1.0, 310, 360, 8), *arc(0, 0.08, 0.96, 0.16, 0, 90, 8), inner=True),
        ellipse("cream", -0.2, -0.58, 0.2, 0.16, inner=True),
        ellipse("cream", -0.6, -0.14, 0.15, 0.14, inner=True),
        ellipse("cream", 0.4, -0.36, 0.18, 0.16, inner=True),
        ellipse("cream", 0.02, -0.1, 0.15, 0.12, inner=True),
    ]


def flower() -> list[Shape]:
    petals = [tilted(ellipse("base" if i % 2 else "light", 0, -0.78, 0.24, 0.3), 60 * i, 0, -0.32) for i in range(6)]
    return [
        rectangle("leaf", -0.06, -0.2, 0.06, 1.0),
        tilted(ellipse("leaf", -0.32, 0.66, 0.3, 0.12), 24, -0.32, 0.66),
        tilted(ellipse("leaf", 0.32, 0.56, 0.3, 0.12), -24, 0.32, 0.56),
        *petals,
        ellipse("shade", 0, -0.32, 0.25, inner=True),
        ellipse("wood", 0, -0.32, 0.19, inner=True),
        ellipse("lamp", -0.03, -0.36, 0.11, inner=True),
    ]


def tree() -> list[Shape]:
    return [
        polygon("wood", (-0.13, 0.2), (0.13, 0.2), (0.2, 0.98), (-0.2, 0.98)),
        ellipse("shade", 0.44, 0.06, 0.5, 0.42),
        ellipse("base", -0.44, 0.06, 0.5, 0.42),
        ellipse("base", 0.02, -0.42, 0.6, 0.54),
        ellipse("base", 0.0, 0.0, 0.5, 0.4, inner=True),
        ellipse("light", -0.24, -0.56, 0.24, 0.2, inner=True),
        ellipse("light", -0.56, -0.04, 0.2, 0.15, inner=True),
        ellipse("shade", 0.3, -0.16, 0.22, 0.15, inner=True),
    ]


def snail() -> list[Shape]:
    body = [
        (-0.98, 0.5),
        (-0.95, 0.1),
        (-0.78, -0.06),
        (-0.56, 0.1),
        (-0.5, 0.5),
        (0.6, 0.6),
        (1.0, 0.86),
        (-0.8, 0.86),
    ]
    return [
        polygon("cream", (-0.9, 0.1), (-0.98, -0.4), (-0.9, -0.42), (-0.8, 0.1)),
        polygon("cream", (-0.74, 0.1), (-0.66, -0.4), (-0.58, -0.38), (-0.66, 0.1)),
        polygon("cream", *body),
        ellipse("base", 0.16, 0.0, 0.64, 0.66),
        ellipse("shade", 0.2, 0.06, 0.46, 0.46, inner=True),
        ellipse("light", 0.18, 0.06, 0.34, 0.34, inner=True),
        ellipse("base", 0.22, 0.1, 0.25, 0.25, inner=True),
        ellipse("shade", 0.18, 0.12, 0.12, 0.12, inner=True),
        ellipse("ink", -0.86, 0.18, 0.06, inner=True),
    ]


SUBJECT_SHAPES: dict[str, tuple[Shape, ...]] = {
    maker.__name__: tuple(maker())
    for maker in (
        star, heart, moon, castle, lighthouse, house, windmill, boat, rocket, balloon,
        umbrella, fish, bird, butterfly, cat, car, mushroom, flower, tree, snail,
    )
}  # fmt: skip

# --------------------------------------------------------------------------------------------------------
# The painter


class Canvas:
    """A supersampled picture to paint polygons on, in shares of the side."""

    def __init__(self, size: int, sky: list[RGB], ink: bool) -> None:
        self.side = size * SUPERSAMPLING
        self.ink = ink
        rows = np.linspace(0, len(sky) - 1, self.side)
        column = np.stack([np.interp(rows, range(len(sky)), [c[i] for c in sky]) for i in range(3)], -1)
        self.image = Image.fromarray(np.broadcast_to(column[:, None], (self.side, self.side, 3)).astype(np.uint8))
        self.pen = ImageDraw.Draw(self.image)

    def fill(self, colour: RGB, points: list[Point], outlined: bool = True) -> None:
        scaled = [(x * self.side, y * self.side) for x, y in points]
        self.pen.polygon(scaled, fill=colour)
        if self.ink and outlined:
            self.stroke(COMMON_TONES["ink"], points, 0.008)

    def box(self, colour: RGB, x0: float, y0: float, x1: float, y1: float, outlined: bool = True) -> None:
        self.fill(colour, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], outlined)

    def stroke(self, colour: RGB, points: list[Point], width: float) -> None:
        """A closed line along the polygon."""
        scaled = [(x * self.side, y * self.side) for x, y in [*points, points[0], points[1]]]
        self.pen.line(scaled, fill=colour, width=max(1, round(width * self.side)), joint="curve")

    def disc(self, colour: RGB, x: float, y: float, rx: float, ry: float | None = None, outlined: bool = False) -> None:
        ry = ry or rx
        box = [(x - rx) * self.side, (y - ry) * self.side, (x + rx) * self.side, (y + ry) * self.side]
        width = max(1, round(0.008 * self.side)) if self.ink and outlined else 0
        self.pen.ellipse(box, fill=colour, outline=COMMON_TONES["ink"] if width else None, width=width)


def tinted(colour: RGB, time: str) -> RGB:
    """A surface's colour in the light of a time of day."""
    r, g, b = {"day": (1.0, 1.0, 1.0), "dusk": (0.92, 0.64, 0.62), "night": (0.46, 0.52, 0.78)}[time]
    return round(colour[0] * r), round(colour[1] * g), round(colour[2] * b)


SKIES: dict[str, list[RGB]] = {
    "day": [(72, 160, 236), (140, 204, 248), (214, 240, 252)],
    "dusk": [(82, 44, 120), (222, 84, 98), (255, 176, 84), (255, 214, 130)],
    "night": [(6, 8, 32), (16, 22, 66), (38, 48, 108)],
}


def heavens(canvas: Canvas, time: str, rng: random.Random, horizon: float) -> None:
    """Clouds by day, a setting sun at dusk, stars at night, above the horizon."""
    if time == "day":
        for _ in range(2):
            x, y = rng.random(), rng.uniform(0.06, 0.26)
            for dx in (-0.07, 0.0, 0.07):
                canvas.disc((255, 255, 255), x + dx, y + rng.uniform(-0.015, 0.015), 0.08, 0.035)
    elif time == "dusk":
        x = rng.choice((rng.uniform(0.1, 0.3), rng.uniform(0.7, 0.9)))
        canvas.disc((255, 232, 150), x, horizon - 0.02, 0.1)
        for _ in range(2):
            x, y = rng.random(), rng.uniform(0.08, 0.3)
            canvas.disc((164, 60, 110), x, y, 0.2, 0.018)
    else:
        for _ in range(26):
            canvas.disc((250, 246, 214), rng.random(), rng.uniform(0, horizon), rng.choice((0.006, 0.008, 0.012)))


def hills(canvas: Canvas, colour: RGB, rng: random.Random, top: float, height: float, waves: float) -> None:
    """A rolling ground from the given height to the lower edge."""
    phase, second = rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi)
    ridge = []
    for i in range(17):
        x = i / 16
        roll = math.sin(2 * math.pi * waves * x + phase) + 0.4 * math.sin(2 * math.pi * 2.3 * waves * x + second)
        ridge.append((x, top - height * roll / 1.4))
    canvas.fill(colour, [*ridge, (1.02, 1.02), (-0.02, 1.02)])


def fir(canvas: Canvas, colour: RGB, snow: RGB | None, x: float, foot: float, height: float) -> None:
    width = 0.34 * height
    for i in range(3):
        top, bottom = foot - height * (1 - 0.27 * i), foot - height * (0.46 - 0.2 * i)
        spread = width * (0.55 + 0.25 * i)
        canvas.fill(colour, [(x, top), (x + spread, bottom), (x - spread, bottom)])
        if snow:
            canvas.fill(
                snow,
                [(x, top), (x + 0.45 * spread, (top + bottom) / 2), (x - 0.45 * spread, (top + bottom) / 2)],
                False,
            )


def sea(canvas: Canvas, time: str, rng: random.Random) -> None:
    horizon = rng.uniform(0.5, 0.6)
    heavens(canvas, time, rng, horizon)
    far, near, foam = tinted((34, 118, 196), time), tinted((16, 78, 156), time), tinted((206, 236, 250), time)
    canvas.box(far, -0.02, horizon, 1.02, 1.02)
    for row in range(5):
        y = horizon + 0.05 + row * (1 - horizon) / 5
        shift, length = rng.random(), 0.16 + 0.03 * row
        crest = [(x / 24, y + 0.018 * math.sin((x / 24 / length + shift) * 2 * math.pi)) for x in range(25)]
        canvas.fill(near if row % 2 else far, [*crest, (1.02, 1.02), (-0.02, 1.02)], False)
        canvas.pen.line(
            [(x * canvas.side, v * canvas.side) for x, v in crest], fill=foam, width=max(1, round(0.012 * canvas.side))
        )


def desert(canvas: Canvas, time: str, rng: random.Random) -> None:
    horizon = rng.uniform(0.52, 0.6)
    heavens(canvas, time, rng, horizon)
    sands = [(244, 206, 130), (232, 178, 92), (214, 152, 70)]
    for i, sand in enumerate(sands):
        hills(canvas, tinted(sand, time), rng, horizon + 0.14 * i, 0.05, rng.uniform(0.7, 1.2))
    cactus = tinted((58, 128, 72), time)
    x, foot = rng.choice((rng.uniform(0.06, 0.14), rng.uniform(0.86, 0.94))), 0.84
    trunk, left_arm, left_elbow = (-0.02, -0.3, 0.02, 0), (-0.08, -0.2, -0.045, -0.1), (-0.08, -0.12, 0, -0.085)
    right_arm, right_elbow = (0.045, -0.25, 0.08, -0.14), (0, -0.16, 0.08, -0.125)
    for x0, y0, x1, y1 in (trunk, left_arm, left_elbow, right_arm, right_elbow):
        canvas.box(cactus, x + x0, foot + y0, x + x1, foot + y1, False)


def forest(canvas: Canvas, time: str, rng: random.Random) -> None:
    heavens(canvas, time, rng, 0.5)
    for row, (green, foot, height) in enumerate((((92, 156, 98), 0.66, 0.46), ((40, 112, 70), 0.8, 0.64))):
        canvas.box(tinted(green, time), -0.02, foot - 0.1, 1.02, 1.02, False)
        spots = [i / 7 for i in range(8)] if row == 0 else [-0.02, 0.14, 0.86, 1.02]
        for x in spots:
            fir(canvas, tinted(green, time), None, x + rng.uniform(-0.03, 0.03), foot, height * rng.uniform(0.85, 1.1))
    hills(canvas, tinted((62, 96, 52), time), rng, 0.83, 0.02, 1.0)


def mountains(canvas: Canvas, time: str, rng: random.Random) -> None:
    heavens(canvas, time, rng, 0.4)
    for rock, side, base, tall in (
        ((136, 140, 168), (108, 112, 144), 0.8, 0.6),
        ((92, 92, 118), (70, 70, 96), 0.86, 0.4),
    ):
        start = rng.uniform(-0.1, 0.1)
        for i in range(3):
            x, height, half = start + 0.45 * i, tall * rng.uniform(0.8, 1.1), rng.uniform(0.3, 0.38)
            top = base - height
            canvas.fill(tinted(rock, time), [(x, top), (x + half, base), (x - half, base)])
            canvas.fill(tinted(side, time), [(x, top), (x + half, base), (x + 0.25 * half, base)], False)
            cap = 0.3
            teeth = [
                (x + cap * half, top + cap * height),
                (x + 0.1 * half, top + 0.22 * height),
                (x - 0.05 * half, top + 0.34 * height),
                (x - cap * half, top + cap * height),
            ]
            canvas.fill(tinted((250, 250, 255), time), [(x, top), *teeth], False)
    hills(canvas, tinted((96, 108, 98), time), rng, 0.86, 0.02, 1.0)


def city(canvas: Canvas, time: str, rng: random.Random) -> None:
    heavens(canvas, time, rng, 0.4)
    lit = (255, 226, 120) if time != "day" else (84, 96, 120)
    for wall, low, high in (((168, 172, 186), 0.14, 0.4), ((126, 118, 128), 0.34, 0.56)):
        x = -0.04
        while x < 1:
            width, top = rng.uniform(0.12, 0.2), rng.uniform(low, high)
            canvas.box(tinted(wall, time), x, top, x + width, 0.9)
            for wx in np.arange(x + 0.03, x + width - 0.03, 0.05):
                for wy in np.arange(top + 0.04, 0.78, 0.075):
                    if rng.random() < 0.7:
                        canvas.box(lit, wx, wy, wx + 0.022, wy + 0.034, False)
            x += width + rng.uniform(0.0, 0.02)
    canvas.box(tinted((84, 84, 92), time), -0.02, 0.82, 1.02, 1.02)
    for i in range(5):
        x = i * 0.24 - 0.06
        canvas.box(tinted((240, 236, 220), time), x, 0.905, x + 0.12, 0.93, False)


def snow(canvas: Canvas, time: str, rng: random.Random) -> None:
    horizon = rng.uniform(0.52, 0.6)
    if time == "day":
        canvas.box((188, 206, 226), -0.02, -0.02, 1.02, 1.02, False)
    else:
        heavens(canvas, time, rng, horizon)
    # By moonlight snow shines, or the ground would be as dark as a sea.
    far, near = ((150, 172, 232), (190, 208, 250)) if time == "night" else ((226, 234, 246), (246, 249, 255))
    light = "day" if time == "night" else time
    hills(canvas, tinted(far, light), rng, horizon, 0.05, 1.0)
    for x in (rng.uniform(0.02, 0.16), rng.uniform(0.84, 0.98)):
        fir(canvas, tinted((48, 92, 92), time), (250, 252, 255), x, horizon + 0.2, rng.uniform(0.34, 0.46))
    hills(canvas, tinted(near, light), rng, horizon + 0.2, 0.03, 0.8)
    for _ in range(36):
        canvas.disc((255, 255, 255), rng.random(), rng.random(), rng.choice((0.008, 0.011, 0.015)))


def meadow(canvas: Canvas, time: str, rng: random.Random) -> None:
    horizon = rng.uniform(0.5, 0.58)
    heavens(canvas, time, rng, horizon)
    for i, green in enumerate(((160, 212, 96), (124, 196, 72), (94, 176, 60))):
        hills(canvas, tinted(green, time), rng, horizon + 0.13 * i, 0.04, rng.uniform(0.6, 1.1))
    blossoms = [tinted(c, time) for c in ((255, 255, 255), (255, 236, 90), (250, 120, 150))]
    for _ in range(44):
        y = rng.uniform(horizon + 0.1, 1)
        canvas.disc(rng.choice(blossoms), rng.random(), y, 0.008 + 0.014 * (y - 0.5))


def space(canvas: Canvas, time: str, rng: random.Random) -> None:
    for nebula in ((44, 20, 78), (70, 26, 100), (24, 40, 96)):
        x, y, r = rng.random(), rng.random(), rng.uniform(0.16, 0.3)
        canvas.disc(nebula, x, y, r, 0.6 * r)
    for _ in range(60):
        canvas.disc(
            rng.choice(((255, 255, 255), (255, 240, 190), (190, 210, 255))),
            rng.random(),
            rng.random(),
            rng.choice((0.005, 0.008, 0.013)),
        )
    x, y = rng.choice((0.13, 0.87)), rng.choice((0.15, 0.85))
    canvas.disc((196, 130, 96), x, y, 0.1, outlined=True)
    canvas.disc((228, 172, 128), x - 0.02, y - 0.02, 0.066)
    ring = arc(x, y, 0.18, 0.05, -20, 200, 12) + arc(x, y, 0.14, 0.03, 200, -20, 12)
    canvas.fill((238, 214, 170), ring, False)


def underwater(canvas: Canvas, time: str, rng: random.Random) -> None:
    for _ in range(3):
        x, lean = rng.random(), rng.uniform(-0.25, 0.05)
        canvas.fill(
            (92, 206, 212), [(x, -0.02), (x + 0.09, -0.02), (x + lean + 0.02, 0.6), (x + lean - 0.06, 0.6)], False
        )
    hills(canvas, (126, 158, 136), rng, 0.88, 0.025, 1.1)
    for x in (rng.uniform(0.02, 0.12), rng.uniform(0.14, 0.22), rng.uniform(0.8, 0.88), rng.uniform(0.9, 0.98)):
        height, sway = rng.uniform(0.3, 0.5), rng.uniform(0, 6)
        spine = [(x + 0.025 * math.sin(sway + 9 * i / 10), 0.95 - height * i / 10) for i in range(11)]
        thickness = [0.022 * (1 - i / 11) for i in range(11)]
        left = [(px - w, py) for (px, py), w in zip(spine, thickness, strict=True)]
        right = [(px + w, py) for (px, py), w in zip(spine, thickness, strict=True)]
        canvas.fill((16, 108, 84), [*left, *reversed(right)])
    for _ in range(14):
        x, y, r = rng.random(), rng.random(), rng.uniform(0.01, 0.024)
        canvas.disc((196, 244, 244), x, y, r)
        canvas.disc((60, 170, 192), x, y, 0.6 * r)


def clouds(canvas: Canvas, time: str, rng: random.Random) -> None:
    if time != "day":
        heavens(canvas, time, rng, 0.5)
    shades = {
        "day": ((204, 224, 244), (230, 240, 252), (255, 255, 255)),
        "dusk": ((226, 128, 130), (246, 164, 144), (255, 204, 172)),
        "night": ((70, 78, 128), (96, 106, 160), (128, 138, 190)),
    }[time]
    for row, shade in enumerate(shades):
        for i in range(7):
            x, y = (i + rng.uniform(-0.3, 0.3)) / 6, 0.66 + 0.13 * row + rng.uniform(-0.03, 0.03)
            canvas.disc(shade, x, y, rng.uniform(0.11, 0.16), rng.uniform(0.09, 0.13), outlined=True)
        top = 0.7 + 0.13 * row
        canvas.box(shade, -0.02, top, 1.02, 1.02, False)


PLACE_PAINTERS: dict[str, Callable[[Canvas, str, random.Random], None]] = {
    maker.__name__: maker for maker in (sea, desert, forest, mountains, city, snow, meadow, space, underwater, clouds)
}
# Places where no daylight reaches: their own sky at any time.
TIMELESS_SKIES: dict[str, list[RGB]] = {
    "space": [(8, 6, 26), (18, 8, 44), (6, 6, 22)],
    "underwater": [(64, 196, 206), (22, 140, 172), (8, 84, 128), (6, 60, 104)],
}

# --------------------------------------------------------------------------------------------------------
# Scenes

MAX_SEED = 2**48


@dataclass(frozen=True)
class Scene:
    """What a picture shows. `seed` decides the pose of the subject and the lie of the land."""

    subject: str
    colour: str
    place: str
    time: str = "day"
    style: str = "gouache"
    seed: int = 0

    def __post_init__(self) -> None:
        for value, known in zip(self.labels(), (SUBJECTS, COLOURS, PLACES, TIMES, STYLES), strict=True):
            if value not in known:
                raise ValueError(f"a scene has no {value!r}: it is one of {', '.join(known)}")

    def labels(self) -> tuple[str, str, str, str, str]:
        """Subject, colour, place, time and style."""
        return self.subject, self.colour, self.place, self.time, self.style

    @staticmethod
    def sample(rng: random.Random) -> Scene:
        """A scene drawn uniformly; in space and under water it is always "day"."""
        place = rng.choice(PLACES)
        return Scene(
            subject=rng.choice(SUBJECTS),
            colour=rng.choice(COLOURS),
            place=place,
            time="day" if place in TIMELESS_SKIES else rng.choice(TIMES),
            style=rng.choice(STYLES),
            seed=rng.randrange(MAX_SEED),
        )


def paint_subject(canvas: Canvas, scene: Scene, rng: random.Random) -> None:
    half = rng.uniform(0.3, 0.37)
    x0, y0 = rng.uniform(0.45, 0.55), rng.uniform(0.48, 0.56)
    mirror = rng.choice((-1, 1))
    angle = math.radians(rng.uniform(-6, 6))
    c, s = half * math.cos(angle), half * math.sin(angle)
    tones = {**COMMON_TONES, **PALETTES[scene.colour]}
    placed = [
        (shape, [(x0 + mirror * c * x - s * y, y0 + mirror * s * x + c * y) for x, y in shape.points])
        for shape in SUBJECT_SHAPES[scene.subject]
    ]
    # The contour first, under everything, so that it runs around the silhouette and not across it.
    rim = tones["ink"] if canvas.ink else tones["rim"]
    for shape, points in placed:
        if not shape.inner:
            canvas.stroke(rim, points, 2 * RIM * (1.3 if canvas.ink else 1.0))
    for shape, points in placed:
        canvas.fill(tones[shape.tone], points, outlined=not shape.inner)


def wash(pixels: np.ndarray, rng: random.Random) -> np.ndarray:
    """Watercolour: uneven pigment, and the paper showing towards the edges."""
    size = len(pixels)
    coarse = np.array([[rng.random() for _ in range(7)] for _ in range(7)], np.float32)
    pigment = np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))
    ramp = np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5) / size
    edge = np.minimum(ramp[:, None], ramp[None, :]) + 0.07 * (pigment - 0.5)
    cover = np.clip(edge / 0.11, 0, 1) * (0.80 + 0.2 * pigment)
    paper = np.array([252, 249, 240], np.float32)
    return paper + (pixels - paper) * cover[..., None]


def draw(scene: Scene, size: int = 64) -> np.ndarray:
    """The scene's picture: uint8 [size, size, 3], RGB. Raises ValueError below 16 pixels."""
    if size < 16:
        raise ValueError(f"a scene is drawn at 16 pixels or more, not {size}")
    rng = random.Random(scene.seed)
    sky = TIMELESS_SKIES.get(scene.place, SKIES[scene.time])
    canvas = Canvas(size, sky, ink=scene.style == "ink")
    PLACE_PAINTERS[scene.place](canvas, scene.time, rng)
    paint_subject(canvas, scene, rng)
    picture = canvas.image.reduce(SUPERSAMPLING)
    if scene.style == "pixel":
        blocks = picture.resize((size // 2, size // 2), Image.Resampling.BOX)
        picture = blocks.resize((size, size), Image.Resampling.NEAREST)
    pixels = np.asarray(picture)
    if scene.style == "watercolour":
        pixels = wash(pixels.astype(np.float32), rng).round().astype(np.uint8)
    return pixels


# --------------------------------------------------------------------------------------------------------
# Captions

OPENINGS = (
    "a painting of",
    "a picture of",
    "an image of",
    "a beautiful painting of",
    "an illustration of",
    "a view of",
)
# Words of ordinary prompts that say nothing about a scene: known, so that nobody is told off for an "and".
FILLERS = "and with to from its his her my our this that one some very big small large little bright dark lovely pretty"


@dataclass(frozen=True)
class Caption:
    """A sentence and, in the order of `Scene.labels`, which of the five labels it tells (None: not said)."""

    text: str
    told: tuple[str | None, str | None, str | None, str | None, str | None]


def describe(scene: Scene, rng: random.Random) -> Caption:
    """A caption with its content: a random choice of what is told, and in which words."""
    full = rng.random() < 0.55  # most prompts name colour, subject and place
    tells_subject = full or rng.random() < 0.85
    tells_colour = full or (tells_subject and rng.random() < 0.6)
    tells_place = full or not tells_subject or rng.random() < 0.6
    tells_time = scene.place not in TIMELESS_SKIES and rng.random() < (0.5 if scene.time != "day" else 0.25)
    tells_style = rng.random() < 0.25
    article = rng.choice(("a", "a", "a", "the"))
    thing = []
    if tells_subject:
        noun = rng.choice(SUBJECT_WORDS[scene.subject])
        phrase = f"{rng.choice(COLOUR_WORDS[scene.colour])} {noun}" if tells_colour else noun
        thing.append(f"{'an' if article == 'a' and phrase[0] in 'aeiou' else article} {phrase}")
    where = rng.choice(PLACE_PHRASES[scene.place]) if tells_place else ""
    when = rng.choice(TIME_PHRASES[scene.time]) if tells_time else ""
    body = thing + [w for w in ((where, when) if rng.random() < 0.85 else (when, where)) if w]
    text = (", " if rng.random() < 0.2 else " ").join(body)
    if tells_style:
        text = f"{rng.choice(STYLE_PHRASES[scene.style])} {text}"
    elif rng.random() < 0.3:
        text = f"{rng.choice(OPENINGS)} {text}"
    said = (tells_subject, tells_colour, tells_place, tells_time, tells_style)
    subject, colour, place, time, style = (v if t else None for v, t in zip(scene.labels(), said, strict=True))
    return Caption(text, (subject, colour, place, time, style))


def caption(scene: Scene, rng: random.Random) -> str:
    """A sentence that describes the scene, in one of many ways."""
    return describe(scene, rng).text


def vocabulary() -> tuple[str, ...]:
    """Every word a caption can hold, and the fillers, sorted."""
    phrases: list[str] = ["a an the of", FILLERS, *OPENINGS]
    for table in (SUBJECT_WORDS, COLOUR_WORDS, PLACE_PHRASES, TIME_PHRASES, STYLE_PHRASES):
        for options in table.values():
            phrases += options
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))

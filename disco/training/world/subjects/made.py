"""What is seen from near of what was made: windows, rivets, seams, spokes. Large pictures show it."""

from __future__ import annotations

import math

from disco.training.world.marks import bow, bows, bricks, glint, line, pane, spokes, spots
from disco.training.world.shapes import Point, Shape, arc, ellipse, mirrored, polygon, rectangle, tilted

# Signs, tools and toys


def star() -> list[Shape]:
    tips = [(0.86 * math.sin(i * 0.4 * math.pi), 0.06 - 0.86 * math.cos(i * 0.4 * math.pi)) for i in range(5)]
    inner = [(0.34 * math.sin(i * 0.4 * math.pi), 0.06 - 0.34 * math.cos(i * 0.4 * math.pi)) for i in range(5)]
    rays = [line("light", 0.035, a, b) for a, b in zip(inner, tips, strict=True)]
    return [*rays, *spots("light", 0.05, *[(0.88 * x, 0.88 * y) for x, y in tips]), *glint(-0.2, -0.22, 0.14)]


def heart() -> list[Shape]:
    stitches = [(0.62, -0.52), (0.72, -0.2), (0.62, 0.08), (0.42, 0.32), (0.2, 0.54), (0.74, -0.38), (0.46, -0.62)]
    ways = [(0.08, 0.06), (-0.02, 0.1), (-0.07, 0.08), (-0.08, 0.08), (-0.08, 0.08), (0.02, 0.1), (0.1, 0.02)]
    seams = [line("light", 0.035, (x, y), (x + dx, y + dy)) for (x, y), (dx, dy) in zip(stitches, ways, strict=True)]
    return [*seams, *glint(-0.46, -0.58, 0.16), bow("light", 0.05, -0.36, -0.2, 0.44, 0.5, 130, 215)]


def moon() -> list[Shape]:
    craters = ((-0.62, 0.12, 0.12), (-0.42, 0.5, 0.09), (-0.45, -0.36, 0.07), (-0.16, 0.74, 0.06), (-0.72, -0.14, 0.05))
    rims = [bow("light", 0.03, x + 0.02, y + 0.02, r + 0.02, r + 0.02, -40, 130) for x, y, r in craters]
    pits = spots("shade", 0.05, (-0.16, 0.74), (-0.72, -0.14), (-0.22, -0.72), (-0.66, 0.38))
    return [*pits, *rims, *spots("base", 0.035, (-0.64, 0.1), (-0.43, 0.49))]


def umbrella() -> list[Shape]:
    seams = [bow("rim", 0.035, 0, 0.1, r, 0.94, a, b, 12) for r in (0.58, 0.2) for a, b in ((180, 270), (270, 360))]
    return [
        *seams,
        *spots("cream", 0.05, *[(x, 0.12) for x in (-0.95, -0.57, -0.19, 0.19, 0.57, 0.95)]),
        line("cream", 0.03, (-0.02, 0.2), (-0.02, 0.7)),
        *bows("light", 0.04, 0.3, 200, 250, (-0.36, -0.32), (0.1, -0.4)),
        *spots("glass", 0.035, (-0.7, -0.2), (-0.5, -0.5), (0.46, -0.5), (0.7, -0.16), (0.06, -0.62)),
    ]


def teapot() -> list[Shape]:
    blossoms = [(-0.3, 0.42), (0.02, 0.5), (0.3, 0.4)]
    petals = [(x + 0.07 * math.cos(a), y + 0.07 * math.sin(a)) for x, y in blossoms for a in (0.3, 1.9, 3.4, 5.0)]
    return [
        bow("cream", 0.035, 0, 0.1, 0.6, 0.2, 10, 170, 12),
        bow("cream", 0.035, 0, 0.52, 0.56, 0.2, 14, 166, 12),
        *spots("cream", 0.055, *petals),
        *spots("lamp", 0.045, *blossoms),
        bow("rim", 0.035, 0, -0.24, 0.44, 0.08, 5, 175, 10),
        *glint(-0.3, -0.12, 0.16),
        line("light", 0.04, (-0.52, -0.28), (-0.66, -0.02), (-0.44, 0.26)),
        line("light", 0.04, (0.56, -0.06), (0.78, -0.1), (0.85, 0.12)),
    ]


def guitar() -> list[Shape]:
    upright = [
        *[line("steel", 0.025, (-0.09, y), (0.09, y)) for y in (-0.62, -0.5, -0.39, -0.29, -0.2, -0.12)],
        *[line("cream", 0.018, (x, -0.86), (x, 0.7)) for x in (-0.065, 0.065)],
        *mirrored(*spots("cream", 0.04, (0.17, -0.94), (0.15, -0.84), (0.14, -0.75))),
        bow("cream", 0.03, 0, 0.24, 0.23, 0.23, 0, 360, 16),
        bow("light", 0.035, 0, 0.66, 0.44, 0.28, 20, 90),
        *spots("cream", 0.022, (-0.14, 0.71), (-0.07, 0.71), (0.07, 0.71), (0.14, 0.71)),
    ]
    return [tilted(shape, 24) for shape in upright]


def lantern() -> list[Shape]:
    return [
        *mirrored(line("wood", 0.04, (0.24, -0.28), (0.24, 0.62))),
        line("wood", 0.04, (-0.32, 0.54), (0.32, 0.54)),
        *mirrored(*spots("light", 0.035, (0.44, -0.2), (0.44, 0.2), (0.44, 0.56), (0.5, -0.35), (0.24, -0.35))),
        *mirrored(*spots("light", 0.035, (0.54, 0.82), (0.2, 0.82))),
        line("light", 0.035, (-0.22, -0.6), (-0.48, -0.4)),
        line("shade", 0.035, (0.12, -0.64), (0.3, -0.4)),
        *glint(-0.2, -0.16, 0.18),
    ]


def robot() -> list[Shape]:
    return [
        *mirrored(*spots("light", 0.03, (0.48, -0.66), (0.48, -0.2), (0.4, -0.02), (0.4, 0.58))),
        *spots("light", 0.03, (-0.2, -0.66), (0.0, -0.66), (0.2, -0.66), (-0.2, 0.56), (0.0, 0.56), (0.2, 0.56)),
        *[line("steel", 0.025, (x, -0.28), (x, -0.2)) for x in (-0.16, -0.06, 0.04, 0.14)],
        *mirrored(line("rim", 0.03, (0.56, -0.05), (0.62, 0.06)), line("rim", 0.03, (0.68, 0.06), (0.78, 0.0))),
        *mirrored(line("rim", 0.03, (0.1, 0.68), (0.34, 0.68)), line("rim", 0.03, (0.1, 0.76), (0.34, 0.76))),
        *mirrored(line("light", 0.03, (0.1, 0.88), (0.36, 0.88)), bow("ink", 0.03, 0.8, 0.56, 0.09, 0.09, 30, 150)),
        *[ellipse("cream", x, -0.54, 0.05, inner=True) for x in (-0.3, 0.2)],
        line("cream", 0.03, (-0.2, 0.38), (-0.08, 0.34), (0.0, 0.4), (0.1, 0.36), (0.2, 0.38)),
        line("rim", 0.025, (-0.44, 0.02), (0.44, 0.02)),
    ]


# Buildings


def castle() -> list[Shape]:
    return [
        *bricks("rim", -0.83, -0.32, -0.47, 0.92, 7, 2),
        *bricks("rim", 0.47, -0.32, 0.93, 0.92, 7, 2),
        *bricks("rim", -0.4, -0.1, 0.4, 0.24, 2, 4),
        *pane("wood", -0.76, -0.14, -0.6, 0.12),
        *pane("wood", 0.62, -0.14, 0.78, 0.12),
        *[line("steel", 0.025, (x, 0.34), (x, 0.95)) for x in (-0.1, 0.0, 0.1)],
        *[line("steel", 0.025, (-0.18, y), (0.18, y)) for y in (0.52, 0.68, 0.84)],
        *bows("light", 0.03, 0.09, 200, 340, (-0.1, -0.7), (0.08, -0.7), (0.0, -0.82)),
        bow("cream", 0.04, 0, 0.52, 0.26, 0.3, 180, 360, 12),
    ]


def lighthouse() -> list[Shape]:
    return [
        polygon("wood", *arc(0, 0.74, 0.09, 0.1, 180, 360, 7), (0.09, 0.9), (-0.09, 0.9), inner=True),
        *[rectangle("ink", -0.05, y, 0.05, y + 0.12, inner=True) for y in (-0.42, 0.14)],
        *[line("cream", 0.025, (-0.05, y), (0.05, y)) for y in (-0.36, 0.2)],
        *[line("rim", 0.02, (x, y), (x + 0.12, y)) for x, y in ((-0.26, -0.34), (0.1, -0.26), (-0.3, 0.26))],
        *[line("rim", 0.02, (x, y), (x + 0.14, y)) for x, y in ((0.14, 0.5), (-0.3, 0.44), (-0.34, 0.78), (0.18, 0.7))],
        *[line("ink", 0.025, (x, -0.8), (x, -0.57)) for x in (-0.08, 0.06)],
        *[line("steel", 0.025, (x, -0.66), (x, -0.52)) for x in (-0.34, -0.2, 0.2, 0.34)],
        line("steel", 0.03, (-0.36, -0.65), (0.36, -0.65)),
        bow("cream", 0.03, 0.3, 1.0, 0.2, 0.12, 190, 300),
    ]


def house() -> list[Shape]:
    rows = [[(0.0, -0.5)], [(-0.16, -0.34), (0.16, -0.34)], [(-0.32, -0.18), (0.0, -0.18), (0.32, -0.18)]]
    return [
        *[shape for row in rows for shape in bows("rim", 0.03, 0.14, 10, 170, *row)],
        *bricks("rim", 0.44, -0.86, 0.63, -0.42, 4, 2)[:7],
        *bricks("rim", -0.58, 0.5, -0.2, 0.9, 4, 2)[:9],
        *bricks("rim", 0.24, 0.5, 0.7, 0.9, 4, 2)[:9],
        *pane("wood", -0.54, 0.1, -0.26, 0.44),
        *pane("wood", 0.32, 0.1, 0.6, 0.44),
        *[line("cream", 0.04, (x, 0.46), (x + 0.36, 0.46)) for x in (-0.58, 0.28)],
        *spots("lamp", 0.035, (0.13, 0.62)),
        *[line("rim", 0.025, (x, 0.34), (x, 0.9)) for x in (-0.04, 0.08)],
    ]


def windmill() -> list[Shape]:
    found = []
    for i in range(4):
        c, s = math.cos(math.radians(45 + 90 * i)), math.sin(math.radians(45 + 90 * i))

        def turn(x: float, y: float, c: float = c, s: float = s) -> Point:
            return c * x - s * y, s * x + c * y - 0.3

        found += [line("rim", 0.025, turn(x, -0.12), turn(x, 0.14)) for x in (0.32, 0.48, 0.64, 0.8, 0.92)]
        found.append(line("wood", 0.05, turn(0.06, -0.03), turn(0.98, -0.03)))
    joints = [line("rim", 0.025, (-0.28 - 0.1 * k, 0.2 + 0.22 * k), (0.3 + 0.1 * k, 0.2 + 0.22 * k)) for k in range(3)]
    window = [rectangle("lamp", -0.08, 0.26, 0.08, 0.42, inner=True), *pane("wood", -0.08, 0.26, 0.08, 0.42)]
    return [*joints, *window, line("wood", 0.025, (0, 0.58), (0, 0.98)), *found]


def tent() -> list[Shape]:
    return [
        line("rim", 0.025, (-0.24, -0.6), (-0.78, 0.8)),
        line("rim", 0.025, (0.06, -0.6), (0.6, 0.8)),
        line("rim", 0.025, (0.3, -0.58), (0.82, 0.72)),
        *[line("cream", 0.03, (x, y), (x - 0.06, y + 0.1)) for x, y in ((-0.36, -0.3), (-0.48, 0.0), (-0.62, 0.3))],
        *[line("cream", 0.03, (x, y), (x + 0.05, y + 0.1)) for x, y in ((0.02, -0.1), (0.12, 0.2), (0.24, 0.5))],
        line("cream", 0.03, (-0.22, -0.28), (-0.5, 0.82)),
        line("cream", 0.03, (-0.96, 0.76), (-0.52, 0.8)),
        polygon("clay", (-0.18, -0.93), (-0.04, -0.89), (-0.04, -0.86), (-0.18, -0.83), inner=True),
        *spots("lamp", 0.05, (-0.2, 0.4)),
    ]


# Vehicles


def boat() -> list[Shape]:
    return [
        *[line("rim", 0.022, (0.12, y), (0.12 + 0.58 * (y + 0.95), y)) for y in (-0.5, -0.2, 0.1)],
        *[line("rim", 0.022, (-0.1, y), (-0.1 - 0.56 * (y + 0.78), y)) for y in (-0.35, -0.1, 0.15)],
        line("cream", 0.035, (-0.9, 0.56), (0.9, 0.56)),
        line("rim", 0.022, (-0.76, 0.82), (0.74, 0.82)),
        *spots("ink", 0.06, (-0.4, 0.66), (0.0, 0.66), (0.4, 0.66)),
        *spots("glass", 0.035, (-0.41, 0.65), (-0.01, 0.65), (0.39, 0.65)),
        polygon("clay", (0.05, -0.98), (0.28, -0.92), (0.05, -0.85), inner=True),
    ]


def rocket() -> list[Shape]:
    return [
        line("rim", 0.025, (-0.37, 0.06), (0.37, 0.06)),
        line("rim", 0.025, (-0.31, 0.42), (0.31, 0.42)),
        *spots("light", 0.03, *[(x, y) for y in (0.12, 0.36) for x in (-0.24, -0.08, 0.08, 0.24)]),
        *spots(
            "steel", 0.03, *[(0.18 * math.cos(a), -0.26 + 0.18 * math.sin(a)) for a in (0.4, 1.5, 2.5, 3.6, 4.7, 5.8)]
        ),
        *glint(-0.04, -0.34, 0.12),
        *mirrored(line("light", 0.03, (0.44, 0.34), (0.7, 0.66)), line("rim", 0.025, (0.36, 0.5), (0.72, 0.76))),
        polygon("clay", (-0.12, 0.6), (0.12, 0.6), (0.06, 0.78), (0, 0.9), (-0.06, 0.78), inner=True),
        line("steel", 0.04, (-0.26, 0.58), (0.26, 0.58)),
    ]


def balloon() -> list[Shape]:
    return [
        bow("rim", 0.03, 0, -0.28, 0.25, 0.72, 180, 270, 10),
        bow("rim", 0.03, 0, -0.28, 0.25, 0.72, 270, 360, 10),
        *mirrored(bow("rim", 0.03, 0, -0.28, 0.5, 0.72, 290, 360, 10)),
        bow("cream", 0.05, 0, -0.36, 0.72, 0.22, 10, 170, 14),
        bow("cream", 0.05, 0, -0.1, 0.68, 0.24, 15, 165, 14),
        line("clay", 0.02, (-0.2, 0.54), (-0.16, 0.74)),
        *[line("cream", 0.022, (-0.2, y), (0.2, y)) for y in (0.8, 0.88)],
        *[line("cream", 0.022, (x, 0.74), (x, 0.98)) for x in (-0.1, 0.0, 0.1)],
        polygon("lamp", (-0.05, 0.66), (0.0, 0.54), (0.05, 0.66), inner=True),
        *glint(-0.42, -0.66, 0.16),
    ]


def car() -> list[Shape]:
    return [
        *glint(-0.24, -0.34, 0.16),
        *glint(0.14, -0.34, 0.14),
        line("rim", 0.025, (-0.04, -0.02), (-0.04, 0.4), (0.2, 0.44)),
        line("rim", 0.025, (0.44, -0.02), (0.4, 0.16)),
        line("cream", 0.04, (0.04, 0.1), (0.18, 0.1)),
        line("cream", 0.04, (-0.36, 0.1), (-0.22, 0.1)),
        line("light", 0.04, (-0.86, 0.02), (0.9, 0.02)),
        rectangle("steel", -1.0, 0.4, -0.82, 0.48, inner=True),
        rectangle("steel", 0.82, 0.4, 1.0, 0.48, inner=True),
        *spots("cream", 0.05, (-0.9, 0.13)),
        *spots("clay", 0.055, (0.92, 0.16)),
        *[shape for x in (-0.52, 0.52) for shape in spokes("steel", 0.03, x, 0.5, 0.03, 0.13, 5)],
        *[bow("steel", 0.03, x, 0.5, 0.22, 0.22, 200, 290) for x in (-0.52, 0.52)],
    ]


def bicycle() -> list[Shape]:
    wheels = (0.56, -0.56)
    return [
        *[shape for x in wheels for shape in spokes("steel", 0.022, x, 0.38, 0.08, 0.35, 8)],
        *[bow("light", 0.03, x, 0.38, 0.43, 0.43, 190, 290, 10) for x in wheels],
        line("ink", 0.025, (0.06, 0.27), (0.56, 0.31)),
        line("ink", 0.025, (0.06, 0.49), (0.56, 0.45)),
        line("light", 0.03, (0.04, 0.3), (0.18, -0.22)),
        line("light", 0.03, (-0.3, -0.36), (0.14, -0.32)),
        line("steel", 0.04, (0.06, 0.38), (0.18, 0.56)),
        *spots("lamp", 0.06, (-0.5, -0.3)),
    ]


def train() -> list[Shape]:
    wheels = ((-0.42, 0.16), (0.06, 0.16), (0.62, 0.2))
    return [
        *[line("rim", 0.03, (x, -0.26), (x, 0.34)) for x in (-0.52, -0.2, 0.12)],
        *spots("light", 0.028, *[(x, y) for x in (-0.58, -0.46, -0.26, -0.14, 0.06, 0.18) for y in (-0.04, 0.26)]),
        *[shape for x, r in wheels for shape in spokes("cream", 0.028, x, 0.66, 0.02, r, 6)],
        line("steel", 0.05, (-0.42, 0.7), (0.62, 0.7)),
        *glint(0.52, -0.4, 0.22),
        *[line("ink", 0.025, (x, 0.42), (1.3 * x + 0.1, 0.84)) for x in (-0.72, -0.62)],
        line("cream", 0.03, (0.3, 0.06), (0.86, 0.06)),
        line("cream", 0.03, (0.3, 0.42), (0.86, 0.42)),
        line("light", 0.04, (-0.7, -0.58), (-0.4, -0.58)),
        *bows("steel", 0.03, 0.14, 190, 300, (-0.2, -0.86), (-0.44, -0.76)),
        *spots("cream", 0.04, (-0.94, -0.05)),
    ]

"""Signs of the sky, tools and toys."""

from __future__ import annotations

import math

from disco.training.world.shapes import (
    Shape,
    arc,
    blob,
    ellipse,
    mirrored,
    polygon,
    rectangle,
    ring,
    tilted,
    tube,
)


def star() -> list[Shape]:
    rays = [
        (r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5) + 0.06) for i, r in enumerate((1.0, 0.45) * 5)
    ]
    facets = [polygon("shade", (0.0, 0.06), rays[i], rays[(i + 1) % 10], inner=True) for i in range(10)]
    return [polygon("base", *rays), *facets[::2]]


def heart() -> list[Shape]:
    turn = [i * 2 * math.pi / 36 for i in range(36)]

    def outline(scale: float, x: float, y: float) -> list[tuple[float, float]]:
        return [
            (
                x + scale * math.sin(a) ** 3,
                y - scale * (13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 15,
            )
            for a in turn
        ]

    return [
        polygon("shade", *outline(0.95, 0, -0.08)),
        polygon("base", *outline(0.82, -0.06, -0.11), inner=True),
        tilted(ellipse("light", -0.5, -0.5, 0.22, 0.13, inner=True), -40, -0.5, -0.5),
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


def umbrella() -> list[Shape]:
    scallops = [p for i in (2, 1, 0, -1, -2) for p in arc(0.38 * i, 0.1, 0.19, 0.12, 360, 180, 6)]
    dome = arc(0, 0.1, 0.95, 0.95, 180, 360, 22) + scallops
    return [
        rectangle("wood", -0.06, -0.95, 0.06, 0.8),
        polygon("wood", *arc(0.17, 0.76, 0.23, 0.24, 180, 0, 10), *arc(0.17, 0.76, 0.11, 0.12, 0, 180, 8)),
        polygon("base", *dome),
        polygon("light", *arc(0, 0.1, 0.95, 0.95, 180, 225, 6), *arc(0, 0.1, 0.57, 0.95, 240, 180, 8), inner=True),
        polygon("shade", *arc(0, 0.1, 0.57, 0.95, 300, 360, 8), *arc(0, 0.1, 0.95, 0.95, 360, 315, 6), inner=True),
        polygon("shade", *arc(0, 0.1, 0.19, 0.95, 180, 360, 12), inner=True),
    ]


def teapot() -> list[Shape]:
    return [
        tube("shade", 0.17, (0.46, -0.06), (0.84, -0.16), (0.94, 0.2), (0.76, 0.5), (0.44, 0.54)),
        polygon(
            "base",
            (-0.4, 0.5),
            (-0.72, 0.12),
            (-0.82, -0.3),
            (-1.02, -0.34),
            (-0.9, -0.44),
            (-0.62, -0.36),
            (-0.4, -0.02),
        ),
        ellipse("shade", 0, 0.84, 0.42, 0.12),
        ellipse("base", 0, 0.26, 0.62, 0.58),
        polygon("shade", *arc(0, -0.24, 0.42, 0.3, 180, 360, 14)),
        ellipse("light", 0, -0.62, 0.13),
        blob("shade", (0.5, 0.0), (0.58, 0.3), (0.4, 0.66), (0.1, 0.8), (0.3, 0.5), (0.4, 0.24), inner=True),
        ellipse("light", -0.28, 0.08, 0.18, 0.22, inner=True),
    ]


def guitar() -> list[Shape]:
    upright = [
        rectangle("wood", -0.09, -0.74, 0.09, 0.1),
        polygon("shade", (-0.17, -1.02), (0.17, -1.02), (0.12, -0.7), (-0.12, -0.7)),
        blob(
            "base",
            *((0.0, -0.2), (0.28, -0.22), (0.38, 0.0), (0.3, 0.22), (0.5, 0.46), (0.5, 0.8), (0.26, 0.99)),
            *((-0.26, 0.99), (-0.5, 0.8), (-0.5, 0.46), (-0.3, 0.22), (-0.38, 0.0), (-0.28, -0.22)),
        ),
        blob(
            "light", (-0.22, -0.12), (-0.3, 0.02), (-0.22, 0.24), (-0.42, 0.5), (-0.4, 0.76), (-0.28, 0.5), inner=True
        ),
        rectangle("wood", -0.09, -0.3, 0.09, 0.1, inner=True),
        ellipse("ink", 0, 0.24, 0.18, inner=True),
        rectangle("ink", -0.2, 0.66, 0.2, 0.76, inner=True),
        rectangle("cream", -0.05, -0.9, -0.02, 0.68, inner=True),
        rectangle("cream", 0.02, -0.9, 0.05, 0.68, inner=True),
    ]
    return [tilted(shape, 24) for shape in upright]


def lantern() -> list[Shape]:
    return [
        ring("shade", 0, -0.78, 0.17, 0.09),
        polygon("base", (-0.2, -0.7), (0.2, -0.7), (0.58, -0.36), (-0.58, -0.36)),
        rectangle("base", -0.5, -0.36, 0.5, 0.7),
        rectangle("lamp", -0.32, -0.28, 0.32, 0.62, inner=True),
        blob("cream", (0, -0.12), (0.16, 0.2), (0.13, 0.42), (0, 0.5), (-0.13, 0.42), (-0.16, 0.2), inner=True),
        blob("clay", (0, 0.06), (0.08, 0.3), (0, 0.44), (-0.08, 0.3), inner=True),
        rectangle("shade", -0.05, -0.3, 0.05, -0.06, inner=True),
        rectangle("light", -0.5, -0.36, -0.4, 0.7, inner=True),
        rectangle("shade", 0.38, -0.36, 0.5, 0.7, inner=True),
        polygon("shade", (-0.64, 0.68), (0.64, 0.68), (0.7, 0.94), (-0.7, 0.94)),
        rectangle("base", -0.64, -0.42, 0.64, -0.28),
    ]


def robot() -> list[Shape]:
    return [
        tube("steel", 0.07, (0, -0.66), (0, -0.9)),
        ellipse("lamp", 0, -0.94, 0.1),
        *mirrored(tube("shade", 0.17, (0.44, 0.0), (0.76, 0.1), (0.8, 0.42))),
        *mirrored(ellipse("steel", 0.8, 0.5, 0.15)),
        *mirrored(rectangle("shade", 0.1, 0.56, 0.34, 0.9)),
        *mirrored(rectangle("steel", 0.06, 0.84, 0.46, 1.0)),
        rectangle("base", -0.46, -0.08, 0.46, 0.64),
        rectangle("base", -0.54, -0.72, 0.54, -0.14),
        *mirrored(rectangle("steel", 0.54, -0.54, 0.66, -0.32)),
        rectangle("light", -0.46, -0.08, -0.34, 0.64, inner=True),
        *mirrored(ellipse("lamp", 0.25, -0.48, 0.17, inner=True)),
        *mirrored(ellipse("ink", 0.25, -0.48, 0.08, inner=True)),
        rectangle("ink", -0.26, -0.28, 0.26, -0.2, inner=True),
        rectangle("steel", -0.26, 0.08, 0.26, 0.44, inner=True),
        *[ellipse(tone, x, 0.26, 0.08, inner=True) for tone, x in (("lamp", -0.12), ("clay", 0.12))],
    ]

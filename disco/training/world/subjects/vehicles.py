"""Things to go somewhere in."""

from __future__ import annotations

from disco.training.world.shapes import Shape, arc, ellipse, polygon, rectangle, ring, tube


def boat() -> list[Shape]:
    return [
        rectangle("wood", -0.05, -0.98, 0.05, 0.5),
        polygon("base", (0.1, -0.95), (0.88, 0.36), (0.1, 0.36)),
        polygon("shade", (0.1, -0.1), (0.6, 0.36), (0.1, 0.36), inner=True),
        polygon("light", (-0.09, -0.78), (-0.09, 0.36), (-0.74, 0.36)),
        polygon("base", (-0.98, 0.46), (0.98, 0.46), (0.66, 0.95), (-0.68, 0.95)),
        polygon("shade", (-0.85, 0.72), (0.84, 0.72), (0.66, 0.95), (-0.68, 0.95), inner=True),
    ]


def rocket() -> list[Shape]:
    right = [(0.0, -1.0), (0.2, -0.75), (0.34, -0.4), (0.38, 0.1), (0.28, 0.6)]
    return [
        polygon("lamp", (-0.22, 0.58), (0.22, 0.58), (0.12, 0.84), (0, 1.05), (-0.12, 0.84), inner=True),
        polygon("shade", (-0.3, 0.1), (-0.78, 0.55), (-0.78, 0.92), (-0.24, 0.6)),
        polygon("shade", (0.3, 0.1), (0.78, 0.55), (0.78, 0.92), (0.24, 0.6)),
        polygon("base", *right, *[(-x, y) for x, y in reversed(right[1:])]),
        polygon(
            "light",
            *((-0.12, -0.68), (-0.25, -0.4), (-0.28, 0.1), (-0.19, 0.56), (-0.06, 0.56), (-0.06, -0.68)),
            inner=True,
        ),
        polygon("shade", (0, -1.0), (0.2, -0.72), (-0.2, -0.72), inner=True),
        ellipse("ink", 0, -0.26, 0.21, inner=True),
        ellipse("glass", 0, -0.26, 0.15, inner=True),
    ]


def balloon() -> list[Shape]:
    envelope = arc(0, -0.28, 0.74, 0.72, 160, 380, 26) + [(0.2, 0.52), (-0.2, 0.52)]
    middle = arc(0, -0.28, 0.24, 0.72, 180, 360, 16) + [(0.07, 0.52), (-0.07, 0.52)]
    right = arc(0, -0.28, 0.74, 0.72, 285, 380, 14) + [(0.2, 0.52), (0.12, 0.52)] + arc(0, -0.28, 0.46, 0.7, 20, -70, 8)
    return [
        polygon("wood", (-0.18, 0.5), (-0.12, 0.5), (-0.1, 0.8), (-0.16, 0.8)),
        polygon("wood", (0.18, 0.5), (0.12, 0.5), (0.1, 0.8), (0.16, 0.8)),
        rectangle("wood", -0.22, 0.72, 0.22, 1.0),
        polygon("base", *envelope),
        polygon("light", *middle, inner=True),
        polygon("shade", *right, inner=True),
    ]


def car() -> list[Shape]:
    return [
        polygon("base", (-0.62, 0.0), (-0.4, -0.5), (0.36, -0.5), (0.64, 0.0)),
        polygon("base", (-0.98, 0.06), (-0.88, -0.04), (0.9, -0.04), (0.98, 0.1), (0.98, 0.5), (-0.98, 0.5)),
        rectangle("shade", -0.98, 0.3, 0.98, 0.5, inner=True),
        polygon("glass", (-0.46, -0.04), (-0.32, -0.4), (-0.04, -0.4), (-0.04, -0.04), inner=True),
        polygon("glass", (0.06, -0.04), (0.06, -0.4), (0.29, -0.4), (0.48, -0.04), inner=True),
        ellipse("lamp", -0.88, 0.16, 0.1, inner=True),
        ellipse("ink", -0.52, 0.5, 0.27),
        ellipse("ink", 0.52, 0.5, 0.27),
        ellipse("cream", -0.52, 0.5, 0.12, inner=True),
        ellipse("cream", 0.52, 0.5, 0.12, inner=True),
    ]


def bicycle() -> list[Shape]:
    rear, front, pedal, saddle, bars = (0.56, 0.38), (-0.56, 0.38), (0.06, 0.38), (0.2, -0.32), (-0.36, -0.36)
    return [
        ring("base", *rear, 0.39, 0.13),
        ring("base", *front, 0.39, 0.13),
        *[ellipse("steel", x, y, 0.09) for x, y in (rear, front)],
        *[
            tube("base", 0.1, a, b)
            for a, b in ((rear, pedal), (pedal, saddle), (rear, saddle), (pedal, bars), (saddle, bars))
        ],
        tube("shade", 0.1, front, (-0.42, -0.2), (-0.34, -0.56)),
        tube("ink", 0.12, (-0.34, -0.56), (-0.5, -0.64), (-0.66, -0.5)),
        tube("ink", 0.14, (0.04, -0.42), (0.22, -0.44), (0.4, -0.46), tip=0.2),
        ellipse("shade", *pedal, 0.13),
        ellipse("ink", *pedal, 0.06, inner=True),
    ]


def train() -> list[Shape]:
    return [
        ellipse("cream", -0.2, -0.88, 0.2, 0.12),
        ellipse("cream", -0.46, -0.78, 0.16, 0.12),
        polygon("shade", (-0.68, -0.3), (-0.74, -0.62), (-0.36, -0.62), (-0.42, -0.3)),
        ellipse("lamp", -0.04, -0.3, 0.15, 0.18),
        rectangle("base", 0.26, -0.6, 0.9, 0.5),
        rectangle("shade", 0.16, -0.74, 0.98, -0.58),
        rectangle("base", -0.84, -0.28, 0.34, 0.36),
        rectangle("light", -0.8, -0.2, 0.26, -0.06, inner=True),
        rectangle("shade", -0.9, -0.28, -0.74, 0.36),
        rectangle("glass", 0.4, -0.46, 0.76, -0.1, inner=True),
        polygon("steel", (-0.78, 0.36), (-0.98, 0.86), (-0.6, 0.86), (-0.5, 0.36)),
        rectangle("ink", -0.78, 0.34, 0.94, 0.54),
        *[ellipse("ink", x, 0.66, r) for x, r in ((-0.42, 0.22), (0.06, 0.22), (0.62, 0.27))],
        *[ellipse("base", x, 0.66, r, inner=True) for x, r in ((-0.42, 0.13), (0.06, 0.13), (0.62, 0.17))],
        ellipse("lamp", -0.92, -0.02, 0.1),
    ]

"""Things that grow."""

from __future__ import annotations

from disco.training.world.shapes import Shape, arc, blob, ellipse, polygon, rectangle, tilted, tube


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
    petals = [tilted(ellipse("base" if i % 2 else "light", 0, -0.76, 0.27, 0.3), 60 * i, 0, -0.3) for i in range(6)]
    return [
        rectangle("leaf", -0.06, -0.2, 0.06, 1.0),
        tilted(ellipse("leaf", -0.34, 0.66, 0.32, 0.13), 28, -0.34, 0.66),
        tilted(ellipse("leaf", 0.34, 0.56, 0.32, 0.13), -28, 0.34, 0.56),
        *petals,
        ellipse("shade", 0, -0.3, 0.27, inner=True),
        ellipse("wood", 0, -0.3, 0.2, inner=True),
        ellipse("lamp", -0.03, -0.34, 0.12, inner=True),
    ]


def tree() -> list[Shape]:
    return [
        polygon("wood", (-0.13, 0.2), (0.13, 0.2), (0.22, 0.98), (-0.22, 0.98)),
        ellipse("shade", 0.46, 0.06, 0.5, 0.42),
        ellipse("base", -0.46, 0.06, 0.5, 0.42),
        ellipse("base", 0.02, -0.44, 0.62, 0.54),
        ellipse("base", 0.0, 0.0, 0.5, 0.4, inner=True),
        ellipse("light", -0.24, -0.58, 0.26, 0.2, inner=True),
        ellipse("light", -0.58, -0.04, 0.22, 0.16, inner=True),
        ellipse("shade", 0.32, -0.18, 0.22, 0.15, inner=True),
    ]


def cactus() -> list[Shape]:
    return [
        tube("shade", 0.26, (-0.2, 0.2), (-0.6, 0.14), (-0.68, -0.2), (-0.66, -0.44)),
        tube("shade", 0.26, (0.2, -0.02), (0.6, -0.08), (0.68, -0.4), (0.66, -0.66)),
        polygon("base", (-0.3, 0.6), (-0.3, -0.62), *arc(0, -0.62, 0.3, 0.36, 180, 360, 12), (0.3, 0.6)),
        rectangle("light", -0.2, -0.7, -0.1, 0.5, inner=True),
        rectangle("shade", 0.1, -0.74, 0.2, 0.5, inner=True),
        polygon("clay", (-0.4, 0.56), (0.4, 0.56), (0.3, 1.0), (-0.3, 1.0)),
        rectangle("clay", -0.48, 0.46, 0.48, 0.64),
        *[ellipse("lamp", 0.12 * dx, -0.92 + 0.08 * dy, 0.1, inner=True) for dx, dy in ((-1, 0), (1, 0), (0, -1))],
    ]


def pumpkin() -> list[Shape]:
    grin = [(-0.5, 0.42), (-0.3, 0.5), (-0.16, 0.42), (0.0, 0.54), (0.16, 0.42), (0.3, 0.5), (0.5, 0.42)]
    return [
        tube("leaf", 0.2, (0.0, -0.5), (0.02, -0.78), (0.16, -0.96), tip=0.14),
        ellipse("shade", -0.58, 0.16, 0.4, 0.62),
        ellipse("shade", 0.58, 0.16, 0.4, 0.62),
        ellipse("base", -0.3, 0.16, 0.42, 0.7),
        ellipse("base", 0.3, 0.16, 0.42, 0.7),
        ellipse("light", 0.0, 0.16, 0.3, 0.72),
        polygon("lamp", (-0.56, 0.1), (-0.34, -0.26), (-0.14, 0.1), inner=True),
        polygon("lamp", (0.56, 0.1), (0.34, -0.26), (0.14, 0.1), inner=True),
        polygon("lamp", *grin, (0.3, 0.72), (0.0, 0.8), (-0.3, 0.72), inner=True),
    ]


def apple() -> list[Shape]:
    return [
        tube("wood", 0.1, (0.0, -0.42), (0.02, -0.7), (0.14, -0.96), tip=0.13),
        blob("leaf", (0.12, -0.62), (0.34, -0.92), (0.74, -0.92), (0.5, -0.62)),
        blob(
            "base",
            *((0.0, -0.42), (0.4, -0.58), (0.8, -0.36), (0.92, 0.08), (0.74, 0.62), (0.38, 0.96), (0.0, 0.86)),
            *((-0.38, 0.96), (-0.74, 0.62), (-0.92, 0.08), (-0.8, -0.36), (-0.4, -0.58)),
        ),
        blob("shade", (0.76, -0.3), (0.9, 0.08), (0.72, 0.6), (0.38, 0.92), (0.5, 0.5), (0.62, 0.1), inner=True),
        tilted(ellipse("light", -0.52, -0.14, 0.16, 0.28, inner=True), 24, -0.52, -0.14),
    ]

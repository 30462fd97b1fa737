"""Things that stand where they were built."""

from __future__ import annotations

from dataclasses import replace

from disco.training.world.shapes import Shape, arc, ellipse, polygon, rectangle, tilted


def castle() -> list[Shape]:
    def battlement(tone: str, x0: float, x1: float, y0: float, y1: float) -> list[Shape]:
        tooth = (x1 - x0) / 5
        teeth = [rectangle(tone, x0 + i * tooth, y0 - 0.16, x0 + (i + 1) * tooth, y0 + 0.02) for i in (0, 2, 4)]
        return [rectangle(tone, x0, y0, x1, y1), *teeth]

    return [
        *battlement("base", -0.42, 0.42, -0.2, 0.95),
        *battlement("base", -0.95, -0.45, -0.45, 0.95),
        *battlement("shade", 0.45, 0.95, -0.45, 0.95),
        rectangle("base", -0.16, -0.7, 0.16, -0.2),
        polygon("shade", (-0.26, -0.66), (0, -1.0), (0.26, -0.66)),
        rectangle("light", -0.95, -0.4, -0.83, 0.95, inner=True),
        polygon("ink", *arc(0, 0.52, 0.2, 0.24, 180, 360, 10), (0.2, 0.95), (-0.2, 0.95), inner=True),
        rectangle("lamp", -0.76, -0.14, -0.6, 0.12, inner=True),
        rectangle("lamp", 0.62, -0.14, 0.78, 0.12, inner=True),
        rectangle("lamp", -0.06, -0.55, 0.06, -0.36, inner=True),
    ]


def lighthouse() -> list[Shape]:
    def half_width(y: float) -> float:
        return 0.24 + 0.2 * (y + 0.5) / 1.4

    def band(tone: str, y0: float, y1: float, left: float = -1, right: float = 1) -> Shape:
        w0, w1 = half_width(y0), half_width(y1)
        corners = ((left * w0, y0), (right * w0, y0), (right * w1, y1), (left * w1, y1))
        return polygon(tone, *corners, inner=True)

    w0, w1 = half_width(-0.5), half_width(0.9)
    return [
        polygon("steel", *arc(0, 1.0, 0.78, 0.24, 180, 360, 12)),
        polygon("lamp", (-0.16, -0.68), (-0.98, -0.94), (-0.98, -0.44), (-0.16, -0.6), inner=True),
        polygon("lamp", (0.16, -0.68), (0.98, -0.94), (0.98, -0.44), (0.16, -0.6), inner=True),
        polygon("base", (-w0, -0.5), (w0, -0.5), (w1, 0.9), (-w1, 0.9)),
        band("cream", -0.2, 0.06),
        band("cream", 0.36, 0.62),
        band("shade", -0.5, -0.2, 0.4, 1),
        band("shade", 0.06, 0.36, 0.4, 1),
        band("shade", 0.62, 0.9, 0.4, 1),
        rectangle("shade", -0.36, -0.57, 0.36, -0.46),
        rectangle("lamp", -0.18, -0.8, 0.18, -0.56),
        polygon("base", (-0.3, -0.78), (0, -1.04), (0.3, -0.78)),
    ]


def house() -> list[Shape]:
    return [
        rectangle("shade", 0.42, -0.9, 0.64, -0.3),
        rectangle("base", -0.72, -0.15, 0.72, 0.92),
        polygon("shade", (-0.98, -0.08), (0, -0.92), (0.98, -0.08)),
        polygon("base", (-0.66, -0.14), (0, -0.7), (0.66, -0.14), inner=True),
        rectangle("light", -0.72, -0.06, -0.6, 0.92, inner=True),
        rectangle("wood", -0.16, 0.3, 0.2, 0.92, inner=True),
        rectangle("lamp", -0.54, 0.1, -0.26, 0.44, inner=True),
        rectangle("lamp", 0.32, 0.1, 0.6, 0.44, inner=True),
    ]


def windmill() -> list[Shape]:
    sail = [rectangle("light", 0.12, -0.12, 0.98, 0.14), rectangle("shade", 0.12, -0.12, 0.98, -0.03, inner=True)]
    sails = [
        replace(tilted(s, 45 + 90 * i), points=tuple((x, y - 0.3) for x, y in tilted(s, 45 + 90 * i).points))
        for i in range(4)
        for s in sail
    ]
    return [
        polygon("base", (-0.3, -0.4), (0.3, -0.4), (0.52, 0.98), (-0.52, 0.98)),
        polygon("shade", (0.12, -0.4), (0.3, -0.4), (0.52, 0.98), (0.22, 0.98), inner=True),
        polygon("shade", *arc(0, -0.38, 0.36, 0.34, 180, 360, 10)),
        polygon("ink", *arc(0, 0.72, 0.15, 0.18, 180, 360, 8), (0.15, 0.98), (-0.15, 0.98), inner=True),
        *sails,
        ellipse("wood", 0, -0.3, 0.1),
    ]


def tent() -> list[Shape]:
    return [
        polygon("shade", (-0.22, -0.72), (0.5, -0.6), (0.98, 0.66), (0.46, 0.86)),
        polygon("base", (-0.98, 0.8), (-0.22, -0.72), (0.46, 0.86)),
        polygon("light", (-0.98, 0.8), (-0.22, -0.72), (-0.62, 0.82), inner=True),
        polygon("ink", (-0.5, 0.83), (-0.22, -0.28), (0.08, 0.85), inner=True),
        polygon("base", (-0.22, -0.28), (0.08, 0.85), (0.26, 0.85), inner=True),
        polygon("wood", (-0.26, -0.6), (-0.24, -0.98), (-0.18, -0.98), (-0.18, -0.6)),
        polygon("lamp", (-0.18, -0.98), (0.16, -0.88), (-0.18, -0.78)),
    ]

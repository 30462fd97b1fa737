"""Loss curves as a picture, drawn with Pillow alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

INKS = ("#1f5fbf", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#0e7490", "#be123c", "#4d4d4d")
SIZE = (960, 540)
MARGIN = (64, 16, 190, 32)  # left, top, right, bottom


def draw_curves(lines: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write every figure of `losses.jsonl` against the step, on a logarithmic scale, as a PNG.

    Only positive values have a place on that scale; a curve needs two of them. Nothing is written where none has.
    """
    curves = {
        name: [(line["step"], line[name]) for line in lines if line.get(name, 0) > 0]
        for name in dict.fromkeys(name for line in lines for name in line)
        if name not in ("step", "seconds", "best")
    }
    curves = {name: points for name, points in curves.items() if len(points) > 1}
    if not curves:
        return
    values = [math.log10(value) for points in curves.values() for _, value in points]
    low, high = min(values), max(max(values), min(values) + 0.1)
    last = max(step for points in curves.values() for step, _ in points)
    left, top, right, bottom = MARGIN[0], MARGIN[1], SIZE[0] - MARGIN[2], SIZE[1] - MARGIN[3]

    def place(step: float, value: float) -> tuple[float, float]:
        x = left + (right - left) * step / last
        return x, bottom - (bottom - top) * (math.log10(value) - low) / (high - low)

    picture = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(picture)
    for mark in marks(low, high):
        y = place(0, mark)[1]
        pen.line([(left, y), (right, y)], fill="#e2e2e2")
        pen.text((8, y - 6), f"{mark:g}", fill="#4d4d4d")
    pen.rectangle((left, top, right, bottom), outline="#9a9a9a")
    pen.text((left, bottom + 8), "step 0", fill="#4d4d4d")
    pen.text((right - 40, bottom + 8), f"{last:g}", fill="#4d4d4d")
    for number, (name, points) in enumerate(curves.items()):
        ink = INKS[number % len(INKS)]
        pen.line([place(*point) for point in points], fill=ink, width=2)
        pen.text((right + 12, top + 16 * number), f"{name} {points[-1][1]:.4g}", fill=ink)
    picture.save(path)


def marks(low: float, high: float) -> list[float]:
    """The 1, 2 and 5 times powers of ten between two decimal logarithms."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    return [d * 10.0**p for p in powers for d in (1, 2, 5) if low <= math.log10(d * 10.0**p) <= high]

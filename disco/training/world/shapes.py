"""Shapes on [-1, 1]^2, x to the right and y down: filled polygons, each with a tone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """A filled polygon and its tone; `inner` shapes are details that cast no contour."""

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


def curve(points: list[Point], closed: bool, steps: int = 4) -> list[Point]:
    """A Catmull-Rom spline through the points, `steps` pieces between two of them."""
    n = len(points)
    found = []
    for i in range(n if closed else n - 1):
        a, b, c, d = (points[j % n] if closed else points[min(max(j, 0), n - 1)] for j in range(i - 1, i + 3))
        for k in range(steps):
            t = k / steps
            weights = (
                (-t + 2 * t**2 - t**3) / 2,
                (2 - 5 * t**2 + 3 * t**3) / 2,
                (t + 4 * t**2 - 3 * t**3) / 2,
                (-(t**2) + t**3) / 2,
            )
            corners = list(zip(weights, (a, b, c, d), strict=True))
            found.append((sum(w * p[0] for w, p in corners), sum(w * p[1] for w, p in corners)))
    return found if closed else [*found, points[-1]]


def blob(tone: str, *points: Point, inner: bool = False) -> Shape:
    """A closed smooth outline through the points."""
    return Shape(tuple(curve(list(points), closed=True)), tone, inner)


def tube(tone: str, width: float, *points: Point, tip: float | None = None, inner: bool = False) -> Shape:
    """A smooth line through the points, `width` wide where it starts and `tip` where it ends, with round ends."""
    middle = curve(list(points), closed=False)
    last = len(middle) - 1
    left, right = [], []
    for i, (x, y) in enumerate(middle):
        (x0, y0), (x1, y1) = middle[max(i - 1, 0)], middle[min(i + 1, last)]
        length = math.hypot(x1 - x0, y1 - y0)
        half = (width + ((width if tip is None else tip) - width) * i / last) / 2
        dx, dy = half * (x1 - x0) / length, half * (y1 - y0) / length
        if i == 0:
            left.append((x - 0.7 * dx, y - 0.7 * dy))
        left.append((x + dy, y - dx))
        right.append((x - dy, y + dx))
        if i == last:
            left.append((x + 0.7 * dx, y + 0.7 * dy))
    return Shape((*left, *reversed(right)), tone, inner)


def ring(tone: str, x: float, y: float, radius: float, width: float, inner: bool = False) -> Shape:
    """A circle's line, as one polygon: around the outside, over to the inside, and back."""
    outside, inside = (arc(x, y, radius + w, radius + w, 0, 360, 25) for w in (width / 2, -width / 2))
    return Shape((*outside, *reversed(inside)), tone, inner)


def tilted(shape: Shape, degrees: float, x: float = 0.0, y: float = 0.0) -> Shape:
    """The shape turned about (x, y)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = tuple((x + c * (px - x) - s * (py - y), y + s * (px - x) + c * (py - y)) for px, py in shape.points)
    return replace(shape, points=turned)


def mirrored(*shapes: Shape) -> list[Shape]:
    """The shapes and their mirror images in x."""
    return [*shapes, *(replace(s, points=tuple((-x, y) for x, y in s.points)) for s in shapes)]


def widened(points: tuple[Point, ...], by: float) -> list[Point]:
    """A polygon's outline moved outwards."""
    n = len(points)
    area = sum(points[i - 1][0] * points[i][1] - points[i][0] * points[i - 1][1] for i in range(n))
    sign = by if area > 0 else -by
    normals = []
    for i in range(n):
        (x0, y0), (x1, y1) = points[i], points[(i + 1) % n]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        normals.append(((y1 - y0) / length, (x0 - x1) / length))
    moved = []
    for i, (x, y) in enumerate(points):
        nx, ny = normals[i - 1][0] + normals[i][0], normals[i - 1][1] + normals[i][1]
        # A corner moves by 1 / cos of half its turn, held to twice the width where it is sharp.
        scale = sign / max((nx * nx + ny * ny) / 2, 0.5)
        moved.append((x + scale * nx, y + scale * ny))
    return moved


def band(points: tuple[Point, ...], top: float, bottom: float) -> tuple[Point, ...]:
    """The part of a polygon between two heights (Sutherland and Hodgman 1974)."""
    for height, sign in ((top, 1), (bottom, -1)):
        kept: list[Point] = []
        for (x0, y0), (x1, y1) in zip(points, (*points[1:], *points[:1]), strict=True):
            inside, next_inside = sign * (y0 - height) >= 0, sign * (y1 - height) >= 0
            if inside:
                kept.append((x0, y0))
            if inside != next_inside:
                kept.append((x0 + (x1 - x0) * (height - y0) / (y1 - y0), height))
        points = tuple(kept)
    return points

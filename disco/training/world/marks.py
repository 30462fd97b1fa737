"""Fine marks on shapes: hairs, joints of bricks, panes, spokes, glints. All are details that cast no contour."""

from __future__ import annotations

import math

from disco.training.world.shapes import Point, Shape, arc, polygon, rectangle


def line(tone: str, width: float, *points: Point) -> Shape:
    """A bent line of even width through the points, without the round ends and the spline of a tube."""
    left, right = [], []
    for i, (x, y) in enumerate(points):
        (x0, y0), (x1, y1) = points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)]
        scale = width / 2 / (math.hypot(x1 - x0, y1 - y0) or 1.0)
        dx, dy = scale * (x1 - x0), scale * (y1 - y0)
        left.append((x + dy, y - dx))
        right.append((x - dy, y + dx))
    return Shape((*left, *reversed(right)), tone, inner=True)


def hair(tone: str, width: float, x: float, y: float, dx: float, dy: float) -> Shape:
    """A pointed stroke from its root at (x, y)."""
    scale = width / 2 / math.hypot(dx, dy)
    return polygon(
        tone, (x - scale * dy, y + scale * dx), (x + dx, y + dy), (x + scale * dy, y - scale * dx), inner=True
    )


def hairs(tone: str, width: float, dx: float, dy: float, *roots: Point) -> list[Shape]:
    return [hair(tone, width, x, y, dx, dy) for x, y in roots]


def bow(
    tone: str, width: float, x: float, y: float, rx: float, ry: float, start: float, stop: float, count: int = 9
) -> Shape:
    """A part of an ellipse's line, thin at its ends."""
    inside = arc(x, y, max(rx - width, 0.01), max(ry - width, 0.01), start + 12, stop - 12, count)
    return Shape((*arc(x, y, rx, ry, start, stop, count), *reversed(inside)), tone, inner=True)


def bows(tone: str, width: float, radius: float, start: float, stop: float, *middles: Point) -> list[Shape]:
    return [bow(tone, width, x, y, radius, radius, start, stop, 7) for x, y in middles]


def spots(tone: str, radius: float, *middles: Point) -> list[Shape]:
    return [Shape(tuple(arc(x, y, radius, radius, 0, 315, 8)), tone, inner=True) for x, y in middles]


def bricks(tone: str, x0: float, y0: float, x1: float, y1: float, rows: int, across: int) -> list[Shape]:
    """The joints of a wall, each row shifted by half a brick."""
    tall, wide, half = (y1 - y0) / rows, (x1 - x0) / across, 0.014
    found = [rectangle(tone, x0, y0 + tall * i - half, x1, y0 + tall * i + half, inner=True) for i in range(1, rows)]
    for row in range(rows):
        for column in range(1, across + row % 2):
            x = x0 + wide * (column - 0.5 * (row % 2))
            found.append(rectangle(tone, x - half, y0 + tall * row, x + half, y0 + tall * (row + 1), inner=True))
    return found


def pane(tone: str, x0: float, y0: float, x1: float, y1: float) -> list[Shape]:
    """The crossed bars of a window."""
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return [line(tone, 0.04, (x, y0), (x, y1)), line(tone, 0.04, (x0, y), (x1, y))]


def spokes(tone: str, width: float, x: float, y: float, inner: float, outer: float, count: int) -> list[Shape]:
    turns = [2 * math.pi * (i + 0.25) / count for i in range(count)]
    ends = [[(x + r * math.cos(a), y + r * math.sin(a)) for r in (inner, outer)] for a in turns]
    return [line(tone, width, *both) for both in ends]


def glint(x: float, y: float, size: float, lean: float = 0.5) -> list[Shape]:
    """Two panes of a bright window, mirrored in what is polished."""
    found = []
    for dx, wide in ((0.0, 0.55), (0.75, 0.25)):
        left, right = x + dx * size, x + (dx + wide) * size
        corners = ((left, y), (right, y), (right - lean * size, y + size), (left - lean * size, y + size))
        found.append(polygon("cream", *corners, inner=True))
    return found

"""The camera's way over a film, drawn: views in the plane as rectangles, places in space from above and from the side.

Everything is coloured by time, from blue (the first frame) to orange (the last).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import ImageDraw
from torch import Tensor

from disco.letters import draw_text, shortened, text_width

RAMP = ((47, 111, 219), (122, 63, 166), (217, 72, 15))
FRAME, GREY, SMALL = "#c9c9cf", "#6d6d76", 13

#: How many frames are drawn of those that a film has, and of those how many have their number beside them.
SHOWN, NUMBERED = 25, 5

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Way:
    """views: corners of each frame [n, 4, 2] (`disco.animation.paths.views`). places: [n, 3] twice (`places`)."""

    views: Tensor | None = None
    places: tuple[Tensor, Tensor] | None = None


def draw_way(pen: ImageDraw.ImageDraw, box: Box, way: Way) -> None:
    """Draw a way into a box: left, top, right, bottom."""
    left, top, right, bottom = box
    if way.views is not None:
        told = "what the camera sees of the first frame's plane"
        _draw_views(pen, _titled(pen, box, told), way.views)
    if way.places is not None:
        where, looks = way.places
        middle = (left + right) // 2
        halves = (left, top, middle - 12, bottom), (middle + 12, top, right, bottom)
        # From above, z goes up the page and x to the right; from the right side, z goes to the right and y down.
        sides = (
            ("the camera from above: ahead is up", ((1, 0), (0, 0), (0, -1))),
            ("the camera from its right side: ahead is right", ((0, 0), (0, 1), (1, 0))),
        )
        for half, (told, turn) in zip(halves, sides, strict=True):
            onto = torch.tensor(turn, dtype=where.dtype)
            _draw_places(pen, _titled(pen, half, told), where @ onto, looks @ onto)


def _titled(pen: ImageDraw.ImageDraw, box: Box, text: str) -> Box:
    """Write a title at the top of a box; what is left of it, inside a frame."""
    left, top, right, bottom = box
    draw_text(pen, (left, top), shortened(text, SMALL, right - left), SMALL, GREY)
    inner = (left, top + 22, right, bottom)
    pen.rectangle(inner, outline="#ececf0")
    return inner


def _chosen(count: int) -> list[int]:
    """Which of so many frames are drawn: evenly spread, the first and the last among them."""
    shown = min(count, SHOWN)
    return sorted({round(place * (count - 1) / max(1, shown - 1)) for place in range(shown)})


def _fitted(points: Tensor, box: Box) -> Tensor:
    """Points [..., 2] scaled alike in both directions to lie inside a box, with a margin."""
    left, top, right, bottom = box
    flat = points.reshape(-1, 2)
    low, high = flat.min(0).values, flat.max(0).values
    room = points.new_tensor([right - left, bottom - top]) * 0.84
    scale = (room / (high - low).clamp(min=1e-9)).min()
    middle = points.new_tensor([left + right, top + bottom]) / 2
    return (points - (low + high) / 2) * scale + middle


def _draw_views(pen: ImageDraw.ImageDraw, box: Box, corners: Tensor) -> None:
    at = _fitted(corners, box)
    centres = [tuple(centre) for centre in at.mean(1).tolist()]
    pen.line(centres, fill=FRAME, width=1)
    for frame in _chosen(len(at)):
        around = [tuple(corner) for corner in at[frame].tolist()]
        pen.line([*around, around[0]], fill=_colour(frame, len(at)), width=2)
    _number(pen, box, [tuple(corner) for corner in at[:, 0].tolist()])


def _draw_places(pen: ImageDraw.ImageDraw, box: Box, where: Tensor, looks: Tensor) -> None:
    at = _fitted(where, box)
    points = [tuple(point) for point in at.tolist()]
    pen.line(points, fill=FRAME, width=2)
    for frame in _chosen(len(at)):
        (x, y), (dx, dy) = points[frame], (22 * looks[frame]).tolist()
        colour = _colour(frame, len(at))
        pen.line((x, y, x + dx, y + dy), fill=colour, width=2)
        pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    _number(pen, box, points)


def _number(pen: ImageDraw.ImageDraw, box: Box, points: list[tuple[float, ...]]) -> None:
    """Numbers of some frames beside their points, those left out that would lie over another."""
    taken: list[tuple[float, float]] = []
    for place in range(NUMBERED):
        frame = round(place * (len(points) - 1) / (NUMBERED - 1))
        x, y = points[frame]
        text = str(frame)
        left = min(max(x + 6, box[0] + 2), box[2] - text_width(text, SMALL) - 2)
        up = min(max(y - 18, box[1] + 2), box[3] - 18)
        if all(abs(left - other) > 24 or abs(up - height) > 15 for other, height in taken):
            draw_text(pen, (round(left), round(up)), text, SMALL, _colour(frame, len(points)))
            taken.append((left, up))


def _colour(frame: int, count: int) -> str:
    """The colour of a frame: along the ramp."""
    place = frame / max(1, count - 1) * (len(RAMP) - 1)
    low = min(int(place), len(RAMP) - 2)
    mixed = (round(a + (b - a) * (place - low)) for a, b in zip(RAMP[low], RAMP[low + 1], strict=True))
    return "#" + "".join(f"{level:02x}" for level in mixed)

"""What every subject looks like, ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from disco.training.world.backdrops import FINE_SIDE
from disco.training.world.colours import RAINBOW_HUES, TINTED
from disco.training.world.shapes import Shape, band, widened
from disco.training.world.subjects import animals, buildings, grown, made, plants, things, vehicles

RIM = 0.055  # width of a contour, in shares of half a subject's height

SHAPES: dict[str, Callable[[], list[Shape]]] = {
    maker.__name__: maker
    for maker in (
        *(things.star, things.heart, things.moon, buildings.castle, buildings.lighthouse, buildings.house),
        *(buildings.windmill, vehicles.boat, vehicles.rocket, vehicles.balloon, things.umbrella, animals.fish),
        *(animals.bird, animals.butterfly, animals.cat, vehicles.car, plants.mushroom, plants.flower, plants.tree),
        *(animals.snail, animals.whale, animals.owl, animals.fox, things.teapot, vehicles.bicycle, vehicles.train),
        *(animals.dinosaur, things.guitar, plants.cactus, plants.pumpkin, things.lantern, buildings.tent),
        *(plants.apple, things.robot, animals.elephant, animals.octopus),
    )
}
#: What large pictures show of each besides.
DETAILS: dict[str, Callable[[], list[Shape]]] = {
    maker.__name__: maker
    for maker in (
        *(made.star, made.heart, made.moon, made.castle, made.lighthouse, made.house, made.windmill, made.boat),
        *(made.rocket, made.balloon, made.umbrella, grown.fish, grown.bird, grown.butterfly, grown.cat, made.car),
        *(grown.mushroom, grown.flower, grown.tree, grown.snail, grown.whale, grown.owl, grown.fox, made.teapot),
        *(made.bicycle, made.train, grown.dinosaur, made.guitar, grown.cactus, grown.pumpkin, made.lantern, made.tent),
        *(grown.apple, made.robot, grown.elephant, grown.octopus),
    )
}
#: What hangs in the air; everything else stands on the ground.
FLYING = ("star", "heart", "moon", "rocket", "balloon", "umbrella", "fish", "butterfly", "whale")
#: What floats in water up to its belly.
SWIMMING = ("boat", "whale")
#: Where something else fits in: the middle and the half width and height of the opening.
OPENINGS: dict[str, tuple[float, float, float, float]] = {
    "heart": (0.0, -0.16, 0.58, 0.5),
    "castle": (0.0, 0.36, 0.5, 0.5),
    "house": (0.0, 0.34, 0.54, 0.5),
    "balloon": (0.0, -0.3, 0.5, 0.5),
    "mushroom": (0.0, -0.34, 0.56, 0.46),
    "whale": (0.1, 0.28, 0.56, 0.46),
    "teapot": (0.0, 0.24, 0.5, 0.48),
    "pumpkin": (0.0, 0.18, 0.62, 0.54),
    "tent": (-0.1, 0.42, 0.5, 0.42),
    "apple": (0.0, 0.18, 0.6, 0.54),
}


@dataclass(frozen=True, eq=False)
class Figure:
    """The polygons of a subject, from back to front: `points` float32 [N, 2], all of them, and `parts`, each a tone and
    the points' range. The first `rims` parts are the widened silhouettes under everything: the contour."""

    points: np.ndarray
    parts: tuple[tuple[str, int, int], ...]
    rims: int


def figure_of(shapes: list[Shape]) -> Figure:
    rims = [Shape(tuple(widened(s.points, RIM)), "rim") for s in shapes if not s.inner]
    points: list[tuple[float, float]] = []
    parts = []
    for shape in rims + shapes:
        parts.append((shape.tone, len(points), len(points) + len(shape.points)))
        points += shape.points
    return Figure(np.array(points, np.float32), tuple(parts), len(rims))


def banded(shapes: list[Shape]) -> list[Shape]:
    """The shapes, with all that has the thing's colour cut into the rainbow's bands: tones "base0", "base1" ..."""
    ys = [y for shape in shapes if shape.tone in TINTED for _, y in shape.points]
    top, height = min(ys), max(ys) - min(ys)
    edges = [top - 0.1, *(top + height * i / len(RAINBOW_HUES) for i in range(1, len(RAINBOW_HUES))), 2.0]
    found = []
    for shape in shapes:
        if shape.tone not in TINTED:
            found.append(shape)
            continue
        if not shape.inner:
            # The whole shape below its bands: no seam shows between them, and the contour follows the silhouette.
            found.append(shape)
        for i in range(len(RAINBOW_HUES)):
            points = band(shape.points, edges[i], edges[i + 1])
            if len(points) > 2:
                found.append(Shape(points, f"{shape.tone}{i}", inner=True))
    return found


def is_fine(width: int, height: int) -> bool:
    """Whether a picture of that size is large enough to show the details of subjects."""
    return min(width, height) >= FINE_SIDE


@cache
def figure(subject: str, rainbow: bool = False, fine: bool = False) -> Figure:
    """The subject in plain tones or in a rainbow's bands, with or without what is seen from near."""
    shapes = SHAPES[subject]() + (DETAILS[subject]() if fine else [])
    return figure_of(banded(shapes) if rainbow else shapes)

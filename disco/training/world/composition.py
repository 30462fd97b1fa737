"""Where the things of a scene stand: alone, or two in a relation."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from disco.training.world.places import PLACES, Place
from disco.training.world.scene import Scene
from disco.training.world.subjects import FLYING, OPENINGS, SWIMMING
from disco.training.world.things import Pose


@dataclass(frozen=True)
class Placed:
    subject: str
    colour: str
    pose: Pose


@dataclass(frozen=True)
class Stage:
    """What all poses of a picture share: its place; the height of the floor and the smaller side, in pixels; the middle
    between left and right; the way things face (1: left, to the light); the middle's height."""

    place: Place
    floor: float
    unit: float
    middle: float
    facing: int
    halfway: float

    def natural(self, subject: str, x: float, half: float, angle: float) -> Pose:
        """The pose of a thing left to itself: on the floor, in the water up to its belly, or in the air."""
        if subject in SWIMMING and self.place.kind == "water":
            return Pose(x, self.floor - 0.74 * half, half, self.facing, 0.4 * angle)
        if subject in FLYING:
            return Pose(x, 0.5 * self.floor + 0.01 * half * angle, half, self.facing, angle)
        return Pose(x, self.floor - 0.98 * half, half, self.facing, 0.3 * angle)

    def stacked(self, half: float, way: int, angle: float, tilt: float) -> tuple[Pose, Pose]:
        """The upper and the lower of two."""
        foot = max(self.floor, 4 * half)  # in space the floor is high
        upper = Pose(self.middle + 0.04 * way * self.unit, foot - 2.95 * half, half, self.facing, angle)
        return upper, Pose(self.middle, foot - 0.95 * half, half, self.facing, 0.4 * tilt)

    def staggered(self, way: int, angle: float, tilt: float) -> tuple[Pose, Pose]:
        """A small one in front of a large one."""
        small, large = 0.2 * self.unit, 0.34 * self.unit
        before = Pose(self.middle + 0.17 * way * self.unit, self.floor - 0.8 * small, small, self.facing, 0.5 * angle)
        behind = Pose(self.middle - 0.12 * way * self.unit, self.floor - 1.06 * large, large, self.facing, 0.5 * tilt)
        return before, behind

    def nested(self, outer: str, angle: float, tilt: float) -> tuple[Pose, Pose]:
        """One in the opening of a large one around it."""
        y = min(self.floor - 0.3 * self.unit, self.halfway)
        around = Pose(self.middle, y, 0.43 * self.unit, self.facing, 0.3 * tilt)
        x, y, rx, ry = OPENINGS[outer]
        ((inner_x, inner_y),) = around.place(np.array([[x, y]], np.float32)).tolist()
        return Pose(inner_x, inner_y, 0.82 * min(rx, ry) * around.half, self.facing, 0.5 * angle), around


def place_things(scene: Scene, width: int, height: int, rng: random.Random) -> list[Placed]:
    """The things from back to front; the scene's own subject is the last."""
    place, unit = PLACES[scene.place], min(width, height)
    floor = (place.floor + rng.uniform(-0.02, 0.03)) * height
    aside, angle, tilt, way = rng.uniform(-1, 1), rng.uniform(-5, 5), rng.uniform(-5, 5), rng.choice((-1, 1))
    alone = scene.second is None
    middle = 0.5 * width + (0.05 if alone else 0.015) * aside * unit  # two need the room
    stage = Stage(place, floor, unit, middle, 1 if scene.light == "left" else -1, 0.53 * height)
    if scene.second is None or scene.second_colour is None:
        pose = stage.natural(scene.subject, middle, rng.uniform(0.28, 0.355) * unit, angle)
        return [Placed(scene.subject, scene.colour, pose)]
    if scene.relation == "over":
        first, second = stage.stacked(rng.uniform(0.193, 0.216) * unit, way, angle, tilt)
    elif scene.relation == "under":
        second, first = stage.stacked(rng.uniform(0.193, 0.216) * unit, way, angle, tilt)
    elif scene.relation == "beside":
        half, apart = rng.uniform(0.21, 0.235) * unit, 0.245 * way * unit
        first = stage.natural(scene.subject, middle + apart, half, angle)
        second = stage.natural(scene.second, middle - apart, half, tilt)
    elif scene.relation == "in front of":
        first, second = stage.staggered(way, angle, tilt)
    else:
        first, second = stage.nested(scene.second, angle, tilt)
    return [Placed(scene.second, scene.second_colour, second), Placed(scene.subject, scene.colour, first)]

"""How the camera moves from one frame to the next, in Disco's settings."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Motion2D:
    """A camera move in the plane: degrees, a factor, pixels. Zero is no move, but for zoom, of which it is 1."""

    angle: float = 0
    zoom: float = 1
    translation_x: float = 0
    translation_y: float = 0


@dataclass(frozen=True)
class Motion3D:
    """A camera move in space: translations in two hundredths of the scene's unit, rotations in degrees."""

    translation_x: float = 0
    translation_y: float = 0
    translation_z: float = 0
    rotation_3d_x: float = 0
    rotation_3d_y: float = 0
    rotation_3d_z: float = 0


def eye(side: str, angle: float, distance: float) -> Motion3D:
    """The move from between the eyes to the left or right one: vr_eye_angle degrees, vr_ipd between them."""
    away = math.cos(math.radians(angle)) * distance / 2
    return Motion3D(translation_x=-away if side == "left" else away, rotation_3d_y=angle if side == "left" else -angle)

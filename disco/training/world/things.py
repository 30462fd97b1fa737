"""Draws one thing of a scene: its polygons in its colour, lit from one side, on a transparent ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from disco.training.world.colours import COMMON_TONES, PALETTES, RGB, TINTED
from disco.training.world.subjects import Figure, figure, is_fine


@dataclass(frozen=True)
class Pose:
    """Where a thing is: its middle and half its height, in pixels; mirrored or not; turned by an angle in degrees."""

    x: float
    y: float
    half: float
    mirror: int = 1
    angle: float = 0.0

    def place(self, points: np.ndarray) -> np.ndarray:
        """float32 [N, 2] on [-1, 1]^2 to pixels."""
        c, s = self.half * math.cos(math.radians(self.angle)), self.half * math.sin(math.radians(self.angle))
        turn = np.array([[self.mirror * c, self.mirror * s], [-s, c]], np.float32)
        return points @ turn + np.array([self.x, self.y], np.float32)


@dataclass(frozen=True, eq=False)
class Layer:
    """A transparent picture, its upper left corner at (left, top): rgb float32 [3, h, w] in 0..255, multiplied by its
    cover float32 [h, w] in 0..1."""

    rgb: np.ndarray
    cover: np.ndarray
    left: int
    top: int

    def over(self, picture: np.ndarray) -> None:
        """Paints the layer on a picture float32 [3, H, W]."""
        h, w = self.cover.shape
        part = picture[:, self.top : self.top + h, self.left : self.left + w]
        part *= 1 - self.cover
        part += self.rgb


def supersampling(width: int, height: int) -> int:
    """How many rows and columns are drawn for one: edges of small pictures need more."""
    return 3 if min(width, height) < 96 else 2


def tones_of(colour: str, contour: RGB | None) -> dict[str, RGB]:
    """The colour of every tone; a contour of None is the colour's own."""
    tones = {**COMMON_TONES, **PALETTES[colour]}
    return tones if contour is None else {**tones, "rim": contour}


def paint(shown: Figure, tones: dict[str, RGB], pose: Pose, width: int, height: int, rims: bool = True) -> Layer | None:
    """The figure as a layer as large as it needs to be; None where it lies outside the picture."""
    points = pose.place(shown.points)
    xs, ys = points.T
    left, top = max(int(xs.min()) - 1, 0), max(int(ys.min()) - 1, 0)
    right, bottom = min(int(xs.max()) + 2, width), min(int(ys.max()) + 2, height)
    if left >= right or top >= bottom:
        return None
    k = supersampling(width, height)
    # The fourth channel is the cover; in this mode nothing multiplies by it, so reducing leaves colours premultiplied.
    image = Image.new("RGBX", ((right - left) * k, (bottom - top) * k), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    points = np.ascontiguousarray((points - (left, top)) * k - 0.5, np.float32)
    for tone, start, stop in shown.parts[0 if rims else shown.rims :]:
        # An array, which Pillow reads faster than its lists, though it does not say so.
        pen.polygon(points[start:stop], fill=(*tones[tone], 255))  # type: ignore[arg-type]
    planes = np.asarray(image.reduce(k)).transpose(2, 0, 1).astype(np.float32)
    return Layer(planes[:3], planes[3] * (1 / 255), left, top)


def lit(layer: Layer, side: int, strength: float) -> Layer:
    """The layer as a rounded body in light from the upper left (side -1) or right (1)."""
    reach = max(1, round(0.06 * max(layer.cover.shape)))
    h, w = layer.cover.shape
    padded = np.zeros((h + 4 * reach, w + 4 * reach), np.uint8)
    padded[2 * reach : -2 * reach, 2 * reach : -2 * reach] = 255 * layer.cover
    height = np.asarray(Image.fromarray(padded).filter(ImageFilter.BoxBlur(reach)), np.float32) * (1 / 255)
    lower = height[3 * reach : 3 * reach + h, 2 * reach - side * reach :][:, :w]
    upper = height[reach : reach + h, 2 * reach + side * reach :][:, :w]
    # Where the body falls off towards the light it is brighter, where it falls off away from it darker.
    slope = (lower - upper) * strength
    brighter = 0.8 * np.maximum(slope, 0)
    rgb = layer.rgb * (1 + 0.9 * np.minimum(slope, 0) - brighter) + 255 * layer.cover * brighter
    return Layer(rgb, layer.cover, layer.left, layer.top)


def tinted_cover(subject: str, pose: Pose, width: int, height: int) -> np.ndarray:
    """float32 [height, width], 0..1: how much of each pixel shows the parts that have the thing's colour."""
    shown = figure(subject, fine=is_fine(width, height))
    flat: dict[str, RGB] = {tone: (255, 255, 255) if tone in TINTED else (0, 0, 0) for tone, _, _ in shown.parts}
    layer = paint(shown, flat, pose, width, height)
    mask = np.zeros((height, width), np.float32)
    if layer is not None:
        h, w = layer.cover.shape
        mask[layer.top : layer.top + h, layer.left : layer.left + w] = layer.rgb[0] / 255
    return mask

"""Layers of scenery, drawn once as wide panoramas and then shown through a window at a random place.

A panorama is three picture sides wider than the picture. Points have x in shares of the picture's smaller side and y in
shares of its height, so that a wide picture shows more of the same land, not a stretched one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from disco.training.world.colours import RGB
from disco.training.world.shapes import Point

EXTRA = 3  # picture sides by which a panorama is wider than the picture
DEEPER = 0.1  # and the share by which it is higher, so that it may be shown a little further up
SUPERSAMPLING = 3
FINE_SIDE = 96  # pixels of a picture's smaller side from which on it shows what is seen from near


@dataclass(frozen=True, eq=False)
class Panorama:
    """Scenery from row `top` down: rgb float32 [3, h, w] in 0..255, multiplied by its cover; keep float32 [h, w], what
    it leaves of the picture behind."""

    rgb: np.ndarray
    keep: np.ndarray
    top: int

    def over(self, picture: np.ndarray, offset: int, down: int = 0) -> None:
        """Paints the panorama from column `offset` on a picture float32 [3, H, W], `down` rows lower."""
        width, top = picture.shape[2], max(self.top + down, 0)
        rows = slice(top - self.top - down, picture.shape[1] - self.top - down)
        part = picture[:, top:]
        part *= self.keep[rows, offset : offset + width]
        part += self.rgb[:, rows, offset : offset + width]


class Canvas:
    """A transparent panorama of a picture of width x height pixels, to paint on."""

    def __init__(self, width: int, height: int) -> None:
        self.unit = min(width, height)
        self.height = height
        #: Whether the picture is large enough to show what is seen from near.
        self.fine = self.unit >= FINE_SIDE
        self.columns = width + EXTRA * self.unit
        #: How far the panorama reaches in x.
        self.span = self.columns / self.unit
        rows = height + math.ceil(DEEPER * height)
        # The fourth channel is the cover; see `things.paint`.
        self.image = Image.new("RGBX", (self.columns * SUPERSAMPLING, rows * SUPERSAMPLING), (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self.image)

    def pixel(self, x: float, y: float) -> Point:
        return x * self.unit * SUPERSAMPLING, y * self.height * SUPERSAMPLING

    def fill(self, colour: RGB, points: Iterable[Point]) -> None:
        self.pen.polygon([self.pixel(x, y) for x, y in points], fill=(*colour, 255))

    def box(self, colour: RGB, x0: float, y0: float, x1: float, y1: float) -> None:
        self.fill(colour, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))

    def disc(self, colour: RGB, x: float, y: float, rx: float, ry: float | None = None) -> None:
        """An ellipse; both radii in shares of the smaller side."""
        (cx, cy), k = self.pixel(x, y), self.unit * SUPERSAMPLING
        ry = rx if ry is None else ry
        self.pen.ellipse((cx - rx * k, cy - ry * k, cx + rx * k, cy + ry * k), fill=(*colour, 255))

    def line(self, colour: RGB, width: float, points: Iterable[Point]) -> None:
        thick = max(1, round(width * self.unit * SUPERSAMPLING))
        self.pen.line([self.pixel(x, y) for x, y in points], fill=(*colour, 255), width=thick, joint="curve")

    def ground(self, colour: RGB, ridge: list[Point]) -> None:
        """Everything below a ridge that runs from the left edge to the right."""
        self.fill(colour, [*ridge, (self.span + 0.1, 1.2), (-0.1, 1.2)])

    def ridge(self, rng: random.Random, top: float, height: float, waves: float = 1.0) -> list[Point]:
        """A rolling line over the whole span, `height` up and down around `top`; `waves` to a picture's side."""
        phases = [rng.uniform(0, 2 * math.pi) for _ in range(3)]
        steps = [i / 24 for i in range(-2, round(24 * self.span) + 3)]

        def roll(x: float) -> float:
            turns = 2 * math.pi * waves * x
            slow, fast = math.sin(0.61 * turns + phases[0]), math.sin(1.7 * turns + phases[1])
            return 0.55 * slow + 0.25 * fast + 0.2 * math.sin(turns + phases[2])

        return [(x, top - height * roll(x)) for x in steps]

    def along(self, rng: random.Random, low: float, high: float) -> list[float]:
        """Random places over the span, `low` to `high` apart."""
        places, x = [], rng.uniform(-low, 0)
        while x < self.span:
            places.append(x)
            x += rng.uniform(low, high)
        return places

    def panorama(self) -> Panorama:
        planes = np.asarray(self.image.reduce(SUPERSAMPLING)).transpose(2, 0, 1).astype(np.float32)
        filled = np.flatnonzero(planes[3].any(1))
        top = int(filled[0]) if len(filled) else 0
        return Panorama(planes[:3, top:].copy(), 1 - planes[3, top:] / 255, top)


def gradient(stops: tuple[RGB, ...], rows: int, power: float = 1.0) -> np.ndarray:
    """float32 [3, rows]: colours from top to bottom, evenly spaced stops; a `power` above 1 holds the first longer."""
    at = np.linspace(0, 1, rows) ** power * (len(stops) - 1)
    return np.stack([np.interp(at, range(len(stops)), [stop[i] for stop in stops]) for i in range(3)]).astype(
        np.float32
    )

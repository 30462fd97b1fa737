"""Times of day and weathers: the sky itself, what its light does to the land, and what falls from it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import numpy as np

from disco.training.world.backdrops import Canvas, Panorama, gradient
from disco.training.world.colours import RGB


@dataclass(frozen=True)
class Air:
    """What a sky does: its colours from top to horizon; the share of red, green and blue that falls on the land and on
    things; the haze, its colour and how much of it lies over the furthest land and over things."""

    heavens: tuple[RGB, ...]
    land: tuple[float, float, float]
    things: tuple[float, float, float]
    haze: RGB
    far: float
    near: float = 0.0


AIRS: dict[str, Air] = {
    "day": Air(((46, 134, 226), (120, 194, 248), (206, 238, 252)), (1, 1, 1), (1, 1, 1), (196, 226, 246), 0.32),
    "dusk": Air(
        ((66, 34, 110), (164, 62, 124), (246, 116, 92), (255, 190, 96), (255, 226, 150)),
        (0.88, 0.66, 0.64), (1.0, 0.94, 0.9), (236, 120, 104), 0.36,
    ),
    "night": Air(
        ((4, 6, 28), (12, 18, 62), (30, 46, 112)), (0.38, 0.47, 0.72), (0.86, 0.88, 0.96), (34, 50, 116), 0.3,
    ),
    "rain": Air(
        ((72, 84, 104), (104, 118, 138), (144, 156, 170)),
        (0.62, 0.68, 0.74), (0.92, 0.94, 0.97), (128, 142, 158), 0.5, 0.06,
    ),
    "fog": Air(
        ((206, 208, 208), (220, 222, 220), (230, 230, 226)),
        (0.86, 0.88, 0.88), (0.97, 0.97, 0.97), (222, 224, 222), 0.74, 0.12,
    ),
    "snowfall": Air(
        ((150, 164, 190), (186, 198, 216), (214, 222, 232)),
        (0.84, 0.88, 0.95), (0.97, 0.98, 1.0), (206, 216, 230), 0.45, 0.05,
    ),
}  # fmt: skip


def tinted(colour: RGB, sky: str, depth: float = 0.0) -> RGB:
    """A surface of the land in the light and haze of a sky; depth 1 is the furthest, 0 the nearest."""
    air = AIRS[sky]
    veil = air.far * depth
    r, g, b = (
        round(c * share * (1 - veil) + haze * veil) for c, share, haze in zip(colour, air.land, air.haze, strict=True)
    )
    return r, g, b


def on_things(rgb: np.ndarray, cover: np.ndarray, sky: str) -> np.ndarray:
    """A thing's colours, multiplied by its cover, in the light and haze of a sky: float32 [3, h, w]."""
    air = AIRS[sky]
    if air.things == (1, 1, 1) and not air.near:
        return rgb
    share = np.array(air.things, np.float32)[:, None, None] * (1 - air.near)
    return rgb * share + np.array(air.haze, np.float32)[:, None, None] * (air.near * cover)


def cloud(canvas: Canvas, rng: random.Random, x: float, y: float, size: float, shades: tuple[RGB, ...]) -> None:
    """A heap of discs, flat below, in shades from the lower to the lit upper side."""
    puffs = [(rng.uniform(-1, 1), rng.uniform(0.5, 1)) for _ in range(6)]
    for i, shade in enumerate(shades):
        rise = i / max(len(shades) - 1, 1)
        for dx, r in puffs:
            radius = size * 0.42 * r * (1 - 0.35 * abs(dx)) * (1 - 0.22 * rise)
            canvas.disc(
                shade,
                x + size * (0.85 * dx - 0.06 * rise),
                y - 0.1 * size * (1 - abs(dx)) - 0.13 * size * rise,
                radius * 1.15,
                radius * 0.72,
            )


@cache
def sky_panorama(sky: str, width: int, height: int) -> np.ndarray:
    """float32 [3, H, W wide]: the open sky with its clouds or stars, down to the picture's lower edge."""
    rng = random.Random(f"sky {sky}")
    canvas = Canvas(width, height)
    column = gradient((*AIRS[sky].heavens, AIRS[sky].heavens[-1]), height)
    picture = np.repeat(column[:, :, None], canvas.columns, 2)
    if sky == "day":
        for x in canvas.along(rng, 0.3, 0.75):
            size = rng.uniform(0.12, 0.26)
            cloud(canvas, rng, x, rng.uniform(0.08, 0.4), size, ((196, 220, 242), (232, 242, 252), (255, 255, 255)))
    elif sky == "dusk":
        for x in canvas.along(rng, 0.1, 0.3):
            y = rng.uniform(0.04, 0.46)
            shade = (150, 50, 116) if y < 0.2 else (226, 92, 104) if y < 0.34 else (255, 160, 110)
            canvas.disc(shade, x, y, rng.uniform(0.14, 0.34), rng.uniform(0.012, 0.028))
    elif sky == "night":
        for _ in range(round(70 * canvas.span)):
            glow = rng.choice(((255, 255, 255), (255, 244, 206), (196, 214, 255), (140, 160, 220)))
            canvas.disc(
                glow, rng.uniform(0, canvas.span), rng.uniform(0, 0.7), rng.choice((0.004, 0.005, 0.007, 0.011))
            )
    elif sky == "rain":
        for row, shades in enumerate((((70, 80, 98), (88, 98, 116)), ((84, 94, 112), (106, 116, 134)))):
            for x in canvas.along(rng, 0.16, 0.3):
                cloud(canvas, rng, x, 0.04 + 0.11 * row + rng.uniform(-0.03, 0.03), rng.uniform(0.2, 0.3), shades)
    elif sky == "fog":
        for x in canvas.along(rng, 0.2, 0.5):
            canvas.disc((238, 238, 234), x, rng.uniform(0.05, 0.5), rng.uniform(0.2, 0.4), rng.uniform(0.02, 0.04))
    else:
        for x in canvas.along(rng, 0.2, 0.4):
            cloud(canvas, rng, x, rng.uniform(0.03, 0.18), rng.uniform(0.2, 0.3), ((170, 182, 204), (196, 206, 222)))
    drawn = canvas.panorama()
    low = min(drawn.top + drawn.keep.shape[0], height)
    picture[:, drawn.top : low] *= drawn.keep[: low - drawn.top]
    picture[:, drawn.top : low] += drawn.rgb[:, : low - drawn.top]
    return picture


#: The sun, or what is left of it: its colour, its radius and the glow's, where it stands (x from the lit side, y).
SUNS: dict[str, tuple[RGB, float, float, float, float]] = {
    "day": ((255, 244, 190), 0.075, 0.3, 0.16, 0.15),
    "dusk": ((255, 226, 130), 0.11, 0.4, 0.22, 0.5),
}
SUN_PLACES = 4


@cache
def sun(sky: str, left: bool, number: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The sun's light to add to a sky, float32 [3, H, W], and how much of the sky it leaves, float32 [H, W]."""
    colour, radius, glow, across, down = SUNS[sky]
    rng = random.Random(f"sun {sky} {number}")
    unit = min(width, height)
    x = (across + rng.uniform(-0.08, 0.08)) * unit
    y = (down + rng.uniform(-0.05, 0.05)) * height
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    distance = np.hypot(columns - (x if left else width - x), rows - y) / unit
    cover = np.clip((radius - distance) * unit + 0.5, 0, 1)
    halo = 0.6 * np.exp(-((np.maximum(distance - radius, 0) / (0.4 * glow)) ** 1.3)) * (1 - cover)
    share = (cover + halo).astype(np.float32)
    return np.array(colour, np.float32)[:, None, None] * share, 1 - share


@cache
def falling(sky: str, width: int, height: int) -> Panorama:
    """Rain or snow in front of everything, as a panorama."""
    rng = random.Random(f"falling {sky}")
    canvas = Canvas(width, height)
    for _ in range(round((75 if sky == "rain" else 52) * canvas.span)):
        x, y = rng.uniform(0, canvas.span), rng.uniform(-0.1, 1.05)
        if sky == "rain":
            length = rng.uniform(0.05, 0.11)
            canvas.line((206, 222, 240), 0.008, ((x, y), (x - 0.28 * length, y + length)))
        else:
            canvas.disc((255, 255, 255), x, y, rng.choice((0.008, 0.011, 0.015, 0.02)))
    drawn = canvas.panorama()
    share = 0.55 if sky == "rain" else 0.92
    return Panorama(drawn.rgb * share, 1 - (1 - drawn.keep) * share, drawn.top)

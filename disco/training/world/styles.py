"""The styles: how the same picture looks as an ink drawing, in stained glass, as a blueprint ...

A style keeps the thing's colour in the thing, since a "red cat" is red in any style, and leaves of the land what its
place and sky are known by.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from disco.training.world import patterns
from disco.training.world.backdrops import FINE_SIDE
from disco.training.world.colours import RGB


@dataclass(frozen=True, eq=False)
class Painting:
    """A picture in two parts: the land, float32 [3, H, W] in 0..255, and the things on it, multiplied by their cover
    float32 [H, W] in 0..1."""

    land: np.ndarray
    things: np.ndarray
    cover: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.cover.shape[1], self.cover.shape[0]

    @property
    def whole(self) -> np.ndarray:
        return self.land * (1 - self.cover) + self.things

    @property
    def bare(self) -> np.ndarray:
        """The things' own colours: not multiplied, anything where there is none."""
        return self.things / np.maximum(self.cover, 0.02)

    @property
    def grain(self) -> float:
        """How coarse dots, facets and squares are, in shares of what they are in small pictures."""
        return 0.7 if min(self.size) >= FINE_SIDE else 1.0


Finish = Callable[[Painting, random.Random], np.ndarray]


def plane(colour: RGB) -> np.ndarray:
    return np.array(colour, np.float32)[:, None, None]


def brightness(picture: np.ndarray) -> np.ndarray:
    """float32 [H, W] in 0..255 (Rec. 601)."""
    return 0.299 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2]


def edges(picture: np.ndarray) -> np.ndarray:
    """float32 [H, W]: the largest change of a channel to the right or down, over a 64th of the smaller side."""
    _, height, width = picture.shape
    step = max(1, round(min(width, height) / 64))
    found = np.zeros((height, width), np.float32)
    half = step // 2
    across = np.abs(picture[:, :, step:] - picture[:, :, :-step]).max(0)
    down = np.abs(picture[:, step:] - picture[:, :-step]).max(0)
    found[:, half : half + width - step] = across
    np.maximum(found[half : half + height - step], down, out=found[half : half + height - step])
    return found


def contours(painting: Painting) -> np.ndarray:
    """The edges within the things and around them, also where they are black; see `edges`."""
    return edges(np.concatenate((painting.things, 255 * painting.cover[None])))


def halo(cover: np.ndarray) -> np.ndarray:
    """The cover and a border around it, a 32nd of the smaller side wide: what an artist leaves free of lines."""
    step = max(2, round(min(cover.shape) / 32))
    wide = cover.copy()
    for by in (step // 2, step):
        np.maximum(wide[by:], cover[:-by], out=wide[by:])
        np.maximum(wide[:-by], cover[by:], out=wide[:-by])
        np.maximum(wide[:, by:], cover[:, :-by], out=wide[:, by:])
        np.maximum(wide[:, :-by], cover[:, by:], out=wide[:, :-by])
    return wide


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, straight between."""
    return np.clip((values - low) * (1 / (high - low)), 0, 1)


def blend(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    return under + (over - under) * share


def glow(picture: np.ndarray, share: int = 16) -> np.ndarray:
    """The picture in 0..255, blurred over about a `share`-th of its side."""
    _, height, width = picture.shape
    small = width * share // min(width, height), height * share // min(width, height)
    pixels = np.ascontiguousarray(np.minimum(picture, 255).astype(np.uint8).transpose(1, 2, 0))
    soft = Image.fromarray(pixels).resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(soft).transpose(2, 0, 1).astype(np.float32)


def gouache(painting: Painting, rng: random.Random) -> np.ndarray:
    return painting.whole


def ink(painting: Painting, rng: random.Random) -> np.ndarray:
    """Black lines and grey washes on paper; the things in coloured ink."""
    width, height = painting.size
    grey = brightness(painting.land)
    pool = patterns.window(patterns.noise(6, 1, width, height), width, height, rng)
    wash = np.clip(0.3 + 0.7 * (grey / 255) ** 0.8 + 0.09 * pool, 0, 1)
    land = plane((252, 247, 234)) * wash * 0.74 + 0.26 * painting.land
    land *= 1 - 0.8 * ramp(edges(painting.land), 14, 60) * (1 - halo(painting.cover))
    things = painting.things * 0.86 + 0.14 * plane((252, 247, 234)) * painting.cover
    lines = ramp(contours(painting), 50, 140)
    return (land * (1 - painting.cover) + things) * (1 - 0.7 * lines) + 9 * lines


def watercolour(painting: Painting, rng: random.Random) -> np.ndarray:
    """Thin paint that gathers at its edges, on paper left white around."""
    width, height = painting.size
    pool = patterns.window(patterns.noise(7, 2, width, height), width, height, rng)
    grain = patterns.window(patterns.noise(40, 3, width, height), width, height, rng)
    whole = painting.whole
    soft = blend(glow(whole, 24), whole, 0.45 + 0.55 * painting.cover)
    pigment = np.clip(0.7 + 0.24 * pool + 0.1 * grain, 0.3, 1) * (1 + 0.12 * painting.cover)
    unit = min(width, height)
    across = np.minimum(np.arange(width) + 0.5, width - np.arange(width) - 0.5)[None] / unit
    down = np.minimum(np.arange(height) + 0.5, height - np.arange(height) - 0.5)[:, None] / unit
    rim = (np.minimum(across, down) + 0.03 * pool + 0.01 * grain).astype(np.float32)
    sheet = ramp(rim, 0.022, 0.05)
    wet = np.clip(1 - np.abs(rim - 0.06) / 0.025, 0, 1) + ramp(edges(painting.things), 60, 220)
    pigment = np.minimum(pigment * sheet, 1)
    paper = plane((253, 251, 246))
    return (paper - (paper - soft) * pigment) * (1 - 0.16 * wet * sheet)


#: The threshold matrix of Bayer (1973), -0.5 to 0.5.
BAYER = (np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) + 0.5) / 16 - 0.5
GRID = 32  # squares of pixel art to a side of a small picture


def pixel_art(painting: Painting, rng: random.Random) -> np.ndarray:
    """Few colours on a coarse grid, the land dithered, the things with a hard contour."""
    width, height = painting.size
    block = max(1, round(painting.grain * min(width, height) / GRID))
    columns, rows = -(-width // block), -(-height // block)

    def coarse(planes: np.ndarray) -> np.ndarray:
        margin = [(0, 0)] * (planes.ndim - 2) + [(0, rows * block - height), (0, columns * block - width)]
        wide = np.pad(planes, margin, "edge") if (rows * block, columns * block) != (height, width) else planes
        return wide.reshape(*planes.shape[:-2], rows, block, columns, block).mean((-3, -1))

    cover, land, things = coarse(painting.cover), coarse(painting.land), coarse(painting.things)
    matrix = np.tile(BAYER, (rows // 4 + 1, columns // 4 + 1))[:rows, :columns]
    land = np.round((land + 40 * matrix) / 42.5) * 42.5
    things = np.round(things / np.maximum(cover, 0.02) / 25.5) * 25.5
    solid = cover > 0.5
    around = np.zeros_like(solid)
    around[1:] |= solid[:-1]
    around[:-1] |= solid[1:]
    around[:, 1:] |= solid[:, :-1]
    around[:, :-1] |= solid[:, 1:]
    picture = np.where(solid, things, np.where(around, 0.28 * land, land))
    return picture.repeat(block, 1).repeat(block, 2)[:, :height, :width].astype(np.float32)


def pointillist(painting: Painting, rng: random.Random) -> np.ndarray:
    """Dots of strong colours side by side on a pale ground."""
    width, height = painting.size
    variant = int(rng.random() * patterns.VARIANTS)
    whole = painting.whole
    ground = 0.5 * whole + 0.5 * plane((246, 234, 208))

    def dotted(share: float, strength: float) -> np.ndarray:
        cells = patterns.dots(share, variant, width, height)
        picked = whole.reshape(3, -1)[:, cells.middle]
        shaken = np.random.RandomState(variant).uniform(-strength, strength, (2, len(cells.middle))).astype(np.float32)
        grey = picked.mean(0)
        picked = grey + (picked - grey) * 1.35 + 22 * shaken[0] + np.array([[16], [0], [-16]], np.float32) * shaken[1]
        return blend(ground, picked[:, cells.number], cells.inside)

    # Finer dots where there is more to see.
    return np.where(painting.cover > 0.4, dotted(0.033 * painting.grain, 0.7), dotted(0.055 * painting.grain, 1.0))


def stained_glass(painting: Painting, rng: random.Random) -> np.ndarray:
    """Panes of glowing glass in lead."""
    width, height = painting.size
    cells = patterns.panes(0.13, int(rng.random() * patterns.VARIANTS), width, height)
    free = 1 - painting.cover
    panes = cells.means(painting.land, free + 0.01)[:, cells.number]
    bright = panes.max(0) + 1
    grey = panes.mean(0)
    panes = (grey + (panes - grey) * 1.5) * np.minimum(1.28, 255 / bright) + 10
    lead = (1 - cells.inside) * free
    inner = ramp(edges(painting.things), 70, 150)
    things = painting.things * 1.08 + 8 * painting.cover
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shine = 1.12 - 0.3 * np.hypot(x / width - 0.5, y / height - 0.45)
    picture = (panes * free + things) * shine
    return blend(picture, plane((16, 14, 20)), np.maximum(lead, 0.9 * inner))


def neon(painting: Painting, rng: random.Random) -> np.ndarray:
    """Bent tubes that glow in the dark."""
    cover = painting.cover
    bare = painting.bare
    peak = bare.max(0) + 1
    vivid = np.clip(0.55 * bare + 0.45 * bare * (255 / np.maximum(peak, 110)), 0, 255)
    vivid += 1.3 * np.maximum(110 - peak, 0)  # what is black has pale tubes
    tubes = ramp(contours(painting), 60, 130) * np.minimum(1, 1.4 * cover + 0.1)
    land = painting.land
    far = land * (235 / (land.max(0) + 30))
    lines = ramp(edges(land), 16, 70) * (1 - cover)
    light = vivid * tubes + far * (0.7 * lines)
    dark = land * 0.2 * (1 - cover) + painting.things * 0.72 + plane((6, 4, 14))
    return np.maximum(dark, light) + 0.75 * glow(light) + 60 * tubes * (cover > 0.3)


def woodcut(painting: Painting, rng: random.Random) -> np.ndarray:
    """Carved lines, printed in black over blocks of a few dull colours."""
    width, height = painting.size
    stripes = patterns.hatching(width, height)
    land, cover = painting.land, painting.cover
    grey = brightness(land) / 255
    tint = plane((240, 226, 192)) * (0.5 + 0.5 * grey) + 0.7 * (land - brightness(land))
    black = plane((28, 22, 26))
    dark = np.maximum(ramp(0.68 - 0.85 * grey - stripes, -0.12, 0.12), ramp(edges(land), 24, 64)) * (1 - halo(cover))
    own = painting.bare
    # In the shade of a thing every other line is carved away.
    carved = own * (1 - 0.27 * (stripes < 0.26))
    picture = blend(blend(tint, black, 0.94 * dark), carved, cover)
    return blend(picture, black, ramp(edges(painting.things), 60, 130) * 0.9)


def pastel(painting: Painting, rng: random.Random) -> np.ndarray:
    """Soft chalk in strokes on rough, tinted paper."""
    width, height = painting.size
    chalk = patterns.window(patterns.strokes(5, width, height), width, height, rng)
    whole = painting.whole
    pale = 0.92 * whole + 22
    paper = plane(rng.choice(((214, 200, 182), (190, 196, 204), (206, 196, 208))))
    share = (0.3 + 0.62 * ramp(chalk, 0.1, 0.5)) * (0.94 + 0.1 * painting.cover)
    return blend(paper, pale, share) + 30 * (chalk - 0.5)


def blueprint(painting: Painting, rng: random.Random) -> np.ndarray:
    """Pale lines and a grid on blue paper; the things filled with a tint."""
    width, height = painting.size
    land, cover = painting.land, painting.cover
    grey = brightness(land) / 255
    paper = plane((14, 52, 128)) + plane((22, 44, 60)) * grey + 0.2 * land - 12
    unit = min(width, height) / 8
    rows, columns = (np.arange(side) % unit < max(1, unit / 12) for side in (height, width))
    paper += 15 * (rows[:, None] | columns[None])
    picture = blend(paper, plane((176, 208, 246)), 0.8 * ramp(edges(land), 14, 60))
    picture = blend(picture, 0.8 * painting.bare + 0.1 * paper, cover)
    return blend(picture, plane((240, 246, 255)), ramp(edges(painting.things), 60, 130) * 0.94)


def low_poly(painting: Painting, rng: random.Random) -> np.ndarray:
    """Flat triangles, as if folded from paper."""
    width, height = painting.size
    variant = int(rng.random() * patterns.VARIANTS)
    cover = painting.cover
    coarse, fine = (patterns.facets(share * painting.grain, variant, width, height) for share in (0.125, 0.07))
    ones = np.ones_like(cover)

    def folded(cells: patterns.Cells, picture: np.ndarray, weight: np.ndarray, depth: float) -> np.ndarray:
        tilt = np.random.RandomState(variant + 11).uniform(-1, 1, len(cells.middle)).astype(np.float32)
        means = cells.means(picture, weight)
        return (means * (1 + depth * tilt) + 60 * depth * tilt)[:, cells.number]

    land = folded(coarse, painting.land, ones, 0.1)
    things = folded(fine, painting.bare, cover + 0.001, 0.11)
    return blend(land, things, cover)


@dataclass(frozen=True)
class Style:
    """How things are drawn, with which contour (None: the colour's own) if any and how rounded, and the finish."""

    finish: Finish
    rims: bool = True
    contour: RGB | None = None
    round: float = 0.6


STYLES: dict[str, Style] = {
    "gouache": Style(gouache),
    "ink": Style(ink, contour=(24, 20, 28), round=0.25),
    "watercolour": Style(watercolour, rims=False, round=0.5),
    "pixel art": Style(pixel_art, rims=False, round=0.3),
    "pointillist": Style(pointillist, round=0.5),
    "stained glass": Style(stained_glass, contour=(16, 14, 20), round=0.2),
    "neon": Style(neon, rims=False, round=0.0),
    "woodcut": Style(woodcut, contour=(24, 18, 22), round=0.3),
    "pastel": Style(pastel, rims=False, round=0.4),
    "blueprint": Style(blueprint, contour=(240, 246, 255), round=0.0),
    "low poly": Style(low_poly, rims=False, round=0.8),
}

"""Places: their scenery in layers from far to near, and where things stand there."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from disco.training.world import ground
from disco.training.world.backdrops import Canvas, Panorama
from disco.training.world.colours import RGB
from disco.training.world.shapes import arc
from disco.training.world.skies import cloud, tinted

Painter = Callable[[Canvas, str, random.Random], None]


@dataclass(frozen=True)
class Place:
    """`far` layers lie behind the things, `near` ones in front. `floor` is the height on which things stand, in shares
    of the picture's, and what it is: "land" takes shadows, "water" mirrors, "air" does neither. `heavens` are the
    colours from top to bottom of a place with a sky of its own. `sunny`: whether the sun is seen."""

    far: tuple[Painter, ...]
    near: tuple[Painter, ...]
    floor: float
    kind: str
    heavens: tuple[RGB, ...] = ()
    sunny: bool = True
    #: Painted over the last of the far layers where the picture is large.
    fine: Painter | None = None


def slope(canvas: Canvas, colour: RGB, ridge: list[tuple[float, float]], edge: RGB | None = None) -> None:
    """A ground with a lit edge along its ridge."""
    canvas.ground(colour, ridge)
    if edge is not None:
        canvas.line(edge, 0.012, ridge)


def fir(canvas: Canvas, colour: RGB, lit: RGB, cap: RGB | None, x: float, foot: float, height: float) -> None:
    wide = 0.36 * height * canvas.height / canvas.unit
    for i in range(3):
        top, bottom = foot - height * (1 - 0.27 * i), foot - height * (0.46 - 0.2 * i)
        spread = wide * (0.55 + 0.25 * i)
        canvas.fill(colour, [(x, top), (x + spread, bottom), (x - spread, bottom)])
        canvas.fill(lit, [(x, top), (x - 0.1 * spread, bottom), (x - spread, bottom)])
        if cap is not None:
            half = (top + bottom) / 2
            canvas.fill(cap, [(x, top), (x + 0.46 * spread, half), (x, half - 0.02), (x - 0.46 * spread, half)])


# --------------------------------------------------------------------------------------------------------
# The sea


def water(canvas: Canvas, sky: str, rng: random.Random) -> None:
    horizon = 0.56
    bands = ((96, 184, 222), (62, 154, 210), (38, 126, 192), (24, 102, 172), (16, 82, 152))
    for i, blue in enumerate(bands):
        top = horizon + 0.44 * (i / len(bands)) ** 1.4
        canvas.ground(tinted(blue, sky, 0.8 - 0.2 * i), canvas.ridge(rng, top, 0.0 if i == 0 else 0.012, 2.2))
    foam = tinted((224, 244, 252), sky, 0.2)
    for i in range(7):
        y = horizon + 0.03 + 0.4 * (i / 7) ** 1.2
        size = 0.02 + 0.035 * (i / 7)
        for x in canvas.along(rng, 0.12 + size, 0.34):
            canvas.fill(foam, [*arc(x, y, size, 0.3 * size, 180, 360, 7), *arc(x, y, size, 0.1 * size, 360, 180, 5)])


def breakers(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for i, (blue, top) in enumerate((((30, 112, 182), 0.875), ((14, 78, 148), 0.94))):
        crest, phase = [], rng.uniform(0, 6)
        for k in range(round(40 * canvas.span) + 2):
            x = k / 40
            crest.append((x, top - 0.02 * abs(math.sin(7 * x + phase)) - 0.008 * math.sin(3.1 * x + phase)))
        canvas.ground(tinted(blue, sky), crest)
        canvas.line(tinted((226, 244, 252), sky), 0.014 - 0.003 * i, crest)


# --------------------------------------------------------------------------------------------------------
# Land


def sand(colour: RGB, sky: str, depth: float = 0.0) -> RGB:
    """Sand in the light of a sky; it stays pale by moonlight."""
    r, g, b = (min(255, round((1.45 if sky == "night" else 1) * c)) for c in tinted(colour, sky, depth))
    return r, g, b


def pyramids(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for x in canvas.along(rng, 0.42, 0.8):
        height, foot = rng.uniform(0.14, 0.26), 0.64
        half = 0.8 * height * canvas.height / canvas.unit
        canvas.fill(sand((236, 196, 124), sky, 0.5), [(x - half, foot), (x, foot - height), (x + half, foot)])
        canvas.fill(sand((196, 144, 84), sky, 0.5), [(x + 0.25 * half, foot), (x, foot - height), (x + half, foot)])


def dunes(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for i, (dune, edge) in enumerate(
        (((240, 198, 118), (255, 226, 156)), ((230, 178, 92), (250, 210, 130)), ((216, 156, 72), (240, 190, 104)))
    ):
        slope(
            canvas,
            sand(dune, sky, 0.4 - 0.2 * i),
            canvas.ridge(rng, 0.62 + 0.11 * i, 0.045, 1.0),
            sand(edge, sky, 0.3),
        )


def near_dune(canvas: Canvas, sky: str, rng: random.Random) -> None:
    ridge = canvas.ridge(rng, 0.95, 0.03, 1.2)
    slope(canvas, sand((206, 146, 66), sky), ridge, sand((236, 184, 98), sky))


def far_firs(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for row, (green, lit, foot, tall) in enumerate(
        (((96, 150, 126), (110, 164, 138), 0.66, 0.34), ((56, 122, 90), (72, 140, 102), 0.74, 0.46))
    ):
        depth = 0.9 - 0.4 * row
        canvas.box(tinted(green, sky, depth), -0.1, foot - 0.06, canvas.span + 0.1, 1.2)
        for x in canvas.along(rng, 0.1, 0.19):
            fir(
                canvas,
                tinted(green, sky, depth),
                tinted(lit, sky, depth),
                None,
                x,
                foot,
                tall * rng.uniform(0.75, 1.15),
            )


def near_firs(canvas: Canvas, sky: str, rng: random.Random) -> None:
    floor = canvas.ridge(rng, 0.8, 0.015, 1.2)
    for x in canvas.along(rng, 0.24, 0.5):
        fir(
            canvas,
            tinted((26, 86, 58), sky, 0.1),
            tinted((40, 108, 68), sky, 0.1),
            None,
            x,
            0.83,
            rng.uniform(0.5, 0.72),
        )
    slope(canvas, tinted((70, 104, 52), sky), floor, tinted((104, 140, 66), sky))
    for _ in range(round(24 * canvas.span)):
        x, y = rng.uniform(0, canvas.span), rng.uniform(0.84, 1.05)
        canvas.disc(tinted(rng.choice(((54, 84, 42), (96, 128, 62), (128, 100, 58))), sky), x, y, 0.03, 0.009)


def undergrowth(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for x in canvas.along(rng, 0.05, 0.3):
        for lean in (-0.05, -0.025, 0.0, 0.025, 0.05):
            canvas.fill(
                tinted((36, 96, 44), sky), [(x - 0.012, 1.1), (x + lean, 0.99 - 0.06 + abs(lean)), (x + 0.012, 1.1)]
            )


def peaks(canvas: Canvas, sky: str, rng: random.Random) -> None:
    ranges = (
        ((128, 140, 178), (156, 168, 200), 0.84, 0.5, 0.62, 0.9),
        ((88, 94, 126), (120, 126, 156), 0.88, 0.32, 0.46, 0.3),
    )
    for shade, lit, foot, low, high, depth in ranges:
        for x in canvas.along(rng, 0.3, 0.5):
            height = rng.uniform(low, high)
            half = rng.uniform(0.72, 0.9) * height * canvas.height / canvas.unit
            top = foot - height
            canvas.fill(tinted(shade, sky, depth), [(x, top), (x + half, foot), (x - half, foot)])
            canvas.fill(tinted(lit, sky, depth), [(x, top), (x + 0.16 * half, foot), (x - half, foot)])
            cap = [(0.34, 0.34), (0.2, 0.25), (0.1, 0.38), (-0.02, 0.26), (-0.14, 0.4), (-0.24, 0.28), (-0.34, 0.34)]
            snow = [(x + dx * half, top + dy * height) for dx, dy in cap]
            canvas.fill(tinted((250, 252, 255), sky, 0.5 * depth), [(x, top), *snow])
            canvas.fill(tinted((202, 214, 238), sky, 0.5 * depth), [(x, top), *snow[:4]])


def foothills(canvas: Canvas, sky: str, rng: random.Random) -> None:
    slope(canvas, tinted((92, 112, 108), sky, 0.3), canvas.ridge(rng, 0.78, 0.04, 1.3))
    for x in canvas.along(rng, 0.08, 0.32):
        tall = rng.uniform(0.07, 0.13)
        fir(canvas, tinted((40, 92, 72), sky, 0.2), tinted((58, 112, 82), sky, 0.2), None, x, 0.84, tall)
    slope(canvas, tinted((136, 136, 140), sky), canvas.ridge(rng, 0.84, 0.025, 1.0), tinted((178, 180, 184), sky))
    for _ in range(round(12 * canvas.span)):
        x, y, r = rng.uniform(0, canvas.span), rng.uniform(0.88, 1.05), rng.uniform(0.02, 0.04)
        canvas.disc(tinted((104, 104, 112), sky), x, y, r, 0.55 * r)
        canvas.disc(tinted((190, 192, 196), sky), x - 0.2 * r, y - 0.2 * r, 0.6 * r, 0.28 * r)


def towers(
    walls: tuple[RGB, ...], low: float, high: float, depth: float, canvas: Canvas, sky: str, rng: random.Random
) -> None:
    dark = sky in ("dusk", "night", "rain")
    x = -0.1
    while x < canvas.span:
        width, top = rng.uniform(0.13, 0.22), rng.uniform(low, high)
        wall = rng.choice(walls)
        canvas.box(tinted(wall, sky, depth), x, top, x + width, 1.0)
        shade = (round(0.78 * wall[0]), round(0.78 * wall[1]), round(0.8 * wall[2]))
        canvas.box(tinted(shade, sky, depth), x + 0.72 * width, top, x + width, 1.0)
        roof = rng.random()
        if roof < 0.3:
            canvas.box(tinted(shade, sky, depth), x + 0.42 * width, top - 0.07, x + 0.5 * width, top)
        elif roof < 0.5:
            canvas.fill(tinted(shade, sky, depth), [(x, top), (x + 0.5 * width, top - 0.08), (x + width, top)])
        columns = max(2, round(width / 0.055))
        for i in range(columns):
            for j in range(12):
                wx, wy = x + width * (i + 0.3) / columns, top + 0.045 + 0.062 * j
                if wy > 0.8 or rng.random() < 0.3:
                    continue
                glass = (255, 222, 120) if dark and rng.random() < 0.75 else tinted((96, 130, 168), sky, depth)
                canvas.box(glass, wx, wy, wx + 0.4 * width / columns, wy + 0.034)
        x += width + rng.choice((0.0, 0.0, 0.02))


def street(canvas: Canvas, sky: str, rng: random.Random) -> None:
    canvas.box(tinted((176, 174, 172), sky), -0.1, 0.79, canvas.span + 0.1, 1.2)
    canvas.box(tinted((132, 132, 138), sky), -0.1, 0.83, canvas.span + 0.1, 1.2)
    canvas.box(tinted((84, 86, 96), sky), -0.1, 0.845, canvas.span + 0.1, 1.2)
    for x in canvas.along(rng, 0.26, 0.2601):
        canvas.box(tinted((244, 236, 200), sky), x, 0.945, x + 0.13, 0.97)


def white_hills(canvas: Canvas, sky: str, rng: random.Random) -> None:
    # Snow shines by moonlight, or the ground would be as dark as a sea, and stays pale at sunset, or it would be sand.
    lift = {"night": (1.4, 1.4, 1.35), "dusk": (1.08, 1.24, 1.4)}.get(sky, (1, 1, 1))

    def snow(colour: RGB, depth: float) -> RGB:
        r, g, b = (min(255, round(share * c)) for share, c in zip(lift, tinted(colour, sky, depth), strict=True))
        return r, g, b

    slope(canvas, snow((206, 222, 244), 0.7), canvas.ridge(rng, 0.58, 0.06, 0.9), snow((236, 244, 255), 0.5))
    for x in canvas.along(rng, 0.14, 0.5):
        tall = rng.uniform(0.2, 0.36)
        fir(
            canvas,
            tinted((44, 96, 102), sky, 0.4),
            tinted((62, 116, 118), sky, 0.4),
            snow((250, 252, 255), 0.2),
            x,
            0.7,
            tall,
        )
    slope(canvas, snow((226, 236, 250), 0.3), canvas.ridge(rng, 0.68, 0.035, 0.9), snow((246, 250, 255), 0.2))
    for x in canvas.along(rng, 0.3, 0.9):
        tall = rng.uniform(0.34, 0.5)
        fir(
            canvas,
            tinted((28, 78, 86), sky, 0.1),
            tinted((46, 100, 104), sky, 0.1),
            snow((252, 254, 255), 0.0),
            x,
            0.82,
            tall,
        )
    slope(canvas, snow((244, 248, 255), 0.0), canvas.ridge(rng, 0.79, 0.025, 1.0))
    for _ in range(round(8 * canvas.span)):
        x, y = rng.uniform(0, canvas.span), rng.uniform(0.84, 1.05)
        canvas.disc(snow((214, 226, 246), 0.0), x, y, rng.uniform(0.05, 0.12), 0.01)


def hills(canvas: Canvas, sky: str, rng: random.Random) -> None:
    greens = (((150, 206, 128), (182, 224, 146)), ((122, 196, 84), (160, 218, 104)), ((96, 180, 62), (140, 210, 84)))
    for i, (green, edge) in enumerate(greens):
        slope(
            canvas,
            tinted(green, sky, 0.8 - 0.35 * i),
            canvas.ridge(rng, 0.58 + 0.1 * i, 0.055, 0.9),
            tinted(edge, sky, 0.6 - 0.3 * i),
        )
    blossoms = ((255, 255, 255), (255, 236, 90), (250, 130, 160), (190, 140, 240))
    for _ in range(round(80 * canvas.span)):
        y = 0.74 + 0.36 * rng.random() ** 0.8
        canvas.disc(tinted(rng.choice(blossoms), sky), rng.uniform(0, canvas.span), y, 0.006 + 0.018 * (y - 0.74))


def grass(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for x in canvas.along(rng, 0.012, 0.05):
        tall, lean = rng.uniform(0.04, 0.1), rng.uniform(-0.03, 0.03)
        green = tinted(rng.choice(((64, 150, 44), (84, 170, 54), (48, 128, 40))), sky)
        canvas.fill(green, [(x - 0.012, 1.1), (x + lean, 1.0 - tall), (x + 0.012, 1.1)])
    for x in canvas.along(rng, 0.1, 0.4):
        y, petal = rng.uniform(0.93, 0.97), tinted(rng.choice(((255, 255, 255), (255, 226, 80), (246, 110, 140))), sky)
        for turn in range(5):
            canvas.disc(petal, x + 0.018 * math.cos(1.26 * turn), y + 0.018 * math.sin(1.26 * turn), 0.014)
        canvas.disc(tinted((240, 170, 40), sky), x, y, 0.011)


# --------------------------------------------------------------------------------------------------------
# Worlds of their own


def galaxy(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for x in canvas.along(rng, 0.2, 0.5):
        y = rng.uniform(0.0, 1.0)
        for k, shade in enumerate(
            rng.choice((((34, 16, 70), (56, 24, 98)), ((14, 30, 78), (22, 48, 112)), ((60, 16, 66), (96, 28, 92))))
        ):
            canvas.disc(shade, x, y, 0.3 - 0.13 * k, 0.17 - 0.08 * k)
    for _ in range(round(95 * canvas.span)):
        glow = rng.choice(((255, 255, 255), (255, 240, 190), (190, 210, 255), (150, 150, 200)))
        canvas.disc(glow, rng.uniform(0, canvas.span), rng.random(), rng.choice((0.004, 0.005, 0.007, 0.012)))


def planets(canvas: Canvas, sky: str, rng: random.Random) -> None:
    schemes = (
        ((198, 128, 92), (232, 176, 132), (250, 220, 176)),
        ((78, 140, 190), (120, 190, 220), (220, 230, 250)),
        ((150, 96, 176), (192, 140, 214), (236, 200, 240)),
        ((108, 160, 110), (160, 206, 140), (226, 240, 200)),
    )
    for number, x in enumerate(canvas.along(rng, 0.46, 0.66)):
        shade, lit, ring = schemes[number % len(schemes)]
        y, r = rng.choice((rng.uniform(0.1, 0.22), rng.uniform(0.78, 0.92))), rng.uniform(0.075, 0.13)
        k = canvas.unit / canvas.height
        tilt = rng.uniform(-0.3, 0.3)
        circle = [(c, s) for c, s in arc(0, 0, 1, 1, 0, 360, 33)]

        def hoop(
            part: list[tuple[float, float]], size: float, x=x, y=y, r=r, k=k, tilt=tilt
        ) -> list[tuple[float, float]]:
            return [(x + size * r * c, y + k * size * r * (0.28 * s + tilt * c)) for c, s in part]

        if number % 2 == 0:
            canvas.fill(ring, [*hoop(circle, 1.9), *reversed(hoop(circle, 1.45))])
        canvas.disc(shade, x, y, r)
        canvas.disc(lit, x - 0.14 * r, y - 0.14 * r * k, 0.82 * r)
        for dy in (-0.3, 0.15):
            canvas.disc(shade, x - 0.1 * r, y + dy * r * k, 0.62 * r, 0.09 * r)
        if number % 2 == 0:
            front = circle[:17]
            canvas.fill(ring, [*hoop(front, 1.9), *reversed(hoop(front, 1.45))])


def sea_floor(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for x in canvas.along(rng, 0.16, 0.42):
        width, lean = rng.uniform(0.04, 0.1), rng.uniform(-0.3, -0.1)
        canvas.fill(
            (74, 196, 214), [(x, -0.02), (x + width, -0.02), (x + width + lean - 0.04, 0.55), (x + lean - 0.04, 0.55)]
        )
    for shade, top in (((30, 128, 158), 0.68), ((22, 108, 140), 0.75)):
        canvas.ground(shade, canvas.ridge(rng, top, 0.06, 1.5))
    canvas.ground((214, 196, 146), canvas.ridge(rng, 0.85, 0.02, 1.1))
    canvas.ground((196, 174, 122), canvas.ridge(rng, 0.93, 0.02, 1.3))
    for x in canvas.along(rng, 0.2, 0.5):
        coral = rng.choice(((240, 110, 110), (250, 160, 90), (220, 120, 200)))
        for lean in (-0.05, 0.0, 0.05):
            canvas.line(coral, 0.024, [(x, 0.92), (x + 0.5 * lean, 0.86), (x + lean, 0.79 + 0.5 * abs(lean))])
            canvas.disc(coral, x + lean, 0.79 + 0.5 * abs(lean), 0.014)


def seaweed(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for x in canvas.along(rng, 0.14, 0.6):
        tall, sway = rng.uniform(0.2, 0.46), rng.uniform(0, 6)
        green = rng.choice(((16, 112, 84), (28, 136, 92), (10, 92, 82)))
        spine = [(x + 0.022 * math.sin(sway + 0.9 * i), 1.04 - tall * i / 10) for i in range(11)]
        left, right = ([(px + side * 0.02 * (1 - i / 11), py) for i, (px, py) in enumerate(spine)] for side in (-1, 1))
        canvas.fill(green, [*left, *reversed(right)])
    for _ in range(round(13 * canvas.span)):
        x, y, r = rng.uniform(0, canvas.span), rng.random(), rng.uniform(0.009, 0.022)
        canvas.disc((206, 246, 246), x, y, r)
        canvas.disc((70, 176, 198), x + 0.15 * r, y + 0.15 * r, 0.62 * r)


CLOUD_SHADES: dict[str, tuple[tuple[RGB, RGB], ...]] = {
    "day": (((186, 214, 242), (214, 232, 250)), ((206, 226, 246), (240, 247, 255)), ((220, 234, 250), (255, 255, 255))),
    "dusk": (((196, 92, 124), (236, 130, 130)), ((222, 112, 126), (255, 170, 140)), ((236, 138, 132), (255, 208, 170))),
    "night": (((50, 58, 110), (66, 76, 132)), ((64, 74, 128), (92, 104, 164)), ((80, 92, 148), (128, 140, 196))),
}


def cloud_bank(row: int, canvas: Canvas, sky: str, rng: random.Random) -> None:
    shade, lit = CLOUD_SHADES[sky][row]
    top = (0.54, 0.7, 0.93)[row]
    canvas.box(shade, -0.1, top + 0.06, canvas.span + 0.1, 1.2)
    for x in canvas.along(rng, 0.13, 0.24):
        cloud(canvas, rng, x, top + rng.uniform(-0.05, 0.05), rng.uniform(0.18, 0.34), (shade, shade, lit))


def crater(canvas: Canvas, sky: str, rng: random.Random) -> None:
    dim = {"day": 1.0, "dusk": 0.85, "night": 0.62}[sky]

    def rock(r: int, g: int, b: int) -> RGB:
        return round(dim * r), round(dim * g), round(dim * b)

    canvas.ground(rock(96, 62, 66), canvas.ridge(rng, 0.72, 0.04, 1.3))
    for x in canvas.along(rng, 0.62, 0.8):
        top, foot = rng.uniform(0.26, 0.34), 0.84
        for i in range(5):
            canvas.disc(
                rock(104 - 8 * i, 84 - 6 * i, 92 - 6 * i),
                x + 0.03 * i + rng.uniform(-0.03, 0.03),
                top - 0.02 - 0.07 * i,
                0.05 + 0.022 * i,
            )
        canvas.fill(rock(112, 74, 74), [(x - 0.09, top), (x + 0.09, top), (x + 0.42, foot), (x - 0.42, foot)])
        canvas.fill(rock(78, 48, 56), [(x + 0.02, top), (x + 0.09, top), (x + 0.42, foot), (x + 0.1, foot)])
        canvas.disc((255, 214, 90), x, top, 0.09, 0.024)
        for start, lean in ((-0.05, -0.14), (0.0, 0.03), (0.05, 0.18)):
            run = [
                (x + start + lean * t + 0.012 * math.sin(9 * t + start * 60), top + 0.4 * t)
                for t in (0, 0.25, 0.5, 0.75, 1)
            ]
            canvas.line((246, 84, 24), 0.034, run)
            canvas.line((255, 196, 70), 0.015, run)
    canvas.ground(rock(58, 40, 50), canvas.ridge(rng, 0.78, 0.025, 1.6))


def lava(canvas: Canvas, sky: str, rng: random.Random) -> None:
    canvas.ground((226, 74, 22), canvas.ridge(rng, 0.8, 0.006, 2.0))
    for _ in range(round(12 * canvas.span)):
        canvas.disc(
            (255, 176, 56), rng.uniform(0, canvas.span), rng.uniform(0.81, 0.86), rng.uniform(0.03, 0.08), 0.008
        )
    slope(canvas, (62, 44, 54), canvas.ridge(rng, 0.855, 0.012, 1.9), (255, 150, 50))
    for x in canvas.along(rng, 0.2, 0.5):
        crack = [(x + 0.05 * i + rng.uniform(-0.02, 0.02), 0.91 + rng.uniform(-0.02, 0.03)) for i in range(4)]
        canvas.line((240, 92, 30), 0.016, crack)
    for _ in range(round(16 * canvas.span)):
        canvas.disc(
            (255, 190, 80), rng.uniform(0, canvas.span), rng.uniform(0.1, 0.8), rng.choice((0.006, 0.008, 0.011))
        )


def wall(canvas: Canvas, sky: str, rng: random.Random) -> None:
    light = {"day": (1.0, 1.0, 1.0), "dusk": (0.98, 0.78, 0.66), "night": (0.5, 0.48, 0.66)}[sky]

    def shown(r: int, g: int, b: int) -> RGB:
        return round(light[0] * r), round(light[1] * g), round(light[2] * b)

    canvas.box(shown(244, 222, 190), -0.1, -0.1, canvas.span + 0.1, 1.2)
    stripe = 0.0
    while stripe < canvas.span:
        canvas.box(shown(234, 206, 170), stripe, -0.1, stripe + 0.06, 0.8)
        stripe += 0.12
    heavens = {"day": (126, 200, 250), "dusk": (250, 140, 100), "night": (16, 24, 72)}[sky]
    for number, x in enumerate(canvas.along(rng, 0.52, 0.62)):
        if number % 2:
            canvas.box(shown(128, 84, 54), x, 0.1, x + 0.3, 0.4)
            canvas.box(shown(214, 226, 222), x + 0.03, 0.13, x + 0.27, 0.37)
            canvas.disc(shown(240, 196, 90), x + 0.2, 0.2, 0.03)
            canvas.fill(
                shown(106, 156, 110),
                [(x + 0.03, 0.37), (x + 0.11, 0.24), (x + 0.18, 0.33), (x + 0.22, 0.28), (x + 0.27, 0.37)],
            )
            continue
        canvas.box(shown(255, 250, 240), x - 0.02, 0.08, x + 0.36, 0.56)
        canvas.box(heavens, x + 0.02, 0.12, x + 0.32, 0.52)
        if sky == "night":
            for _ in range(9):
                canvas.disc((255, 255, 230), x + rng.uniform(0.04, 0.3), rng.uniform(0.14, 0.5), 0.008)
        else:
            canvas.disc((255, 250, 235) if sky == "day" else (255, 210, 120), x + 0.1, 0.24, 0.05, 0.03)
            canvas.disc((255, 250, 235) if sky == "day" else (255, 210, 120), x + 0.15, 0.25, 0.05, 0.025)
        canvas.box(shown(255, 250, 240), x + 0.155, 0.1, x + 0.185, 0.54)
        canvas.box(shown(255, 250, 240), x, 0.3, x + 0.34, 0.325)
        for side in (-1, 1):
            middle = x + 0.17 + side * 0.21
            canvas.fill(
                shown(196, 92, 92),
                [(middle - 0.06, 0.04), (middle + 0.06, 0.04), (middle + 0.07, 0.6), (middle - 0.07, 0.6)],
            )
            canvas.fill(
                shown(170, 70, 78), [(middle, 0.04), (middle + 0.025, 0.04), (middle + 0.03, 0.6), (middle, 0.6)]
            )
        canvas.box(shown(150, 104, 70), x - 0.16, 0.03, x + 0.5, 0.055)


def floorboards(canvas: Canvas, sky: str, rng: random.Random) -> None:
    light = {"day": 1.0, "dusk": 0.84, "night": 0.5}[sky]

    def shown(r: int, g: int, b: int) -> RGB:
        return round(light * r), round(light * g), round(min(255, (light + (0.1 if sky == "night" else 0)) * b))

    canvas.box(shown(250, 240, 222), -0.1, 0.735, canvas.span + 0.1, 0.78)
    canvas.box(shown(176, 122, 78), -0.1, 0.775, canvas.span + 0.1, 1.2)
    for i, y in enumerate((0.81, 0.86, 0.925, 1.0)):
        canvas.line(shown(138, 90, 56), 0.008, [(-0.1, y), (canvas.span + 0.1, y)])
        for x in canvas.along(rng, 0.3, 0.6):
            canvas.line(shown(138, 90, 56), 0.008, [(x, y), (x + 0.01, y - (0.035, 0.05, 0.06, 0.075)[i])])
    rug = shown(92, 128, 150), shown(226, 212, 186), shown(70, 100, 126)
    for shade, top, bottom in zip(rug, (0.83, 0.85, 0.87), (1.06, 1.03, 1.0), strict=True):
        canvas.box(shade, -0.1, top, canvas.span + 0.1, bottom)


# --------------------------------------------------------------------------------------------------------

PLACES: dict[str, Place] = {
    "sea": Place((water,), (breakers,), 0.86, "water", fine=ground.glints),
    "desert": Place((pyramids, dunes), (near_dune,), 0.88, "land", fine=ground.ripples),
    "forest": Place((far_firs, near_firs), (undergrowth,), 0.9, "land", fine=ground.needles),
    "mountains": Place((peaks, foothills), (), 0.91, "land", fine=ground.pebbles),
    "city": Place(
        (
            partial(towers, ((182, 190, 208), (168, 176, 198)), 0.16, 0.4, 0.9),
            partial(towers, ((186, 112, 92), (206, 168, 128), (120, 132, 160), (150, 150, 156)), 0.38, 0.56, 0.3),
            street,
        ),
        (),
        0.9,
        "land",
        fine=ground.paving,
    ),
    "snow": Place((white_hills,), (), 0.9, "land", fine=ground.sparkles),
    "meadow": Place((hills,), (grass,), 0.9, "land", fine=ground.tufts),
    "space": Place((galaxy, planets), (), 0.8, "air", ((8, 6, 26), (18, 8, 44), (6, 6, 22)), False,
        ground.stardust),
    "underwater": Place(
        (sea_floor,), (seaweed,), 0.9, "land", ((110, 224, 226), (44, 170, 196), (18, 118, 158), (10, 84, 128)), False,
        ground.shells,
    ),
    "clouds": Place(
        (partial(cloud_bank, 0), partial(cloud_bank, 1)), (partial(cloud_bank, 2),), 0.88, "air", fine=ground.wisps
    ),
    "volcano": Place((crater, lava), (), 0.91, "land", sunny=False, fine=ground.cinders),
    "room": Place((wall, floorboards), (), 0.91, "land", ((244, 222, 190),), False, ground.boards),
}  # fmt: skip
#: Over a volcano the sky is red with ash at any time.
VOLCANIC = {
    "day": ((150, 96, 92), (214, 130, 96), (250, 186, 120)),
    "dusk": ((84, 26, 48), (168, 48, 52), (240, 108, 60)),
    "night": ((24, 8, 22), (66, 16, 32), (134, 34, 36)),
}


def painted(shown: Place, name: str, sky: str, number: int, width: int, height: int) -> Panorama:
    """One of a place's layers, far ones before near ones; the last far one with what is seen from near, if it is."""
    canvas = Canvas(width, height)
    (*shown.far, *shown.near)[number](canvas, sky, random.Random(f"{name} {number}"))
    if shown.fine is not None and canvas.fine and number == len(shown.far) - 1:
        shown.fine(canvas, sky, random.Random(f"{name} fine"))
    return canvas.panorama()


@cache
def layers(place: str, sky: str, width: int, height: int) -> tuple[tuple[Panorama, ...], tuple[Panorama, ...]]:
    """The panoramas behind and before the things, from far to near."""
    shown = PLACES[place]
    count = len(shown.far) + len(shown.near)
    found = [painted(shown, place, sky, number, width, height) for number in range(count)]
    return tuple(found[: len(shown.far)]), tuple(found[len(shown.far) :])

"""Landscapes: the sea, the desert, a forest, mountains, a city, snow and a meadow, each painted layer by layer.

A painter is handed the canvas of its layer, the sky's name, for the light that it gives, and random numbers.
"""

from __future__ import annotations

import math
import random

from disco.training.world.backdrops import Canvas
from disco.training.world.colours import RGB
from disco.training.world.shapes import arc
from disco.training.world.skies import tinted


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

"""Places that are a world of their own: space, the sea's floor, among clouds, a volcano, a room; layer by layer.

A painter is handed the canvas of its layer, the sky's name, for the light that it gives, and random numbers.
"""

from __future__ import annotations

import math
import random

from disco.training.world.backdrops import Canvas
from disco.training.world.colours import RGB
from disco.training.world.landscapes import slope
from disco.training.world.shapes import arc
from disco.training.world.skies import cloud


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

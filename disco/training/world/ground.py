"""What is seen of the ground from near: ripples, pebbles, blades, boards. Large pictures show them.

Each is painted over the furthest-in-front of the layers behind the things, in its own colours a little lighter and a
little darker, so that the place looks the same from far.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from disco.training.world.backdrops import Canvas
from disco.training.world.colours import RGB
from disco.training.world.shapes import Point, arc
from disco.training.world.skies import tinted


def scattered(
    canvas: Canvas, rng: random.Random, count: int, top: float, bottom: float
) -> Iterator[tuple[Point, float]]:
    """`count` places to a picture's side between two heights, with how near they are, 0 to 1."""
    for _ in range(round(count * canvas.span)):
        near = rng.random()
        yield (rng.uniform(0, canvas.span), top + (bottom - top) * near), near


def glints(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Light on small waves."""
    for (x, y), near in scattered(canvas, rng, 60, 0.58, 0.9):
        length = 0.015 + 0.05 * near * rng.random()
        shade = tinted(rng.choice(((170, 220, 244), (226, 244, 252), (20, 84, 150))), sky, 0.3)
        canvas.line(shade, 0.007, [(x, y), (x + 0.5 * length, y - 0.004), (x + length, y)])


def ripples(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Wind-blown lines in sand."""
    for (x, y), near in scattered(canvas, rng, 34, 0.72, 1.02):
        size = 0.03 + 0.05 * near
        shade = tinted(rng.choice(((255, 232, 170), (192, 134, 62))), sky)
        canvas.line(shade, 0.008, arc(x, y, size, 0.25 * size, 200, 340, 6))


def needles(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """The floor of a wood: twigs and ferns."""
    for (x, y), near in scattered(canvas, rng, 46, 0.83, 1.04):
        shade = tinted(rng.choice(((122, 158, 78), (50, 78, 38), (140, 106, 62))), sky)
        length = 0.02 + 0.03 * near
        for lean in (-0.7, 0.0, 0.7):
            canvas.line(shade, 0.007, [(x, y), (x + lean * length, y - length * (1 - 0.3 * abs(lean)))])


def pebbles(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for (x, y), near in scattered(canvas, rng, 50, 0.85, 1.04):
        size = 0.005 + 0.011 * near
        canvas.disc(tinted((92, 92, 100), sky), x, y, size, 0.6 * size)
        canvas.disc(tinted((206, 206, 210), sky), x - 0.2 * size, y - 0.25 * size, 0.6 * size, 0.3 * size)


def paving(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Slabs of the pavement, specks of the road, and a lamp post now and then."""
    for x in canvas.along(rng, 0.07, 0.0701):
        canvas.line(tinted((138, 136, 136), sky), 0.007, [(x, 0.79), (x, 0.83)])
    for (x, y), near in scattered(canvas, rng, 50, 0.86, 1.02):
        canvas.disc(tinted(rng.choice(((108, 110, 120), (66, 68, 78))), sky), x, y, 0.003 + 0.005 * near, 0.003)
    light = (255, 232, 150) if sky in ("dusk", "night", "rain", "fog") else tinted((236, 240, 244), sky)
    for x in canvas.along(rng, 0.5, 0.8):
        canvas.line(tinted((52, 56, 66), sky), 0.014, [(x, 0.82), (x, 0.58), (x + 0.05, 0.56)])
        canvas.disc(light, x + 0.06, 0.57, 0.018, 0.012)


def sparkles(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Ice crystals and tracks in the snow."""
    for (x, y), near in scattered(canvas, rng, 46, 0.82, 1.03):
        size = 0.004 + 0.006 * near
        if rng.random() < 0.6:
            canvas.disc(tinted((196, 212, 238), sky), x, y, 2.2 * size, 0.5 * size)
        else:
            for dx, dy in ((1, 0), (0, 1)):
                canvas.line((255, 255, 255), 0.005, [(x - dx * size, y - dy * size), (x + dx * size, y + dy * size)])


def tufts(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Blades of grass."""
    for (x, y), near in scattered(canvas, rng, 80, 0.7, 1.02):
        shade = tinted(rng.choice(((60, 142, 40), (150, 216, 90), (76, 160, 52))), sky, 0.3 * (1 - near))
        length = 0.012 + 0.035 * near
        for lean in (-0.5, 0.0, 0.5):
            canvas.line(shade, 0.006, [(x, y), (x + lean * length, y - length)])


def stardust(canvas: Canvas, sky: str, rng: random.Random) -> None:
    for (x, y), _ in scattered(canvas, rng, 110, 0.0, 1.0):
        canvas.disc(rng.choice(((210, 214, 255), (150, 150, 206), (255, 236, 210), (120, 96, 170))), x, y, 0.0036)
    for (x, y), _ in scattered(canvas, rng, 4, 0.0, 1.0):
        for dx, dy in ((0.02, 0), (0, 0.02)):
            canvas.line((240, 244, 255), 0.005, [(x - dx, y - dy), (x + dx, y + dy)])


def shells(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Ripples and shells on the sea floor."""
    for (x, y), near in scattered(canvas, rng, 30, 0.87, 1.03):
        size = 0.02 + 0.03 * near
        canvas.line(rng.choice(((232, 216, 170), (170, 148, 98))), 0.007, arc(x, y, size, 0.3 * size, 200, 340, 6))
    for (x, y), near in scattered(canvas, rng, 7, 0.88, 1.02):
        size = 0.01 + 0.012 * near
        canvas.fill(rng.choice(((250, 190, 180), (250, 240, 220))), [(x, y), *arc(x, y, size, size, 200, 340, 6)])
        canvas.line((190, 130, 120), 0.005, [(x, y), (x, y - size)])


def wisps(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Curls of cloud."""
    shade = {"day": (255, 255, 255), "dusk": (255, 206, 170), "night": (128, 140, 200)}[sky]
    for (x, y), near in scattered(canvas, rng, 26, 0.66, 0.98):
        size = 0.02 + 0.03 * near
        canvas.line(shade, 0.008, arc(x, y, size, 0.6 * size, 180, 330, 7))


def cinders(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """Rough rock with glowing cracks."""
    for (x, y), near in scattered(canvas, rng, 50, 0.87, 1.03):
        size = 0.008 + 0.014 * near
        canvas.fill((40, 28, 36), [(x - size, y), (x, y - size), (x + size, y), (x + 0.4 * size, y + 0.5 * size)])
        canvas.line((110, 84, 92), 0.006, [(x - size, y), (x, y - size), (x + 0.5 * size, y - 0.5 * size)])
    for (x, y), _ in scattered(canvas, rng, 14, 0.88, 1.02):
        canvas.line((255, 140, 44), 0.007, [(x, y), (x + 0.02, y + 0.012), (x + 0.035, y - 0.004)])


def boards(canvas: Canvas, sky: str, rng: random.Random) -> None:
    """The grain of floorboards and the weave and fringe of the rug."""
    light = {"day": 1.0, "dusk": 0.84, "night": 0.5}[sky]

    def shown(r: int, g: int, b: int) -> RGB:
        return round(light * r), round(light * g), round(light * b)

    for (x, y), near in scattered(canvas, rng, 34, 0.785, 0.825):
        length = 0.04 + 0.05 * near
        canvas.line(shown(*rng.choice(((150, 100, 62), (198, 146, 100)))), 0.005, [(x, y), (x + length, y)])
    for x in canvas.along(rng, 0.03, 0.0301):
        canvas.line(shown(226, 212, 186), 0.006, [(x, 0.815), (x, 0.832)])
    for number, x in enumerate(canvas.along(rng, 0.09, 0.0901)):
        for row, y in enumerate((0.9, 0.96)):
            if (number + row) % 2:
                shade = shown(*((214, 150, 110) if number % 4 < 2 else (150, 186, 200)))
                canvas.fill(shade, [(x - 0.03, y), (x, y - 0.02), (x + 0.03, y), (x, y + 0.02)])

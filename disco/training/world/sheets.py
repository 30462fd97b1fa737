"""Contact sheets of the world: every subject, style, place and relation, row by row, with their names."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from disco.training.world.drawing import draw
from disco.training.world.scene import (
    COLOURS,
    HOLLOW,
    LIGHTS,
    PLACES,
    RELATIONS,
    SKIES,
    SKIES_AT,
    STYLES,
    SUBJECTS,
    Scene,
)

COLUMNS = 12
LABEL = 96  # width of the names, in pixels
Rows = Iterator[tuple[str, list[Scene | None]]]


def walk(number: int) -> Scene:
    """The `number`-th scene of a walk that comes by everything, in the plain style."""
    place = PLACES[5 * number % len(PLACES)]
    skies = SKIES_AT[place]
    return Scene(
        SUBJECTS[7 * number % len(SUBJECTS)], COLOURS[(number + number // 12) % len(COLOURS)], place,
        skies[(number + number // 3) % len(skies)], light=LIGHTS[number % 2], seed=number,
    )  # fmt: skip


def subjects() -> Rows:
    """Every subject in every colour."""
    for row, subject in enumerate(SUBJECTS):
        yield subject, [replace(walk(13 * row + i), subject=subject, colour=c) for i, c in enumerate(COLOURS)]


def styles() -> Rows:
    for row, style in enumerate(STYLES):
        yield style, [replace(walk(13 * row + i), style=style) for i in range(COLUMNS)]


def places() -> Rows:
    """Every place under every sky it has, twice."""
    for row, place in enumerate(PLACES):
        scenes: list[Scene | None] = []
        for i, sky in enumerate(SKIES * 2):
            known = sky in SKIES_AT[place]
            scenes.append(replace(walk(11 * row + i), place=place, sky=sky) if known else None)
        yield place, scenes


def relations() -> Rows:
    rng = random.Random(0)
    for row, relation in enumerate(RELATIONS):
        scenes: list[Scene | None] = []
        for i in range(COLUMNS):
            scene = walk(17 * row + i)
            others = [s for s in (HOLLOW if relation == "inside" else SUBJECTS) if s != scene.subject]
            colours = [c for c in COLOURS if c != scene.colour]
            extra: dict[str, Any] = {
                "relation": relation,
                "second": rng.choice(others),
                "second_colour": rng.choice(colours),
            }
            scenes.append(replace(scene, **extra))
        yield relation, scenes


SHEETS: dict[str, Callable[[], Rows]] = {
    "subjects": subjects,
    "styles": styles,
    "places": places,
    "relations": relations,
}


def sheet(name: str, side: int = 64) -> Image.Image:
    """The sheet of that name, one of `SHEETS`, with pictures of that side."""
    rows = list(SHEETS[name]())
    paper = Image.new("RGB", (LABEL + COLUMNS * side, len(rows) * side), "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for row, (label, scenes) in enumerate(rows):
        pen.text((LABEL - 6, (row + 0.5) * side), label, "black", font, anchor="rm")
        for column, scene in enumerate(scenes):
            if scene is not None:
                paper.paste(Image.fromarray(draw(scene, side)), (LABEL + column * side, row * side))
    return paper


def below_one_another(sheets: list[Image.Image], gap: int = 16) -> Image.Image:
    height = sum(sheet.height for sheet in sheets) + gap * (len(sheets) - 1)
    paper = Image.new("RGB", (max(sheet.width for sheet in sheets), height), "white")
    top = 0
    for picture in sheets:
        paper.paste(picture, (0, top))
        top += picture.height + gap
    return paper

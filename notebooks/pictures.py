"""Renders the README's picture: eight prompts, all with default settings and seed 0, none chosen over another.

python notebooks/pictures.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import disco

PROMPTS = (
    "a red star over the sea",
    "a white lighthouse by the sea at dusk",
    "a turquoise whale under water",
    "a rainbow balloon among the clouds",
    "an orange fox in the snow",
    "a purple teapot in a room",
    "a black cat in the city at night",
    "a yellow robot in outer space",
)
COLUMNS, SIDE, CAPTION, GAP = 4, 256, 26, 8


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """The pictures in rows, each above its prompt, its pixels enlarged and not smoothed."""
    rows = len(pictures) // COLUMNS
    paper = Image.new("RGB", (COLUMNS * (SIDE + GAP) - GAP, rows * (SIDE + CAPTION)), "white")
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(12)
    for number, (picture, prompt) in enumerate(zip(pictures, PROMPTS, strict=True)):
        x, y = number % COLUMNS * (SIDE + GAP), number // COLUMNS * (SIDE + CAPTION)
        paper.paste(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST), (x, y))
        draw.text((x + SIDE / 2, y + SIDE + CAPTION / 2), prompt, "black", font, anchor="mm")
    return paper


if __name__ == "__main__":
    rendered = sheet([disco.render(prompt).pictures[0].image for prompt in PROMPTS])
    rendered.quantize(256).save(Path(__file__).with_name("pictures.png"), optimize=True)

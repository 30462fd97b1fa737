"""Some frames of a film on one picture: what stands for it where pictures are looked at side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

#: How many frames, as columns and rows: the largest that a film has enough frames for.
SHAPES = ((3, 3), (3, 2), (2, 2), (2, 1), (1, 1))

#: The longest side of a sheet, in pixels, where its frames have more.
SIDE = 1536


def sheet_of(paths: Sequence[Path]) -> Image.Image:
    """Frames evenly spread from the first to the last, in reading order; paths: of all frames, of one size."""
    columns, rows = next(shape for shape in SHAPES if shape[0] * shape[1] <= len(paths))
    count = columns * rows
    chosen = [paths[round(place * (len(paths) - 1) / max(1, count - 1))] for place in range(count)]
    with Image.open(chosen[0]) as first:
        width, height = first.size
    shrink = max(1.0, max(columns * width, rows * height) / SIDE)
    width, height = max(1, int(width / shrink)), max(1, int(height / shrink))
    sheet = Image.new("RGB", (columns * width, rows * height))
    for place, path in enumerate(chosen):
        with Image.open(path) as frame:
            shown = frame.convert("RGB").resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)
        sheet.paste(shown, (place % columns * width, place // columns * height))
    return sheet

"""index.html: a study as one page that opens from disk and, but for films, needs nothing beside it.

The page is assets/page.html with the style, the scripts and the study's data put in. Pictures are inside too: small
ones exactly, large ones as previews that lead to the file. Whatever comes from the study (prompts, errors, names of
folders) is data in the page, never markup: it travels as JSON in which no tag can be spelled, the scripts show it as
text alone, and the page forbids its browser every script but its own and every address but the pictures inside. Films
are not inside: they lie beside the page, which plays them from there.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import math
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from disco.animation.places import FILM, FRAMES_FILE
from disco.run.folder.files import replace_file
from disco.run.folder.reading import record_file
from disco.study.identity import NOT_IN_KEY, identity
from disco.study.labels import format_value, held_facts, label, replay_command, short_labels
from disco.study.pictures import partials_of, read_picture
from disco.study.results import PAGE_FILE, Axis, Cell, CellPicture, Study
from disco.study.tiles import Tile, initial_layout, is_long_line, tiles_of
from disco.version import version

SCRIPTS = ("base.js", "stats.js", "charts.js", "pictures.js", "plots.js", "details.js", "compare.js", "page.js")

#: Pictures up to this many pixels are in the page exactly as they are.
EXACT_PIXELS = 128 * 128

#: The longest side of a preview, and of all previews together no more than so many pixels: the page stays usable.
PREVIEW_SIDE, LEAST_SIDE, PREVIEW_PIXELS = 512, 128, 60_000_000

#: Seconds after which a page is loaded again whose study is being rendered.
REFRESH = 5

#: Points of a curve that are kept, evenly chosen.
CURVE_POINTS = 120


def write_page(study: Study) -> Path:
    """Write the study's index.html into its folder, whole or not at all, and return its path."""
    path = study.folder / PAGE_FILE
    replace_file(path, page_html(page_data(study)).encode("utf-8", "replace"))
    return path


def page_html(data: Mapping[str, Any]) -> str:
    """The page that shows `data` (see `page_data`)."""
    style, script = asset("page.css"), "\n".join(map(asset, SCRIPTS))
    script = f"(() => {{\n{script}}})();"
    # A text within <script> ends at the first </script>, whatever it means to JSON; so no < stands there at all.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = {
        "title": html.escape(str(data["name"])),
        "style_hash": _hash(style),
        "media": " media-src 'self' file:;" if any("film" in tile for tile in data["tiles"]) else "",
        "script_hash": _hash(script),
        "style": style,
        "data": text,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], asset("page.html"))


@cache
def asset(name: str) -> str:
    """A file of disco/study/assets."""
    return (resources.files("disco.study") / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names a style or script: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# The data


def page_data(study: Study) -> dict[str, Any]:
    """What the page knows of the study, in JSON's own types."""
    tiles = tiles_of(study)
    layout = initial_layout(tiles)
    common = _common([cell for cell in study.cells if cell.record])
    numbers = {cell.key: number for number, cell in enumerate(study.cells)}
    partial_count = sum(len(partials_of(tile.picture)) for tile in tiles.tiles if tile.picture)
    sides = _side(len(tiles.tiles)), _side(partial_count)
    metrics, rank = _numeric_metrics(tiles.tiles), study.purpose.rank
    return {
        "name": study.name,
        "description": study.description,
        "version": version(),
        "command": _command(study.command),
        "axes": [_axis(axis) for axis in tiles.axes],
        "repeats": tiles.repeats,
        "rows": layout.rows,
        "columns": layout.columns,
        "facts": held_facts(study),
        "common": {name: format_value(value) for name, value in common.items()},
        "lines": is_long_line(tiles),
        "metrics": metrics,
        "order": metric if (metric := rank.removeprefix("-")) in metrics else "",
        "descending": not rank.startswith("-"),
        "refresh": REFRESH if study.live else None,
        "cells": [_cell(cell, study, common) for cell in study.cells],
        "tiles": [_tile(tile, numbers[tile.cell.key], study, *sides) for tile in tiles.tiles],
        "notes": study.notes,
    }


def _command(command: Iterable[str]) -> str | None:
    words = list(command)
    return shlex.join(words if words[:1] == ["disco"] else ["disco", *words]) if words else None


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "setting": axis.setting,
        "label": label(axis.setting),
        "texts": [format_value(value) for value in axis.values],
        "short": short_labels(axis.values),
        # What can be drawn to scale.
        "numbers": list(axis.values) if all(_is_number(value) for value in axis.values) else None,
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _common(cells: Iterable[Cell]) -> dict[str, Any]:
    """The settings that are the same in all these cells."""
    first, *rest = [cell.settings for cell in cells] or [{}]
    return {
        name: value
        for name, value in first.items()
        if all(name in other and identity(other[name]) == identity(value) for other in rest)
    }


def _numeric_metrics(tiles: Iterable[Tile]) -> list[str]:
    """The names of what was measured in numbers, in the order met; those of the whole run last."""
    names: dict[str, None] = {}
    for tile in tiles:
        if tile.picture:
            names |= {name: None for name, value in tile.picture.metrics.items() if _is_number(value)}
    for name in ("seconds", "memory"):
        if name not in names and any(getattr(tile.cell, name) is not None for tile in tiles):
            names[name] = None
    return list(names)


def _cell(cell: Cell, study: Study, common: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: format_value(value) for name, value in cell.settings.items() if name not in (*common, *NOT_IN_KEY)}
    names = [entry.name for entry in os.scandir(cell.folder)] if cell.folder.is_dir() else []
    files = sorted(name for name in names if name.endswith((".png", ".gif", ".mp4", ".json", ".jsonl", ".yaml")))
    return {
        "key": cell.key,
        "status": cell.status,
        "error": cell.error,
        "settings": own,
        "replay": replay_command(cell.settings) if "prompt" in cell.settings else None,
        "again": shlex.join(["disco", "replay", _beside(record_file(cell.folder), study)]) if cell.record else None,
        "seconds": cell.seconds,
        "memory": cell.memory,
        "notes": [str(note) for note in notes] if isinstance(notes := cell.record.get("notes"), list) else [],
        "files": [[name, _link(cell.folder / name, study)] for name in files if name != "progress.png"],
    }


def _link(path: Path, study: Study) -> str:
    """A relative address, seen from the page."""
    return quote(_beside(path, study))


def _beside(path: Path, study: Study) -> str:
    """Seen from the page, and never to be taken for a flag or for an address of another kind."""
    return "./" + Path(os.path.relpath(path, study.folder)).as_posix()


def _tile(tile: Tile, cell: int, study: Study, side: int, partial_side: int) -> dict[str, Any]:
    found: dict[str, Any] = {"cell": cell, "at": tile.at}
    if tile.picture is None:
        return found
    picture = read_picture(tile.picture.path)
    seed = tile.picture.seed  # as text: a script's numbers are exact up to 2^53 only
    found |= {"number": tile.picture.number, "seed": None if seed is None else str(seed)}
    found |= {"file": _link(tile.picture.path, study)}
    if picture is None:
        return found | {"problem": f"{tile.picture.path.name} cannot be read"}
    runs = {"seconds": tile.cell.seconds, "memory": tile.cell.memory}
    return (
        found
        | {
            "size": picture.size,
            "exact": _is_exact(picture),
            "source": data_uri(picture, side),
            "metrics": {name: value for name, value in (runs | tile.picture.metrics).items() if value is not None},
            "partials": _partials(tile.picture, partial_side),
            "curves": curves(tile.picture, tile.cell.is_film),
        }
        | _film(tile.cell, study)
    )


def _film(cell: Cell, study: Study) -> dict[str, Any]:
    """Where a film lies beside the page, and the size of its frames; nothing of a run without one."""
    path, size = cell.folder / FILM, cell.record.get("size")
    if not (
        cell.is_film and path.exists() and isinstance(size, list) and len(size) == 2 and all(map(_is_number, size))
    ):
        return {}
    return {"film": _link(path, study), "frame_size": size}


def _partials(picture: CellPicture, side: int) -> list[tuple[float, str]]:
    read = [(partial.percent, read_picture(partial.path)) for partial in partials_of(picture)]
    return [(percent, data_uri(image, side)) for percent, image in read if image is not None]


# Pictures


def _side(count: int) -> int:
    """The longest side of a preview where there are so many of them."""
    return max(LEAST_SIDE, min(PREVIEW_SIDE, int(math.sqrt(PREVIEW_PIXELS / max(1, count)))))


def _is_exact(picture: Image.Image) -> bool:
    return picture.width * picture.height <= EXACT_PIXELS


def data_uri(picture: Image.Image, side: int) -> str:
    """The picture as an address that holds it: a small one without loss, another reduced to `side` pixels, WebP."""
    packed = io.BytesIO()
    if _is_exact(picture):
        picture.save(packed, "WEBP", lossless=True, quality=50, method=2, exact=True)
    else:
        picture = picture.copy()
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        picture.save(packed, "WEBP", quality=82, method=2)
    return f"data:image/webp;base64,{base64.b64encode(packed.getvalue()).decode()}"


# Curves


def curves(picture: CellPicture, film: bool = False) -> dict[str, list[float | None]]:
    """What steps.jsonl says of this picture, by name: the percent of the run, loss, its parts, size of the gradient.

    Of a film, what frames.jsonl says of its frames: the number of the frame, and each metric that is a number. Lists of
    one length, CURVE_POINTS at most; {} where there is nothing. Lines that cannot be read are passed over.
    """
    lines = list(_lines(picture, FRAMES_FILE, _frame) if film else _lines(picture, "steps.jsonl", _step))
    if len(lines) > CURVE_POINTS:
        lines = [lines[round(place * (len(lines) - 1) / (CURVE_POINTS - 1))] for place in range(CURVE_POINTS)]
    names = list(dict.fromkeys(name for line in lines for name in line))
    found: dict[str, list[float | None]] = defaultdict(list)
    for line in lines:
        for name in names:
            found[name].append(line.get(name))
    return dict(found)


def _lines(
    picture: CellPicture, file: str, read: Callable[[str, int], dict[str, float | None]]
) -> Iterable[dict[str, float | None]]:
    """The numbers in each line of a file beside the picture. read: those of a line for the picture of a number."""
    try:
        with open(picture.path.parent / file, encoding="utf-8", errors="replace") as lines:
            for text in lines:
                line = read(text, picture.number)
                if line:
                    yield line
    except OSError:  # a run need not have left any
        return


def _step(text: str, number: int) -> dict[str, float | None]:
    """One line's numbers for one picture; {} where it has none."""
    try:
        line = json.loads(text)
        place = line["pictures"].index(number)
        losses = {str(name): _rounded(values[place]) for name, values in line["losses"].items()}
        total = [loss for loss in losses.values() if loss is not None]
        found = {"percent": _rounded(100 * line["share"]), "loss": _rounded(sum(total)) if total else None}
        return found | losses | {"gradient_rms": _rounded(line["gradient_rms"][place])}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}


def _frame(text: str, number: int) -> dict[str, float | None]:
    """One frame's numbers; {} where it has none."""
    try:
        line = json.loads(text)
        found = {str(name): _rounded(value) for name, value in line["metrics"].items() if not isinstance(value, str)}
        return {"frame": _rounded(line["frame"])} | found if found else {}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}


def _rounded(value: Any) -> float | None:
    return float(f"{value:.4g}") if _is_number(value) else None

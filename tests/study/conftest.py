"""Studies made to order: run folders as the engine leaves them, drawn instead of rendered."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disco.settings.config import load, specs, to_dict
from disco.settings.overrides import from_python
from disco.study.read import read_study
from disco.study.results import Study


def pixels(seed: int, side: int = 64) -> np.ndarray:
    """A picture [side, side, 3] that no other seed has: a colourful wave and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = [np.sin(2 * math.pi * (rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + rng.random())) for _ in "rgb"]
    noise = rng.normal(0, 4, (side, side, 3))
    return (127 + 110 * np.stack(waves, axis=2) + noise).clip(0, 255).astype(np.uint8)


def steps(seed: int, count: int = 12) -> Iterator[dict[str, Any]]:
    """Lines of steps.jsonl."""
    for number in range(count):
        clip, tv = 4000 * math.exp(-number / 6) + 10 * seed, 3.0 * number
        yield {
            "pictures": [0],
            "number": number,
            "share": number / count,
            "losses": {"clip/embedded_vit": [clip], "tv": [tv]},
            "loss": clip + tv,
            "gradient_rms": [0.5 + 0.01 * number],
            "skipped": [False],
            "finite": [True],
            "seconds": 0.05,
        }


def metrics_of(values: Sequence[Any], seed: int) -> dict[str, float | str | None]:
    """Measured numbers, made up: they depend on the cell and, a little, on the seed."""
    total = sum(value for value in values if isinstance(value, int | float))
    return {
        "detail": 1 + total * (1 + 0.02 * seed) + 0.1 * (seed * 7 % 5),
        "saturation": 0.5 - 0.01 * seed,
        "recognised": "star",
    }


@cache
def usual() -> str:
    return json.dumps(to_dict(load(from_python({"prompt": "a red star over the sea"}))))


def tree_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The usual settings as a run.json has them, but for these, by bare or full name."""
    tree = json.loads(usual())
    for name, value in settings.items():
        spec = specs()[name.rpartition(".")[2]]
        (tree[spec.group] if spec.group else tree)[spec.name] = value
    return tree


def draw_run(
    folder: Path,
    settings: Mapping[str, Any],
    *,
    values: Sequence[Any] = (),
    status: str = "finished",
    error: str | None = None,
    pictures: int = 1,
    side: int = 64,
    partials: Sequence[int] = (25, 50),
    picture_of: Callable[[int], np.ndarray] | None = None,
) -> Path:
    """A run folder with drawn pictures; settings: by any name that disco takes."""
    tree = tree_of(settings)
    folder.mkdir(parents=True)
    seeds = [tree["seed"] + number for number in range(max(1, pictures))]
    record = {"version": "0", "settings": tree, "size": [side, side], "seeds": seeds, "weights": {}, "status": status}
    if error is not None:
        record["error"] = error
    if status != "running":
        record["seconds"] = 2.5
        record["metrics"] = [metrics_of(values, seed) for seed in seeds[:pictures]]
    for number in range(pictures):
        look = abs(hash((str(folder.name), number))) if picture_of is None else number
        picture = (picture_of or (lambda look: pixels(look, side)))(look)
        Image.fromarray(picture).save(folder / f"image_{number}.png")
        for percent in partials:
            (folder / "partials").mkdir(exist_ok=True)
            half = Image.fromarray((picture * (percent / 100)).astype(np.uint8))
            half.save(folder / "partials" / f"image_{number}_at_{percent:03d}.png")
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in steps(tree["seed"])))
    return folder


def draw_study(
    folder: Path,
    axes: Mapping[str, Sequence[Any]],
    *,
    special: Mapping[tuple[Any, ...], tuple[str, str | None]] | None = None,
    description: str = "",
    name: str = "a study",
    side: int = 64,
    partials: Sequence[int] = (25, 50),
    held: Mapping[str, Any] | None = None,
) -> Study:
    """A declared study, a drawn run a cell. special: (status, error) of single cells, by their values."""
    cells = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, values in enumerate(product(*axes.values())):
        key = f"{number:012x}"
        status, error = (special or {}).get(values, ("finished", None))
        if status != "missing":
            draw_run(
                folder / key,
                {**(held or {}), **dict(zip(axes, values, strict=True))},
                values=values[: len(values) - ("seed" in axes)],
                status=status,
                error=error,
                pictures=1 if status in ("finished", "interrupted") else 0,
                side=side,
                partials=partials if status != "failed" else (),
                picture_of=lambda _, number=number: pixels(number, side),
            )
        cells.append({"key": key, "folder": key, "values": list(values), "overrides": []})
    text = {
        "version": "0",
        "name": name,
        "description": description,
        "command": ["-m", "a red star over the sea", *(f"{axis}=..." for axis in axes)],
        "started": "2026-01-01T00:00:00",
        "axes": [{"setting": axis, "values": list(values)} for axis, values in axes.items()],
        "cells": cells,
    }
    (folder / "study.json").write_text(json.dumps(text))
    return read_study(folder)


@pytest.fixture(scope="session")
def study_of() -> Callable[..., Study]:
    return draw_study


@pytest.fixture(scope="session")
def run_of() -> Callable[..., Path]:
    return draw_run

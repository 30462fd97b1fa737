"""What a study measured, as tables of units: a row a prompt, a column a seed, the same in every cell.

A selector is a mapping from axes to values, {"clamp_max": 0.1}: the mean over the cells that have them is taken, so an
axis that is not named is averaged over. Axes go by their bare names.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from disco.claims.work import work_of
from disco.critics import metrics
from disco.errors import SettingsError
from disco.planning.images import open_image
from disco.planning.prompts import split_weight
from disco.run.folder.reading import RUN_RECORD, read_record
from disco.study.identity import identity
from disco.study.results import Cell, CellPicture, Study

Array = np.ndarray
Selector = Mapping[str, Any]

#: The axes that make units, and are never selected by.
PROMPT, SEED = ("prompt", "prompts"), "seed"
#: Counted, so that it has no error.
WORK = "work"
#: Told of a whole run instead of a picture.
OF_RUNS = ("seconds", "memory", WORK)
#: How far a picture is from its run's init; and the judge's likeness to what its prompt is to be without.
INIT_DISTANCE, NEGATED = "init_distance", "negated"
#: Told of the left half of a picture, where an init may be flat.
LEFT = "left_"


@dataclass
class Units:
    """The finished pictures of a study.

    variants: names of the ways in which every prompt is given, where the axis of prompts holds several of each, one
    after the other; a selector names one as {"variant": "negative"}. () for one.
    """

    study: Study
    variants: Sequence[str] = ()
    _images: dict[Path, Image.Image] = field(default_factory=dict)
    _spreads: dict[str, float] = field(default_factory=dict)

    @cached_property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The values of each axis by its bare name, seeds and prompts left out."""
        found = {bare(axis.setting): axis.values for axis in self.study.axes}
        return {name: values for name, values in found.items() if name not in PROMPT and name != SEED}

    @cached_property
    def prompts(self) -> list[list[str]]:
        """What identifies the prompts: a list for each, with one for each variant."""
        values = next((axis.values for axis in self.study.axes if bare(axis.setting) in PROMPT), ("",))
        size = max(len(self.variants), 1)
        return [[identity(value) for value in values[first : first + size]] for first in range(0, len(values), size)]

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds of which every cell has a picture."""
        cells = [{int(each.seed) for _, each in of if each.seed is not None} for of in self._by_cell.values()]
        return sorted(set.intersection(*cells)) if cells else []

    @cached_property
    def _by_cell(self) -> dict[tuple[str, ...], list[tuple[Cell, CellPicture]]]:
        """The pictures of every combination of values and prompt."""
        found: dict[tuple[str, ...], list[tuple[Cell, CellPicture]]] = {}
        for cell in self.study.cells:
            where = {bare(axis.setting): identity(value) for axis, value in self._valued(cell)}
            prompt = next((where[name] for name in PROMPT if name in where), identity(""))
            own = (*(where[name] for name in self.axes), prompt)
            found.setdefault(own, []).extend((cell, picture) for picture in cell.pictures if cell.status == "finished")
        return found

    def _valued(self, cell: Cell) -> Iterator[tuple[Any, Any]]:
        return zip(self.study.axes, cell.values, strict=True)

    def table(self, where: Selector, value: Any) -> Array:
        """float64 [prompts, seeds]: the mean of `value(cell, picture)` over the cells that a selector means.

        Raises SettingsError for a selector of an axis or value that the study has not, and where a picture is missing
        or has no such value.
        """
        chosen = list(self._chosen(where))
        rows = []
        for prompt in self.prompts:
            given = prompt[self._variant(where)]
            parts = [self._row((*values, given), value) for values in chosen]
            rows.append(np.mean(parts, axis=0))
        return np.array(rows, np.float64)

    def _variant(self, where: Selector) -> int:
        name = where.get("variant")
        if not self.variants:
            return 0
        if name not in self.variants:
            raise SettingsError(f"variant is {name!r}, but must be one of {', '.join(self.variants)}")
        return list(self.variants).index(str(name))

    def _chosen(self, where: Selector) -> Iterator[tuple[str, ...]]:
        """The values of the cells that a selector means."""
        for name in where:
            if name != "variant" and name not in self.axes:
                raise SettingsError(f"the study has no axis {name!r}; it has {', '.join(self.axes) or 'none'}")
        wanted = []
        for name, values in self.axes.items():
            own = [identity(value) for value in values]
            if name in where:
                if identity(where[name]) not in own:
                    raise SettingsError(f"{name} has no value {where[name]!r}; it has {', '.join(map(str, values))}")
                own = [identity(where[name])]
            wanted.append(own)
        yield from itertools.product(*wanted)

    def _row(self, key: tuple[str, ...], value: Any) -> list[float]:
        """One cell's values, by seed."""
        found = {picture.seed: (cell, picture) for cell, picture in self._by_cell.get(key, ())}
        row = []
        for seed in self.seeds:
            if seed not in found:
                raise SettingsError(f"the cell {', '.join(key)} has no picture of seed {seed}; render it")
            row.append(value(*found[seed]))
        if not row:
            raise SettingsError(f"the cell {', '.join(key)} has no finished picture; render it")
        return row

    # Metrics

    def metric(self, name: str, where: Selector) -> Array:
        """A metric's table.

        name: as in results.csv; seconds (of the steps after the first); memory; work (`disco.claims.work.work_of`);
        init_distance; negated; and left_ before one of a single picture, for its left half.
        """
        return self.table(where, lambda cell, picture: self._metric(name, cell, picture))

    def _metric(self, name: str, cell: Cell, picture: CellPicture) -> float:
        if name == "seconds":
            return _step_seconds(cell.folder)
        if name == WORK:
            return work_of(read_record(cell.folder / RUN_RECORD)["settings"])
        found: Any = cell.memory if name == "memory" else picture.metrics.get(name)
        if name == INIT_DISTANCE:
            found = self._init_distance(cell, picture)
        if name == NEGATED:
            found = self._negated(cell, picture)
        if name.startswith(LEFT):
            image = self._image(picture)
            left = metrics.pixels(image.crop((0, 0, image.width // 2, image.height)))
            found = metrics.METRICS[name.removeprefix(LEFT)](left)
        if not isinstance(found, int | float):
            raise SettingsError(f"{cell.key} has no {name}; give it in metrics, or name a metric that pictures have")
        return float(found)

    def _init_distance(self, cell: Cell, picture: CellPicture) -> float:
        """How far a picture is from the init of its run."""
        given = cell.settings.get("init.init_image")
        if not isinstance(given, str):
            raise SettingsError(f"{cell.key} has no init_image, from which it could be apart")
        image = self._image(picture)
        init = open_image(Path(given), "init_image").convert("RGB").resize(image.size, Image.Resampling.LANCZOS)
        return _distance(init, image)

    def _negated(self, cell: Cell, picture: CellPicture) -> float:
        """The judge's likeness of a picture to what its prompt is told to be without, in whichever variant it is."""
        given = next(value for axis, value in self._valued(cell) if bare(axis.setting) in PROMPT)
        group = next(group for group in self.prompts if identity(given) in group)
        texts = [split_weight(text) for variant in group for text in json.loads(variant)]
        without = [text for text, weight in texts if weight < 0]
        if not without:
            raise SettingsError(f"no variant of {given!r} has a negative weight")
        from disco.critics.judge import load_judge

        judge = load_judge()
        seen = judge.seen(np.asarray(self._image(picture))[None])
        return float((judge.texts(without) @ seen[0]).mean())

    def difference(self, name: str, one: Selector, other: Selector) -> Array:
        """How much greater a metric is in some cells than in others, prompt by prompt and seed by seed."""
        return self.metric(name, one) - self.metric(name, other)

    def spread(self, name: str) -> float:
        """The standard deviation of a metric between pictures of one cell, by prompt and seed: the mean over cells.

        What effects are held against; 0 where all pictures are alike.
        """
        if name not in self._spreads:
            self._spreads[name] = self._spread(name)
        return self._spreads[name]

    def _spread(self, name: str) -> float:
        tables = [self.metric(name, dict(zip(self.axes, own, strict=True)) | variant) for own, variant in self._cells()]
        return float(np.sqrt(np.mean([table.var(ddof=1) if table.size > 1 else 0.0 for table in tables])))

    def _cells(self) -> Iterator[tuple[tuple[Any, ...], dict[str, str]]]:
        for own in itertools.product(*self.axes.values()):
            for variant in self.variants or (None,):
                yield own, {} if variant is None else {"variant": variant}

    # Pictures held against one another

    def distance(self, one: Selector, other: Selector) -> Array:
        """How far the pictures of two cells are from one another, prompt by prompt and seed by seed."""
        return self._pairs(one, other, lambda seeds: seeds)

    def between_seeds(self, where: Selector) -> Array:
        """How far a cell's pictures are from those of the next seed, the last from the first."""
        return self._pairs(where, where, lambda seeds: [*seeds[1:], seeds[0]])

    def between_prompts(self, where: Selector) -> tuple[Array, Array]:
        """How far two prompts' pictures are apart: those of the same seed, and of the next seed.

        A row a pair of prompts, the first with the second, the third with the fourth and so on.
        """
        pictures = self._pictures(where)
        pairs = list(zip(pictures[::2], pictures[1::2], strict=False))
        same = [[self._apart(x, y) for x, y in zip(a, b, strict=True)] for a, b in pairs]
        moved = [[self._apart(x, y) for x, y in zip(a, [*b[1:], b[0]], strict=True)] for a, b in pairs]
        return np.array(same, np.float64), np.array(moved, np.float64)

    def _apart(self, x: CellPicture, y: CellPicture) -> float:
        return _distance(self._image(x), self._image(y))

    def _pairs(self, one: Selector, other: Selector, moved: Any) -> Array:
        first, second = self._pictures(one), self._pictures(other)
        found = []
        for a, b in zip(first, second, strict=True):
            found.append([self._apart(x, y) for x, y in zip(a, moved(b), strict=True)])
        return np.array(found, np.float64)

    def _pictures(self, where: Selector) -> list[list[CellPicture]]:
        """The pictures of a single cell of each prompt."""
        chosen = list(self._chosen(where))
        if len(chosen) > 1:
            raise SettingsError(f"{dict(where)} means {len(chosen)} cells, but only one can be compared; name all axes")
        (own,) = chosen
        found = []
        for prompt in self.prompts:
            key = (*own, prompt[self._variant(where)])
            by_seed = {picture.seed: picture for _, picture in self._by_cell.get(key, ())}
            found.append([by_seed[seed] for seed in self.seeds])
        return found

    def same_bits(self, one: Selector, other: Selector) -> tuple[int, int]:
        """How many pictures of two cells are the same, pixel by pixel, and of how many."""
        pairs = [
            (x, y)
            for a, b in zip(self._pictures(one), self._pictures(other), strict=True)
            for x, y in zip(a, b, strict=True)
        ]
        return sum(np.array_equal(np.asarray(self._image(x)), np.asarray(self._image(y))) for x, y in pairs), len(pairs)

    def _image(self, picture: CellPicture) -> Image.Image:
        if picture.path not in self._images:
            self._images[picture.path] = open_image(picture.path, "picture").convert("RGB")
        return self._images[picture.path]


def bare(setting: str) -> str:
    return setting.rpartition(".")[2]


def _distance(one: Image.Image, other: Image.Image) -> float:
    found = metrics.distance(one, other)
    if found is None:
        raise SettingsError("pictures of different sizes, or below 16 pixels, have no distance")
    return found


def _step_seconds(folder: Path) -> float:
    """Seconds of a run's steps, the first left out, in which networks warm up."""
    try:
        lines = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
        return float(sum(line["seconds"] for line in lines[1:]))
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"{str(folder / 'steps.jsonl')!r} cannot be read: {error}") from error

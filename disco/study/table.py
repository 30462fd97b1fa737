"""The table of a study: results.csv."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

from disco.run.folder.files import replace_file
from disco.study.ranking import in_rank
from disco.study.results import RESULTS_FILE, Cell, Study, Value


def write_results(study: Study) -> Path:
    """Write results.csv into the study's folder, a row a picture, and return its path.

    Columns: cell, folder (seen from the study's), status, error, picture (its number), seed (the picture's own, whether
    or not seed is an axis), every other axis by its full name, expanded_prompt (what was drawn from the prompts for the
    picture, where anything was), every metric, seconds and memory (of the whole run;
    bytes). A cell without a picture has a row with neither number nor metrics. UTF-8, RFC 4180; texts stand as they
    are, None is empty, switches are true and false, lists and mappings are JSON. The rows of a ranked study are in the
    order of its rank.
    """
    axes = [(place, axis.setting) for place, axis in enumerate(study.axes) if axis.setting != "seed"]
    metrics = list(dict.fromkeys(name for cell in study.cells for picture in cell.pictures for name in picture.metrics))
    text = io.StringIO(newline="")
    table = csv.writer(text)
    drawn = ["expanded_prompt"] if any(cell.settings.get("expanded_prompts") for cell in study.cells) else []
    head = ["cell", "folder", "status", "error", "picture", "seed", *(name for _, name in axes), *drawn, *metrics]
    table.writerow([*head, "seconds", "memory"])
    pairs = [(cell, picture) for cell in study.cells for picture in cell.pictures or (None,)]
    for cell, picture in in_rank(pairs, study.purpose.rank, lambda pair: pair[1]):
        place = Path(os.path.relpath(cell.folder, study.folder)).as_posix()
        values = [cell.values[index] for index, _ in axes]
        number, seed = (None, cell.settings.get("seed")) if picture is None else (picture.number, picture.seed)
        numbers = [None if picture is None else picture.metrics.get(name) for name in metrics]
        texts = [_drawn(cell, number) for _ in drawn]
        row = [cell.key, place, cell.status, cell.error, number, seed, *values, *texts, *numbers]
        table.writerow(map(in_csv, [*row, cell.seconds, cell.memory]))
    path = study.folder / RESULTS_FILE
    replace_file(path, text.getvalue().encode("utf-8", "backslashreplace"))
    return path


def _drawn(cell: Cell, number: int | None) -> Value:
    """What was drawn from the prompts for a picture of the cell."""
    drawn = cell.settings.get("expanded_prompts")
    if not isinstance(drawn, list) or not drawn or (len(drawn) > 1 and number is None):
        return None
    return drawn[number if number is not None and number < len(drawn) else 0]


def in_csv(value: Value) -> str:
    """A value as a field of results.csv has it, before quoting."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)

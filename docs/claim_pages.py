"""Writes the page of every claim from what `disco claims` rendered: the verdict, a grid of pictures, a plot.

python docs/claim_pages.py runs/claims [NUMBER ...]

Reads claims.json there, and the studies that it names. The pages, NN_slug.md, lie in docs/claims/ with their pictures.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).with_name("claims")

#: How many values of an axis a grid and a plot show, spread over all, and how many lines a panel has.
COLUMNS, ROWS, LINES = 7, 4, 6
QUALITY = 85


def write_pages(
    folder: Path, out: Path, numbers: Sequence[int] = (), read: Callable[[Path], Any] | None = None
) -> list[Path]:
    """Write the page of every claim of a folder that has a verdict, or of these; the pages' paths.

    read: a study's folder -> the study, measured; `disco.study.measure.complete` where nothing is given.
    """
    from disco.claims.claim import claims
    from disco.study.measure import complete

    read = read or complete
    record = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    known, pages = claims(), []
    for told in record["claims"]:
        if told["verdict"] == "missing" or (numbers and told["number"] not in numbers):
            continue
        claim, pictures = known[told["number"]], dict[str, str]()
        if told["folder"]:
            study = read(Path(told["folder"]))
            pictures["grid"] = write_grid(study, claim, out / f"{claim.slug}.jpg").name
            if panels_of(claim):
                pictures["plot"] = write_plot(study, claim, out / f"{claim.slug}.png").name
        page = out / f"{claim.slug}.md"
        page.write_text(page_of(claim, told, record, pictures), encoding="utf-8")
        pages.append(page)
    return pages


def page_of(claim: Any, told: Mapping[str, Any], record: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The text of a page. told: the claim in the record."""
    from disco.claims.evaluate import Answer
    from disco.claims.table import table_of

    lines = [f"# {claim.number}. {claim.says.rstrip('.')}", ""]
    lines += [f"**{told['verdict'].capitalize()}**. {claim.means}", ""]
    if "plot" in pictures:
        lines += [f"![{claim.says}]({pictures['plot']})", ""]
    if "grid" in pictures:
        lines += [f"![pictures of the study]({pictures['grid']})", ""]
    lines += table_of(Answer(**answer) for answer in told["answers"])
    paired = next((each for each in told["answers"] if each.get("prompts")), None)
    made = f"{told['pictures']} pictures" if told["pictures"] else "No picture was needed"
    if paired:
        made += f", {paired['prompts']} prompts by {paired['seeds']} seeds"
    lines += [
        "",
        f"{made}. Claimed in: {claim.source}. Rule {record['rule']}, disco {record['version']}. Again: "
        f"`disco claims {claim.number}`; with the published models `disco claims {claim.number} preset=disco57`.",
    ]
    return "\n".join(lines) + "\n"


# What varies


def panels_of(claim: Any) -> list[str]:
    """The metrics that the predictions are about, once each."""
    return list(dict.fromkeys(each.metric for each in claim.predictions if getattr(each, "metric", "")))


def across(claim: Any, axes: Mapping[str, Sequence[Any]]) -> str | None:
    """The axis that goes from left to right: the one that a prediction runs along, or the longest; None without any."""
    over = [each.over for each in claim.predictions if getattr(each, "over", "") in axes]
    return over[0] if over else max(axes, key=lambda name: len(axes[name]), default=None)


def spread(values: Sequence[Any], most: int) -> list[Any]:
    """So many of the values at most, from the first to the last."""
    places = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[place] for place in places]


# Pictures


def write_grid(study: Any, claim: Any, path: Path) -> Path:
    """A grid of a study with one seed: the axis of `across` by the next one, or by some prompts."""
    from PIL import Image

    from disco.claims.units import PROMPT, SEED, Units, bare
    from disco.study.grid import write_grid as write
    from disco.study.identity import identity

    axes, x = Units(study, claim.variants).axes, across(claim, Units(study, claim.variants).axes)
    rest = [name for name in axes if name != x]
    most = {name: 1 for name in rest} | ({x: COLUMNS} if x else {}) | ({rest[0]: ROWS} if rest else {})
    prompts = max(1, len(claim.variants)) if rest else 3 * max(1, len(claim.variants))
    kept = []
    for axis in study.axes:
        name = bare(axis.setting)
        count = 1 if name == SEED else prompts if name in PROMPT else most[name]
        values = list(axis.values[:count]) if name in (SEED, *PROMPT) else spread(axis.values, count)
        kept.append(replace(axis, values=tuple(values)))
    allowed = [{identity(value) for value in axis.values} for axis in kept]
    cells = [
        cell
        for cell in study.cells
        if all(identity(value) in some for value, some in zip(cell.values, allowed, strict=True))
    ]
    # The columns come last; what has one value is told at the top.
    places = [place for place, axis in enumerate(kept) if len(axis.values) > 1]
    places.sort(key=lambda place: bare(kept[place].setting) == x)
    few = replace(
        study,
        name=f"{claim.number}. {claim.says}",
        description="",
        held=study.held | {axis.setting: axis.values[0] for axis in kept if len(axis.values) == 1},
        axes=tuple(kept[place] for place in places),
        cells=tuple(replace(cell, values=tuple(cell.values[place] for place in places)) for cell in cells),
    )
    made = write(few, f".{path.stem}.png")
    with Image.open(made) as sheet:
        sheet.convert("RGB").save(path, quality=QUALITY)
    made.unlink()
    return path


def write_plot(study: Any, claim: Any, path: Path) -> Path:
    """A panel a metric: its mean along the axis of `across`, a line a value of the other axes, with 95 % intervals."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    from disco.claims.units import Units

    units, metrics = Units(study, claim.variants), panels_of(claim)
    x = across(claim, units.axes)
    figure, panels = pyplot.subplots(
        1, len(metrics), figsize=(4.2 * len(metrics), 3.2), squeeze=False, layout="constrained"
    )
    for metric, panel in zip(metrics, panels[0], strict=True):
        values = list(units.axes[x]) if x else [None]
        for name, means, lows, highs in curves(units, metric, x, claim.variants):
            errors = [np.subtract(means, lows), np.subtract(highs, means)]
            panel.errorbar(range(len(values)), means, errors, marker="o", markersize=3, capsize=2, label=name or None)
        panel.set_xticks(range(len(values)), [_short(value) for value in values], rotation=30, ha="right")
        panel.set_xlabel(x or "")
        panel.set_title(metric)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize="x-small")
    figure.savefig(path, dpi=90, metadata={"Software": ""})
    pyplot.close(figure)
    return path


def curves(
    units: Any, metric: str, x: str | None, variants: Sequence[str]
) -> Iterator[tuple[str, list[float], list[float], list[float]]]:
    """The lines of a panel: what holds along each, and means and ends of intervals over the values of x."""
    from disco.claims.statistics import bootstrap

    rest = {name: values for name, values in units.axes.items() if name != x}
    if variants:
        rest["variant"] = tuple(variants)
    for own in spread(list(itertools.product(*rest.values())), LINES):
        where = dict(zip(rest, own, strict=True))
        means, lows, highs = [], [], []
        for value in units.axes[x] if x else [None]:
            table = units.metric(metric, where | ({x: value} if x else {}))
            low, high = bootstrap(table, np.random.default_rng(0))
            means.append(float(table.mean()))
            lows.append(min(low, means[-1]))
            highs.append(max(high, means[-1]))
        yield ", ".join(f"{name} {_short(value)}" for name, value in where.items()), means, lows, highs


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 22 else f"{text[:20]}…"


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    for written in write_pages(Path(sys.argv[1]), FOLDER, [int(word) for word in sys.argv[2:]]):
        print(written)

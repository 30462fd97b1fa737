"""disco promote FOLDER SEED ... [name=value ...] [--dry-run]: render chosen drafts of a scan in full.

FOLDER is that of the scan; seeds are numbers and ranges of them, such as 3 17 or 0-5. The full pictures start from the
noise of their drafts, at its level, and have the steps that the scan's settings say, or those given: with steps=250,
counts of skipped steps are scaled along. They go into FOLDER/promoted (promoted-2 and so on for other settings), as a
study with its table and page, where draft and picture stand side by side, as they do in pairs.png.

The same command goes on with what was interrupted; other seeds, given later, join what is there.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from disco.cli.line import read_line
from disco.errors import SettingsError
from disco.settings.overrides import ASSIGNMENT, anew, from_arguments, is_sweep, quoted
from disco.settings.paths import check_working_directory, expanded

if TYPE_CHECKING:
    from disco.cli.line import Line
    from disco.study.declare import Sweep
    from disco.study.results import Study

USAGE = "disco promote FOLDER SEED ... [name=value ...], the folder that of a scan"


def run(words: list[str]) -> int:
    """Render the pictures and print where table and page are. Raises SettingsError for what is no draft."""
    check_working_directory()
    line = read_line(words)
    if not line.words or line.multirun or line.shows or line.texts or line.from_file:
        raise SettingsError(f"promote takes the folder of a scan, and seeds of its drafts: {USAGE}")
    from disco.cli.render import render_study, say
    from disco.run.again import overrides_again
    from disco.settings.config import compose
    from disco.study.declare import check_one_axis
    from disco.study.drafts import check_seeds
    from disco.study.pairs import place_for
    from disco.study.read import read_study
    from disco.study.results import Purpose

    scan = read_study(line.words[0])
    if not scan.purpose.full:
        raise SettingsError(f"{line.words[0]!r} holds no scan, whose drafts could be promoted; disco scan makes one")
    seeds, given = _seeds_and_settings(line)
    check_seeds(seeds, [value for axis in scan.axes if axis.setting == "seed" for value in axis.values])
    record = _record_of(scan)
    # What was drawn from the prompts was for the seed of that draft; every seed draws its own again.
    changed = {**scan.purpose.full, **_scaled(record, scan, given), "expanded_prompts": None}

    def read(clip_models: Sequence[str]) -> list[str]:
        return from_arguments(given, clip_models=clip_models)

    overrides = overrides_again(
        record, given, read, verb="promote", say=say, changed=changed, config_name=line.config_name
    )
    for override in overrides:
        if is_sweep(override):
            raise SettingsError(f"{override} holds several values, but every seed is promoted once; give one")
    overrides = [override for override in overrides if not override.startswith("seed=")]
    folder = expanded(line.words[0]).absolute()
    place = quoted(str(folder), "folder")[:-1] + '/${hydra.job.name}"'  # within its quotes
    plain = [*overrides, f"hydra.sweep.dir={place}", "hydra.sweeper.name=promoted", *line.searchpath]
    config = compose(plain, config_name=line.config_name)

    def beside_the_scan(sweep: Sweep) -> Sweep:
        check_one_axis(sweep, "every seed is promoted once")
        digits = sweep.folder.name.rpartition("-")[2]  # see disco.study.declare.folder_of
        return dataclasses.replace(sweep, folder=place_for(folder, digits), purpose=Purpose(promoted=digits))

    axis = f"seed=choice({','.join(map(str, seeds))})"
    return render_study(config, [*plain, axis], line, ["disco", "promote", *words], beside_the_scan)


def _seeds_and_settings(line: Line) -> tuple[list[int], list[str]]:
    """The seeds, each once, and the words that give settings."""
    from disco.study.drafts import SEEDS, seeds_of

    seeds, given = [], []
    for word in line.words[1:]:
        if SEEDS.fullmatch(word):
            seeds += seeds_of(word)
        elif not ASSIGNMENT.fullmatch(word):
            raise SettingsError(f"promote does not know {word!r}: {USAGE}")
        elif word.startswith("seed"):
            raise SettingsError(f"{word} is given, but promote takes its seeds bare: {USAGE}")
        else:
            given.append(word)
    if not seeds:
        raise SettingsError(f"promote needs seeds of drafts: {USAGE}")
    return list(dict.fromkeys(seeds)), given


def _record_of(scan: Study) -> str:
    """The record of any draft; all have the same settings but for the seed."""
    for cell in scan.cells:
        if cell.record:
            return str(cell.folder / "run.json")
    raise SettingsError(f"{str(scan.folder)!r} has no draft yet; give the command of the scan again")


def _scaled(record: str, scan: Study, given: list[str]) -> dict[str, Any]:
    """What goes along with another number of steps, of the full run's settings; by full name."""
    from disco.run.folder.reading import read_settings
    from disco.settings.config import by_path, from_dict
    from disco.study.drafts import scaled

    counts = [match[1] for word in given if (match := re.fullmatch(r"(?:sampler\.)?steps=(\d{1,9})", word, re.ASCII))]
    if not counts or not int(counts[-1]):
        return {}
    full = by_path(from_dict(read_settings(record))) | dict(scan.purpose.full)
    return scaled(anew(full), int(counts[-1]))

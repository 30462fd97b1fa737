"""disco claims [NUMBER ...] [--size smoke|small|full] [--no-render] [name=value ...]: test what is claimed of settings.

Each claim has a study (conf/study/claims), which is rendered, or gone on with, as any other is. Then every claim gets
its verdict: supported, refuted, mixed or underpowered, with effect sizes and intervals. The table is printed, and
written into runs/claims with the record that it is made of.

Without numbers all claims are tested. small takes 8 prompts with 4 seeds, full 16 with 8, smoke 2 with 2, which decides
next to nothing. --no-render makes the table of the pictures that are there; --dry-run says what would be rendered.
Settings, preset=disco57 among them, hold for every study; folder= names another place than runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.cli.line import read_line
from disco.errors import SettingsError
from disco.settings.names import name_in
from disco.settings.overrides import ASSIGNMENT, quoted
from disco.settings.paths import check_working_directory, expanded

if TYPE_CHECKING:
    from disco.claims.claim import Claim
    from disco.study.declare import Sweep
    from disco.study.results import Study

USAGE = "disco claims [NUMBER ...] [--size smoke|small|full] [--no-render] [--dry-run] [name=value ...]"

FOLDER, NAME = "runs", "claims"


def run(words: list[str]) -> int:
    """Render what the claims need and print the table. Raises SettingsError for what there is no claim of."""
    check_working_directory()
    numbers, size, renders, rest = _read(words)
    from disco.claims.claim import claims
    from disco.claims.evaluate import evaluate
    from disco.claims.table import in_lines, write_table

    known = claims()
    for number in numbers:
        if number not in known:
            raise SettingsError(f"there is no claim {number}; there are {min(known)} to {max(known)}")
    chosen = [known[number] for number in numbers or known]
    given = [word for word in rest if ASSIGNMENT.fullmatch(word)]
    folder = next((word.partition("=")[2] for word in given if name_in(word) == "folder"), FOLDER)
    dry, failed, studies = "--dry-run" in rest, 0, dict[int, Any]()
    for claim in chosen:
        if claim.is_computed:
            continue
        found: list[Sweep] = []
        words_of = [f"study=claims/{claim.slug}", f"batch_name={NAME}", *_units_of(claim, size), *rest]
        failed |= _render(claim, words_of, found, renders)
        if not dry and (study := _measured(found)) is not None:
            studies[claim.number] = study
    if dry:
        return failed
    outcomes = evaluate(chosen, studies)
    page = write_table(outcomes, (expanded(folder) / NAME).absolute())
    print(in_lines(outcomes))
    print(page)
    return failed


def _read(words: Sequence[str]) -> tuple[list[int], str, bool, list[str]]:
    """The numbers, the size, whether to render, and the words that are a study's."""
    from disco.claims.claim import SIZES

    numbers, rest, size, renders = list[int](), list[str](), "small", True
    given = iter(words)
    for word in given:
        if word == "--no-render":
            renders = False
        elif word.partition("=")[0] == "--size":
            size = word.partition("=")[2] or next(given, "")
            if size not in SIZES:
                raise SettingsError(f"--size is {size!r}, but must be one of {', '.join(SIZES)}: {USAGE}")
        elif word.isdecimal():
            numbers.append(int(word))
        elif ASSIGNMENT.fullmatch(word) or word == "--dry-run":
            rest.append(word)
        else:
            raise SettingsError(f"claims takes numbers of claims, not {word!r}: {USAGE}")
    return list(dict.fromkeys(numbers)), size, renders, rest


def _units_of(claim: Claim, size: str) -> list[str]:
    """What a size takes of the study's prompts and seeds, as words of a command line."""
    from omegaconf import OmegaConf

    from disco.settings.config import compose

    prompts, seeds = claim.sizes[size]
    params: Any = OmegaConf.to_container(compose([f"study=claims/{claim.slug}"]).hydra.sweeper.params)
    name = next(name for name in ("prompt", "prompts") if params.get(name))
    some = params[name][: prompts * max(len(claim.variants), 1)]
    return [
        f"{name}={','.join(quoted(each, name) for each in some)}",
        f"seed={','.join(map(str, range(seeds)))}",
    ]


def _render(claim: Claim, words: Sequence[str], found: list[Sweep], renders: bool) -> int:
    """Render a claim's study, or only declare it; the exit code. found: gets what it is."""
    from disco.cli.render import render_study, typed_in
    from disco.settings.config import compose
    from disco.settings.overrides import is_sweep
    from disco.study.declare import axes_of, declare

    line = read_line(list(words))
    overrides = [*typed_in(line, line.words), *line.searchpath]
    config = compose([each for each in overrides if not is_sweep(each)], config_name=line.config_name)
    if not renders and not line.dry:
        own = axes_of(config, overrides)
        config = compose([each for each in own if not is_sweep(each)], config_name=line.config_name)
        found.append(declare(config, own, line.config_name))
        return 0

    def kept(sweep: Sweep) -> Sweep:
        found.append(sweep)
        return sweep

    print(f"disco: claim {claim.number}: {claim.says}", file=sys.stderr)
    return render_study(config, overrides, line, ["disco", *words], kept)


def _measured(found: Sequence[Sweep]) -> Study | None:
    """The study of a claim with every picture measured, of which only the cells that were asked for count."""
    from dataclasses import replace

    from disco.study.measure import complete

    (sweep,) = found
    if not Path(sweep.folder).is_dir():
        return None
    study = complete(sweep.folder)
    keys = {job.key for job in sweep.jobs}
    cells = tuple(cell for cell in study.cells if cell.key in keys)
    return replace(study, axes=sweep.axes, cells=cells)

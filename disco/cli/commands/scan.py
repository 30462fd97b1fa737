"""disco scan "a prompt" seeds=0-63 [steps=N] [stop_at=40%] [rank=METRIC] [name=value ...] [--dry-run]: look for a seed.

Every seed is rendered as a draft, and all drafts are laid out on one sheet and one page, which can be looked at while
they come in; rank=judge has the best first, and rank=-clipping the smallest. disco promote FOLDER SEED ... then renders
the chosen ones in full.

stop_at=40% stops after two fifths of the steps: the draft is the very beginning of the full run. steps=20 takes 20
steps from noise to picture, where the full run takes as many as the settings say. With both, the full run has so many
steps, and the draft stops on the way. With neither it stops after a quarter.

A scan is a study of the setting seed: the same command goes on with it, and workers render it with
hydra/launcher=joblib.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from disco.cli.line import Line, own_words, read_line
from disco.errors import SettingsError
from disco.settings.names import name_in
from disco.settings.overrides import from_arguments, from_python, is_sweep
from disco.settings.paths import check_working_directory

if TYPE_CHECKING:
    from disco.study.declare import Sweep

USAGE = 'disco scan "a prompt" seeds=0-63 [steps=N] [stop_at=40%] [rank=METRIC] [name=value ...]'

#: What is the scan's own among its words; all others are settings.
OWN = ("seeds", "steps", "stop_at", "rank")


@dataclass(frozen=True)
class Asked:
    """What a scan is asked for. steps, stop_at: see `disco.study.drafts.draft_of`. rank: "" for none."""

    seeds: tuple[int, ...]
    steps: int | None
    stop_at: str | None
    rank: str


def run(words: list[str]) -> int:
    """Render the drafts and print where table and page are. Raises SettingsError for words that make no scan."""
    check_working_directory()
    asked, line = read_words(words)
    from disco.cli.render import render_study
    from disco.planning.plan import build_plan
    from disco.settings.config import compose, with_values, without_hydra
    from disco.settings.names import name_in
    from disco.study.declare import check_one_axis
    from disco.study.drafts import draft_of, full_of
    from disco.study.results import Purpose

    typed = from_arguments(line.words, line.texts)
    _check(typed)
    if asked.steps is not None and asked.stop_at is not None:
        typed.append(f"sampler.steps={asked.steps}")
    one = {"n_batches": 1, "batch_size": 1}  # a picture for each seed
    settings = without_hydra(compose([*typed, *line.searchpath], config_name=line.config_name))
    settings = with_values(settings, {**one, "seed": asked.seeds[0]})
    build_plan(settings)  # refuses films, too
    draft = draft_of(settings, asked.steps, asked.stop_at)
    own = from_python({**draft, **one})
    replaced = {name_in(override) for override in own}
    kept = [override for override in typed if name_in(override) not in replaced]
    seeds = f"seed=choice({','.join(map(str, asked.seeds))})"
    overrides = [*kept, *own, "hydra.sweeper.name=scan", seeds, *line.searchpath]
    purpose = Purpose(full=full_of(draft, settings), rank=asked.rank)

    def as_scan(sweep: Sweep) -> Sweep:
        check_one_axis(sweep, "a scan varies the seed alone")
        return replace(sweep, purpose=purpose)

    plain = [override for override in overrides if override != seeds]
    config = compose(plain, config_name=line.config_name)
    return render_study(config, overrides, line, ["disco", "scan", *words], as_scan)


def read_words(words: Sequence[str]) -> tuple[Asked, Line]:
    """The words after `disco scan`, the scan's own taken out. Raises SettingsError where they make no scan."""
    from disco.study.drafts import seeds_of
    from disco.study.ranking import check_rank

    given, others = own_words(words, OWN)
    line = read_line(others)
    if line.shows or line.multirun or line.from_file:
        raise SettingsError(
            f"a scan is a study of its own, without -m, study=, --prompt-file and flags that show: {USAGE}"
        )
    if "seeds" not in given:
        raise SettingsError(f"a scan needs seeds, such as seeds=0-63: {USAGE}")
    seeds = seeds_of(given["seeds"])
    steps = given.get("steps")
    if steps is not None and not re.fullmatch(r"\d{1,9}", steps, re.ASCII):
        raise SettingsError(f"steps is {steps!r}, but must be a count, of the steps of a draft")
    rank = check_rank(given["rank"]) if "rank" in given else ""
    return Asked(tuple(seeds), None if steps is None else int(steps), given.get("stop_at"), rank), line


def _check(typed: Sequence[Any]) -> None:
    """Refuse what a scan does not leave open."""
    for override in typed:
        name = name_in(override)
        if name == "seed":
            raise SettingsError(f"{override} is given, but a scan takes its seeds as seeds=0-63")
        if name in ("n_batches", "batch_size"):
            raise SettingsError(f"{override} is given, but a scan renders one picture for each seed; leave it out")
        if is_sweep(override):
            raise SettingsError(f"{override} holds several values, but a scan varies the seed alone; give one")

"""A study that searches instead of rendering every combination: Optuna proposes, a metric of the pictures answers.

The plugin hydra-optuna-sweeper stands still at Optuna 2, so this speaks to Optuna itself, and knows what the plugin
does not: a trial is rendered once for each seed and scored by their mean, its cells are those of any study, so nothing
is rendered twice, and the same command goes on with a search that was interrupted. The workers of any launcher share
one search through its database, search.sqlite in the study's folder.
"""

from __future__ import annotations

import os
import secrets
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.override_parser.types import IntervalSweep, RangeSweep

from disco.animation.frames import is_film
from disco.errors import SettingsError
from disco.planning.recorded import hashes_of
from disco.planning.values import metrics_of
from disco.run.folder.reading import STUDY_FILE, read_record, record_file
from disco.settings.config import FILM_METRICS
from disco.settings.names import name_in
from disco.settings.overrides import is_sweep
from disco.study.cells import Job, is_done, job_of
from disco.study.composer import Composer
from disco.study.declare import Sweep, planned, sweep_of, sweeper_of
from disco.study.identity import BY_CONTENT
from disco.study.locks import FOREVER, WORK, held, lock_of
from disco.study.results import RESULTS_FILE, Axis
from disco.study.study_file import write_declaration
from disco.study.sweeper import launch
from disco.study.sweeps import bounds_of, check_axes, check_number_of_cells, choices_of, ends_of, parsed
from disco.study.worker import Worker, mark_interrupted

if TYPE_CHECKING:
    import optuna
    from omegaconf import DictConfig

DATABASE = "search.sqlite"
#: Of a run and not of its pictures, and yet something to be searched for.
SECONDS = "seconds"


@dataclass(frozen=True)
class Goal:
    """What a search is for: the metric, "maximize" or "minimize", how many trials, and the seed of its own chance."""

    objective: str
    direction: Literal["maximize", "minimize"]
    trials: int
    seed: int


@dataclass(frozen=True)
class Space:
    """Where a search looks: a sweep an axis, and the seeds that every trial is rendered with ("seed=0", ...)."""

    axes: tuple[str, ...]
    seeds: tuple[str, ...]

    def names(self) -> list[str]:
        return [name_in(axis) for axis in self.axes] + ["seed"] * bool(self.seeds)

    def corners(self) -> Iterator[list[str]]:
        """Both ends of every range and every listed value, with the first of all other axes: what can be checked."""
        ends = [ends_of(parsed(axis)) for axis in self.axes]
        usual = [values[0] for values in ends]
        for place, values in enumerate(ends):
            for value in values:
                yield [*usual[:place], value, *usual[place + 1 :], *self.seeds[:1]]

    def proposed(self, trial: optuna.Trial) -> list[list[str]]:
        """The overrides of a trial's cells, one for each seed."""
        own = [_proposed(axis, trial) for axis in self.axes]
        return [[*own, seed] for seed in self.seeds] or [own]


def goal_of(config: DictConfig) -> Goal:
    """The goal that hydra.sweeper names. Raises SettingsError for one that cannot be pursued."""

    given = sweeper_of(config)
    films = FILM_METRICS if config.animation.animation_mode != "none" else ()
    names = (*metrics_of(sweeper_metrics(config)), *films, SECONDS)
    if given["objective"] not in names:
        raise SettingsError(f"hydra.sweeper.objective is {given['objective']!r}, but must be one of {', '.join(names)}")
    if given["direction"] not in ("maximize", "minimize"):
        raise SettingsError(f"hydra.sweeper.direction is {given['direction']!r}, but must be maximize or minimize")
    for name, least in (("trials", 1), ("search_seed", 0)):
        if not isinstance(given[name], int) or given[name] < least:
            raise SettingsError(f"hydra.sweeper.{name} is {given[name]!r}, but must be an integer of at least {least}")
    if find_spec("optuna") is None:
        raise SettingsError("a search takes the package optuna; pip install 'disco-engine[optuna]' adds it")
    return Goal(given["objective"], given["direction"], given["trials"], given["search_seed"])


def sweeper_metrics(config: DictConfig) -> Any:
    """The setting metrics of a composed config."""
    from omegaconf import OmegaConf

    metrics = config.output.metrics
    return OmegaConf.to_container(metrics) if OmegaConf.is_config(metrics) else metrics


def declare_search(config: DictConfig, overrides: Sequence[str], config_name: str) -> tuple[Sweep, Space]:
    """The search that a multirun means; its jobs are the corners of its space, which were checked.

    Raises SettingsError, one line, for an axis that does not exist or is empty, and for a corner that could not be
    rendered.
    """
    sweeps = [override for override in map(parsed, overrides) if override.is_sweep_override()]
    check_axes([name_in(override) for override in overrides], sweeps)
    for name in BY_CONTENT:
        if any(name_in(override.get_key_element()) == name for override in sweeps):
            raise SettingsError(f"{name} is an axis of a grid and of no search; give one value")
    seeds = [override for override in sweeps if name_in(override.get_key_element()) == "seed"]
    if seeds and not seeds[0].is_discrete_sweep():
        raise SettingsError(
            "seed is no axis of a search; give it the seeds that every trial is rendered with: seed=0,1,2"
        )
    check_number_of_cells(seeds)
    axes = tuple(str(override.input_line) for override in sweeps if override not in seeds)
    if not axes:
        raise SettingsError("a search takes at least one axis, such as 'clamp_max=interval(0.05, 0.5)'")
    space = Space(axes, tuple(choices_of(seeds[0])) if seeds else ())
    composed = Composer(overrides, config_name)
    jobs, notes = [], list[str]()
    for own in space.corners():
        cell = composed(own)
        plan = planned(cell)
        jobs.append(job_of(cell, own, None if is_film(cell) else hashes_of(plan.taken_in)))
        notes += plan.notes
    return sweep_of(config, space.names(), jobs, notes), space


def _proposed(axis: str, trial: optuna.Trial) -> str:
    """The value that a trial has on an axis, as an override."""
    override = parsed(axis)
    sweep: Any = override.value()
    key = override.get_key_element()
    if isinstance(sweep, (IntervalSweep, RangeSweep)):
        low, high = bounds_of(override)
        suggest: Any = trial.suggest_int if isinstance(low, int) and isinstance(high, int) else trial.suggest_float
        how = {"step": abs(sweep.step)} if isinstance(sweep, RangeSweep) else {"log": "log" in sweep.tags}
        return f"{key}={suggest(key, low, high, **how)}"
    return f"{key}={trial.suggest_categorical(key, [text.partition('=')[2] for text in choices_of(override)])}"


# Searching


def open_search(folder: Path, goal: Goal, workers: int = 1) -> optuna.Study:
    """The search that a study's folder holds, made where there is none."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    waiting = {"connect_args": {"timeout": 60}}  # seconds, for another worker to be done
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / DATABASE}", engine_kwargs=waiting)
    study = optuna.create_study(
        storage=storage, study_name=goal.objective, direction=goal.direction, load_if_exists=True
    )
    # A search that goes on must not propose again what it began with.
    seed = goal.seed + len(study.trials)
    study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=workers > 1)
    return study


@dataclass(frozen=True, kw_only=True)
class Searcher(Worker):
    """A worker of a search: it asks for a trial, renders its cells and tells what they scored, until all are done.

    overrides, config_name: what the cells are composed of. command: as typed, for study.json.
    """

    sweep: Sweep
    space: Space
    goal: Goal
    overrides: tuple[str, ...]
    config_name: str
    command: tuple[str, ...]

    def work(self, number: int) -> int:
        study = open_search(self.folder, self.goal, self.workers)
        composed = Composer(self.overrides, self.config_name)
        # As they were when the search began: a cell whose files are others by now, or gone, fails when its turn comes.
        inputs = {given: sha256 for job in self.jobs for given, sha256 in job.inputs.items()}
        rendered = 0
        while True:
            with ExitStack() as stack:
                trial = self.next_trial(study, stack)
                if trial is None:
                    return rendered
                try:
                    jobs = [job_of(composed(own), own, inputs) for own in self.space.proposed(trial)]
                except SettingsError as error:  # of a model's file that is gone, or values that do not go together
                    fail(study, trial, str(error))
                    continue
                self.declare(jobs)
                # Another trial may have the same cell, and this one takes its score from it.
                rendered += sum(bool(self.render(job, FOREVER)) for job in jobs)
                self.tell(study, trial, jobs)

    def most(self) -> int:
        return self.goal.trials

    def next_trial(self, study: optuna.Study, stack: ExitStack) -> optuna.Trial | None:
        """A trial, kept to this worker while the stack lasts; None where there are enough of them."""
        from optuna.trial import TrialState

        with lock_of(self.folder, "search"):
            for old in study.get_trials(states=[TrialState.RUNNING]):
                if self.is_free(old.number):  # whoever had it is dead
                    study.tell(old.number, state=TrialState.FAIL)
            counted = [old for old in study.trials if old.state != TrialState.FAIL or "error" in old.user_attrs]
            if len(counted) >= self.goal.trials:
                return None
            trial = study.ask()
            stack.enter_context(held(self.folder, f"trial-{trial.number}"))
            return trial

    def is_free(self, number: int) -> bool:
        with held(self.folder, f"trial-{number}") as free:
            return free

    def declare(self, jobs: Sequence[Job]) -> None:
        """Add the cells of a trial to study.json."""
        axes = [Axis(name, tuple({job.values[place] for job in jobs})) for place, name in enumerate(self.space.names())]
        with lock_of(self.folder, "declaration"):
            write_declaration(replace(self.sweep, axes=tuple(axes), jobs=tuple(jobs)), self.command)

    def tell(self, study: optuna.Study, trial: optuna.Trial, jobs: Sequence[Job]) -> None:
        """Tell Optuna what the cells of a trial scored, and the user."""
        scores = [score(self.folder / job.key, self.goal.objective) for job in jobs if is_done(self.folder, job)]
        found = [value for value in scores if value is not None]
        if len(found) < len(jobs):
            fail(study, trial, f"{len(jobs) - len(found)} of its cells have no {self.goal.objective}")
            return
        study.tell(trial, statistics.mean(found))
        print(f"disco: trial {trial.number}: {self.goal.objective} {statistics.mean(found):.4g}", file=sys.stderr)

    def say(self, job: Job) -> None:
        print(f"disco: cell {job.key}: {job.words()}", file=sys.stderr)


def fail(study: optuna.Study, trial: optuna.Trial, reason: str) -> None:
    """Tell Optuna that a trial has no score, and the user why. It counts, so that a search comes to its end."""
    from optuna.trial import TrialState

    trial.set_user_attr("error", reason)
    study.tell(trial, state=TrialState.FAIL)
    print(f"disco: trial {trial.number}: {reason}", file=sys.stderr)


def score(folder: Path, objective: str) -> float | None:
    """A finished cell's objective, the mean over its pictures; None where a picture has none."""
    record = read_record(record_file(folder))
    if objective == SECONDS:
        return float(record[SECONDS])
    values = [picture.get(objective) for picture in record.get("metrics", ())]
    return statistics.mean(values) if values and all(isinstance(value, (int, float)) for value in values) else None


def search_outlook(sweep: Sweep, space: Space, goal: Goal) -> str:
    """What a search would do, in lines."""
    head = f"a search for {goal.objective} ({goal.direction}): {goal.trials} trials"
    lines = [f"{head} of {len(space.seeds) or 1} cells, in {sweep.folder}"]
    return "\n".join([*lines, *(f"  {axis}" for axis in space.axes), *(f"  {seed}" for seed in space.seeds)])


def run_search(
    sweep: Sweep, space: Space, goal: Goal, overrides: Sequence[str], config_name: str, command: Sequence[str]
) -> int:
    """Search, and write the study's report; the exit code, 1 if a trial or a worker failed.

    overrides: all of the study. command: as typed. Ctrl-C goes on as a KeyboardInterrupt that says what stands.
    """
    from disco.study.report import write_report

    shared = [override for override in overrides if not is_sweep(override)]
    searcher = Searcher(
        folder=sweep.folder,
        jobs=sweep.jobs,
        session=secrets.token_hex(8),
        directory=os.getcwd(),
        sweep=sweep,
        space=space,
        goal=goal,
        overrides=tuple(overrides),
        config_name=config_name,
        command=tuple(command),
    )
    (sweep.folder / WORK).mkdir(parents=True, exist_ok=True)
    study = open_search(sweep.folder, goal)
    try:
        deaths = launch(searcher, shared, config_name)
    except KeyboardInterrupt as interrupt:
        mark_interrupted(sweep.folder)
        told = f"interrupted in trial {len(study.trials)} of {goal.trials}; the same command goes on with it"
        interrupt.args = (told,)
        raise
    for death in deaths:
        print(f"disco: a worker died: {death}", file=sys.stderr)
    failed = [trial for trial in study.trials if "error" in trial.user_attrs]
    for trial in failed:
        print(f"disco: trial {trial.number} failed: {trial.user_attrs['error']}", file=sys.stderr)
    if not (sweep.folder / STUDY_FILE).exists():
        return 1
    with lock_of(sweep.folder, "report"):
        page = write_report(sweep.folder)
    if len(failed) < len(study.trials):
        best = study.best_trial
        values = " ".join(f"{name.rpartition('.')[2]}={value}" for name, value in best.params.items())
        print(f"disco: best {goal.objective}: {best.value:.4g} with {values}", file=sys.stderr)
    print(sweep.folder / RESULTS_FILE)
    print(page)
    return int(bool(failed or deaths))

"""A study before it runs: its axes, its cells, and the folder that they lie in."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from disco.animation.frames import is_film, plan_of
from disco.errors import SettingsError
from disco.planning.inputs import Hashes
from disco.planning.plan import Plan
from disco.planning.recorded import hashes_of
from disco.settings.config import (
    Settings,
    by_path,
    settings_error,
    without_hydra,
)
from disco.settings.names import name_in
from disco.settings.overrides import from_arguments, full_name, quoted
from disco.study.cells import Job, hex_digits, job_of
from disco.study.composer import Composer
from disco.study.identity import BY_CONTENT, hashed_name, identity, known_by
from disco.study.results import Axis, Purpose
from disco.study.sweeps import (
    check_axes,
    check_number_of_cells,
    choices_of,
    given_in,
    globs_spelt_out,
    leaf_of,
    parsed,
    with_spread_prompts,
)

if TYPE_CHECKING:
    from omegaconf import DictConfig


#: What is slow to change from one cell to the next, the slowest first: networks to load, then sizes to warm up to.
COSTLY = (
    *("preset", "model", "model.diffusion_model", "machine.precision", "model.use_secondary_model"),
    *("model.secondary_model", "perceptors", "perceptors.clip_models", "model.width", "model.height"),
)

#: What the sweepers that make studies can have: ours in conf/hydra/sweeper, and the one that Hydra takes by itself.
SWEEPER_KEYS = {
    *("_target_", "name", "description", "params", "workers", "max_batch_size"),
    *("objective", "direction", "trials", "search_seed", "claim"),
}

#: The longest name of a study's folder that is made of its axes.
NAME_LENGTH = 60


@dataclass(frozen=True)
class Sweep:
    """A study: where it lies, what it varies, and its cells in the order of its axes, the last axis fastest.

    notes: what the user should know before it runs, a line each.
    """

    folder: Path
    name: str
    description: str
    axes: tuple[Axis, ...]
    jobs: tuple[Job, ...]
    notes: tuple[str, ...]
    purpose: Purpose = field(default_factory=Purpose)

    def in_running_order(self) -> list[Job]:
        """The jobs, those that need the same networks in a row."""
        costly = [number for setting in COSTLY for number, axis in enumerate(self.axes) if axis.setting == setting]
        rank = [{identity(value): place for place, value in enumerate(axis.values)} for axis in self.axes]
        return sorted(self.jobs, key=lambda job: [rank[number][identity(job.values[number])] for number in costly])

    def kinds(self) -> list[Plan]:
        """A plan for every combination of networks and device, all that a machine may lack."""
        kinds: dict[Any, Job] = {}
        for job in self.jobs:
            model, init, device = job.settings.model, job.settings.init, job.settings.machine.device
            networks = (model.diffusion_model, model.use_secondary_model, model.secondary_model, device)
            starts = (init.init_image, init.init_loss, identity(init.init_scale))
            kinds.setdefault((networks, starts, job.settings.perceptors.clip_models), job)
        return [plan_of(job.settings) for job in kinds.values()]


def sweeper_of(config: DictConfig) -> dict[str, Any]:
    """What a composed config says of the sweeper."""
    try:
        sweeper: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    except OmegaConfBaseException as error:  # an interpolation that leads nowhere
        raise settings_error(error) from error
    return sweeper


def axes_of(config: DictConfig, typed: Sequence[str]) -> list[str]:
    """The overrides of a study: those of its file (hydra.sweeper.params), then those typed, which take their place.

    In a file a list holds the values of an axis, whatever they are: prompts, schedules, lists of perceptors; a text is
    read as on the command line. Parts of a prompt that are marked ! become values of an axis too.
    """
    given = {name_in(override) for override in typed}
    if given & {"prompt", "prompts"}:
        given |= {"prompt", "prompts"}
    sweeper = sweeper_of(config)
    for name in sorted({*sweeper} - SWEEPER_KEYS):
        raise SettingsError(f"hydra.sweeper holds {name!r}, but can hold {', '.join(sorted(SWEEPER_KEYS))}")
    params = sweeper.get("params") or {}
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise SettingsError(f"hydra.sweeper.params is {params!r}, but must be a mapping from settings to their values")
    declared = []
    for name, value in params.items():
        if value in ([], ""):
            raise SettingsError(f"{name} is an axis without values; give it some, such as {name}=1,2")
        if isinstance(value, str):
            declared += from_arguments([f"{name}={value}"], multirun=True)
        else:
            values = value if isinstance(value, list) else [value]
            declared.append(f"{full_name(name)}={','.join(quoted(item, name) for item in values)}")
    own = [override for override in declared if name_in(override) not in given]
    return with_spread_prompts(globs_spelt_out([*own, *typed]), without_hydra(config))


def declare(config: DictConfig, overrides: Sequence[str], config_name: str) -> Sweep:
    """The grid that a multirun means, every cell of it checked.

    config: composed of what the cells share. overrides: all, sweeps included, as `axes_of` gives them.

    Raises SettingsError, one line, for an axis that does not exist, is empty or holds a value twice, and for the first
    cell that could not be rendered.
    """
    names = [name_in(override) for override in overrides]
    sweeps = [override for override in map(parsed, overrides) if override.is_sweep_override()]
    settings = [name_in(override.get_key_element()) for override in sweeps]
    check_axes(names, sweeps)
    for override in sweeps:
        if not override.is_discrete_sweep():
            leaf = leaf_of(override)
            raise SettingsError(
                f"{leaf} is {given_in(override)}, for a search only; list values, or add hydra/sweeper=disco_optuna"
            )
    check_number_of_cells(sweeps)
    choices = [choices_of(override) for override in sweeps]
    composed = Composer(overrides, config_name)
    jobs, notes = [], list[str]()
    for own in itertools.product(*choices):
        cell = composed(own)
        plan = planned(cell)
        jobs.append(job_of(cell, own, None if is_film(cell) else hashes_of(plan.taken_in)))
        notes += plan.notes
    sweep = sweep_of(config, settings, jobs, notes)
    _check_apart(sweep.axes, choices, jobs)
    return sweep


def check_one_axis(sweep: Sweep, why: str) -> None:
    """Refuse a study of more than seeds, as parts of a prompt make it that are marked to be rendered each."""
    others = [axis.setting.rpartition(".")[2] for axis in sweep.axes if axis.setting != "seed"]
    if others:
        raise SettingsError(f"{' and '.join(others)} has several values, but {why}; give one")


def sweep_of(config: DictConfig, settings: Sequence[str], jobs: Sequence[Job], notes: Sequence[str] = ()) -> Sweep:
    """The study of these jobs. settings: the names of its axes."""
    return Sweep(
        folder=folder_of(config, settings, {given: sha256 for job in jobs for given, sha256 in job.inputs.items()}),
        name=name_of(config, settings),
        description=str(sweeper_of(config).get("description") or ""),
        axes=tuple(_axis(name, [job.values[place] for job in jobs]) for place, name in enumerate(settings)),
        jobs=tuple(jobs),
        notes=tuple(dict.fromkeys(notes)),
    )


def planned(settings: Settings) -> Plan:
    """The plan of a cell. Raises SettingsError for a cell that could not be rendered, or not again."""
    if settings.seed == "random":
        raise SettingsError("seed is random, but the cells of a study share their seeds; write seed=0,1,2")
    return plan_of(settings)


def name_of(config: DictConfig, settings: Sequence[str]) -> str:
    """What a study is called: as hydra.sweeper.name says, else its file's name, or its axes."""
    chosen = sweeper_of(config).get("name") or config.hydra.runtime.choices.get("study")
    name = str(chosen or "") or "-".join(setting.rpartition(".")[2] for setting in settings) or "one"
    return re.sub(r"[^\w.-]+", "_", name)[:NAME_LENGTH]


def folder_of(config: DictConfig, settings: Sequence[str], inputs: Hashes) -> Path:
    """Where a study lies: the same place for the same command, and for other values of the same axes.

    settings: the names of its axes. inputs: the pictures that its cells take in. The digits after the name stand for
    all that is not an axis.
    """
    varied = {name for name in BY_CONTENT if name in settings}  # what lies there belongs to the values of an axis
    inputs = {given: sha256 for given, sha256 in inputs.items() if given[0] not in varied}
    known = known_by(by_path(without_hydra(config)), inputs)
    held = {hashed_name(name): value for name, value in known.items() if name not in settings}
    digits = hex_digits([held, sorted(map(hashed_name, settings))], 6)
    named = copy.deepcopy(config)
    named.hydra.job.name = f"{name_of(config, settings)}-{digits}"
    try:
        return Path(str(named.hydra.sweep.dir)).absolute()
    except OmegaConfBaseException as error:  # an axis makes its folder differ, or it leads nowhere
        raise settings_error(error) from error


def _check_apart(axes: Sequence[Axis], choices: Sequence[Sequence[str]], jobs: Sequence[Job]) -> None:
    """Refuse a value that is given twice, and cells that are the same though their values differ."""
    for place, (axis, own) in enumerate(zip(axes, choices, strict=True)):
        if len(axis.values) < len(own):
            found = [identity({job.overrides[place]: job.values[place] for job in jobs}[override]) for override in own]
            twice = next(text for number, text in enumerate(found) if text in found[:number])
            raise SettingsError(f"{axis.setting.rpartition('.')[2]} has the value {twice} twice; give it once")
    seen: dict[str, Job] = {}
    for job in jobs:
        if job.key in seen:
            raise SettingsError(f"two cells are the same: {seen[job.key].words()}, and {job.words()}; leave one out")
        seen[job.key] = job


def _axis(setting: str, values: Sequence[Any]) -> Axis:
    """An axis with each of its values once, in the order in which they come."""
    return Axis(setting, tuple({identity(value): value for value in values}.values()))

"""A study before it runs: its axes, its cells, and the folder that they lie in.

A cell is one run, and its key says which: two cells with equal settings have the same key, wherever and whenever they
are rendered; a picture among the settings counts by its content. So a study that stopped goes on where it was, and a
wider grid finds what is there already.

Hydra composes a configuration in a tenth of a second, too slow for hundreds of cells. What may change the choice of
files (groups, presets, Hydra's own settings) is composed once for every combination that occurs; the values of
settings are then laid over a copy, by the same function of Hydra's and in the same order as Hydra does it.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from disco.errors import SettingsError
from disco.models.catalog.custom import is_path
from disco.planning.inputs import Hashes, hashes_in, hashes_of, remember_fetched
from disco.planning.plan import Plan, build_plan, inputs_of
from disco.run.folder.files import replace_file
from disco.run.folder.pictures import is_whole
from disco.run.folder.reading import read_record
from disco.settings.config import (
    Settings,
    by_path,
    compose,
    from_dict,
    settings_error,
    to_dict,
    to_settings,
    with_values,
    without_hydra,
)
from disco.settings.hydra_private import apply_overrides
from disco.settings.overrides import from_arguments, full_name, quoted
from disco.study.results import STUDY_FILE, Axis, hashed_name, identity, known_by, present_name
from disco.study.sweeps import (
    check_axes,
    check_number_of_cells,
    choices_of,
    given_in,
    globs_spelt_out,
    is_value,
    leaf_of,
    name_in,
    parsed,
)
from disco.version import version

if TYPE_CHECKING:
    from omegaconf import DictConfig

#: What is slow to change from one cell to the next, the slowest first: networks to load, then sizes to warm up to.
COSTLY = (
    *("preset", "model", "model.diffusion_model", "machine.precision", "model.use_secondary_model"),
    *("model.secondary_model", "perceptors", "perceptors.clip_models", "model.width", "model.height"),
)
#: What the sweepers that make studies can have: ours in conf/hydra/sweeper, and the one that Hydra takes by itself.
SWEEPER_KEYS = {
    *("_target_", "description", "params", "workers", "max_batch_size"),
    *("objective", "direction", "trials", "search_seed"),
}
#: The longest name of a study's folder that is made of its axes.
NAME_LENGTH = 60


@dataclass(frozen=True)
class Job:
    """A cell to be rendered.

    key: 12 hexadecimal digits, and the name of its folder. values: one for every axis. overrides: what the cell alone
    has, in Hydra's grammar. settings: all of them, resolved. inputs: the pictures that they name, by content.
    """

    key: str
    values: tuple[Any, ...]
    overrides: tuple[str, ...]
    settings: Settings
    inputs: Hashes = field(default_factory=dict)

    def words(self) -> str:
        """What sets the cell apart, for a line on the screen."""
        return " ".join(override[override.rfind(".", 0, override.index("=")) + 1 :] for override in self.overrides)


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
        return [build_plan(job.settings) for job in kinds.values()]


def key_of(settings: Settings, inputs: Hashes | None = None) -> str:
    """Which cell these settings make: a hash of all of them but those that only say where a run goes.

    inputs: the pictures that they name, which count by content.
    """
    known = known_by(by_path(settings), inputs or {})
    return _digits({hashed_name(name): value for name, value in known.items()}, 12)


def _digits(value: Any, count: int) -> str:
    """The first hexadecimal digits of a hash, the same for equal values."""
    return hashlib.sha256(identity(value).encode()).hexdigest()[:count]


def is_finished(folder: Path, key: str) -> bool:
    """Whether a run folder holds the whole cell: finished, made of the settings of this key, every picture whole.

    Raises SettingsError where it holds a run of other settings, or of weights that are others by now, which is not to
    be overwritten.
    """
    try:
        record = read_record(folder / "run.json")
    except SettingsError:
        return False
    if record.get("status") != "finished":
        return False
    try:
        settings = from_dict(record["settings"])
    except SettingsError:  # of another version of disco
        settings = None
    if settings is None or key_of(settings, hashes_in(record)) != key:
        raise SettingsError(f"{str(folder)!r} holds a run of other settings; move it away, it is not overwritten")
    for name in retrained(settings, record.get("weights", {})):
        raise SettingsError(
            f"{str(folder)!r} was rendered with other weights of {name}; move it away, or name a new study"
        )
    count = len(record.get("seeds", ()))
    return count > 0 and all(is_whole(folder / f"image_{number}.png") for number in range(count))


def retrained(settings: Settings, hashes: Mapping[str, str]) -> Iterator[str]:
    """The networks of a run whose files are others by now: trained further, or of another version of disco.

    hashes: SHA-256 of each when it was rendered. A file that is not here tells nothing.
    """
    from disco.models import catalog
    from disco.models.files import store

    for spec in catalog.networks_of(settings.model, settings.perceptors.clip_models):
        path = store.find(spec.weights)
        if path is not None and spec.name in hashes and store.known_hash(spec, path) != hashes[spec.name]:
            yield spec.name


def is_done(folder: Path, job: Job) -> bool:
    """Whether a cell lies finished in the folder of its study."""
    try:
        return is_finished(folder / job.key, job.key)
    except SettingsError:  # of a foreign run, which the worker will say when it comes there
        return False


# Declaring


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
    read as on the command line.
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
    return globs_spelt_out([*own, *typed])


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
        jobs.append(job_of(cell, own, hashes_of(plan.inputs)))
        notes += plan.notes
    sweep = sweep_of(config, settings, jobs, notes)
    _check_apart(sweep.axes, choices, jobs)
    return sweep


def job_of(settings: Settings, own: Sequence[str], inputs: Hashes | None = None) -> Job:
    """The cell that settings make.

    own: what it has alone, an override an axis. inputs: its pictures, or more files, where they are known already.

    Raises SettingsError for a picture that cannot be read.
    """
    tree = to_dict(settings)
    inputs = unet_file_of(settings) | (hashes_of(inputs_of(settings)) if inputs is None else dict(inputs))
    values = tuple(_value(tree, override) for override in own)
    return Job(key_of(settings, inputs), values, tuple(own), settings, inputs)


def check_inputs(job: Job) -> None:
    """Refuse a cell whose files are others by now than when it was declared; fetched ones are taken as they were."""
    remember_fetched(job.inputs)
    for given, sha256 in (hashes_of(inputs_of(job.settings)) | unet_file_of(job.settings)).items():
        if job.inputs.get(given, sha256) != sha256:
            setting, path = given
            another = f"is another {_kind(setting)} than when the study was declared"
            raise SettingsError(f"{setting}={path!r} {another}; give the command again")


def unet_file_of(settings: Settings) -> dict[tuple[str, str], str]:
    """The diffusion model that settings name by its path, known by its content; nothing where they name one by name."""
    given = settings.model.diffusion_model
    if not is_path(given):
        return {}
    from disco.models import catalog
    from disco.models.files import store

    spec = catalog.unet(given)
    return {("diffusion_model", given): store.known_hash(spec, store.weights_path(spec))}


def _kind(setting: str) -> str:
    return "file" if setting == "diffusion_model" else "picture"


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
    return build_plan(settings)


class Composer:
    """What a cell has of its own -> its settings, as Hydra would compose them, and much faster.

    overrides: those of the study, its sweeps included, no two of them for the same thing.
    """

    def __init__(self, overrides: Sequence[str], config_name: str) -> None:
        self._fixed = [override for override in overrides if not parsed(override).is_sweep_override()]
        self._config_name = config_name
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, own: Sequence[str]) -> Settings:
        """own: one override for each of the sweeps. Raises SettingsError for what Hydra refuses."""
        files = tuple(override for override in own if not is_value(override))
        if files not in self._composed:
            config = compose([*self._fixed, *files], config_name=self._config_name)
            config = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
            self._composed[files] = config
        config = self._composed[files]
        values = [parsed(override) for override in own if is_value(override)]
        # Laid over it in place, for the next cell's will cover them; but mappings merge, and what is added must be new.
        if any(value.is_add() or value.is_delete() or isinstance(value.value(), dict) for value in values):
            config = copy.deepcopy(config)
        try:
            apply_overrides(values, config)
        except (HydraException, OmegaConfBaseException) as error:
            raise settings_error(error) from error
        return in_study(to_settings(config))


def in_study(settings: Settings) -> Settings:
    """Settings as a cell has them: on one thread, where no number was given.

    The last bits of a picture depend on the number of threads, and launchers share out the cores differently.
    """
    return with_values(settings, {"threads": settings.machine.threads or 1})


def name_of(config: DictConfig, settings: Sequence[str]) -> str:
    """What a study is called: its file's name, or its axes."""
    chosen = config.hydra.runtime.choices.get("study")
    name = chosen or "-".join(setting.rpartition(".")[2] for setting in settings) or "one"
    return re.sub(r"[^\w.-]+", "_", name)[:NAME_LENGTH]


def folder_of(config: DictConfig, settings: Sequence[str], inputs: Hashes) -> Path:
    """Where a study lies: the same place for the same command, and for other values of the same axes.

    settings: the names of its axes. inputs: the pictures that its cells take in. The digits after the name stand for
    all that is not an axis.
    """
    known = known_by(by_path(without_hydra(config)), inputs)
    held = {hashed_name(name): value for name, value in known.items() if name not in settings}
    digits = _digits([held, sorted(map(hashed_name, settings))], 6)
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


def _value(tree: Mapping[str, Any], override: str) -> Any:
    """What a cell has on an axis: the resolved value of a setting, or the choice of a group."""
    if not is_value(override):
        return str(parsed(override).value())
    value: Any = tree
    for name in name_in(override).split(".", maxsplit=2):
        value = value[name]
    return value


# study.json


def write_declaration(sweep: Sweep, command: Sequence[str]) -> None:
    """Write study.json, or add to the one that is there what it lacks: values of the axes, and cells.

    Raises SettingsError where the folder holds a study of other axes, or of other fixed settings.
    """
    path = sweep.folder / STUDY_FILE
    present = _present(path) or {"axes": [], "cells": [], "started": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    axes = [asdict(axis) for axis in sweep.axes]
    cells = {
        job.key: {"key": job.key, "folder": job.key, "values": job.values, "overrides": job.overrides}
        for job in sweep.jobs
    }
    declared = {identity(job.values): job for job in sweep.jobs}
    if present["cells"] and [axis["setting"] for axis in present["axes"]] != [axis["setting"] for axis in axes]:
        raise SettingsError(f"{str(sweep.folder)!r} holds a study of other axes; name another folder")
    for cell in present["cells"]:
        job = declared.get(identity(cell["values"]))
        if job is not None and job.key != cell["key"]:
            what = _other_picture(sweep.folder / cell["key"], job) or "other fixed settings"
            raise SettingsError(f"{str(sweep.folder)!r} holds a study of {what}; name another folder")
        cells.setdefault(cell["key"], cell)
    for axis, old in zip(axes, present["axes"], strict=False):
        axis["values"] = _union(axis["values"], old["values"])
    declaration = {
        "version": version(),
        "name": sweep.name,
        "description": sweep.description,
        "command": list(command),
        "started": present["started"],
        "axes": axes,
        "cells": list(cells.values()),
    }
    sweep.folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(declaration, indent=1).encode())


def _other_picture(folder: Path, job: Job) -> str | None:
    """The first of a cell's pictures that was another when its folder was rendered, in words; None if none is known."""
    try:
        rendered = hashes_in(read_record(folder / "run.json"))
    except SettingsError:
        return None
    changed = [given for given, sha256 in job.inputs.items() if rendered.get(given, sha256) != sha256]
    return f"another {_kind(changed[0][0])} at {changed[0][0]}={changed[0][1]!r}" if changed else None


def _union(values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The values of both, each once; numbers in their order."""
    union = list({identity(value): value for value in (*values, *others)}.values())
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in union)
    return sorted(union) if numbers and len(union) > len(values) else union


def _present(path: Path) -> dict[str, Any] | None:
    """The declaration that lies in a folder; None where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        well = all(isinstance(axis["values"], list) and axis["setting"] for axis in found["axes"])
        well = well and all(isinstance(cell["values"], list) and cell["key"] for cell in found["cells"])
        axes = [axis | {"setting": present_name(axis["setting"])} for axis in found["axes"]]
        return found | {"axes": axes} if well and found["started"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None

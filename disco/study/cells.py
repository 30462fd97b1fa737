"""A cell of a study: one run, and the key that it is known by.

Two cells with equal settings have the same key, wherever and whenever they are rendered; a picture among the settings
counts by its content. So a study that stopped goes on where it was, and a wider grid finds what is there already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disco.animation.frames import is_film
from disco.animation.inputs import files_of
from disco.errors import SettingsError
from disco.models.catalog.custom import is_path
from disco.planning.expansion import with_expanded_prompts
from disco.planning.inputs import Hashes, remember_fetched
from disco.planning.recorded import hashes_in, retrained
from disco.run.folder.pictures import is_whole
from disco.run.folder.reading import read_record, record_file
from disco.settings.config import (
    Settings,
    by_path,
    from_dict,
    to_dict,
)
from disco.settings.names import is_value, name_in
from disco.study.identity import hashed_name, identity, known_by
from disco.study.sweeps import parsed
from disco.version import SAME_PICTURES_SINCE, draws_as_now

if TYPE_CHECKING:
    pass


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


def key_of(settings: Settings, inputs: Hashes | None = None) -> str:
    """Which cell these settings make: a hash of all of them but those that only say where a run goes.

    inputs: the pictures that they name, which count by content.
    """
    known = known_by(by_path(settings), inputs or {})
    return hex_digits({hashed_name(name): value for name, value in known.items()}, 12)


def hex_digits(value: Any, count: int) -> str:
    """The first hexadecimal digits of a hash, the same for equal values."""
    return hashlib.sha256(identity(value).encode()).hexdigest()[:count]


def is_finished(folder: Path, key: str) -> bool:
    """Whether a run folder holds the whole cell: finished, made of the settings of this key, every picture whole.

    Raises SettingsError where it holds a run of other settings, or of weights that are others by now, which is not to
    be overwritten.
    """
    try:
        record = read_record(record_file(folder))
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
    if not draws_as_now(record.get("version")):
        raise SettingsError(
            f"{str(folder)!r} was rendered by disco {record['version']}, and since {SAME_PICTURES_SINCE} the same "
            "settings give other pictures; move the study away, or name a new one"
        )
    for name in retrained(settings, record.get("weights", {})):
        raise SettingsError(
            f"{str(folder)!r} was rendered with other weights of {name}; move it away, or name a new study"
        )
    film = is_film(settings)
    count = int(record.get("frames", 0)) if film else len(record.get("seeds", ()))
    places = [f"frames/{number:04}.png" if film else f"image_{number}.png" for number in range(count)]
    return count > 0 and all(is_whole(folder / place) for place in places)


def is_done(folder: Path, job: Job) -> bool:
    """Whether a cell lies finished in the folder of its study."""
    try:
        return is_finished(folder / job.key, job.key)
    except SettingsError:  # of a foreign run, which the worker will say when it comes there
        return False


def job_of(settings: Settings, own: Sequence[str], inputs: Hashes | None = None) -> Job:
    """The cell that settings make, what is to be chosen in their prompts chosen.

    own: what it has alone, an override an axis. inputs: its pictures, or more files, where they are known already.

    Raises SettingsError for a picture that cannot be read, and for prompts that cannot be drawn.
    """
    settings = with_expanded_prompts(settings)
    tree = to_dict(settings)
    inputs = unet_file_of(settings) | (taken_in(settings) if inputs is None else dict(inputs))
    values = tuple(axis_value(tree, override) for override in own)
    return Job(key_of(settings, inputs), values, tuple(own), settings, inputs)


def check_inputs(job: Job) -> None:
    """Refuse a cell whose files are others by now than when it was declared; fetched ones are taken as they were."""
    remember_fetched(job.inputs)
    for given, sha256 in (taken_in(job.settings) | unet_file_of(job.settings)).items():
        if job.inputs.get(given, sha256) != sha256:
            setting, path = given
            another = f"is another {kind_of_input(setting)} than when the study was declared"
            raise SettingsError(f"{setting}={path!r} {another}; give the command again")


def taken_in(settings: Settings) -> dict[tuple[str, str], str]:
    """The pictures that settings name, and what else a film takes in, known by their content."""
    return hashes_in({"inputs": files_of(settings)})


def unet_file_of(settings: Settings) -> dict[tuple[str, str], str]:
    """The diffusion model that settings name by its path, known by its content; nothing where they name one by name."""
    given = settings.model.diffusion_model
    if not is_path(given):
        return {}
    from disco.models import catalog
    from disco.models.files import store

    spec = catalog.unet(given)
    return {("diffusion_model", given): store.known_hash(spec, store.weights_path(spec))}


def kind_of_input(setting: str) -> str:
    return {"diffusion_model": "file", "video_init_path": "video", "concepts": "concept"}.get(setting, "picture")


def axis_value(tree: Mapping[str, Any], override: str) -> Any:
    """What a cell has on an axis: the resolved value of a setting, or the choice of a group."""
    if not is_value(override):
        return str(parsed(override).value())
    value: Any = tree
    for name in name_in(override).split(".", maxsplit=2):
        value = value[name]
    return value

"""What conf/ makes of overrides, without reading conf/ anew.

Hydra composes a configuration in a tenth of a second, for it reads and merges every file each time. Here that happens
once for every choice of files; the values of settings are laid over a copy, by the same function of Hydra's. Files of
users may change meanwhile, so where one has a say all is left to Hydra.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from disco.settings.hydra_errors import settings_error
from disco.settings.hydra_private import apply_overrides, note_overrides
from disco.settings.names import is_value, name_in
from disco.settings.objects import check_no_objects
from disco.settings.paths import settings_folder

if TYPE_CHECKING:
    from omegaconf import DictConfig

#: The choice of a file by its name, as it is typed and as it is quoted.
OPTION = re.compile(r"""(?P<group>[a-z/]+)=(?P<sign>["']?)(?P<option>\w+)(?P=sign)""", re.ASCII)
#: Settings of Hydra's that are values and no more.
OWN_VALUES = frozenset(
    {
        *("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir", "hydra.job.name"),
        *(f"hydra.sweeper.{name}" for name in ("name", "description", "workers", "max_batch_size", "objective")),
        *(f"hydra.sweeper.{name}" for name in ("direction", "trials", "search_seed")),
        "hydra.launcher.n_jobs",
    }
)
#: Hydra's groups of which conf/ has files, beside those of its plugins.
OF_HYDRA = ("hydra/launcher", "hydra/sweeper")


def recomposed(
    overrides: Sequence[str], packaged: Callable[[tuple[str, ...]], DictConfig], config_name: str
) -> DictConfig | None:
    """The config, Hydra's part included, that Hydra would compose; None where that must be left to Hydra.

    packaged: what Hydra composes of choices of files alone; it keeps what it returned.

    None for whatever a user's file may change, or a setting of Hydra's that is more than a value. Raises
    `SettingsError` as `compose` does.
    """
    choices = tuple(override for override in overrides if not (is_value(override) or name_in(override) in OWN_VALUES))
    if config_name != "config" or not all(map(_is_packaged, choices)) or _users_speak_to_hydra():
        return None
    if any("${hydra" in override for override in overrides):
        return None
    try:
        given = OverridesParser.create().parse_overrides(list(overrides))
        if any(override.is_sweep_override() for override in given):
            return None
        config = copy.deepcopy(packaged(choices))
        apply_overrides([override for override in given if override.input_line not in choices], config)
        note_overrides(given, config)
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise settings_error(error) from error
    check_no_objects(config.hydra)
    config.hydra.runtime.cwd = os.getcwd()
    return config


def _is_packaged(choice: str) -> bool:
    found = OPTION.fullmatch(choice)
    if found is None:
        return False
    return found["group"] in OF_HYDRA or f"{found['group']}/{found['option']}.yaml" in _packaged_files()


def _users_speak_to_hydra() -> bool:
    """Whether the user's folder of settings has files of Hydra's own groups: of ours those of conf/ come first."""
    return (settings_folder() / "hydra").exists()


@cache
def _packaged_files() -> frozenset[str]:
    """The files of conf/ that a choice may lead to, such as preset/disco57.yaml."""
    conf = Path(import_module("disco.conf").__path__[0])
    return frozenset(path.relative_to(conf).as_posix() for path in conf.rglob("*.yaml"))

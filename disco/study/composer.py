"""The settings of a cell, as Hydra would compose them, and much faster.

Hydra composes a configuration in a tenth of a second, too slow for hundreds of cells. What may change the choice of
files (groups, presets, Hydra's own settings) is composed once for every combination that occurs; the values of
settings are then laid over a copy, by the same function of Hydra's and in the same order as Hydra does it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from disco.settings.config import (
    Settings,
    compose,
    settings_error,
    to_settings,
    with_values,
)
from disco.settings.hydra_private import apply_overrides
from disco.settings.names import is_value
from disco.study.sweeps import parsed

if TYPE_CHECKING:
    from omegaconf import DictConfig


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

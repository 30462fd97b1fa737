"""The settings: their schema, and the ways from conf/, overrides and records to them; what other modules read."""

from __future__ import annotations

from disco.settings.compose import (
    compose,
    group_options,
    hydra_at_hand,
    is_usual,
    load,
    own_files,
    register,
    to_settings,
    user_folders,
    usual_values,
    without_hydra,
)
from disco.settings.convert import by_path, from_dict, regrouped, to_dict, value_of, with_values
from disco.settings.defaults import defaults, settings_table
from disco.settings.hydra_errors import settings_error
from disco.settings.schema import (
    FILM_METRICS,
    METRIC_NAMES,
    InitConfig,
    MachineConfig,
    ModelConfig,
    SamplerConfig,
    Settings,
)
from disco.settings.specs import CHOICES, Spec, full_name, groups, spec_of, specs, unknown_setting

__all__ = [
    "CHOICES",
    "FILM_METRICS",
    "METRIC_NAMES",
    "InitConfig",
    "MachineConfig",
    "ModelConfig",
    "SamplerConfig",
    "Settings",
    "Spec",
    "by_path",
    "compose",
    "defaults",
    "from_dict",
    "full_name",
    "group_options",
    "groups",
    "hydra_at_hand",
    "is_usual",
    "load",
    "own_files",
    "register",
    "regrouped",
    "settings_error",
    "settings_table",
    "spec_of",
    "specs",
    "to_dict",
    "to_settings",
    "unknown_setting",
    "user_folders",
    "usual_values",
    "value_of",
    "with_values",
    "without_hydra",
]

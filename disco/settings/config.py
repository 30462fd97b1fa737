"""The settings: their schema, and the ways from conf/, overrides and records to them; what other modules read."""

from __future__ import annotations

from disco.settings.compose import (
    USER_FOLDER,
    compose,
    group_options,
    hydra_at_hand,
    is_usual,
    load,
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
    METRIC_NAMES,
    MachineConfig,
    ModelConfig,
    SamplerConfig,
    Settings,
    Spec,
    groups,
    spec_of,
    specs,
    unknown_setting,
)

__all__ = [
    "METRIC_NAMES",
    "USER_FOLDER",
    "MachineConfig",
    "ModelConfig",
    "SamplerConfig",
    "Settings",
    "Spec",
    "by_path",
    "compose",
    "defaults",
    "from_dict",
    "group_options",
    "groups",
    "hydra_at_hand",
    "is_usual",
    "load",
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

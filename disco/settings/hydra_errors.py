"""What Hydra and OmegaConf say, as one line that names the setting."""

from __future__ import annotations

from typing import Any

from disco.errors import SettingsError
from disco.settings.specs import specs, unknown_setting

# Hydra's launchers that the package's extras bring.
LAUNCHERS = ("joblib", "submitit", "ray")


def settings_error(error: BaseException) -> SettingsError:
    """What Hydra or OmegaConf says, as one line that names the setting."""
    from hydra.errors import MissingConfigException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ValidationError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SettingsError):
            return cause
        if isinstance(cause, MissingConfigException) and cause.options and cause.missing_cfg_file:
            group, _, choice = cause.missing_cfg_file.rpartition("/")
            extra = choice.partition("_")[0]
            advice = f"; pip install 'disco-engine[{extra}]' adds it" if extra in LAUNCHERS else ""
            return SettingsError(f"{group} is {choice!r}, but must be one of {', '.join(cause.options)}{advice}")
        if isinstance(cause, MissingConfigException) and str(cause).startswith("Cannot find primary config"):
            return SettingsError(
                f"--config-name is {cause.missing_cfg_file!r}, but no folder of configs holds that file"
            )
        if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and cause.full_key:
            return unknown_setting(cause.full_key)
        if isinstance(cause, ValidationError) and cause.full_key:
            spec = specs().get(cause.full_key.split(".")[-1].split("[")[0])
            if spec is not None:
                return spec.wrong(_given(cause))
        cause = cause.__cause__ or cause.__context__
    lines = str(error).strip().splitlines()
    if len(lines) > 1 and lines[0].endswith("raised while composing config:"):
        return SettingsError(f"{lines[0].partition(':')[0]}: {lines[1]}")
    # What follows the first line is advice for Hydra's own users.
    key = getattr(error, "full_key", None)
    return SettingsError(f"{key}: {_first_line(error)}" if key else _first_line(error))


def _given(error: Any) -> Any:
    """The value that OmegaConf refused; it keeps none that is itself a config, only the line that says so."""
    refused_null = error.value is None and "is not Optional" in str(error)
    return None if refused_null else _first_line(error) if error.value is None else error.value


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

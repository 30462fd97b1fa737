"""What is used here of Hydra although Hydra calls it private, for want of a public way; nothing else names such things.

A release of Hydra may change any of it: tests/settings/test_hydra_private.py says on which ones it was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.callbacks import Callbacks as Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.core_plugins.file_config_source import FileConfigSource as FileConfigSource
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

#: Releases of Hydra, and of its launcher for Ray, on which all of this was tried.
TRIED_ON = {"hydra-core": ("1.3",), "hydra-ray-launcher": ("1.2",)}

#: The sweeper that Hydra takes where none is named, as a config names it.
BASIC_SWEEPER = f"{BasicSweeper.__module__}.{BasicSweeper.__qualname__}"


def apply_overrides(overrides: Sequence[Override], config: DictConfig) -> None:
    """Lay overrides over a config that is composed, in place, as Hydra does. Raises what Hydra does.

    The public way, `hydra.compose`, reads all files anew, which takes a hundred times as long.
    """
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)


def note_overrides(overrides: Sequence[Override], config: DictConfig) -> None:
    """Say in Hydra's part of a config which overrides it was composed of, in the place of those that it names."""
    own = [override for override in overrides if not override.is_hydra_override()]
    job, told = config.hydra.job, config.hydra.overrides
    told.hydra = [override.input_line for override in overrides if override.is_hydra_override()]
    told.task = [override.input_line for override in own]
    how = job.config.override_dirname
    job.override_dirname = get_overrides_dirname(own, how.exclude_keys, how.item_sep, how.kv_sep)


def error_of(done: JobReturn) -> BaseException | None:
    """What a job ended with; None where it is completed. Asked the public way, Hydra prints it and raises it."""
    return None if done.status == JobStatus.COMPLETED else done._return_value


def start_ray(settings: Any) -> None:
    """Start Ray as Hydra's launcher does. settings: the launcher's for `ray.init`."""
    from hydra_plugins.hydra_ray_launcher._launcher_util import start_ray

    start_ray(settings)

"""Settings name no Python objects: what of Hydra's own part would import or call something is refused.

Hydra calls whatever `_target_` names (its callbacks, and anything within the settings of a launcher), and Python's
logging whatever `()` and `class` name. A file of settings may come from anyone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from disco.errors import SettingsError

if TYPE_CHECKING:
    from omegaconf import DictConfig

#: The sweepers of conf/hydra/sweeper, which are names and not classes.
SWEEPERS = ("disco.study.grid", "disco.study.search")
#: Where a plugin of Hydra may stand. Their classes are those that Hydra has found among the installed ones.
PLUGINS = ("hydra.launcher._target_", "hydra.sweeper._target_")
LOGS = ("hydra.job_logging.", "hydra.hydra_logging.")
#: What the files that come with Hydra name for their logs; Python's logging resolves texts that begin with ext://.
LOG_OBJECTS = frozenset(
    {
        *("logging.StreamHandler", "logging.FileHandler", "colorlog.ColoredFormatter"),
        *("ext://sys.stdout", "ext://sys.stderr"),
        *("${hydra.runtime.output_dir}/${hydra.job.name}.log", "hydra-${hydra.job.name}.log"),
    }
)


def check_no_objects(hydra: DictConfig) -> None:
    """Refuse the Python objects that Hydra's part of a composed config names, but for plugins and plain logs.

    Raises `SettingsError`, which names the place.
    """
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(hydra, resolve=False)
    for place, name in _named(tree, "hydra"):
        if place in PLUGINS:
            if name not in (*SWEEPERS, *Plugins.instance().class_name_to_class):
                group = place.removesuffix("._target_").replace(".", "/")
                raise SettingsError(f"{place} is {name!r}, which is no plugin of Hydra's; choose one with {group}=NAME")
        elif not (place.startswith(LOGS) and name in LOG_OBJECTS):
            raise SettingsError(f"{place} is {name!r}, but settings cannot name Python objects; leave it out")


def _named(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """What names an object in a tree, with its place; in logs also what may turn out to, once it is resolved."""
    if isinstance(node, dict):
        for key, value in node.items():
            inner = f"{place}.{key}"
            if key in ("_target_", "()") or (key == "class" and inner.startswith(LOGS)):
                yield inner, value
            else:
                yield from _named(value, inner)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _named(value, f"{place}.{number}")
    elif isinstance(node, str) and place.startswith(LOGS) and (node.startswith("ext://") or "${" in node):
        yield place, node

"""The defaults of all settings, read from conf/ without Hydra, which takes longer to load than help may take."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from disco.settings.convert import by_path, from_dict
from disco.settings.specs import groups, specs


@cache
def defaults() -> dict[str, Any]:
    """What conf/config.yaml and the files that it names give every setting, by full name."""
    import yaml

    conf = Path(import_module("disco.conf").__path__[0])
    tree = yaml.safe_load((conf / "config.yaml").read_text(encoding="utf-8"))
    chosen = [entry for entry in tree["defaults"] if isinstance(entry, dict)]
    values = {name: value for name, value in tree.items() if name in specs()}
    for group, option in (item for entry in chosen for item in entry.items()):
        if group in groups():
            values[group] = yaml.safe_load((conf / group / f"{option}.yaml").read_text(encoding="utf-8"))
    read = by_path(from_dict(values))
    return read | {spec.path: float(read[spec.path]) for spec in specs().values() if spec.type is float}


def settings_table() -> list[tuple[str, str, Any, str]]:
    """Every setting as (group, name, default, help), in the order of the schema."""
    return [(spec.group, name, defaults()[spec.path], spec.help) for name, spec in specs().items()]

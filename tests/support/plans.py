"""Plans, quickly made: the defaults composed once."""

from __future__ import annotations

from functools import cache
from typing import Any

from disco.planning.plan import Plan, build_plan
from disco.settings.config import Settings, from_dict, load, specs, to_dict
from disco.settings.overrides import from_python


@cache
def defaults() -> Settings:
    return load()


def settings_with(**values: Any) -> Settings:
    given = {"prompt": "a red star", **values}
    if not given.keys() <= specs().keys():  # presets and groups choose files
        return load(from_python(given))
    tree = to_dict(defaults())
    for name, value in given.items():
        spec = specs()[name]
        (tree[spec.group] if spec.group else tree)[name] = value
    return from_dict(tree)


def plan(**values: Any) -> Plan:
    return build_plan(settings_with(**values))

"""Settings <-> nested dictionaries of JSON's own types, of this version or an older one, every value checked."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

from disco.errors import SettingsError
from disco.settings.schema import Settings
from disco.settings.specs import SPLIT_OFF, Spec, groups, specs, unknown_setting


def regrouped(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as nested dictionaries of any version, those that have another group or name by now put there.

    A setting that is in both groups stays in both, where `from_dict` refuses the older one.
    """
    found = dict(tree)
    for group, older in SPLIT_OFF.items():
        inner, own = found.get(older), found.get(group, {})
        if not isinstance(inner, Mapping) or not isinstance(own, Mapping):
            continue
        moved = {name for name in inner if name in specs() and specs()[name].group == group and name not in own}
        if moved:
            found[older] = {name: value for name, value in inner.items() if name not in moved}
            found[group] = {**own, **{name: value for name, value in inner.items() if name in moved}}
    return found | {"output": with_trackers(found["output"])} if isinstance(found.get("output"), Mapping) else found


def with_trackers(output: Mapping[str, Any]) -> dict[str, Any]:
    """The group output with the switch tensorboard, which older versions had, as one of the trackers of `track`.

    Where both are given, both stay, and `from_dict` refuses the older one.
    """
    if "track" in output or not isinstance(output.get("tensorboard"), bool):
        return dict(output)
    rest = {name: value for name, value in output.items() if name != "tensorboard"}
    return {**rest, "track": ["tensorboard"] if output["tensorboard"] else []}


def from_dict(tree: Mapping[str, Any]) -> Settings:
    """The settings that `to_dict` wrote, or anyone else: every name and every value is checked.

    Settings that older versions did not have may be missing, and others be where they had them. Values are data and
    stay data: nothing in them is looked up, resolved or called.

    Raises `SettingsError` for an unknown, another missing or an ill-typed setting.
    """
    values = _named_values("", regrouped(tree) if isinstance(tree, Mapping) else tree, Settings)
    parts = {name: schema(**_named_values(name, values[name], schema)) for name, schema in groups().items()}
    return Settings(**{**values, **parts})


def to_dict(settings: Settings) -> dict[str, Any]:
    """The settings as nested dictionaries of JSON's own types; `from_dict` reads them back unchanged."""
    return jsonable(settings)


def value_of(settings: Settings, name: str) -> Any:
    """The value of a setting, by its bare name."""
    group = specs()[name].group
    return getattr(getattr(settings, group) if group else settings, name)


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with other values, by bare name; they are not checked."""
    for name, value in values.items():
        group = specs()[name].group
        change = {group: dataclasses.replace(getattr(settings, group), **{name: value})} if group else {name: value}
        settings = dataclasses.replace(settings, **change)
    return settings


def by_path(settings: Settings) -> dict[str, Any]:
    """Every value by its full name, e.g. guidance.clamp_max, in the order of the schema."""
    tree = to_dict(settings)
    return {spec.path: (tree[spec.group] if spec.group else tree)[name] for name, spec in specs().items()}


def _named_values(group: str, tree: Any, schema: type) -> dict[str, Any]:
    """The values of one group, each checked, and none too many or too few."""
    if not isinstance(tree, Mapping):
        raise SettingsError(f"{group or 'settings'} is {tree!r}, but must be a mapping from names to values")
    names = [item.name for item in dataclasses.fields(schema)]
    for name in tree:
        if name not in names:
            raise unknown_setting(f"{group}.{name}" if group else str(name))
    inner = groups() if group == "" else {}
    later: dict[str, Any] = {name: {} for name in inner if all(spec.before is not MISSING for spec in _of_group(name))}
    later |= {name: specs()[name].before for name in names if name in specs() and specs()[name].before is not MISSING}
    tree = {**later, **tree}
    for name in names:
        if name not in tree:
            raise SettingsError(f"{name} is missing{f' from the group {group}' if group else ''}")
    return {name: tree[name] if name in inner else _checked(specs()[name], tree[name]) for name in names}


def _of_group(name: str) -> list[Spec]:
    return [spec for spec in specs().values() if spec.group == name]


def _checked(spec: Spec, value: Any) -> Any:
    """The value, lists made tuples, if its type, range or choice is what the setting takes."""
    value = _plain(spec, value)
    kind = spec.type
    if kind is Any:
        return value
    if kind is bool:
        fits = isinstance(value, bool)
    elif kind is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif kind is float:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    elif typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        fits = isinstance(value, tuple) and (inner is Any or all(isinstance(item, inner) for item in value))
    elif typing.get_origin(kind) is dict:
        fits = isinstance(value, dict) and all(isinstance(key, str) for key in value)
    else:
        fits = isinstance(value, str) or (value is None and isinstance(kind, types.UnionType))
    if fits and kind in (int, float):
        fits = (spec.low is None or value >= spec.low) and (spec.high is None or value <= spec.high)
    if fits and spec.choices:
        fits = value in spec.choices
    if not fits:
        raise spec.wrong(value)
    return value


def _plain(spec: Spec, value: Any) -> Any:
    """Lists as tuples, mappings as dictionaries, and within them JSON's types and nothing else."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_plain(spec, item) for item in value)
    if isinstance(value, Mapping):
        # JSON has text keys only: what a picture holds and what was typed must be the same settings.
        return {str(key): _plain(spec, item) for key, item in value.items()}
    raise SettingsError(f"{spec.name} holds {value!r}, a {type(value).__name__}, which no setting takes")


def jsonable(value: Any) -> Any:
    """Settings, or a value of one, in JSON's own types: lists and dictionaries for tuples and groups."""
    if dataclasses.is_dataclass(value):
        return {item.name: jsonable(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    return value

"""What the schema says of each setting, looked up by its name."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

from disco.errors import SettingsError
from disco.settings.schema import Settings

#: Config groups that hold no settings of their own.
CHOICES = ("preset", "study")

#: Groups that were split off another, and which: what older versions wrote has their settings there.
SPLIT_OFF = {"machine": "model"}


@dataclass(frozen=True)
class Spec:
    """What the schema says of one setting. `group` is "" for the settings that stand in no group."""

    name: str
    group: str
    type: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[str | int, ...]
    integer: bool
    timed: bool
    keyframes: bool
    before: Any

    @property
    def path(self) -> str:
        """The full name, e.g. guidance.clamp_max."""
        return f"{self.group}.{self.name}" if self.group else self.name

    @property
    def older_path(self) -> str:
        """The full name that the first versions had for it; mostly the same."""
        return f"{SPLIT_OFF[self.group]}.{self.name}" if self.group in SPLIT_OFF else self.path

    @property
    def allowed(self) -> str:
        """What the setting takes, in words."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        if self.keyframes:
            return "a number, keyframes such as 0:(1), 10:(1.05), or an expression in t"
        if self.type is bool:
            return "true or false"
        if self.type is int or self.type is float:
            return ("an integer" if self.type is int else "a number") + _range_in_words(self.low, self.high)
        if self.type == tuple[str, ...]:
            return "a list of texts"
        if typing.get_origin(self.type) is tuple:
            return "a list"
        if typing.get_origin(self.type) is dict:
            return "a mapping from names to values"
        return "a text"

    def wrong(self, value: object) -> SettingsError:
        """The error for a value that the setting does not take."""
        example = f", such as [{value}]" if typing.get_origin(self.type) is tuple and isinstance(value, str) else ""
        return SettingsError(f"{self.name} is {value!r}, but must be {self.allowed}{example}")


def _range_in_words(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    return f" of at least {low:g}" if low is not None else ""


@cache
def groups() -> dict[str, type]:
    """The groups by name, each a dataclass."""
    hints = typing.get_type_hints(Settings)
    return {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint) and isinstance(hint, type)}


@cache
def specs() -> dict[str, Spec]:
    """Every setting by its leaf name, in the order of the schema."""
    found = {}
    for group, schema in [("", Settings), *groups().items()]:
        hints = typing.get_type_hints(schema)
        for item in dataclasses.fields(schema):
            if not (group == "" and item.name in groups()):
                found[item.name] = Spec(name=item.name, group=group, type=hints[item.name], **item.metadata)
    return found


@cache
def mappings() -> tuple[Spec, ...]:
    """The settings that are mappings, whose keys are names of their own."""
    return tuple(spec for spec in specs().values() if typing.get_origin(spec.type) is dict)


def spec_of(name: str) -> Spec | None:
    """The setting of a bare or full name, or of the full name that older versions had for it; None for any other."""
    spec = specs().get(name.rpartition(".")[2])
    return spec if spec is not None and name in (spec.name, spec.path, spec.older_path) else None


def full_name(name: str) -> str:
    """The name that Hydra knows a setting or group by: clamp_max -> guidance.clamp_max.

    Hydra's own settings stay as they are. Raises `SettingsError`, with the nearest names, for an unknown one.
    """
    if name in groups() or name in CHOICES or name.startswith(("hydra.", "hydra/")):
        return name
    spec = spec_of(name)
    if spec is None:
        raise unknown_setting(name)
    return spec.path


def unknown_setting(name: str) -> SettingsError:
    """The error for a setting that does not exist, with the nearest that do."""
    known = [*specs(), *groups(), "preset"]
    leaf = name.rpartition(".")[2] or name
    if leaf in specs() and name != leaf:
        return SettingsError(f"there is no setting {name!r}; {leaf} is {specs()[leaf].path} in full")
    near = difflib.get_close_matches(leaf.lower(), known, n=3, cutoff=0.6)
    advice = f"did you mean {' or '.join(near)}?" if near else "disco --help lists the settings"
    return SettingsError(f"there is no setting {name!r}; {advice}")

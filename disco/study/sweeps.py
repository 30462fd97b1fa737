"""The sweeps of a study as Hydra's grammar has them: what they hold, how much of it, and what is wrong with them.

    1,2,3    choice(1,2,3)    range(0,10)    glob(*)    interval(0.05,0.5)    shuffle(...)    sort(...)    tag(log, ...)

A range is counted before it is spelt out, for range(0,1000000000) is quickly typed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, QuotedString, RangeSweep

from disco.errors import SettingsError
from disco.planning.expansion import folders_of, given_prompts, spread_prompts
from disco.settings.config import Settings, group_options, specs
from disco.settings.names import is_value, name_in
from disco.settings.overrides import quoted
from disco.study.identity import BY_CONTENT, NOT_IN_KEY

#: The settings that hold prompts.
PROMPTS = ("prompt", "prompts")

#: More than this is hardly meant: each cell is checked before the first is rendered, and has a folder of its own.
MOST_CELLS = 10_000


@cache
def parsed(override: str) -> Override:
    return OverridesParser.create().parse_override(override)


def leaf_of(override: Override) -> str:
    """The bare name of what a sweep is for."""
    return name_in(override.get_key_element()).rpartition(".")[2]


def given_in(override: Override) -> str:
    """The values of a sweep as they were typed."""
    return str(override.input_line).partition("=")[2]


def choices_of(override: Override) -> list[str]:
    """The values of a sweep, an override each."""
    return [f"{override.get_key_element()}={text}" for text in override.sweep_string_iterator()]


def ends_of(override: Override) -> list[str]:
    """What of an axis of a search can be checked before: both ends of a range, every value of a list."""
    sweep: Any = override.value()
    if isinstance(sweep, (IntervalSweep, RangeSweep)):
        return [f"{override.get_key_element()}={end}" for end in bounds_of(override)]
    return choices_of(override)


def bounds_of(override: Override) -> tuple[float, float]:
    """The least and the greatest value of an interval or range, integers where the setting takes nothing else."""
    sweep: Any = override.value()
    kind = type(sweep)
    if kind is IntervalSweep:
        return _whole(override, sweep.start), _whole(override, sweep.end)
    start, step = sweep.start or 0, sweep.step
    last = type(start + step)(Decimal(start) + (length_of(override) - 1) * Decimal(step))
    return min(start, last), max(start, last)


def length_of(override: Override) -> int:
    """How many values a sweep lists."""
    sweep: Any = override.value()
    if not isinstance(sweep, RangeSweep):
        return len(sweep.list)
    start, stop, step = map(Fraction, (sweep.start or 0, sweep.stop or 0, sweep.step))
    return max(0, math.ceil((stop - start) / step))


def globs_spelt_out(overrides: Sequence[str]) -> list[str]:
    """The overrides, with glob(...) replaced by the names that it means.

    Raises SettingsError where it means none, and where it is given to a setting, which has no names to choose from.
    """
    return [_spelt_out(override, overrides) if "glob(" in override else override for override in overrides]


def _spelt_out(override: str, overrides: Sequence[str]) -> str:
    sweep: Any = parsed(override).value()
    if not isinstance(sweep, Glob):
        return override
    name, given = name_in(override), given_in(parsed(override))
    if is_value(override):
        raise SettingsError(f"{name.rpartition('.')[2]} is {given}, but glob chooses among files; list the values")
    names = sweep.filter(group_options(name, overrides))
    if not names:
        known = ", ".join(group_options(name, overrides)) or "nothing"
        raise SettingsError(f"{name} is {given}, which fits none of {known}")
    return f"{parsed(override).get_key_element()}=choice({','.join(quoted(each, name) for each in names)})"


# Prompts that stand for several


def with_spread_prompts(overrides: Sequence[str], settings: Settings) -> list[str]:
    """The overrides, with each prompt that has parts marked ! replaced by all the prompts that these make.

    settings: what the cells share; a prompt that they have, and no override, becomes an axis likewise.

    Raises SettingsError as `disco.planning.expansion.spread_prompts` does.
    """
    folders = folders_of(settings)
    if folders is None:
        return list(overrides)
    found = [_spread(override, folders) if name_in(override) in PROMPTS else override for override in overrides]
    name, given = given_prompts(settings)
    if given is not None and not any(name_in(override) in PROMPTS for override in overrides):
        spread = spread_prompts(given, name, folders)
        found += [f"{name}={','.join(quoted(value, name) for value in spread)}"] if len(spread) > 1 else []
    return found


def _spread(override: str, folders: Sequence[str]) -> str:
    name, given = name_in(override), parsed(override)
    sweep: Any = given.value()
    if given.is_sweep_override() and type(sweep) is not ChoiceSweep:
        return override  # no list of texts, which is said elsewhere
    values = [_plain_value(value) for value in (sweep.list if given.is_sweep_override() else [sweep])]
    spread = [each for value in values for each in spread_prompts(value, name, folders)]
    if len(spread) == len(values):
        return override
    return f"{given.get_key_element()}={','.join(quoted(value, name) for value in spread)}"


def _plain_value(value: Any) -> Any:
    """A value of Hydra's grammar as the setting will have it: texts without the quotes and escapes of the grammar."""
    if isinstance(value, QuotedString):
        return re.sub(r"(\\+)\$\{", lambda found: "\\" * (len(found[1]) // 2) + "${", value.text)
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain_value(item) for key, item in value.items()}
    return value


# What is wrong with them


def check_axes(names: Sequence[str], sweeps: Sequence[Override]) -> None:
    """Refuse what is no axis, is given twice, or has no values. names: what all overrides are for."""
    for override in sweeps:
        name, leaf = name_in(override.get_key_element()), leaf_of(override)
        if name in NOT_IN_KEY and name not in BY_CONTENT:
            raise SettingsError(f"{leaf} says where runs go and how they are watched, and is no axis; give one value")
        if names.count(name) > 1:
            raise SettingsError(f"{leaf} is an axis and given once more; put all its values into one")
        _check_numbers(override)
        if override.is_discrete_sweep() and not length_of(override):
            raise SettingsError(f"{leaf} is an axis without values; give it some, such as {leaf}=1,2")


def check_number_of_cells(sweeps: Sequence[Override]) -> None:
    """Refuse a grid of more cells than anyone means."""
    count = math.prod(map(length_of, sweeps))
    if count > MOST_CELLS:
        axes = " x ".join(f"{leaf_of(override)} ({length_of(override):,})" for override in sweeps)
        raise SettingsError(
            f"{axes} makes {count:,} cells, but a study takes at most {MOST_CELLS:,}; give a part of the values (the "
            "rest, given later, joins the same study), or search among them with hydra/sweeper=disco_optuna"
        )


def _check_numbers(override: Override) -> None:
    """Refuse a range or interval that could not be walked through."""
    sweep: Any = override.value()
    said = f"{leaf_of(override)} is {given_in(override)}"
    kind = type(sweep)
    if kind is RangeSweep:
        _check_finite(said, sweep.start or 0, sweep.stop or 0, sweep.step)
        if sweep.step == 0:
            raise SettingsError(f"{said}, whose step is 0; give another")
    if kind is IntervalSweep:
        _check_finite(said, sweep.start, sweep.end)
        if not is_value(str(override.input_line)):
            raise SettingsError(f"{said}, but files are chosen by their names; list them")
        if sweep.start > sweep.end:
            raise SettingsError(f"{said}, which starts above its end; write interval({sweep.end},{sweep.start})")
        if "log" in sweep.tags and sweep.start <= 0:
            raise SettingsError(f"{said}, but a logarithmic interval starts above 0")
        bounds_of(override)


def _check_finite(said: str, *numbers: Any) -> None:
    if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
        raise SettingsError(f"{said}, which must be made of finite numbers")


def _whole(override: Override, end: float) -> float:
    """An end of an interval, made an integer where the setting takes nothing else."""
    spec = specs().get(leaf_of(override))
    if spec is None or not (spec.type is int or spec.integer):
        return end
    if end != int(end):
        raise SettingsError(f"{spec.name} is {given_in(override)}, but counts; give the interval integers as its ends")
    return int(end)

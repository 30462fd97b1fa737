"""Schedules as the programs write them, which evaluate them as Python -> schedules that disco reads. No code is run.

Besides `[12]*400+[4]*600` there are, in files: counts far beyond the 1000 entries that are ever read, too few entries,
switches, lists, one value of an animation's frames `0:(0.2)`, and two functions of Visions of Chaos, which are known
and computed here. Any other call is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from disco.errors import SettingsError
from disco.settings.importing.values import NUMBER, Refused, number, short
from disco.settings.schedule import ENTRIES, parse
from disco.settings.specs import Spec

VALUE = r"[+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][+-]?\d{1,3})?|True|False|true|false"
REPEATED = r"(?:\s*\*\s*(?P<times>\d{1,30}))?"
LIST = re.compile(rf"\s*\[\s*(?P<values>(?:{VALUE})(?:\s*,\s*(?:{VALUE}))*)\s*,?\s*\]{REPEATED}\s*")
CALL = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]{0,60})\((?P<arguments>[^()]{0,300})\)?\s*")
FRAMES = re.compile(rf"\s*\d{{1,9}}\s*:\s*\(?\s*(?P<value>{VALUE})\s*\)?\s*(?:,.{{0,2000}})?", re.DOTALL)
#: Settings whose values out of range do what those at its end do, or the next best thing.
CLIPPED = {"eta": "the noise is at most what DDPM adds", "cut_icgray_p": "all cuts are in grey then"}
MOST_TEXT = 60_000

Runs = list[tuple[float, int]]


def schedule(value: Any, spec: Spec, easing: Any = None) -> tuple[Any, list[str]]:
    """A number or schedule that the setting takes, and what was changed about it.

    easing: the name of the easing function that the file chooses for its schedules. Raises `Refused`.
    """
    notes: list[str] = []
    if isinstance(value, str):
        value = " ".join(value.split())
    if isinstance(value, str) and len(value) > MOST_TEXT:
        raise Refused(f"it is a text of {len(value)} characters, of which at most {MOST_TEXT} are read")
    if isinstance(value, str) and (frames := FRAMES.fullmatch(value)) and not NUMBER.fullmatch(value.strip()):
        value = frames["value"]
        notes.append(f"{value} is what the first frame of an animation has")
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = number(value)
    if _is_switch(spec) and value in (0, 1):
        value = bool(value)
    if isinstance(value, bool) and not _is_switch(spec):
        value = int(value)
        notes.append(f"a switch, taken as {value}")
    if _taken(value, spec):
        return (value.strip() if isinstance(value, str) else value), notes
    if isinstance(value, bool | int | float):
        runs: Runs = [(number(value), ENTRIES)]
        found, said = _fitting(runs, spec)
        return found[0][0], notes + said
    runs, said = _first_entries(_runs(value, easing))
    if isinstance(value, str) and "(" in value:
        said.append("its function is worked out here, entry by entry")
    runs, more = _fitting(runs, spec)
    written = in_text(runs)
    if not _taken(written, spec):
        raise Refused(f"it is {short(value)}, but must be {_range(spec)}")
    return written, [*notes, *said, *more]


def in_text(runs: Runs) -> str:
    """Runs of equal values as a schedule in text."""
    merged: Runs = []
    for value, times in runs:
        if merged and merged[-1][0] == value:
            merged[-1] = (value, merged[-1][1] + times)
        elif times:
            merged.append((value, times))
    return "+".join(f"[{_digits(value)}]*{times}" for value, times in merged)


def runs_of(value: Any) -> Runs:
    """The runs of a schedule that `schedule` has written, or of a number."""
    if isinstance(value, str):
        return _first_entries(_runs(value, None))[0]
    return [(float(value), ENTRIES)]


def times(value: Any, factor: float) -> Any:
    """A number or schedule, every value of it multiplied."""
    if isinstance(value, str):
        return in_text([(float(f"{each * factor:.6g}"), count) for each, count in runs_of(value)])
    return float(f"{value * factor:.6g}")


def _digits(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _is_switch(spec: Spec) -> bool:
    return spec.integer and (spec.low, spec.high) == (0, 1)


def _taken(value: Any, spec: Spec) -> bool:
    """Whether disco's own reader takes it."""
    try:
        parse(value, spec.name, low=spec.low, high=spec.high, integer=spec.integer)
    except SettingsError:
        return False
    return not isinstance(value, dict)


def _range(spec: Spec) -> str:
    kind = "whole numbers" if spec.integer else "numbers"
    if spec.low is not None and spec.high is not None:
        return f"{kind} from {spec.low:g} to {spec.high:g}, or a schedule of them"
    return f"{kind} of at least {spec.low:g}, or a schedule of them" if spec.low is not None else f"{kind}"


def _runs(value: Any, easing: Any) -> Runs:
    """The runs of a text, a list of numbers, or a list of pairs [value, count]. Raises `Refused`."""
    if isinstance(value, list) and value:
        if all(isinstance(item, list) and len(item) == 2 for item in value):
            return [(float(number(item[0])), max(int(number(item[1])), 0)) for item in value]
        return [(float(number(item)), 1) for item in value]
    if not isinstance(value, str):
        raise Refused(f"it is {short(value)}, but must be a number, or a schedule such as [12]*400+[4]*600")
    runs: Runs = []
    place = 0
    while place < len(value) or not runs:
        if part := LIST.match(value, place):
            numbers = [_value(item) for item in part["values"].split(",")]
            times = min(int(part["times"] or 1), 10**9)
            repeated = 1 if len(numbers) == 1 else min(times, ENTRIES)
            runs += [(item, times if len(numbers) == 1 else 1) for item in numbers] * repeated
            if len(runs) > 100_000:
                raise Refused(f"it has more than 100000 parts; {ENTRIES} entries are ever read")
        elif part := CALL.match(value, place):
            runs += _called(part["name"], part["arguments"], easing)
        else:
            raise Refused(f"it cannot be read as a schedule at {short(value[place : place + 40])}")
        place = part.end()
        if place < len(value):
            if value[place] != "+" or place + 1 == len(value):
                raise Refused(f"it cannot be read as a schedule at {short(value[place : place + 40])}")
            place += 1
    return runs


def _value(item: str) -> float:
    word = item.strip().lower()
    return float(word == "true") if word in ("true", "false") else float(word)


def _first_entries(runs: Runs) -> tuple[Runs, list[str]]:
    """The 1000 entries that are read, filled up with the last where there are fewer."""
    found: Runs = []
    left = ENTRIES
    for value, times in runs:
        if left and times:
            found.append((value, min(times, left)))
            left -= found[-1][1]
    total = sum(times for _, times in runs)
    if not found:
        raise Refused("it is a schedule without entries")
    if left:
        found.append((found[-1][0], left))
        return found, [f"it has {total} entries of {ENTRIES}; the last one holds for the rest"]
    return found, [f"of its {total} entries the first {ENTRIES} are ever read"] if total > ENTRIES else []


def _fitting(runs: Runs, spec: Spec) -> tuple[Runs, list[str]]:
    """The runs with values that the setting takes, where those out of range mean as much as its end."""
    notes: list[str] = []
    if spec.integer and any(not value.is_integer() for value, _ in ((float(each), n) for each, n in runs)):
        runs = [(float(int(value)), times) for value, times in runs]
        notes.append("fractions are cut off, as the program does")
    if spec.name in CLIPPED and spec.low is not None and spec.high is not None:
        low = max(spec.low, 0.0)
        if any(not low <= value <= spec.high for value, _ in runs):
            runs = [(min(max(value, low), spec.high), times) for value, times in runs]
            notes.append(f"held between {low:g} and {spec.high:g}: {CLIPPED[spec.name]}")
    for value, _ in runs:
        low_enough = spec.high is None or value <= spec.high
        if not (math.isfinite(value) and low_enough and (spec.low is None or value >= spec.low)):
            raise Refused(f"it holds {_digits(value)}, but must be {_range(spec)}")
    return runs, notes


# The functions that Visions of Chaos offers for schedules


def _called(name: str, arguments: str, easing: Any) -> Runs:
    """The entries that a known function gives. Raises `Refused` for any other, which is not run."""
    names = {
        **dict.fromkeys(("dd_easing_int", "dd_easing_float"), ("start", "end", "steps", "easing_fn")),
        **dict.fromkeys(("easeint", "easeflt"), ("st", "en", "s", "fn")),
    }
    if name not in names:
        raise Refused(f"it calls {name}(), which is not run; write it out, such as [12]*400+[4]*600")
    given: dict[str, Any] = dict(zip(names[name], (1, 9, ENTRIES, "ExponentialEaseInOut"), strict=True))
    for number_, argument in enumerate(filter(None, (part.strip() for part in arguments.split(",")))):
        key, equals, value = argument.partition("=")
        key = key.strip() if equals else (names[name][number_] if number_ < 4 else "")
        if key not in given:
            raise Refused(f"it calls {name}() with {short(argument)}, which it does not take")
        given[key] = (value if equals else argument).strip()
    start, end, steps, chosen = given.values()
    chosen = str(chosen).strip("\"'")
    if chosen == "cut_easing_fn":
        chosen = str(easing or "ExponentialEaseInOut")
    count = int(number(steps))
    if not 2 <= count <= ENTRIES:
        raise Refused(f"it calls {name}() with {count} steps, but must have 2 to {ENTRIES}")
    return _eased(float(number(start)), float(number(end)), count, chosen, name in ("dd_easing_int", "easeint"))


def _eased(start: float, end: float, count: int, easing: str, rounded: bool) -> Runs:
    """The function's entries: the curve at 0 .. count-1 of count, stretched to reach both of its ends."""
    curve = _curve(easing)
    raw = [start + (end - start) * curve(place / count) for place in range(count)]
    least, most = min(raw), max(raw)
    if least == most:
        return [(start, count)]
    low, high = min(start, end), max(start, end)
    values = [low + (each - least) * (high - low) / (most - least) for each in raw]
    return [(float(round(each)) if rounded else float(f"{each:.6g}"), 1) for each in values]


def _bounced(x: float) -> float:
    """How far a ball that falls onto 1 and springs back has come."""
    if x < 4 / 11:
        return 121 * x * x / 16
    if x < 8 / 11:
        return 363 / 40 * x * x - 99 / 10 * x + 17 / 5
    if x < 9 / 10:
        return 4356 / 361 * x * x - 35442 / 1805 * x + 16061 / 1805
    return 54 / 5 * x * x - 513 / 25 * x + 268 / 25


def _power(power: int, x: float) -> float:
    return x**power


def _curve(name: str) -> Callable[[float], float]:
    """Penner's easing function of that name: from 0 at 0 to 1 at 1. Raises `Refused` for one that is not known."""
    found = re.fullmatch(r"(Linear|[A-Z][a-z]+?Ease)(InOut|In|Out)", name)
    powers = {"QuadEase": 2, "CubicEase": 3, "QuarticEase": 4, "QuinticEase": 5}
    forms: dict[str, Callable[[float], float]] = {
        "Linear": lambda x: x,
        "SineEase": lambda x: 1 - math.cos(x * math.pi / 2),
        "CircularEase": lambda x: 1 - math.sqrt(max(1 - x * x, 0)),
        "ExponentialEase": lambda x: 2 ** (10 * (x - 1)) if x else 0.0,
        "BackEase": lambda x: x**3 - x * math.sin(x * math.pi),
        "ElasticEase": lambda x: math.sin(13 * math.pi / 2 * x) * 2 ** (10 * (x - 1)),
        "BounceEase": lambda x: 1 - _bounced(1 - x),
        **{family: partial(_power, power) for family, power in powers.items()},
    }
    if found is None or found[1] not in forms:
        raise Refused(f"it takes the easing function {short(name)}, which is not known; write the schedule out")
    begins = forms[found[1]]
    if found[2] == "In":
        return begins
    if found[2] == "Out":
        return lambda x: 1 - begins(1 - x)
    return lambda x: begins(2 * x) / 2 if x < 0.5 else 1 - begins(2 - 2 * x) / 2

"""A value over the noise level, as Disco writes it: `[12]*400+[4]*600`.

Disco's schedules have 1000 entries, one per noise level: entry 0 holds at pure noise (t = 999), entry 999 at the
picture (t = 0), however many steps a run takes. The text is parsed by the grammar below and never evaluated:

    schedule = value | sum | "interp" "(" sum ")"
    sum      = part { "+" part }
    part     = "[" value { "," value } "]" [ "*" count ]
    value    = number | "true" | "false"

In Python, YAML and JSON the same can be a number, a list of [value, count] pairs, a plain list of the 1000 numbers,
or any of these as {interp: ...}. An interpolated schedule goes linearly from each run of equal values to the next:
every run's value is met at its first entry, and the last holds.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from disco.errors import SettingsError

ENTRIES = 1000
# Limits of what is worth reading: a thousand numbers written out take a tenth of it.
MAX_TEXT = 100_000
MAX_ENTRIES = 100_000

FORMS = "a number, or a schedule such as [12]*400+[4]*600"

TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z]+)|(?P<sign>[\[\]()*+,])|(?P<end>\Z))",
    re.ASCII,
)
INTEGER = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True)
class Schedule:
    """Runs of equal values over `count` noise levels; hashable, and cheap to read.

    starts: the entry at which each run begins, the first 0. values: what it holds. length: the entries that were
    written, of which those beyond `count` are never read. interpolated: see the module. integer: values between two
    runs are rounded, halves up.
    """

    starts: tuple[int, ...]
    values: tuple[float, ...]
    length: int
    count: int = ENTRIES
    interpolated: bool = False
    integer: bool = False

    def at(self, t: float) -> float:
        """The value at noise level t, 0 <= t < count: that of entry count - 1 - int(t)."""
        entry = self.count - 1 - int(t)
        if not 0 <= entry < self.count:
            raise ValueError(f"t is {t}, but must be in [0, {self.count})")
        run = bisect.bisect_right(self.starts, entry) - 1
        value = self.values[run]
        if not self.interpolated or run + 1 == len(self.values):
            return value
        share = (entry - self.starts[run]) / (self.starts[run + 1] - self.starts[run])
        value += share * (self.values[run + 1] - value)
        return float(math.floor(value + 0.5)) if self.integer else value


def parse(
    given: Any,
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    integer: bool = False,
    count: int = ENTRIES,
) -> Schedule:
    """Read a schedule in any of the forms above.

    name: the setting, for errors. low, high: the range of every value, ends included; None = no limit.
    integer: only whole numbers; with low 0 and high 1 also true and false.

    Raises `SettingsError` for anything else: too few entries, values out of range or not finite, text that is no
    schedule (code in it is not run), or more entries than anyone can mean.
    """
    interpolated = isinstance(given, Mapping)
    if isinstance(given, Mapping):
        if list(given) != ["interp"]:
            raise SettingsError(f"{name} is {_short(given)}, but must be {FORMS}, or that as {{interp: ...}}")
        given = given["interp"]
    if isinstance(given, str):
        reader = _Reader(given, name)
        runs, constant = reader.runs, reader.constant
        interpolated = interpolated or reader.interpolated
    elif isinstance(given, (list, tuple)):
        runs, constant = _listed(given, name), False
    else:
        runs, constant = [(_number(given, name), count)], True
    if constant:
        runs = [(runs[0][0], count)]

    length = sum(times for _, times in runs)
    if length < count:
        raise SettingsError(
            f"{name} has {length} entries, but needs {count}, one per noise level: "
            f"add {count - length} more, e.g. +[{runs[-1][0] if runs else 0:g}]*{count - length}"
        )
    starts: list[int] = []
    values: list[float] = []
    entry = 0
    for value, times in runs:
        if entry >= count:
            break
        if times:
            _check(value, name, low, high, integer)
            if not values or values[-1] != value:
                starts.append(entry)
                values.append(float(value))
        entry += times
    return Schedule(tuple(starts), tuple(values), length, count, interpolated, integer)


class _Reader:
    """Recursive descent over the grammar of the module; leaves runs of (value, times)."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.text = text
        if len(text) > MAX_TEXT:
            raise SettingsError(f"{name} is a text of {len(text)} characters; at most {MAX_TEXT} are read")
        self.tokens = self._tokens()
        self.kind, self.token, self.position = next(self.tokens)
        self.interpolated = False
        self.constant = False
        self.runs: list[tuple[float, int]] = []
        self.total = 0
        if self.kind == "number" or self.token in ("+", "true", "false", "True", "False"):
            self.constant = True
            self.runs.append((self._number(), 1))
        elif self.token == "interp":
            self.interpolated = True
            self._advance()
            self._expect("(")
            self._sum()
            self._expect(")")
        else:
            self._sum()
        if self.kind != "end":
            self._refuse()

    def _sum(self) -> None:
        self._part()
        while self.token == "+":
            self._advance()
            self._part()

    def _part(self) -> None:
        self._expect("[")
        values = [self._number()]
        while self.token == ",":
            self._advance()
            values.append(self._number())
        self._expect("]")
        times = 1
        if self.token == "*":
            self._advance()
            times = self._count()
        self.total += _limited(len(values) * times, self.total, self.name)
        if len(values) == 1:
            self.runs.append((values[0], times))
        else:
            self.runs.extend((value, 1) for value in values * times)

    def _number(self) -> float:
        if self.token == "+":
            self._advance()
        if self.kind == "number":
            return float(self._advance())
        if self.token in ("true", "false", "True", "False"):
            return _Switch(self._advance() in ("true", "True"))
        self._refuse()

    def _count(self) -> int:
        if self.kind != "number" or not INTEGER.fullmatch(self.token):
            self._refuse()
        digits = self._advance().lstrip("0") or "0"
        # Python itself refuses to read integers of thousands of digits, with an error that is not ours.
        return int(digits) if len(digits) < 12 else 10**12

    def _expect(self, sign: str) -> None:
        if self.token != sign:
            self._refuse()
        self._advance()

    def _advance(self) -> str:
        token = self.token
        self.kind, self.token, self.position = next(self.tokens)
        return token

    def _tokens(self) -> Iterator[tuple[str, str, int]]:
        position = 0
        while True:
            match = TOKEN.match(self.text, position)
            if match is None:
                yield "other", self.text[position:].strip(), position
                continue
            kind = match.lastgroup or "end"
            yield kind, match[kind], match.start(kind)
            position = match.end()

    def _refuse(self) -> NoReturn:
        where = f"at {_short(self.text[self.position :])}" if self.kind != "end" else "at its end"
        raise SettingsError(f"{self.name} is {_short(self.text)}, which cannot be read {where}; it must be {FORMS}")


class _Switch(float):
    """1.0 or 0.0 that was written true or false, which only a switch takes."""


def _listed(given: Sequence[Any], name: str) -> list[tuple[float, int]]:
    """The runs of a list of [value, count] pairs, or of plain numbers."""
    if not all(isinstance(item, (list, tuple)) for item in given):
        _limited(len(given), 0, name)
        return [(_number(item, name), 1) for item in given]
    runs = []
    total = 0
    for pair in given:
        if len(pair) != 2:
            raise SettingsError(f"{name} holds {_short(pair)}, but must hold pairs [value, count]")
        value, times = _number(pair[0], name), pair[1]
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise SettingsError(f"{name} holds the pair {_short(pair)}, whose count must be a whole number")
        total += _limited(times, total, name)
        runs.append((value, times))
    return runs


def _limited(entries: int, already: int, name: str) -> int:
    if entries + already > MAX_ENTRIES:
        raise SettingsError(f"{name} has more than {MAX_ENTRIES} entries; {ENTRIES} are needed, one per noise level")
    return entries


def _number(given: Any, name: str) -> float:
    if isinstance(given, bool):
        return _Switch(given)
    if isinstance(given, (int, float)) and abs(given) <= 1e300:
        return float(given)
    raise SettingsError(f"{name} holds {_short(given)}, but must be {FORMS}")


def _check(value: float, name: str, low: float | None, high: float | None, integer: bool) -> None:
    """Refuse a value that is out of range or of the wrong kind."""
    kind = "a whole number" if integer else "a number"
    if integer and low == 0 and high == 1:
        allowed = "true or false"
    elif low is not None and high is not None:
        allowed = f"{kind} from {low:g} to {high:g}"
    else:
        allowed = kind if low is None else f"{kind} of at least {low:g}"
    fits = (
        math.isfinite(value)
        and (low is None or value >= low)
        and (high is None or value <= high)
        and (not integer or value == int(value))
        and (not isinstance(value, _Switch) or allowed == "true or false")
    )
    if not fits:
        shown = bool(value) if isinstance(value, _Switch) else f"{value:g}"
        raise SettingsError(f"{name} holds {shown}, but every value must be {allowed}")


def _short(given: Any) -> str:
    shown = repr(given)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."

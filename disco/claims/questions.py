"""What a prediction asks of a study: questions about the mean of paired units, and what needs no statistics.

A question is a table of units [prompts, seeds] and the range in which the claim is right. How sure one must be of that,
and of the contrary, is the rule's business (`disco.claims.rule`).

Effects are held against the standard deviation of the metric between pictures of one cell: least=0.2 is a fifth of
what separates two seeds, and hardly seen in a single pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from disco.claims.units import Array, Selector, Units
from disco.errors import SettingsError

#: The least effect that counts, and the greatest that does not, in standard deviations between pictures.
LEAST = 0.2


@dataclass(frozen=True)
class Question:
    """Does the mean of units lie in the range from low to high?

    units: [prompts, seeds]. scale: what one standard deviation is, to tell the effect in; 0 for none. low, high: where
    the claim is right. refuted_below, refuted_above: beyond them it is wrong; where they lie within the range, an
    effect that is there but too small to matter refutes the claim.
    """

    units: Array
    scale: float
    unit: str
    low: float = -math.inf
    high: float = math.inf
    refuted_below: float = -math.inf
    refuted_above: float = math.inf


@dataclass(frozen=True)
class Exact:
    """What needs no statistics: whether the claim holds, and what was found."""

    holds: bool
    found: str


class Prediction(Protocol):
    """What a claim foretells."""

    kind: ClassVar[str]

    def says(self) -> str:
        """The prediction as a sentence."""
        ...

    def ask(self, units: Units) -> Iterator[Question | Exact]:
        """The questions that all must come out as foretold. Raises SettingsError for what the study does not hold."""
        ...


def at_least(units: Array, scale: float, least: float, unit: str) -> Question:
    """The mean is above 0; a mean that is surely below the least effect that matters refutes that."""
    return Question(units, scale, unit, low=0.0, refuted_below=least * scale)


def values_between(units: Units, axis: str, start: Any, end: Any) -> tuple[Any, ...]:
    """The values of an axis from one to another, in their order."""
    if axis not in units.axes:
        raise SettingsError(f"the study has no axis {axis!r}; it has {', '.join(units.axes) or 'none'}")
    values = units.axes[axis]
    for end_value in (start, end):
        if end_value is not None and end_value not in values:
            raise SettingsError(f"{axis} has no value {end_value!r}; it has {', '.join(map(str, values))}")
    first = 0 if start is None else values.index(start)
    last = len(values) - 1 if end is None else values.index(end)
    if last <= first:
        raise SettingsError(f"{axis} has one value between {start!r} and {end!r}, but a trend needs two")
    return values[first : last + 1]


def one_of(what: str, given: Any, known: Sequence[str]) -> str:
    if given not in known:
        raise SettingsError(f"{what} is {given!r}, but must be one of {', '.join(known)}")
    return str(given)


def named(where: Selector) -> str:
    return " and ".join(f"{name} {value}" for name, value in where.items()) or "the defaults"


def where_given(where: Selector) -> str:
    return f" (with {named(where)})" if where else ""

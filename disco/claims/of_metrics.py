"""Predictions about a metric: how it changes along an axis, and between cells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy import stats

from disco.claims.questions import LEAST, Exact, Question, at_least, named, one_of, values_between, where_given
from disco.claims.units import WORK, Array, Selector, Units


@dataclass(frozen=True)
class Trend:
    """A metric rises, or falls, along an axis.

    The effect is the change from the first to the last value by the least-squares line over the values' order. start,
    end: the first and the last value looked at, where not all are.
    """

    kind: ClassVar[str] = "trend"
    metric: str
    over: str
    direction: str
    start: Any = None
    end: Any = None
    where: Selector = field(default_factory=dict)
    least: float = LEAST

    def says(self) -> str:
        ends = f" from {self.start}" * (self.start is not None) + f" to {self.end}" * (self.end is not None)
        return f"{self.metric} {self.direction} with {self.over}{ends}{where_given(self.where)}"

    def ask(self, units: Units) -> Iterator[Question]:
        values = values_between(units, self.over, self.start, self.end)
        tables = np.stack([units.metric(self.metric, {**self.where, self.over: value}) for value in values])
        order = np.arange(len(values)) - (len(values) - 1) / 2
        slope = np.tensordot(order, tables, 1) / np.square(order).sum()
        sign = {"rises": 1, "falls": -1}[one_of("direction", self.direction, ("rises", "falls"))]
        yield at_least(sign * (len(values) - 1) * slope, units.spread(self.metric), self.least, self.metric)


@dataclass(frozen=True)
class Difference:
    """A metric is greater in some cells than in others."""

    kind: ClassVar[str] = "difference"
    metric: str
    more: Selector
    than: Selector
    least: float = LEAST

    def says(self) -> str:
        return f"{self.metric} is greater with {named(self.more)} than with {named(self.than)}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = units.difference(self.metric, self.more, self.than)
        yield at_least(apart, units.spread(self.metric), self.least, self.metric)


@dataclass(frozen=True)
class NotGreater:
    """A metric is not greater in some cells than in others by as much as `least`."""

    kind: ClassVar[str] = "not_greater"
    metric: str
    more: Selector
    than: Selector
    least: float = LEAST

    def says(self) -> str:
        return f"{self.metric} is not greater with {named(self.more)} than with {named(self.than)}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = units.difference(self.metric, self.more, self.than)
        scale = units.spread(self.metric)
        limit = self.least * scale
        yield Question(apart, scale, self.metric, high=limit, refuted_above=limit)


@dataclass(frozen=True)
class Interaction:
    """A setting changes a metric more in one place than in another: (more - than) is above (beside - beside_than)."""

    kind: ClassVar[str] = "interaction"
    metric: str
    more: Selector
    than: Selector
    beside: Selector
    beside_than: Selector
    least: float = LEAST

    def says(self) -> str:
        first = f"from {named(self.than)} to {named(self.more)}"
        return f"{self.metric} rises more {first} than from {named(self.beside_than)} to {named(self.beside)}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = units.difference(self.metric, self.more, self.than)
        apart = apart - units.difference(self.metric, self.beside, self.beside_than)
        yield at_least(apart, units.spread(self.metric), self.least, self.metric)


@dataclass(frozen=True)
class Peak:
    """A metric is greatest inside: at a value that was named beforehand it is above both ends of the axis."""

    kind: ClassVar[str] = "peak"
    metric: str
    over: str
    at: Any
    where: Selector = field(default_factory=dict)
    least: float = LEAST

    def says(self) -> str:
        return f"{self.metric} is greater at {self.over} {self.at} than at either end{where_given(self.where)}"

    def ask(self, units: Units) -> Iterator[Question]:
        values = values_between(units, self.over, None, None)
        top, first, last = (
            units.metric(self.metric, {**self.where, self.over: value}) for value in (self.at, values[0], values[-1])
        )
        for end in (first, last):
            yield at_least(top - end, units.spread(self.metric), self.least, self.metric)


@dataclass(frozen=True)
class Same:
    """A metric is the same in two places: apart by `within` standard deviations at most."""

    kind: ClassVar[str] = "same"
    metric: str
    one: Selector
    other: Selector
    within: float = 2.5 * LEAST

    def says(self) -> str:
        apart = f"within {self.within:g} standard deviations"
        return f"{self.metric} is the same with {named(self.one)} and {named(self.other)}, {apart}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = units.difference(self.metric, self.one, self.other)
        scale = units.spread(self.metric)
        limit = self.within * scale
        yield Question(apart, scale, self.metric, -limit, limit, -limit, limit)


@dataclass(frozen=True)
class Ratio:
    """A metric of runs, seconds, memory or work, in one cell is so many times that in another; work is counted."""

    kind: ClassVar[str] = "ratio"
    metric: str
    of: Selector
    to: Selector
    low: float = 0.0
    high: float = math.inf

    def says(self) -> str:
        ends = [f"at least {self.low:g}"] * (self.low > 0) + [f"at most {self.high:g}"] * math.isfinite(self.high)
        return f"{self.metric} with {named(self.of)} is {' and '.join(ends)} times that with {named(self.to)}"

    def ask(self, units: Units) -> Iterator[Question | Exact]:
        ratios = units.metric(self.metric, self.of) / units.metric(self.metric, self.to)
        if self.metric == WORK:
            found = float(ratios.mean())
            yield Exact(self.low <= found <= self.high, f"{found:.2f} times")
            return
        apart = np.log(ratios)
        low, high = (math.log(self.low) if self.low > 0 else -math.inf), math.log(self.high)
        yield Question(apart, 0.0, f"log {self.metric}", low, high, low, high)


@dataclass(frozen=True)
class Correlation:
    """Over the seeds of a prompt, a metric ranks the pictures of two cells alike (Spearman)."""

    kind: ClassVar[str] = "correlation"
    metric: str
    one: Selector
    other: Selector
    least: float = 0.5

    def says(self) -> str:
        pair = f"{named(self.one)} and with {named(self.other)}"
        return f"{self.metric} ranks seeds alike with {pair}: correlation above 0, and not below {self.least:g}"

    def ask(self, units: Units) -> Iterator[Question]:
        pairs = zip(units.metric(self.metric, self.one), units.metric(self.metric, self.other), strict=True)
        ranks = [[_spearman(a, b)] for a, b in pairs]
        yield Question(np.array(ranks), 0.0, "correlation", low=0.0, refuted_below=self.least)


def _spearman(a: Array, b: Array) -> float:
    """The rank correlation; 0 where one of them is constant."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return 0.0
    return float(stats.spearmanr(a, b).statistic)

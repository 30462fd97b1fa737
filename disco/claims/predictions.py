"""What a claim foretells, as data: each kind turns a study's pictures into questions about the mean of paired units.

A question is a table of units [prompts, seeds] and the range in which the claim is right. How sure one must be of that,
and of the contrary, is the rule's business (`disco.claims.rule`).

Effects are held against the standard deviation of the metric between pictures of one cell: least=0.2 is a fifth of
what separates two seeds, and hardly seen in a single pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import stats

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
        return f"{self.metric} {self.direction} with {self.over}{ends}{_given(self.where)}"

    def ask(self, units: Units) -> Iterator[Question]:
        values = _between(units, self.over, self.start, self.end)
        tables = np.stack([units.metric(self.metric, {**self.where, self.over: value}) for value in values])
        order = np.arange(len(values)) - (len(values) - 1) / 2
        slope = np.tensordot(order, tables, 1) / np.square(order).sum()
        sign = {"rises": 1, "falls": -1}[_one_of("direction", self.direction, ("rises", "falls"))]
        yield _at_least(sign * (len(values) - 1) * slope, units.spread(self.metric), self.least, self.metric)


@dataclass(frozen=True)
class Difference:
    """A metric is greater in some cells than in others."""

    kind: ClassVar[str] = "difference"
    metric: str
    more: Selector
    than: Selector
    least: float = LEAST

    def says(self) -> str:
        return f"{self.metric} is greater with {_named(self.more)} than with {_named(self.than)}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = units.metric(self.metric, self.more) - units.metric(self.metric, self.than)
        yield _at_least(apart, units.spread(self.metric), self.least, self.metric)


@dataclass(frozen=True)
class NotGreater:
    """A metric is not greater in some cells than in others by as much as `least`."""

    kind: ClassVar[str] = "not_greater"
    metric: str
    more: Selector
    than: Selector
    least: float = LEAST

    def says(self) -> str:
        return f"{self.metric} is not greater with {_named(self.more)} than with {_named(self.than)}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = units.metric(self.metric, self.more) - units.metric(self.metric, self.than)
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
        first = f"from {_named(self.than)} to {_named(self.more)}"
        return f"{self.metric} rises more {first} than from {_named(self.beside_than)} to {_named(self.beside)}"

    def ask(self, units: Units) -> Iterator[Question]:
        tables = [units.metric(self.metric, where) for where in (self.more, self.than, self.beside, self.beside_than)]
        apart = tables[0] - tables[1] - (tables[2] - tables[3])
        yield _at_least(apart, units.spread(self.metric), self.least, self.metric)


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
        return f"{self.metric} is greater at {self.over} {self.at} than at either end{_given(self.where)}"

    def ask(self, units: Units) -> Iterator[Question]:
        values = _between(units, self.over, None, None)
        top, first, last = (
            units.metric(self.metric, {**self.where, self.over: value}) for value in (self.at, values[0], values[-1])
        )
        for end in (first, last):
            yield _at_least(top - end, units.spread(self.metric), self.least, self.metric)


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
        return f"{self.metric} is the same with {_named(self.one)} and {_named(self.other)}, {apart}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = units.metric(self.metric, self.one) - units.metric(self.metric, self.other)
        scale = units.spread(self.metric)
        limit = self.within * scale
        yield Question(apart, scale, self.metric, -limit, limit, -limit, limit)


@dataclass(frozen=True)
class Near:
    """Pictures of two cells are nearer to one another than `share` of the distance between seeds."""

    kind: ClassVar[str] = "near"
    one: Selector
    other: Selector
    share: float = 0.5

    def says(self) -> str:
        pair = f"{_named(self.one)} and {_named(self.other)}"
        return f"pictures with {pair} are less than {self.share:g} of the distance between seeds apart"

    def ask(self, units: Units) -> Iterator[Question]:
        between = units.between_seeds(self.one)
        apart = units.distance(self.one, self.other) - self.share * between
        yield Question(apart, float(between.std(ddof=1)), "distance", high=0.0, refuted_above=0.0)


@dataclass(frozen=True)
class Farther:
    """Pictures of one pair of cells are farther apart than those of another pair."""

    kind: ClassVar[str] = "farther"
    one: Selector
    other: Selector
    than_one: Selector
    than_other: Selector
    least: float = LEAST

    def says(self) -> str:
        pair, than = ((self.one, self.other), (self.than_one, self.than_other))
        first, second = (f"{_named(a)} and {_named(b)}" for a, b in (pair, than))
        return f"pictures with {first} are farther apart than with {second}"

    def ask(self, units: Units) -> Iterator[Question]:
        far = units.distance(self.one, self.other)
        apart = far - units.distance(self.than_one, self.than_other)
        yield _at_least(apart, float(far.std(ddof=1)), self.least, "distance")


@dataclass(frozen=True)
class SharedSeed:
    """Pictures of two prompts are more alike with the same seed than with two. A unit is two prompts and a seed."""

    kind: ClassVar[str] = "shared_seed"
    where: Selector = field(default_factory=dict)
    least: float = LEAST

    def says(self) -> str:
        return "pictures of two prompts are nearer to one another with the same seed than with different ones"

    def ask(self, units: Units) -> Iterator[Question]:
        same, different = units.between_prompts(self.where)
        yield _at_least(different - same, float(different.std(ddof=1)), self.least, "distance")


@dataclass(frozen=True)
class Identical:
    """Pictures of two cells are the same, pixel by pixel; with `differ`, all of them are not."""

    kind: ClassVar[str] = "identical"
    one: Selector
    other: Selector
    differ: bool = False

    def says(self) -> str:
        what = "no picture is the same" if self.differ else "pictures are the same to the bit"
        return f"{what} with {_named(self.one)} and {_named(self.other)}"

    def ask(self, units: Units) -> Iterator[Exact]:
        same, of = units.same_bits(self.one, self.other)
        yield Exact(same == (0 if self.differ else of), f"{same} of {of} pictures are the same to the bit")


@dataclass(frozen=True)
class Ratio:
    """A metric of runs, seconds or memory, in one cell is so many times that in another."""

    kind: ClassVar[str] = "ratio"
    metric: str
    of: Selector
    to: Selector
    low: float = 0.0
    high: float = math.inf

    def says(self) -> str:
        ends = [f"at least {self.low:g}"] * (self.low > 0) + [f"at most {self.high:g}"] * math.isfinite(self.high)
        return f"{self.metric} with {_named(self.of)} is {' and '.join(ends)} times that with {_named(self.to)}"

    def ask(self, units: Units) -> Iterator[Question]:
        apart = np.log(units.metric(self.metric, self.of) / units.metric(self.metric, self.to))
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
        pair = f"{_named(self.one)} and with {_named(self.other)}"
        return f"{self.metric} ranks seeds alike with {pair}: correlation above 0, and not below {self.least:g}"

    def ask(self, units: Units) -> Iterator[Question]:
        pairs = zip(units.metric(self.metric, self.one), units.metric(self.metric, self.other), strict=True)
        ranks = [[_spearman(a, b)] for a, b in pairs]
        yield Question(np.array(ranks), 0.0, "correlation", low=0.0, refuted_below=self.least)


@dataclass(frozen=True)
class Computed:
    """What follows from formulas alone; `by` names the function of `disco.claims.computed` that works it out."""

    kind: ClassVar[str] = "computed"
    by: str

    def says(self) -> str:
        from disco.claims.computed import COMPUTED

        told = (COMPUTED[_one_of("by", self.by, tuple(COMPUTED))].__doc__ or "").partition("\n\n")[0]
        return " ".join(told.split()).rstrip(".")

    def ask(self, units: Units) -> Iterator[Exact]:
        from disco.claims.computed import COMPUTED

        holds, found = COMPUTED[_one_of("by", self.by, tuple(COMPUTED))]()
        yield Exact(holds, found)


KINDS: dict[str, Any] = {
    kind.kind: kind
    for kind in (
        *(Trend, Difference, NotGreater, Interaction, Peak, Same),
        *(Near, Farther, SharedSeed, Identical, Ratio, Correlation, Computed),
    )
}


def prediction_of(given: Mapping[str, Any]) -> Prediction:
    """A prediction as a file has it: its kind, and what belongs to that.

    Raises SettingsError for a kind that there is not, and for names that it lacks or has not.
    """
    kind = KINDS[_one_of("kind", given.get("kind"), tuple(KINDS))]
    known = {each.name: each for each in fields(kind)}
    own = {name: value for name, value in given.items() if name != "kind"}
    for name in own:
        _one_of(f"a name of {kind.kind}", name, tuple(known))
    try:
        made: Prediction = kind(**own)
    except TypeError as error:
        raise SettingsError(f"a prediction of kind {kind.kind} takes {', '.join(known)}: {error}") from error
    return made


def _at_least(units: Array, scale: float, least: float, unit: str) -> Question:
    """The mean is above 0; a mean that is surely below the least effect that matters refutes that."""
    return Question(units, scale, unit, low=0.0, refuted_below=least * scale)


def _between(units: Units, axis: str, start: Any, end: Any) -> tuple[Any, ...]:
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


def _one_of(what: str, given: Any, known: Sequence[str]) -> str:
    if given not in known:
        raise SettingsError(f"{what} is {given!r}, but must be one of {', '.join(known)}")
    return str(given)


def _spearman(a: Array, b: Array) -> float:
    """The rank correlation; 0 where one of them is constant."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return 0.0
    return float(stats.spearmanr(a, b).statistic)


def _named(where: Selector) -> str:
    return " and ".join(f"{name} {value}" for name, value in where.items()) or "the defaults"


def _given(where: Selector) -> str:
    return f" (with {_named(where)})" if where else ""

"""Predictions about pictures held against one another: how near they are, and whether they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from disco.claims.questions import LEAST, Exact, Question, at_least, named
from disco.claims.units import Selector, Units


@dataclass(frozen=True)
class Near:
    """Pictures of two cells are nearer to one another than `share` of the distance between seeds."""

    kind: ClassVar[str] = "near"
    one: Selector
    other: Selector
    share: float = 0.5

    def says(self) -> str:
        pair = f"{named(self.one)} and {named(self.other)}"
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
        first, second = (f"{named(a)} and {named(b)}" for a, b in (pair, than))
        return f"pictures with {first} are farther apart than with {second}"

    def ask(self, units: Units) -> Iterator[Question]:
        far = units.distance(self.one, self.other)
        apart = far - units.distance(self.than_one, self.than_other)
        yield at_least(apart, float(far.std(ddof=1)), self.least, "distance")


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
        yield at_least(different - same, float(different.std(ddof=1)), self.least, "distance")


@dataclass(frozen=True)
class Identical:
    """Pictures of two cells are the same, pixel by pixel; with `differ`, all of them are not."""

    kind: ClassVar[str] = "identical"
    one: Selector
    other: Selector
    differ: bool = False

    def says(self) -> str:
        what = "no picture is the same" if self.differ else "pictures are the same to the bit"
        return f"{what} with {named(self.one)} and {named(self.other)}"

    def ask(self, units: Units) -> Iterator[Exact]:
        same, of = units.same_bits(self.one, self.other)
        yield Exact(same == (0 if self.differ else of), f"{same} of {of} pictures are the same to the bit")

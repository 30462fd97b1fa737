"""What a way to guide is: its settings, what is tuned of it, and what it makes of a pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from disco.pipeline.build import Networks, Pipeline
from disco.planning.plan import Plan

#: What was chosen, by name.
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, spread by their logarithm where log; or choices alone."""

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def proposed(self, name: str, trial: Any) -> Any:
        """What an Optuna trial tries."""
        if self.choices:
            return trial.suggest_categorical(name, list(self.choices))
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    @property
    def middle(self) -> Any:
        """A value to begin with."""
        if self.choices:
            return self.choices[0]
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2


#: What every method with a clamped gradient and a sampler with noise is tuned by.
CLAMP = {"clamp_max": Range(0.03, 1.0, log=True)}
NOISE = {"eta": Range(0.0, 1.0)}


def as_named(params: Params) -> dict[str, Any]:
    """The parameters that are settings of disco by their own names: all of them."""
    return dict(params)


def unchanged(pipeline: Pipeline, networks: Networks, params: Params) -> Pipeline:
    return pipeline


def as_planned(plan: Plan, params: Params) -> Plan:
    return plan


@dataclass(frozen=True)
class Method:
    """One way to guide.

    name: in tables. source: where it is from, with what it claims. space: what is tuned. settings: the parameters ->
    settings of disco, beside those that all methods share. plan: what it makes of the steps. change: what it makes of a
    pipeline before it samples. dear: the parameters that change what a step costs. particles: pictures that are sampled
    together, of which one is kept.
    """

    name: str
    source: str
    space: Mapping[str, Range] = field(default_factory=lambda: CLAMP | NOISE)
    settings: Callable[[Params], dict[str, Any]] = as_named
    plan: Callable[[Plan, Params], Plan] = as_planned
    change: Callable[[Pipeline, Networks, Params], Pipeline] = unchanged
    dear: tuple[str, ...] = ()
    particles: int = 1

    @property
    def middle(self) -> dict[str, Any]:
        """Parameters to begin with."""
        return {name: each.middle for name, each in self.space.items()}


def only(*names: str) -> Callable[[Params], dict[str, Any]]:
    """The parameters of these names are settings; the others are the method's own."""
    return lambda params: {name: params[name] for name in names if name in params}

"""Every threshold of the guards, with what it was taken from: one table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from disco.run.guards.causes import (
    ENDS_EARLY,
    KEPT_START,
    LATE_START,
    NEGATIVE,
    NOT_CLAMPED,
    NOT_FINITE,
    NOT_GUIDED,
    NOTHING_TO_SHOW,
    PULLED_TOO_HARD,
    REPEATED,
    SMALL_CUTS,
    SMOOTHED_AWAY,
    TOO_LARGE,
    TOO_WEAK,
    Cause,
)


@dataclass(frozen=True)
class Sign:
    """A measure out of bounds: above `over` and below `under`. measure: of `disco.run.guards.measures`, or finite."""

    measure: str
    over: float = -math.inf
    under: float = math.inf

    def holds(self, value: float) -> bool:
        return self.over < value < self.under


@dataclass(frozen=True)
class Fault:
    """One way in which pictures go wrong.

    signs: all of which have to hold, at `looks` looks in a row, from the share `since` of the run on. says: what the
    picture does, after "picture 0". causes: the first that applies is told. meant: whether settings may ask for it,
    which then do not make it a fault (tile and symmetries repeat on purpose). grave: whether it is still told of a
    picture that has one of the faults below it.
    """

    name: str
    says: str
    signs: tuple[Sign, ...]
    since: float
    looks: int
    causes: tuple[Cause, ...]
    origin: str
    meant: bool = False
    grave: bool = False


#: What the thresholds were fitted on: the runs of even seeds of benchmarks/guards.py, of the embedded models. Measures
#: are those that a run keeps up for as many looks as the fault takes.
RUNS = "benchmarks/guards.py, 150 runs:"

#: The gravest first.
FAULTS = (
    Fault(
        "not finite",
        "holds NaN or infinity",
        (Sign("finite", under=0.5),),
        since=0,
        looks=1,
        causes=(NOT_GUIDED, NOT_FINITE),
        origin="any is one too many",
        grave=True,
    ),
    Fault(
        "exploding",
        "runs out of the range of colours",
        (Sign("overflow", over=0.12),),
        since=0.1,
        looks=2,
        causes=(*NEGATIVE, NOT_CLAMPED, NOT_GUIDED, PULLED_TOO_HARD),
        origin=f"{RUNS} 0.11 at most with sound settings, 0.19 at least in 22 of 24 that exploded",
        grave=True,
    ),
    Fault(
        "black",
        "turns black",
        (Sign("light", under=-0.65), Sign("spread", under=0.14)),
        since=0.3,
        looks=2,
        causes=(*NEGATIVE, SMOOTHED_AWAY, KEPT_START, TOO_WEAK, NOTHING_TO_SHOW),
        origin=f"{RUNS} light -0.73 and spread 0.16 at most in 9 that turned black; spread 0.17 in dark, sound ones",
    ),
    Fault(
        "blank",
        "turns into one colour",
        (Sign("spread", under=0.05),),
        since=0.3,
        looks=2,
        causes=(*NEGATIVE, SMOOTHED_AWAY, LATE_START, KEPT_START, TOO_WEAK, NOTHING_TO_SHOW),
        origin="a third of grey's",
    ),
    Fault(
        "noise",
        "stays noise",
        (Sign("grain", over=0.35),),
        since=0.3,
        looks=2,
        causes=(*NEGATIVE, LATE_START, KEPT_START, ENDS_EARLY, SMOOTHED_AWAY, PULLED_TOO_HARD),
        origin=f"{RUNS} 0.18 at most with sound settings, 0.27 in a woodcut of 50 steps, 0.42 at least in 5 of noise",
    ),
    Fault(
        "grey",
        "stays grey and flat",
        (Sign("spread", under=0.17),),
        since=0.5,
        looks=2,
        causes=(*NEGATIVE, SMOOTHED_AWAY, LATE_START, KEPT_START, ENDS_EARLY, TOO_WEAK, NOTHING_TO_SHOW),
        origin=f"{RUNS} 0.16 at most in 11 that stayed grey, 0.28 at least with sound settings",
    ),
    Fault(
        "copies",
        "repeats itself",
        (Sign("copies", over=0.4),),
        since=0.3,
        looks=2,
        causes=(SMALL_CUTS, TOO_LARGE, REPEATED),
        origin=f"{RUNS} 0.26 at most with sound settings; 0.29 at most in pictures of the world; two copies have 0.5",
        meant=True,
    ),
)

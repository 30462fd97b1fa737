"""The rule that decides a claim, fixed before anything is rendered; its version stands in every record.

1. A question asks whether the mean of units lies in a range. p_support is the p-value of "it does not" (the greater of
   both ends'), p_refute that of "it is not beyond where the claim is wrong".
2. All p-values of all questions in the table, both of each, are adjusted together by Benjamini and Hochberg; a test is
   passed where its adjusted value is at most 0.05, so at most one in twenty passed tests is expected to be false.
3. A question whose refuting test is passed is refuted, also where the effect exists and is too small to matter.
   Otherwise one whose supporting test is passed is supported; else it is undecided.
4. A claim all of whose questions are supported is supported; one with some refuted and some supported is mixed; one
   with some refuted and none supported is refuted; any other is underpowered.

What is exact is supported or refuted by what was found, and takes no part in step 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from disco.claims.questions import Exact, Question
from disco.claims.statistics import Estimate, adjusted, estimate

VERSION = "1"
LEVEL = 0.05

SUPPORTED, REFUTED, MIXED, UNDERPOWERED = "supported", "refuted", "mixed", "underpowered"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Tested:
    """A question and its two tests. p_support and p_refute as step 1 has them."""

    question: Question
    estimate: Estimate
    p_support: float
    p_refute: float


def tested(question: Question) -> Tested:
    """Both tests of a question."""
    found = estimate(question.units)
    support = max(
        found.p_above(question.low) if question.low > -float("inf") else 0.0,
        found.p_below(question.high) if question.high < float("inf") else 0.0,
    )
    refute = min(
        found.p_below(question.refuted_below) if question.refuted_below > -float("inf") else 1.0,
        found.p_above(question.refuted_above) if question.refuted_above < float("inf") else 1.0,
    )
    return Tested(question, found, support, refute)


def decide(table: Sequence[Sequence[Tested | Exact]]) -> list[list[tuple[str, float]]]:
    """The verdict on each question of each claim, and the adjusted p-value that it stands on (0 where it is exact)."""
    every = [answer for claim in table for answer in claim if isinstance(answer, Tested)]
    pairs = iter(adjusted([p for answer in every for p in (answer.p_support, answer.p_refute)]))
    return [[_verdict(answer, pairs) for answer in claim] for claim in table]


def _verdict(answer: Tested | Exact, pairs: object) -> tuple[str, float]:
    if isinstance(answer, Exact):
        return (SUPPORTED if answer.holds else REFUTED), 0.0
    support, refute = next(pairs), next(pairs)  # type: ignore[call-overload]
    if refute <= LEVEL:
        return REFUTED, refute
    if support <= LEVEL:
        return SUPPORTED, support
    return UNDECIDED, min(support, refute)


def claim_verdict(verdicts: Sequence[str]) -> str:
    """What step 4 makes of the verdicts on a claim's questions."""
    if REFUTED in verdicts:
        return MIXED if SUPPORTED in verdicts else REFUTED
    return SUPPORTED if verdicts and set(verdicts) == {SUPPORTED} else UNDERPOWERED

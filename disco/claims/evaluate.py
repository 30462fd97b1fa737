"""From run folders to the table of claims: nothing is kept but what a study's folder holds, so it can be made again.

The bootstrap's draws depend on the claim's number alone, and pictures are measured as they are saved: the same folders
give the same table, to the digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disco.claims import rule
from disco.claims.claim import Claim
from disco.claims.questions import Exact, Prediction, Question
from disco.claims.rule import Tested
from disco.claims.statistics import bootstrap
from disco.claims.units import Units
from disco.errors import SettingsError
from disco.study.results import Study
from disco.version import version

#: What a claim is whose pictures are not there.
MISSING = "missing"


@dataclass(frozen=True)
class Answer:
    """What came of one question of a prediction.

    exact: what was found, where no statistics were needed; None elsewhere, where the numbers are: effect (in the unit),
    standardised (in standard deviations between pictures; None where there is no such scale), low and high (the
    bootstrap's 95 % interval of the effect), adjusted (the p-value that the verdict stands on).
    """

    says: str
    verdict: str
    exact: str | None = None
    unit: str = ""
    effect: float | None = None
    standardised: float | None = None
    low: float | None = None
    high: float | None = None
    adjusted: float | None = None
    prompts: int = 0
    seeds: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of a claim. pictures: how many it stands on. folder: of its study; "" where none was needed.

    note: why it has no verdict, where it has none.
    """

    claim: Claim
    verdict: str
    answers: tuple[Answer, ...]
    pictures: int
    folder: str
    note: str = ""


def evaluate(claims: Sequence[Claim], studies: Mapping[int, Study]) -> list[Outcome]:
    """The table of claims: a verdict on each.

    studies: by the claim's number, measured (see `disco.study.measure.complete`). Claims that need one and have none,
    or one that lacks pictures, are missing, and take no part in the adjustment of p-values.
    """
    asked: dict[int, list[tuple[Prediction, Tested | Exact]]] = {}
    notes: dict[int, str] = {}
    for claim in claims:
        try:
            asked[claim.number] = _asked(claim, studies.get(claim.number))
        except SettingsError as error:
            notes[claim.number] = str(error)
    decided = dict(zip(asked, rule.decide([[answer for _, answer in found] for found in asked.values()]), strict=True))
    outcomes = []
    for claim in claims:
        study = studies.get(claim.number)
        pictures = sum(len(cell.pictures) for cell in study.cells) if study else 0
        folder = "" if study is None else str(study.folder)
        if claim.number in notes:
            outcomes.append(Outcome(claim, MISSING, (), pictures, folder, notes[claim.number]))
            continue
        rng = np.random.default_rng(claim.number)
        answers = tuple(
            _answer(prediction, found, verdict, p, rng)
            for (prediction, found), (verdict, p) in zip(asked[claim.number], decided[claim.number], strict=True)
        )
        verdict = rule.claim_verdict([answer.verdict for answer in answers])
        outcomes.append(Outcome(claim, verdict, answers, pictures, folder))
    return outcomes


def _asked(claim: Claim, study: Study | None) -> list[tuple[Prediction, Tested | Exact]]:
    """Every question of a claim, tested. Raises SettingsError where its pictures are not there."""
    if study is None and not claim.is_computed:
        raise SettingsError("its study was not rendered yet")
    units = Units(study, claim.variants) if study is not None else Units(_NOTHING)
    found: list[tuple[Prediction, Tested | Exact]] = []
    for prediction in claim.predictions:
        for question in prediction.ask(units):
            try:
                found.append((prediction, rule.tested(question) if isinstance(question, Question) else question))
            except ValueError as error:  # of a single prompt
                raise SettingsError(str(error)) from error
    return found


def _answer(prediction: Prediction, found: Tested | Exact, verdict: str, p: float, rng: np.random.Generator) -> Answer:
    if isinstance(found, Exact):
        return Answer(prediction.says(), verdict, exact=found.found)
    question, estimate = found.question, found.estimate
    low, high = bootstrap(question.units, rng)
    return Answer(
        prediction.says(),
        verdict,
        unit=question.unit,
        effect=estimate.mean,
        standardised=estimate.mean / question.scale if question.scale else None,
        low=low,
        high=high,
        adjusted=p,
        prompts=estimate.prompts,
        seeds=estimate.seeds,
    )


def record_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The table as JSON: the rule's version, the engine's, and every claim."""
    return {
        "rule": rule.VERSION,
        "level": rule.LEVEL,
        "version": version(),
        "claims": [
            {
                "number": outcome.claim.number,
                "study": outcome.claim.slug,
                "says": outcome.claim.says,
                "verdict": outcome.verdict,
                "pictures": outcome.pictures,
                "folder": outcome.folder,
                "note": outcome.note,
                "answers": [
                    {name: _finite(value) for name, value in vars(answer).items() if value not in (None, "")}
                    for answer in outcome.answers
                ],
            }
            for outcome in outcomes
        ],
    }


def _finite(value: Any) -> Any:
    """JSON knows no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


_NOTHING = Study(folder=None, name="", description="", command=(), axes=(), held={}, cells=(), notes=())  # type: ignore[arg-type]

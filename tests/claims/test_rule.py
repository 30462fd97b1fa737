"""The rule on tables that are known to hold nothing, or something."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from disco.claims import rule
from disco.claims.predictions import prediction_of
from disco.claims.units import Units

from .conftest import study_of

REPEATS = 40


def pair(rng, shift=0.0, prompts=16, seeds=8):
    """Two cells whose pictures share nothing but their prompts; `shift` in standard deviations between pictures."""
    axes = {"prompt": [f"p{n}" for n in range(prompts)], "level": [0, 1], "seed": list(range(seeds))}
    of_prompt = {prompt: rng.normal(0, 0.5) for prompt in axes["prompt"]}
    return study_of(axes, lambda w: {"metric": of_prompt[w["prompt"]] + rng.normal() + shift * w["level"]})


def verdict(study):
    question = {"kind": "difference", "metric": "metric", "more": {"level": 1}, "than": {"level": 0}}
    (found,) = prediction_of(question).ask(Units(study))
    return rule.decide([[rule.tested(found)]])[0][0][0]


def test_an_axis_that_cannot_matter_is_called_an_effect_no_more_often_than_the_rule_allows():
    rng = np.random.default_rng(0)
    found = [verdict(pair(rng)) for _ in range(REPEATS)]
    false = found.count("supported")
    assert stats.binomtest(false, REPEATS, rule.LEVEL, alternative="greater").pvalue > 0.05


def test_an_effect_of_half_a_standard_deviation_is_found():
    rng = np.random.default_rng(1)
    assert [verdict(pair(rng, 0.5)) for _ in range(REPEATS)].count("supported") >= 0.9 * REPEATS


def test_false_discoveries_are_held_over_a_table():
    """A table of 40 nulls and 10 effects: of what is supported, few are nulls."""
    rng = np.random.default_rng(2)
    question = {"kind": "difference", "metric": "metric", "more": {"level": 1}, "than": {"level": 0}}
    shares, right = [], []
    for _ in range(3):
        studies = [pair(rng, 1.0 if number < 10 else 0.0, 12, 4) for number in range(50)]
        table = [[rule.tested(found) for found in prediction_of(question).ask(Units(study))] for study in studies]
        supported = [number for number, claim in enumerate(rule.decide(table)) if claim[0][0] == "supported"]
        shares.append(sum(number >= 10 for number in supported) / max(len(supported), 1))
        right.append(sum(number < 10 for number in supported))
    assert np.mean(shares) <= rule.LEVEL and np.mean(right) > 5


@pytest.mark.parametrize(
    ("verdicts", "claim"),
    [
        (["supported", "supported"], "supported"),
        (["supported", "refuted", "undecided"], "mixed"),
        (["refuted", "undecided"], "refuted"),
        (["supported", "undecided"], "underpowered"),
        (["undecided"], "underpowered"),
        ([], "underpowered"),
    ],
)
def test_a_claims_verdict(verdicts, claim):
    assert rule.claim_verdict(verdicts) == claim

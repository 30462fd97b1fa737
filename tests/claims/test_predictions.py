"""Predictions, on studies whose effects are put there by hand."""

from __future__ import annotations

import numpy as np
import pytest

from disco.claims import rule
from disco.claims.predictions import KINDS, prediction_of
from disco.claims.questions import Exact, Question
from disco.claims.units import Units
from disco.errors import SettingsError

from .conftest import study_of

PROMPTS, SEEDS = [f"prompt {n}" for n in range(6)], [0, 1, 2, 3]
SHADES = np.random.default_rng(9).integers(0, 255, (20, 20, 24, 24, 3), dtype=np.uint8)


def noisy(rng, **of):
    """Metrics that are functions of a cell's values, and noise of deviation 1 that each prompt and seed has."""
    noise = {}

    def measure(where):
        unit = noise.setdefault((where["prompt"], where["seed"]), rng.normal(0, 1))
        return {name: rise(where) + unit + 0.01 * rng.normal() for name, rise in of.items()}

    return measure


def verdicts(study, variants=(), **given):
    """What the rule says of one prediction alone."""
    answers = [
        rule.tested(found) if isinstance(found, Question) else found
        for found in prediction_of(given).ask(Units(study, variants))
    ]
    return [verdict for verdict, _ in rule.decide([answers])[0]]


def grid(rng, levels=(0, 1, 2), **of):
    return study_of({"prompt": PROMPTS, "level": levels, "seed": SEEDS}, noisy(rng, **of))


def test_trends(rng):
    study = grid(rng, up=lambda w: 0.5 * w["level"], down=lambda w: -w["level"], flat=lambda w: 0.0)
    assert verdicts(study, kind="trend", metric="up", over="level", direction="rises") == ["supported"]
    assert verdicts(study, kind="trend", metric="down", over="level", direction="falls") == ["supported"]
    for metric in ("down", "flat"):
        assert verdicts(study, kind="trend", metric=metric, over="level", direction="rises") == ["refuted"]
    (question,) = prediction_of({"kind": "trend", "metric": "up", "over": "level", "direction": "rises"}).ask(
        Units(study)
    )
    assert question.units.mean() == pytest.approx(1.0, abs=0.02)  # from the first value to the last
    assert question.units.shape == (6, 4) and question.scale == pytest.approx(1.0, abs=0.3)


def test_a_trend_is_the_slope_of_the_least_squares_line(rng):
    study = grid(rng, levels=(0, 1, 5, 20), bent=lambda w: w["level"] ** 2 / 100)
    (question,) = prediction_of({"kind": "trend", "metric": "bent", "over": "level", "direction": "rises"}).ask(
        Units(study)
    )
    slope = np.polyfit([0, 1, 2, 3], [0, 0.01, 0.25, 4], 1)[0]
    assert question.units.mean() == pytest.approx(3 * slope, abs=0.02)


def test_part_of_an_axis(rng):
    study = grid(rng, levels=(0, 1, 2, 3), hill=lambda w: -abs(w["level"] - 1.5))
    assert verdicts(study, kind="trend", metric="hill", over="level", direction="rises", end=1) == ["supported"]
    assert verdicts(study, kind="trend", metric="hill", over="level", direction="falls", start=2) == ["supported"]
    with pytest.raises(SettingsError, match="level has no value 9"):
        verdicts(study, kind="trend", metric="hill", over="level", direction="falls", start=9)
    with pytest.raises(SettingsError, match="one value"):
        verdicts(study, kind="trend", metric="hill", over="level", direction="falls", start=3)


def test_peaks_differences_and_sameness(rng):
    study = grid(rng, hill=lambda w: 1.0 * (w["level"] == 1), flat=lambda w: 0.0)
    assert verdicts(study, kind="peak", metric="hill", over="level", at=1) == ["supported", "supported"]
    assert verdicts(study, kind="peak", metric="hill", over="level", at=2) == ["refuted", "refuted"]
    one, two = {"level": 1}, {"level": 2}
    assert verdicts(study, kind="difference", metric="hill", more=one, than=two) == ["supported"]
    assert verdicts(study, kind="difference", metric="hill", more=two, than=one) == ["refuted"]
    assert verdicts(study, kind="same", metric="flat", one=one, other=two) == ["supported"]
    assert verdicts(study, kind="same", metric="hill", one=one, other=two) == ["refuted"]
    assert verdicts(study, kind="not_greater", metric="flat", more=one, than=two) == ["supported"]
    assert verdicts(study, kind="not_greater", metric="hill", more=one, than=two) == ["refuted"]
    assert verdicts(study, kind="not_greater", metric="hill", more=two, than=one) == ["supported"]


def test_an_effect_too_small_to_matter_refutes(rng):
    study = grid(rng, tiny=lambda w: 0.05 * w["level"])
    assert verdicts(study, kind="trend", metric="tiny", over="level", direction="rises") == ["refuted"]
    assert verdicts(study, kind="trend", metric="tiny", over="level", direction="rises", least=0.01) == ["supported"]


def test_interactions(rng):
    axes = {"prompt": PROMPTS, "level": (0, 1), "on": (False, True), "seed": SEEDS}
    study = study_of(axes, noisy(rng, both=lambda w: w["level"] * w["on"], sum=lambda w: w["level"] + w["on"]))
    cells = dict(
        more={"level": 1, "on": True}, than={"level": 0, "on": True},
        beside={"level": 1, "on": False}, beside_than={"level": 0, "on": False},
    )  # fmt: skip
    assert verdicts(study, kind="interaction", metric="both", **cells) == ["supported"]
    assert verdicts(study, kind="interaction", metric="sum", **cells) == ["refuted"]
    # An axis that is not named is averaged over, and 1 is not true.
    assert verdicts(study, kind="difference", metric="both", more={"level": 1}, than={"level": 0}) == ["supported"]
    with pytest.raises(SettingsError, match="on has no value 1"):
        verdicts(study, kind="difference", metric="both", more={"on": 1}, than={"on": False})


def test_ratios_of_what_runs_take(rng):
    study = grid(rng, memory=lambda w: 1000.0 * 2 ** w["level"])
    one, two = {"level": 1}, {"level": 0}
    assert verdicts(study, kind="ratio", metric="memory", of=one, to=two, low=1.5, high=2.5) == ["supported"]
    assert verdicts(study, kind="ratio", metric="memory", of=one, to=two, low=2.5) == ["refuted"]


def test_ranks(rng):
    base = {(prompt, seed): rng.normal() for prompt in PROMPTS for seed in range(12)}

    def measure(where):
        own = base[where["prompt"], where["seed"]]
        return {"kept": own + where["level"] + 0.2 * rng.normal(), "lost": own if where["level"] else rng.normal()}

    study = study_of({"prompt": PROMPTS, "level": (0, 1), "seed": list(range(12))}, measure)
    pair = {"one": {"level": 0}, "other": {"level": 1}}
    assert verdicts(study, kind="correlation", metric="kept", **pair) == ["supported"]
    assert verdicts(study, kind="correlation", metric="lost", **pair) == ["refuted"]


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Pictures: level 1 is level 0 with a little of another picture, level 2 another picture altogether, 3 is 0."""

    def paint(where):
        own = SHADES[PROMPTS.index(where["prompt"]), where["seed"]].astype(float)
        other = SHADES[10 + PROMPTS.index(where["prompt"]), where["seed"]].astype(float)
        share = {0: 0.0, 1: 0.1, 2: 1.0, 3: 0.0}[where["level"]]
        return ((1 - share) * own + share * other).astype(np.uint8)

    axes = {"prompt": PROMPTS, "level": (0, 1, 2, 3), "seed": SEEDS}
    return study_of(axes, lambda where: {}, tmp_path_factory.mktemp("painted"), paint)


def test_pictures_held_against_one_another(painted):
    zero, one, two, three = ({"level": level} for level in range(4))
    assert verdicts(painted, kind="near", one=zero, other=one) == ["supported"]
    assert verdicts(painted, kind="near", one=zero, other=two) == ["refuted"]
    assert verdicts(painted, kind="farther", one=zero, other=two, than_one=zero, than_other=one) == ["supported"]
    assert verdicts(painted, kind="farther", one=zero, other=one, than_one=zero, than_other=two) == ["refuted"]
    assert verdicts(painted, kind="identical", one=zero, other=three) == ["supported"]
    assert verdicts(painted, kind="identical", one=zero, other=one) == ["refuted"]
    assert verdicts(painted, kind="identical", one=zero, other=one, differ=True) == ["supported"]
    with pytest.raises(SettingsError, match="name all axes"):
        verdicts(painted, kind="near", one={}, other=one)


def test_shared_seeds(tmp_path):
    """Half of a picture is its seed's, whatever the prompt; where the prompt alone decides, nothing is shared."""

    def paint(share):
        def of(where):
            seed, prompt = SHADES[19, where["seed"]], SHADES[PROMPTS.index(where["prompt"]), where["seed"]]
            return (share * seed.astype(float) + (1 - share) * prompt).astype(np.uint8)

        return of

    axes = {"prompt": PROMPTS, "seed": SEEDS}
    shared = study_of(axes, lambda where: {}, tmp_path / "shared", paint(0.5))
    apart = study_of(axes, lambda where: {}, tmp_path / "apart", paint(0.0))
    assert verdicts(shared, kind="shared_seed") == ["supported"]
    assert verdicts(apart, kind="shared_seed") != ["supported"]


def test_variants_of_a_prompt(rng):
    prompts = [each for prompt in PROMPTS for each in (prompt, f"{prompt}, without")]
    rise = noisy(rng, seen=lambda w: -1.0 * w["prompt"].endswith("without"))
    study = study_of({"prompts": prompts, "seed": SEEDS}, lambda w: rise({**w, "prompt": w["prompts"]}))
    given = {"kind": "difference", "metric": "seen", "more": {"variant": "plain"}, "than": {"variant": "negative"}}
    assert verdicts(study, ("plain", "negative"), **given) == ["supported"]
    with pytest.raises(SettingsError, match="variant is 'plain', but must be one of a, b"):
        verdicts(study, ("a", "b"), **given)


def test_what_is_missing_is_said(rng):
    study = grid(rng, up=lambda w: 0.0)
    with pytest.raises(SettingsError, match="has no down"):
        verdicts(study, kind="trend", metric="down", over="level", direction="rises")
    with pytest.raises(SettingsError, match="no axis 'sharpness'"):
        verdicts(study, kind="trend", metric="up", over="sharpness", direction="rises")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "guess"}, "kind is 'guess', but must be one of trend, "),
        ({}, "kind is None"),
        ({"kind": "trend", "metric": "detail"}, "a prediction of kind trend takes metric, over, direction"),
        ({"kind": "trend", "metrics": "detail"}, "a name of trend is 'metrics'"),
    ],
)
def test_predictions_that_are_none_are_refused(given, said):
    with pytest.raises(SettingsError, match=said):
        prediction_of(given)


def test_every_kind_is_tried_here_or_computed():
    import pathlib

    text = pathlib.Path(__file__).read_text()
    assert {kind for kind in KINDS if f'kind="{kind}"' in text or f'"kind": "{kind}"' in text} == {*KINDS} - {
        "computed"
    }


def test_exact_answers_take_no_part_in_the_adjustment(rng):
    study = grid(rng, up=lambda w: 0.5 * w["level"])
    (question,) = prediction_of({"kind": "trend", "metric": "up", "over": "level", "direction": "rises"}).ask(
        Units(study)
    )
    alone = rule.decide([[rule.tested(question)]])
    beside = rule.decide([[Exact(False, "no"), rule.tested(question)], [Exact(True, "yes")]])
    assert beside[0][1] == alone[0][0] and beside[0][0] == ("refuted", 0) and beside[1] == [("supported", 0)]

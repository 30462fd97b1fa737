"""The files of claims, the command that tests them, and the table made again of what it left."""

from __future__ import annotations

import json
import zlib
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from disco.claims.claim import claim_of, claims, read_claim
from disco.claims.computed import COMPUTED
from disco.claims.evaluate import evaluate, record_of
from disco.claims.table import in_lines, page_of, write_table
from disco.claims.units import bare
from disco.cli.main import main
from disco.errors import SettingsError
from disco.settings.config import compose, load, to_dict
from disco.settings.overrides import from_python
from disco.study.declare import sweeper_of

from .conftest import study_of

CLAIMS = claims()  # all of the files are read


def test_every_claim_has_a_file():
    assert sorted(CLAIMS) == list(range(1, 48))
    for number, claim in CLAIMS.items():
        assert claim.slug.startswith(f"{number:02d}_") and claim.says and claim.source and claim.means


def values_of(text):
    """The values of an axis as its file has them, a text being a list of numbers."""
    from disco.study.sweeps import choices_of, parsed

    if not isinstance(text, str):
        return text
    return [OmegaConf.create([each.partition("=")[2]])[0] for each in choices_of(parsed(f"seed={text}"))]


@cache
def record_with(name, value):
    """The record of a run with a value of an axis."""
    usual = {"prompt": "a red star", "cutout_family": "random", "clip_models": ["embedded_vit"]}
    return json.dumps({"settings": to_dict(load(from_python(usual | {name: value})))})


def rng(where, salt):
    return np.random.default_rng(zlib.crc32(f"{salt}{where}".encode()))


def measured(where, names):
    return {name: 1 + rng(where, name).random() for name in names}


@pytest.mark.parametrize("number", [number for number, claim in CLAIMS.items() if not claim.is_computed])
def test_a_claims_predictions_can_be_asked_of_its_study(number, tmp_path):
    """Of a study with made-up pictures and numbers, in four prompts and two seeds."""
    claim = CLAIMS[number]
    params = sweeper_of(compose([f"study=claims/{claim.slug}"]))["params"]
    axes = {name: values_of(values) for name, values in params.items()}
    prompts = "prompts" if "prompts" in axes else "prompt"
    axes[prompts] = axes[prompts][: 4 * max(len(claim.variants), 1)]
    axes["seed"] = [0, 1]
    names = (
        "detail",
        "saturation",
        "contrast",
        "clipping",
        "smoothness",
        "symmetry_horizontal",
        "motifs",
        "judge",
        "memory",
    )

    def paint(where):
        return rng(where, "picture").integers(0, 255, (20, 20, 3), dtype=np.uint8)

    looks = {"near", "farther", "identical", "shared_seed"} & {each.kind for each in claim.predictions}
    looks |= {"left_detail", "init_distance", "negated"} & {getattr(each, "metric", "") for each in claim.predictions}
    measure = partial(measured, names=names)
    study = study_of(axes, measure, tmp_path, paint if looks else None)
    for cell in study.cells:
        cell.folder.mkdir(exist_ok=True)
        (cell.folder / "steps.jsonl").write_text('{"seconds": 5}\n{"seconds": 0.5}\n')
        cell.settings["init.init_image"] = str(cell.folder / "image_0.png")
        if "work" in {getattr(each, "metric", "") for each in claim.predictions}:
            (cell.folder / "run.json").write_text(record_with(bare(study.axes[0].setting), cell.values[0]))
    (outcome,) = evaluate([claim], {number: study})
    assert outcome.verdict != "missing", outcome.note
    assert len(outcome.answers) >= len(claim.predictions) and outcome.pictures == len(study.cells)
    # Once more, to the digit; and what is shown of it holds in JSON.
    assert record_of(evaluate([claim], {number: study})) == json.loads(json.dumps(record_of([outcome])))
    assert claim.says in page_of([outcome], tmp_path) and claim.says in in_lines([outcome])


@pytest.mark.parametrize("name", [name for name in COMPUTED if name != "lone_weight"])
def test_what_is_computed_is_decided(name):
    holds, found = COMPUTED[name]()
    assert holds == (name not in ("narrow_pictures", "ends_of_runs", "power_of_1000")) and found


def test_a_claim_without_pictures_is_missing_and_says_so(tmp_path):
    outcomes = evaluate([CLAIMS[4], CLAIMS[7]], {})
    assert [outcome.verdict for outcome in outcomes] == ["supported", "missing"]
    page = write_table(outcomes, tmp_path / "claims")
    assert "1 supported, 1 missing" in page.read_text() and "4.79 %" in page.read_text()
    assert json.loads((tmp_path / "claims" / "claims.json").read_text())["rule"] == "1"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a: 1", "holds no hydra.sweeper.claim"),
        ("hydra: {sweeper: {claim: 3}}", "claim is 3, but must be a mapping"),
        ("hydra: {sweeper: {claim: {number: 3}}}", "the claim has no says"),
        ("hydra: {sweeper: {claim: {number: 3, says: x, predictions: [{kind: guess}]}}}", "mine: kind is 'guess'"),
        ("hydra: {sweeper: {claim: {number: 3, sais: x}}}", "a claim has 'sais'"),
    ],
)
def test_files_that_hold_no_claim_are_refused(given, said):
    with pytest.raises(SettingsError, match=said):
        read_claim("mine", given)


def test_a_claim_may_have_its_own_sizes():
    found = claim_of(
        "mine",
        {"number": 1, "says": "x", "predictions": [], "sizes": {"small": [6, 16]}}
        | {"predictions": [{"kind": "shared_seed"}]},
    )
    assert found.sizes["small"] == (6, 16) and found.sizes["full"] == (16, 8)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["claims", "99"], "there is no claim 99; there are 1 to 47"),
        (["claims", "--size", "huge"], "--size is 'huge', but must be one of smoke, small, full"),
        (["claims", "detail"], "claims takes numbers of claims, not 'detail'"),
        (["claims", "7", "clamp_mx=3"], "clamp_mx"),
    ],
)
def test_what_cannot_be_tested_is_one_line(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err and list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_claim_is_rendered_decided_and_decided_again(tmp_path, monkeypatch, capsys):
    """Two prompts and two seeds under PLMS, where eta changes no bit; then the table of the pictures alone."""
    monkeypatch.chdir(tmp_path)
    small = ["steps=2", "width=32", "height=32", "cut_overview=1", "cut_innercut=1"]
    assert main(["claims", "20", "4", "--size", "smoke", *small]) == 0
    out = capsys.readouterr().out
    assert " 20  supported" in out and "  4  supported" in out and "2 supported" in out
    page, record = Path("runs/claims/claims.md"), Path("runs/claims/claims.json")
    made = page.read_text(), record.read_text()
    assert "4 of 4 pictures are the same to the bit" in made[0]
    assert main(["claims", "20", "4", "--size", "smoke", "--no-render", *small]) == 0
    assert (page.read_text(), record.read_text()) == made

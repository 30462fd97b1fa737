"""Two revisions in turns: what moved is told from what only varies."""

from __future__ import annotations

import importlib
import math
import random
import subprocess
from pathlib import Path

import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

#: A benchmark that tells what its tree's engine says.
TOY = """
import json, sys
from disco.conf import place
from disco.speed import SECONDS
print(json.dumps({"seconds": SECONDS, "words": sys.argv[1:], "conf": float(place.NUMBER), "none": None}))
"""


@pytest.fixture
def against(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("against")


def test_figures_are_named_by_their_place(against):
    tree = {"warm": {"step": 0.5, "count": 3}, "cases": [{"s": 1.0}, {"s": 2.0}], "nan": math.nan, "zero": 0.0}
    assert against.figures(tree) == {"warm.step": 0.5, "cases.0.s": 1.0, "cases.1.s": 2.0}


def test_they_take_turns(against):
    asked = []
    found = against.in_turns(lambda tree: asked.append(tree) or len(asked), "now", "then", rounds=3)
    assert asked == ["now", "then", "then", "now", "now", "then"]
    assert found == [(1, 2), (4, 3), (5, 6)]


def test_a_ratio_has_students_interval(against):
    pairs = [(1.1, 1.0), (2.4, 2.0), (0.95, 1.0), (1.3, 1.0)]
    (figure,) = against.moved([({"s": now}, {"s": then}) for now, then in pairs])
    logs = [math.log(now / then) for now, then in pairs]
    theirs = stats.ttest_1samp(logs, 0)
    low, high = theirs.confidence_interval(0.95)
    assert (figure.low, figure.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert figure.sure == (theirs.pvalue < 0.05)


def test_a_change_is_found_and_noise_is_not(against):
    """Thirty figures vary by 3 % a turn while the machine's speed wanders by half; one of them is a tenth slower."""
    draw = random.Random(0)
    rounds = []
    for _ in range(8):
        wander = math.exp(draw.gauss(0, 0.5))
        both = [{f"f{n}": wander * math.exp(draw.gauss(0, 0.03)) for n in range(30)} for _ in range(2)]
        both[0]["f7"] *= 1.1
        rounds.append((both[0], both[1]))
    found = against.moved(rounds)
    assert [each.name for each in found if each.sure] == ["f7"]
    assert found[0].low < 1.1 < found[0].high
    told = against.lines("toy", found)
    assert len(told) == 2 and told[0].startswith("toy f7: 1.") and "29 of 30 figures did not move" in told[1]


def test_too_few_rounds_are_refused(against):
    with pytest.raises(ValueError, match="take 3 or more"):
        against.moved([({"s": 1.0}, {"s": 1.0})] * 2)


def test_a_revision_is_run_with_its_own_engine(against, tmp_path):
    """Its kernels/ and conf/ too, which an installation maps into the package."""
    repository = tmp_path / "repository"

    def git(*words):
        subprocess.run(["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@x", *words], check=True)

    for folder in ("disco", "conf", "kernels", "benchmarks"):
        (repository / folder).mkdir(parents=True)
    (repository / "disco" / "__init__.py").write_text("")
    (repository / "conf" / "__init__.py").write_text("")
    (repository / "benchmarks" / "toy.py").write_text(TOY)
    git("init", "--quiet")
    for number in (1, 2):
        (repository / "disco" / "speed.py").write_text(f"SECONDS = {number}.5\n")
        (repository / "conf" / "place.py").write_text(f"NUMBER = {number}\n")
        git("add", "-A")
        git("commit", "--quiet", "-m", str(number))
    with against.tree_of(repository, "HEAD~1") as then:
        said = against.printed_by(then, "toy", ["a", "b"])
        assert said == '{"seconds": 1.5, "words": ["a", "b"], "conf": 1.0, "none": null}\n'
    assert not then.exists()
    listed = subprocess.run(["git", "-C", str(repository), "worktree", "list"], capture_output=True, text=True)
    assert len(listed.stdout.splitlines()) == 1


def test_every_benchmark_that_is_asked_for_is_compared(against, capsys, tmp_path):
    record = importlib.import_module("record")
    seconds = iter([1.0, 2.0, 2.1, 1.0, 1.0, 2.05, *[3.0] * 6])
    plan = {"sphere": [["--threads", "1"]], "norm": [[]]}
    told = record.compared(["sphere", "norm"], plan, tmp_path, 3, lambda *_: f'{{"step": {next(seconds)}}}')
    assert told[0].startswith("sphere --threads 1 step: 0.4")
    assert told[-1] == "norm: 1 of 1 figures did not move beyond their noise"
    assert capsys.readouterr().err.splitlines() == ["sphere --threads 1", "norm"]

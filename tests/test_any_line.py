"""Whatever is typed, and whatever stands in a study's file: an answer, or one line that says what is wrong.

HYPOTHESIS_PROFILE=nightly python -m pytest tests/test_any_line.py     tries thousands instead of a few
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disco.cli import render as cli
from disco.cli.main import main
from disco.settings.config import groups, specs

FEW = settings(
    max_examples=max(5, settings.default.max_examples // 20),  # each composes a configuration
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that comes before a study's time is estimated, which would load the models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("disco.study.outlook.outlook", lambda sweep, workers: "")
    monkeypatch.setattr(cli, "check_machine", lambda plan: None)


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
    """The property: exit code 0, or 2 and one line; and nothing is made."""
    before = sorted(Path.cwd().rglob("*"))
    code = main(arguments)
    said = capsys.readouterr().err
    assert code in (0, 2), said
    told = [line for line in said.splitlines() if not line.startswith("disco: note: ")]
    assert len(told) == (code == 2) and all(line.startswith("disco: error: ") for line in told), said
    assert sorted(Path.cwd().rglob("*")) == before


# What is typed

NUMBERS = st.sampled_from(["0", "1", "-1", "2.5", "1e9", "1e-300", "inf", "nan", "99999999999999999999", "007", "1_0"])
WORDS = st.sampled_from(["a", "red star", "ddim", "plms", "embedded_vit", "null", "true", "~", "${seed}", "${x", "50%"])
SCHEDULES = st.sampled_from(["[12]*400+[4]*600", "[1]*10", "[6]*1000", "interp([0]*500+[1]*500)", "[[1]", "*2", "[]"])
SIGNS = st.text("()[]{}'\",:=$\\ *?#%&|~+-.0a\u00e9\n\t", max_size=8)
ATOMS = NUMBERS | WORDS | SCHEDULES | SIGNS


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Sweeps and lists of the grammar, most of them wrong."""
    names = st.sampled_from(["choice", "range", "interval", "glob", "shuffle", "sort", "tag", "int", "str", "foo"])
    several = st.lists(inner, max_size=3).map(",".join)
    tagged = st.tuples(names, st.sampled_from(["", "log,", "step=", "list=", "exclude=", "reverse="]), several)
    return (
        tagged.map(lambda parts: f"{parts[0]}({parts[1]}{parts[2]})")
        | several
        | several.map(lambda text: f"[{text}]")
        | several.map(lambda text: f"{{a: {text}}}")
    )


VALUES = st.recursive(ATOMS, calls, max_leaves=6)
NAMES = st.sampled_from([*specs(), *(spec.path for spec in specs().values()), *groups(), "preset", "study"])
HYDRAS = st.sampled_from(["trials", "direction", "objective", "search_seed", "workers", "description", "params"])
OVERRIDES = st.tuples(
    st.sampled_from(["", "", "", "+", "++"]), NAMES | HYDRAS.map(lambda name: f"hydra.sweeper.{name}"), VALUES
).map(lambda parts: f"{parts[0]}{parts[1]}={parts[2]}")


@FEW
@given(words=st.lists(OVERRIDES, min_size=1, max_size=3), flags=st.sets(st.sampled_from(["-m", "a star"])))
def test_any_setting(words, flags, capsys):
    check(capsys, *flags, *words, "--dry-run")


SPACES = st.sampled_from(
    ["clamp_max", "steps", "cut_ic_pow", "eta", "seed", "sampler", "prompt", "cut_overview", "width"]
)
RANGES = st.builds(
    "{}({})".format,
    st.sampled_from(["interval", "range", "choice", "tag(log,interval", "shuffle", "sort"]),
    st.lists(NUMBERS, max_size=3).map(",".join),
).map(lambda text: text + ")" * (text.count("(") - text.count(")")))


@FEW
@given(space=st.dictionaries(SPACES, RANGES | VALUES, min_size=1, max_size=2), goal=st.lists(OVERRIDES, max_size=1))
def test_any_search(space, goal, capsys):
    pytest.importorskip("optuna")
    axes = [f"{name}={value}" for name, value in space.items()]
    check(capsys, "-m", "a star", "hydra/sweeper=disco_optuna", *axes, *goal, "--dry-run")


PATHS = st.lists(
    st.sampled_from(["~", "~nobody", "..", ".", "x", "x" * 256, "a b", "\u00e9", "%s", "${x}", "'", "\n", "x/" * 2100])
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5),
    min_size=1,
    max_size=3,
).map(lambda parts: "/".join(["below", *parts]) if parts[0][:1] != "~" else "/".join(parts))


@FEW
@given(path=PATHS, what=st.sampled_from(["folder", "init_image", "image_prompts", "batch_name", "hydra.run.dir"]))
def test_any_path_of_a_setting(path, what, capsys):
    given = f"{what}={f'[{path}]' if what == 'image_prompts' else path}"
    check(capsys, "a star", "width=16", "height=16", "cut_overview=1", "cut_innercut=1", given, "--dry-run")


@FEW
@given(
    path=PATHS, what=st.sampled_from([["report"], ["resume"], ["diff", "x"], ["replay"], ["a star", "--config-dir"]])
)
def test_any_path_of_a_word(path, what, capsys):
    check(capsys, *what, path)


# What stands in a file

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | VALUES | st.dates()
KEYS = NAMES | st.sampled_from(["defaults", "hydra", "<<", "a", "0", "null"])
PARAMS = st.dictionaries(NAMES | st.text(max_size=4), LEAVES | st.lists(LEAVES, max_size=3), max_size=3)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
STUDIES = TREES.map(lambda tree: tree) | st.fixed_dictionaries(
    {"hydra": st.fixed_dictionaries({"sweeper": st.fixed_dictionaries({"params": PARAMS | TREES})})},
    optional={name: TREES for name in ("sampler", "guidance", "clamp_max", "seed", "defaults", "prompt")},
)
TEXTS = (
    STUDIES.map(lambda tree: yaml.safe_dump(tree, sort_keys=False))
    | st.lists(st.tuples(st.sampled_from(["", "  ", "    ", "\t", "- "]), KEYS, VALUES), max_size=5).map(
        lambda lines: "\n".join(f"{indent}{key}: {value}" for indent, key, value in lines)
    )
    | st.text()
)


@FEW
@given(content=TEXTS.map(str.encode) | st.binary(), header=st.sampled_from([b"", b"# @package _global_\n", b"\xff"]))
def test_any_study_file(content, header, tmp_path_factory, capsys):
    folder = tmp_path_factory.mktemp("configs")
    (folder / "study").mkdir()
    (folder / "study" / "own.yaml").write_bytes(header + content)
    check(capsys, "a star", "study=own", "--config-dir", str(folder), "--dry-run")

"""disco concept: what it prints, and one line with exit code 2 for what it cannot do."""

from __future__ import annotations

import pytest

from disco.cli.commands.concept import number
from disco.cli.main import main
from support.concepts import vectors_for, write_concept, write_pictures


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / "concepts"


def say(capsys, *words, code=0):
    assert main(["concept", *words]) == code
    return capsys.readouterr()


def test_learn_prints_how_near_it_came_and_where_it_is(capsys, tmp_path, home):
    folder = write_pictures(tmp_path / "discs", 2)
    words = ("learn", "disc", str(folder), "updates=2", "clip_models=[embedded_vit8]")
    told = say(capsys, *words)
    line, place = told.out.splitlines()
    assert line.startswith("embedded_vit8: nearness to the pictures 0.") and place == str(home / "disc.safetensors")
    assert "holds 2 pictures; from 3 to 30" in told.err
    told = say(capsys, *words)
    assert told.out.splitlines() == [place] and "<disc> was learned already" in told.err


def test_list_names_tokens_pictures_and_perceptors(capsys, home, tmp_path):
    assert "there are no concepts in" in say(capsys).out
    write_concept(home, "key", vectors_for(["embedded_vit", "embedded_vit8"]))
    write_concept(home, "shell-2", vectors_for(["embedded_vit"], tokens=3))
    (home / "broken.safetensors").write_bytes(b"x")
    lines = say(capsys, "list").out.splitlines()
    assert "is no concept" in lines[0]
    assert [line.split() for line in lines[1:]] == [
        ["<key>", "1", "token", "1", "pictures", "embedded_vit,", "embedded_vit8"],
        ["<shell-2>", "3", "tokens", "1", "pictures", "embedded_vit"],
    ]
    assert str(tmp_path / "other") in say(capsys, "list", f"concepts={tmp_path / 'other'}").out


def test_help_says_how(capsys):
    assert "disco concept learn NAME FOLDER" in say(capsys, "help").out
    assert main(["help", "concept"]) == 0
    assert "kind=style" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lern", "a", "b"], "disco concept has no 'lern' among its verbs; do you mean learn?"),
        (["x"], "which are learn and list"),
        (["learn", "disc"], "concept learn takes a name and a folder: disco concept learn NAME FOLDER"),
        (["learn", "disc", "a", "b"], "takes a name and a folder"),
        (["learn", "disc", "nowhere", "tokens=two"], "tokens is 'two', but must be a whole number from 1 to 16"),
        (["learn", "disc", "nowhere", "tokens=2", "tokens=3"], "tokens is given twice"),
        (["learn", "disc", "nowhere", "seed=1,2"], "holds several values, but one concept is learned"),
        (["learn", "disc", "nowhere", "tocens=2"], "there is no setting 'tocens'"),
        (["learn", "disc", "nowhere"], "nowhere is no folder"),
        (["list", "all"], "concept list takes settings, not 'all'"),
    ],
)
def test_what_cannot_be_done_is_one_line(words, said, capsys):
    told = say(capsys, *words, code=2)
    assert said in told.err and told.err.count("\n") == 1 and not told.out


def test_numbers_are_read_and_all_else_stays_a_text():
    assert [number(text) for text in ("3", "0.5", ".5", "1e-3", "nan", "-1", "1_0", "")] == [
        *(3, 0.5, 0.5, 0.001, "nan", "-1", "1_0", "")
    ]

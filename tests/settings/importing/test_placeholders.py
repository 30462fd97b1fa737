"""Random parts of progrockdiffusion's prompts: what may come out here is what may come out there."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.planning.draw import Draw
from disco.planning.wildcards import Wildcards
from disco.settings.importing.placeholders import drawn, has_placeholders

#: Texts full of the signs that mean something in a prompt of disco's.
SIGNS = st.text(st.sampled_from(list("ab12 \\{}|$_#/*~@!:.-\n")), max_size=20)


def becomes(template: str, seed: int = 0, folders=()) -> str:
    return Draw(seed, Wildcards(folders)).text(template, "prompt")


@given(SIGNS)
def test_all_else_stands_for_itself(text):
    names: list[str] = []
    template = drawn(text, names)
    if not has_placeholders(text):
        assert names == [] and becomes(template) == text


@given(SIGNS.filter(lambda text: not has_placeholders(text)), SIGNS.filter(lambda text: not has_placeholders(text)))
def test_so_does_what_stands_around_a_choice(before, after):
    text = f"{before}<red|blue>{after}"
    if text.count("<") == text.count(">") == 1 and not has_placeholders(text.replace("<red|blue>", "")):
        outcomes = {becomes(drawn(text, []), seed) for seed in range(20)}
        assert outcomes <= {f"{before}{colour}{after}" for colour in ("red", "blue")}
        assert len(outcomes) == 2


@pytest.mark.parametrize(
    "options", [["red", "blue"], ["@a", "b"], ["2::a", "b"], ["2$$a", "b"], ["~", "!x"], ["a{b", "c}"]]
)
@pytest.mark.parametrize("count", [None, 1, 2])
def test_the_same_may_come_out(options, count):
    """progrockdiffusion shuffles the options and joins the first ones with spaces."""
    text = f"a <{'' if count is None else f'^^{count}|'}{'|'.join(options)}> star"
    expected = {f"a {' '.join(chosen)} star" for chosen in itertools.permutations(options, count or 1)}
    assert {becomes(drawn(text, []), seed) for seed in range(60)} == expected


def test_lines_of_a_file(tmp_path):
    (tmp_path / "artist.txt").write_text("Klee\nMarc\n")
    names: list[str] = []
    template = drawn("by _artist_, snake_case, a_", names)
    assert template == "by __artist__, snake_case, a_" and names == ["artist"]
    found = {becomes(template, seed, [str(tmp_path)]) for seed in range(20)}
    assert found == {"by Klee, snake_case, a_", "by Marc, snake_case, a_"}


def test_one_option_is_that_option():
    assert becomes(drawn("a <red> star", [])) == "a red star" and drawn("<3 stars", []) == "<3 stars"

"""Prompts with parts to choose from: the syntax, held against the package that it comes from."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.planning.draw import Draw, spread
from disco.planning.template import (
    MOST_LETTERS,
    MOST_NESTED,
    Choice,
    Text,
    Wildcard,
    is_plain,
    parse_template,
    walk,
)
from disco.planning.wildcards import Wildcards

NONE = Wildcards([])


def drawn(template: str, seed: int = 0) -> str:
    return Draw(seed, NONE).text(template, "prompt")


@given(st.text(st.characters(codec="utf-8", exclude_characters="{}\\_#/"), max_size=60))
def test_a_text_without_the_syntax_means_itself(text):
    assert is_plain(parse_template(text, "prompt"), text) and drawn(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a castle, by the sea: dusk, 50% (old) [new] | a",
        "C# and #1, https://example.org/a//b, 12 // ",
        "____ is the blank, a_b __ c __ d, x__",
        r"C:\pictures\a, \n, \\server\x, AC\/DC",
        "it costs $5, or $$",
        "a ${sea}, its variable unknown",
        "a smile :} or two }}",
        "赤い星 ⭐ نجمة é",
        "",
    ],
)
def test_signs_that_are_no_syntax_stay(text):
    assert drawn(text) == text


@given(st.text("ab{}| $_", max_size=30).filter(lambda text: "__" not in text))
def test_every_text_can_be_written(text):
    assert drawn(re.sub(r"([{}|])", r"\\\1", text)) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a \{red\|blue\} star", "a {red|blue} star"),
        (r"\__init\__ and \__main\__", "__init__ and __main__"),
        (r"{a\|b}", "a|b"),
        (r"\\{a}", r"\a"),
        (r"\\\{a", r"\{a"),
        (r"\${x=a} and \{b}", "${x=a} and {b}"),
        (r"a \# b", "a # b"),
        (r"a \// b", "a // b"),
    ],
)
def test_signs_are_written_with_a_backslash(written, meant):
    assert {drawn(written, seed) for seed in range(8)} == {meant}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a star # my favourite {", "a star"),
        ("a star // best\nat night", "a star\nat night"),
        ("a /* red */star", "a star"),
        ("# a first line\na star", "\na star"),
    ],
)
def test_comments(written, meant):
    assert drawn(written) == meant


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a {red|blue", "has a { that no } closes"),
        ("${x=a", "has a { that no } closes"),
        ("{0::a|0::b}", "every option has the weight 0"),
        ("{" * (MOST_NESTED + 1) + "}" * (MOST_NESTED + 1), f"more than {MOST_NESTED} braces"),
        ("{" * 5000, f"more than {MOST_NESTED} braces"),
        ("{a}" + "x" * MOST_LETTERS, f"{MOST_LETTERS:,} at most"),
    ],
)
def test_what_cannot_be_read_is_one_line(template, said):
    with pytest.raises(SettingsError) as error:
        parse_template(template, "prompt")
    assert said in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("sign", ["/*", "\\", " ", "__", "{", "${", "# ", "__a"])
def test_long_texts_of_one_sign_take_no_time(sign):
    try:
        parse_template((sign * MOST_LETTERS)[: MOST_LETTERS - 1] + "{", "prompt")
    except SettingsError:
        pass


def test_parts_know_how_they_were_written():
    parts = parse_template(r"a {!2$$ and $$x|0.5::y} __@c/d__ \{", "prompt")
    choice = Choice(parts[1].options, 2, 2, " and ", "!", "{!2$$ and $$x|0.5::y}")  # type: ignore[union-attr]
    assert parts == (Text("a ", "a "), choice, Text(" ", " "), Wildcard("c/d", "@", "__@c/d__"), Text(" {", r" \{"))
    assert [option.weight for option in choice.options] == [1, 0.5] and len(list(walk(parts))) == 7


# Beside dynamicprompts

WORD = st.just("?")


def choices(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bounds = st.sampled_from(["", "1$$", "2$$", "1-2$$", "-2$$", "1-$$", "2$$ and $$", "1-2$$, $$"])
    weights = st.sampled_from(["", "", "2::", "0.5::"])
    options = st.lists(st.tuples(weights, inner).map("".join), min_size=2, max_size=3)
    return st.tuples(bounds, options.map("|".join)).map(lambda parts: f"{{{parts[0]}{parts[1]}}}")


def numbered(template: str) -> str:
    """The template with a word of its own for every "?": the package takes equal options for one."""
    numbers = iter(range(len(template)))
    return re.sub(r"\?", lambda _: f"w{next(numbers)}", template)


TEMPLATES = (
    st.lists(WORD | st.recursive(WORD, choices, max_leaves=5), min_size=1, max_size=3).map(" ".join).map(numbered)
)
SOME = settings(max_examples=max(20, settings.default.max_examples // 5), deadline=None)


def everything(template: str, most: int = 3000) -> set[str]:
    """All that the package makes of a template."""
    pytest.importorskip("dynamicprompts")
    from dynamicprompts.generators import CombinatorialPromptGenerator

    return set(CombinatorialPromptGenerator().generate(template, max_prompts=most))


@SOME
@given(TEMPLATES)
def test_what_is_drawn_is_among_what_the_package_makes(template):
    found = everything(template)
    if len(found) < 3000:
        assert {drawn(template, seed) for seed in range(20)} <= found


@SOME
@given(TEMPLATES)
def test_all_options_are_those_of_the_package(template):
    found = everything(template)
    if len(found) < 500:
        assert set(spread(template.replace("{", "{!"), "prompt", NONE)) == found

"""What a prompt becomes: as often as its weights say, the same for a seed, within limits."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.planning.draw import MOST_SPREAD, Draw, spread
from disco.planning.wildcards import Wildcards

NONE = Wildcards([])


def drawn(template: str, seed: int = 0, wildcards: Wildcards = NONE) -> str:
    return Draw(seed, wildcards).text(template, "prompt")


def shares(template: str, count: int = 3000) -> dict[str, float]:
    return {text: number / count for text, number in Counter(drawn(template, seed) for seed in range(count)).items()}


def test_a_seed_draws_the_same_again():
    template = "{a|b|c} {2$$d|e|f} {0.3::g|h} {1-3$$x|y|z}"
    assert [drawn(template, seed) for seed in range(50)] == [drawn(template, seed) for seed in range(50)]
    assert len({drawn(template, seed) for seed in range(50)}) > 30


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{a|b|c|d}", {"a": 1 / 4, "b": 1 / 4, "c": 1 / 4, "d": 1 / 4}),
        ("{3::a|b}", {"a": 3 / 4, "b": 1 / 4}),
        ("{0::a|.5::b|1.5::c}", {"b": 1 / 4, "c": 3 / 4}),
        ("{a|{b|c}}", {"a": 1 / 2, "b": 1 / 4, "c": 1 / 4}),
        ("{0-1$$a|b}", {"": 1 / 2, "a": 1 / 4, "b": 1 / 4}),
        # Without repetition: P(x then y) = w(x) / W * w(y) / (W - w(x)).
        (
            "{2$$2::a|1::b|2::c}",
            {"a,b": 2 / 15, "b,a": 1 / 10, "a,c": 4 / 15, "c,a": 4 / 15, "b,c": 1 / 10, "c,b": 2 / 15},
        ),
    ],
)
def test_weights(template, expected):
    found = shares(template)
    assert set(found) == set(expected)
    for text, share in expected.items():
        assert abs(found[text] - share) < 5 * math.sqrt(share * (1 - share) / 3000)


def test_options_of_weight_0_are_never_drawn_even_where_too_few_are_left():
    assert {drawn("{2$$0::a|b|c}", seed) for seed in range(40)} == {"b,c", "c,b"}
    assert {drawn("{3$$0::a|b}", seed) for seed in range(10)} == {"b"}


def test_spaces_inside_of_options_count():
    assert {drawn("a {very |}big { red|  blue} star", seed) for seed in range(40)} == {
        f"a {very}big {colour} star" for very in ("very ", "") for colour in ("red", "blue")
    }


def test_by_turns_goes_by_the_seed():
    assert [drawn("{@a|b|c}", seed) for seed in range(7)] == list("abcabca")
    assert drawn("{@2$$a|b|c}", 2) == "c,a"


def test_variables():
    assert {drawn("${x=!{a|b}}${x}${x}", seed) for seed in range(20)} == {"aa", "bb"}
    assert {drawn("${x={a|b}}${x}${x}", seed) for seed in range(40)} == {"aa", "ab", "ba", "bb"}
    assert drawn("${x:red} ${y=blue}${y:red} ${y?=green}${y}") == "red blue blue"


@given(st.integers(0, 2**63 - 1))
def test_any_seed_will_do(seed):
    assert drawn("{a|b}", seed) in ("a", "b")


# Wildcards


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    for name, text in {
        "colours": "red\n3::blue\n",
        "nested": "{a|b} __colours__\n",
        "me": "__you__\n",
        "you": "__me__\n",
        "loop": "a __!loop__\n",
        "many": "__more__ " * 20 + "\n",
        "more": "__most__ " * 30 + "\n",
        "most": "__colours__ " * 30 + "\n",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return Wildcards([str(tmp_path)])


def test_wildcards_are_drawn_from(wildcards):
    assert {drawn("__nested__", seed, wildcards) for seed in range(60)} == {"a red", "a blue", "b red", "b blue"}
    blue = sum(drawn("__colours__", seed, wildcards) == "blue" for seed in range(2000)) / 2000
    assert abs(blue - 3 / 4) < 0.05
    assert {drawn("{2$$ and $$__colours__}", seed, wildcards) for seed in range(40)} == {"red and blue", "blue and red"}
    assert [drawn("__@colours__", seed, wildcards) for seed in range(3)] == ["red", "blue", "red"]


def test_a_circle_is_told(wildcards):
    with pytest.raises(SettingsError, match="__(me|you)__ > __(you|me)__ > .*leads to itself"):
        drawn("__me__", 0, wildcards)
    with pytest.raises(SettingsError, match=r"\$\{x\} > .*leads to itself"):
        drawn("${x=a ${x}}${x}")


def test_too_much_is_told(wildcards):
    with pytest.raises(SettingsError, match="more than 10,000 parts"):
        drawn("__many__", 0, wildcards)


# Studies


def test_parts_marked_for_all_make_every_prompt(wildcards):
    assert spread("a {!red|blue} {x|y} {!1|2}", "prompt", NONE) == [
        f"a {colour} {{x|y}} {number}" for colour in ("red", "blue") for number in (1, 2)
    ]
    assert spread("a __!colours__ star", "prompt", wildcards) == ["a red star", "a blue star"]
    assert spread("{!2$$ and $$__colours__}", "prompt", wildcards) == ["red and blue", "blue and red"]
    assert spread(r"a {b|c} \{", "prompt", NONE) == [r"a {b|c} \{"]


def test_a_part_marked_for_all_is_refused_where_a_seed_draws():
    with pytest.raises(SettingsError, match="give it to a study, with the flag -m"):
        drawn("a {!red|blue} star")
    with pytest.raises(SettingsError, match="inside of one that is drawn"):
        spread("{a|{!b|c}}", "prompt", NONE)


def test_too_many_prompts_are_refused_before_they_are_made(wildcards):
    for template in ("{!a|b}" * 20, "{!8$$" + "|".join("abcdefghijkl") + "}", "__!loop__"):
        with pytest.raises(SettingsError, match=f"more than {MOST_SPREAD:,} prompts|leads to itself"):
            spread(template, "prompt", wildcards)

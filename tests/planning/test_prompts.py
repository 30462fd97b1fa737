"""Prompts: texts, weights, stages."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disco.errors import SettingsError
from disco.planning.prompts import (
    ImagePrompt,
    Prompt,
    Stage,
    check_weights,
    image_prompt_text,
    parse_image_prompt,
    parse_prompt,
    parse_share,
    parse_stages,
    weight_notes,
)


@pytest.mark.parametrize(
    ("text", "body", "weight"),
    [
        ("a castle", "a castle", 1),
        ("a castle:2", "a castle", 2),
        ("a castle:-0.5", "a castle", -0.5),
        ("a castle: 1e-2 ", "a castle", 0.01),
        ("a castle, by the sea: dusk", "a castle, by the sea: dusk", 1),
        ("dusk: a castle:3", "dusk: a castle", 3),
        ("a:nan", "a:nan", 1),
        ("a:inf", "a:inf", 1),
        ("a:1e999", "a:1e999", 1),
        ("a:1_000", "a:1_000", 1),
        ("a:２", "a:２", 1),
        ("a:", "a:", 1),
        ("日本の城 🏯:0.5", "日本の城 🏯", 0.5),
    ],
)
def test_weight_is_a_number_after_the_last_colon(text: str, body: str, weight: float) -> None:
    assert parse_prompt(text) == Prompt(body, weight)


def test_compat_keeps_the_suffix() -> None:
    assert parse_prompt("a castle:2", keep_suffix=True) == Prompt("a castle:2", 2)
    assert parse_stages({"0": ["a:2"]}, keep_suffix=True)[0].prompts == (Prompt("a:2", 2),)


@pytest.mark.parametrize(
    ("text", "path", "weight"),
    [
        ("a.png", "a.png", 1),
        ("a.png:2", "a.png", 2),
        ("http://x/y.png:0.5", "http://x/y.png", 0.5),
        ("http://x/y.png", "http://x/y.png", 1),
        ("C:\\x.png", "C:\\x.png", 1),
        ("C:\\x.png:3", "C:\\x.png", 3),
    ],
)
def test_image_prompts(text: str, path: str, weight: float) -> None:
    assert parse_image_prompt(text) == ImagePrompt(path, weight)


@given(st.text(min_size=1).filter(str.strip), st.floats(allow_nan=False, allow_infinity=False))
def test_an_image_prompt_reads_back_as_it_was(path: str, weight: float) -> None:
    assert parse_image_prompt(image_prompt_text(path, weight)) == ImagePrompt(path, weight)
    assert image_prompt_text("a.png", 1) == "a.png" and image_prompt_text("a:2", 1) == "a:2:1"
    assert image_prompt_text("a.png", 2.0) == "a.png:2"


@pytest.mark.parametrize("text", ["", "  ", ":2", " \n:1"])
def test_empty_is_refused(text: str) -> None:
    for parser, name in ((parse_prompt, "prompt"), (parse_image_prompt, "image_prompts")):
        with pytest.raises(SettingsError, match=f"{name} holds an empty"):
            parser(text)


@given(st.text(st.characters()))
def test_any_text_is_a_prompt_or_that_error(text: str) -> None:
    try:
        prompt = parse_prompt(text)
    except SettingsError as error:
        assert "prompt" in str(error)
    else:
        assert text.startswith(prompt.text) and prompt.text.strip()
        assert math.isfinite(prompt.weight)


@given(st.text(":0123456789.eE+- a", max_size=30))
def test_texts_full_of_colons(text: str) -> None:
    test_any_text_is_a_prompt_or_that_error.hypothesis.inner_test(text)


def test_long_texts_take_no_time() -> None:
    assert parse_prompt("a:" + "1" * 200_000 + "x").weight == 1
    assert parse_prompt("a:" + " " * 200_000 + "x").weight == 1


def test_stages() -> None:
    assert parse_stages("a red star") == (Stage(0.0, (Prompt("a red star", 1.0),)),)
    assert parse_stages(("a", "b:-1")) == (Stage(0.0, (Prompt("a", 1.0), Prompt("b", -1.0))),)
    late = Stage(0.4, (Prompt("c", 1.0),))
    for key in (0.4, "0.4", "40%", " 40.0 %"):
        stages = parse_stages({key: "c", "0": ["a", "b:2"]})
        assert stages == (Stage(0.0, (Prompt("a", 1.0), Prompt("b", 2.0))), late)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ({0: "a", 100: "b"}, "key 100, a frame"),
        ({"0": "a", "1": "b"}, "key 1, a frame"),
        ({0.4: "a"}, "no stage that starts at 0"),
        ({0: "a", "0.4": "b", "40%": "c"}, "two stages that start at 0.4"),
        ({0: "a", "100%": "b"}, "keys are shares"),
        ({0: "a", "soon": "b"}, "keys are shares"),
        ({0: "a", "²": "b"}, "keys are shares"),
        ({0: "a", "1e-999999999": "b"}, "keys are shares"),
        ({0: "a", -0.5: "b"}, "keys are shares"),
        ({}, "no stage that starts at 0"),
        ([], "must hold texts"),
        ({0: []}, "must hold texts"),
        (5, "must hold texts"),
        (None, "must hold texts"),
        ([1984], "write it in quotes"),
        (["a", ["b"]], "write it in quotes"),
        (["a", ""], "empty text"),
    ],
)
def test_stages_refused(prompts: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        parse_stages(prompts)
    assert "prompts" in str(error.value)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.one_of(st.text(max_size=5), st.integers(), st.floats()), inner),
        ),
        max_leaves=6,
    )
)
def test_anything_is_stages_or_that_error(prompts: object) -> None:
    try:
        stages = parse_stages(prompts)
    except SettingsError as error:
        assert "prompts" in str(error)
    else:
        assert stages[0].share == 0


def test_shares_are_exact() -> None:
    assert parse_share(0.29, "skip_steps") * 100 == 29
    assert parse_share("4%", "skip_steps") * 250 == 10
    for given_share in (-0.1, 1.1, "101%", "x", True, None, float("nan")):
        with pytest.raises(SettingsError, match="skip_steps is .* must be a share"):
            parse_share(given_share, "skip_steps")


def test_weights_that_cancel_are_refused() -> None:
    stages = parse_stages({0: ["a"], 0.5: ["a", "b:-1"]})
    with pytest.raises(SettingsError, match=r"weights of prompts sum to 0 in the stage from 0\.5 on"):
        check_weights(stages, (), "prompts")
    assert check_weights(stages, (ImagePrompt("x.png", 1.0),), "prompts") == []
    with pytest.raises(SettingsError, match="holds no text"):
        check_weights((Stage(0.0, ()),), (), "prompt")


def test_a_negative_sum_is_said() -> None:
    assert check_weights(parse_stages(["a", "b:-3"]), (), "prompts") == [
        "the weights of prompts sum to -2: what they push away wins"
    ]


def test_a_time_of_day_read_as_a_weight_is_said() -> None:
    assert weight_notes(["a clock at 12:30", "a castle:2", "dusk: a castle"]) == [
        "'a clock at 12:30' is read as 'a clock at 12' with the weight 30; write 'a clock at 12:30:1' to keep it whole"
    ]

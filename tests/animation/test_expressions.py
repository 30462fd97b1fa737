"""Expressions in t: against SymPy's own parser, their limits, and the line that says where one cannot be read."""

from __future__ import annotations

import math

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from disco.animation.expressions import MAX_DEPTH, parse_expression
from disco.errors import SettingsError

numbers = st.sampled_from(["0", "1", "2", "3", "0.5", ".25", "1e1", "7.", "t", "frames"])


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Longer expressions of shorter ones, with brackets and without, so that precedence matters."""
    return st.one_of(
        st.tuples(parts, st.sampled_from(["+", "-", "*", "/", " + ", " - "]), parts).map("".join),
        st.tuples(parts, st.just("**"), st.sampled_from(["2", "3", "(1+1)", "0"])).map("".join),
        st.tuples(st.sampled_from("+-"), parts).map("".join),
        parts.map("({})".format),
        st.tuples(st.sampled_from(["sin", "cos", "abs"]), parts).map(lambda both: "{}({})".format(*both)),
        st.tuples(st.sampled_from(["Min", "Max"]), parts, parts).map(lambda all: "{}({}, {})".format(*all)),
    )


@given(st.recursive(numbers, combined, max_leaves=8), st.integers(0, 30))
def test_the_value_is_that_of_sympy(text, t):
    exact = sympy.sympify(text.replace("abs", "Abs"), locals={"frames": sympy.Integer(24)}).subs("t", t)
    try:
        value = parse_expression(text.replace("M", "m")).at(t, 24)
    except SettingsError:  # a division by zero, which SymPy may cancel, or too large a number
        assert "/" in text or not exact.is_finite or abs(exact) > 1e300
        return
    assert value == pytest.approx(float(exact), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2**2", -4),
        ("2**3**2", 512),
        ("2**-1", 0.5),
        ("--3", 3),
        ("-7 % 3", 2),
        ("8/4/2", 1),
        ("min(3, 1, 2) + max(4)", 5),
        ("sqrt(2)*exp(1)*tan(pi/4)", math.sqrt(2) * math.e),
        ("floor(t/4)*10 + frames", 44),
    ],
)
def test_known_values(text, value):
    assert parse_expression(text).at(9, 24) == pytest.approx(value, rel=1e-12)


def test_it_knows_whether_it_depends_on_the_frame():
    assert parse_expression("1 + sin(t)").moves
    assert not parse_expression("2*frames").moves


@pytest.mark.parametrize(
    ("text", "character", "said"),
    [
        ("", 1, "a value is missing, and it ends there"),
        ("1 +", 4, "a value is missing, and it ends there"),
        ("(1", 3, "')' is missing"),
        ("2 3", 3, "an operator is missing, and it has '3' there"),
        ("t.real", 2, "what is known is numbers"),
        ("__import__('os')", 1, "what is known is numbers"),
        ("open", 1, "what is known is numbers"),
        ("1 + é", 5, "it has 'é' there"),
        ("sin(1, 2)", 9, "sin takes one value"),
        ("sin 1", 5, "'(' is missing"),
        ("9" * 1001, None, "too long"),
        ("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), None, "within each other"),
    ],
)
def test_what_cannot_be_read_says_where(text, character, said):
    with pytest.raises(SettingsError) as error:
        parse_expression(text)
    assert said in str(error.value) and "\n" not in str(error.value)
    assert character is None or f"character {character}:" in str(error.value)


@pytest.mark.parametrize("text", ["1/(t - 3)", "1 % (t - 3)", "sqrt(2 - t)", "(2 - t)**0.5", "9**9**9", "exp(t*1000)"])
def test_a_value_that_is_no_finite_number_is_refused_with_its_frame(text):
    with pytest.raises(SettingsError, match="frame 3"):
        parse_expression(text).at(3, 10)


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_one_line(text):
    try:
        value = parse_expression(text).at(3, 10)
    except SettingsError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert math.isfinite(value)

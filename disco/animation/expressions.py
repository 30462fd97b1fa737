"""Arithmetic in the number of a frame, such as `1 + 0.05 * sin(t / 10)`.

The text is read by the grammar below and never evaluated as code:

    sum      = product { ("+" | "-") product }
    product  = signed { ("*" | "/" | "%") signed }
    signed   = [ "+" | "-" ] ( signed | power )
    power    = value [ "**" signed ]
    value    = number | "t" | "frames" | "pi" | function "(" sum { "," sum } ")" | "(" sum ")"
    function = sin | cos | tan | exp | sqrt | floor | abs | min | max

t is the number of the frame, counted from 0, and frames is how many there are. Angles are in radians. As in
mathematics, -2**2 is -4 and 2**3**2 is 2**9. The remainder a % b has the sign of b.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from disco.errors import SettingsError

MAX_TEXT = 1000
#: Brackets and signs within each other; a limit far above what anybody writes, and below that of Python's own stack.
MAX_DEPTH = 50

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign>\*\*|[-+*/%(),])|(?P<end>\Z))",
    re.ASCII,
)

#: A part of an expression, as a function of t and frames.
Term = Callable[[float, float], float]

VARIABLES: dict[str, Term] = {
    "t": lambda t, frames: t,
    "frames": lambda t, frames: frames,
    "pi": lambda t, frames: math.pi,
}
#: Functions, with the number of values they take; None for one or more.
FUNCTIONS: dict[str, tuple[Callable[..., float], int | None]] = {
    "sin": (math.sin, 1),
    "cos": (math.cos, 1),
    "tan": (math.tan, 1),
    "exp": (math.exp, 1),
    "sqrt": (math.sqrt, 1),
    "floor": (math.floor, 1),
    "abs": (abs, 1),
    "min": (lambda *values: min(values), None),
    "max": (lambda *values: max(values), None),
}
SUMS: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub}
PRODUCTS: dict[str, Callable[[float, float], float]] = {
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}


@dataclass(frozen=True)
class Expression:
    """A number that may depend on the frame. text: as it was written. moves: whether t occurs in it."""

    text: str
    term: Term
    moves: bool

    def at(self, t: int, frames: int) -> float:
        """The value at frame t of `frames`. Raises `SettingsError` where it is no finite number."""
        try:
            value = float(self.term(float(t), float(frames)))
        except ZeroDivisionError:
            raise SettingsError(f"{self.text!r} divides by zero at frame {t}") from None
        except (ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            raise SettingsError(f"{self.text!r} has no finite value at frame {t}")
        return value


def parse_expression(text: str) -> Expression:
    """Read an expression. Raises `SettingsError`, one line that shows where, for what is none."""
    return _Reader(text).expression()


class _Reader:
    """A text on its way to becoming functions, token by token."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise SettingsError(f"an expression of {len(text)} characters is too long; {MAX_TEXT} are the most")
        self.text, self.end, self.depth, self.moves = text, 0, 0, False
        self.next()

    def next(self) -> None:
        """Go on to the next token: its kind, its text, and where it begins."""
        self.start = self.end
        match = TOKEN.match(self.text, self.end)
        if match is None or match.lastgroup is None:
            self.start = len(self.text) - len(self.text[self.end :].lstrip())
            self.fail("")
        self.kind, self.token = match.lastgroup, match[match.lastgroup]
        self.start, self.end = match.start(self.kind), match.end()

    def fail(self, wanted: str) -> NoReturn:
        found = "it ends there" if self.start >= len(self.text) else f"it has {self.text[self.start :][:12]!r} there"
        wanted = wanted or f"what is known is numbers, t, frames, pi, + - * / % **, {', '.join(FUNCTIONS)}"
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        raise SettingsError(f"{shown!r}, character {self.start + 1}: {wanted}, and {found}")

    def take(self, *tokens: str) -> str | None:
        """The present token, left behind, if it is one of these signs."""
        if self.kind != "sign" or self.token not in tokens:
            return None
        token = self.token
        self.next()
        return token

    def expect(self, token: str) -> None:
        if self.take(token) is None:
            self.fail(f"{token!r} is missing")

    def expression(self) -> Expression:
        term = self.sum()
        if self.kind != "end":
            self.fail("an operator is missing")
        return Expression(self.text, term, self.moves)

    def sum(self) -> Term:
        term = self.product()
        while sign := self.take(*SUMS):
            term = _of_both(SUMS[sign], term, self.product())
        return term

    def product(self) -> Term:
        term = self.signed()
        while sign := self.take(*PRODUCTS):
            term = _of_both(PRODUCTS[sign], term, self.signed())
        return term

    def signed(self) -> Term:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} brackets or signs lie within each other")
        sign = self.take("+", "-")
        term = self.power() if sign is None else self.signed()
        self.depth -= 1
        return _negative(term) if sign == "-" else term

    def power(self) -> Term:
        base = self.value()
        # math.pow stays with real numbers: a root of a negative number is an error there.
        return base if self.take("**") is None else _of_both(math.pow, base, self.signed())

    def value(self) -> Term:
        kind, token = self.kind, self.token
        if kind == "number":
            self.next()
            number = float(token)
            return lambda t, frames: number
        if kind == "word" and token in VARIABLES:
            self.next()
            self.moves |= token == "t"
            return VARIABLES[token]
        if kind == "word" and token in FUNCTIONS:
            self.next()
            return self.call(*FUNCTIONS[token], token)
        if self.take("("):
            term = self.sum()
            self.expect(")")
            return term
        return self.fail("" if kind == "word" else "a value is missing")

    def call(self, function: Callable[..., float], count: int | None, name: str) -> Term:
        self.expect("(")
        terms = [self.sum()]
        while self.take(","):
            terms.append(self.sum())
        if count is not None and len(terms) != count:
            self.fail(f"{name} takes one value")
        self.expect(")")
        return lambda t, frames: function(*[term(t, frames) for term in terms])


def _of_both(function: Callable[[float, float], float], left: Term, right: Term) -> Term:
    return lambda t, frames: function(left(t, frames), right(t, frames))


def _negative(term: Term) -> Term:
    return lambda t, frames: -term(t, frames)

r"""Prompts with parts to choose from, in the syntax of dynamicprompts, read into a tree.

    {red|blue} star         one of the options; an option may be empty, or hold further parts
    {2::red|blue}           weights: red twice as often; 1 where none is given
    {2$$a|b|c}              two of them, in any order, joined by ","; {1-2$$ and $$a|b|c} one or two, joined by " and "
    __colours__             a line of the file colours.txt (see `disco.planning.wildcards`); {2$$__colours__} two lines
    {@a|b}, __@colours__    by turns: option number seed, counted round
    {!a|b}, __!colours__    all of them, each in a cell of its own; for studies
    ${x=!{red|blue}} ${x}   a variable; with ! drawn once, without ! anew wherever it stands; ${x:blue} has a default
    # ..., // ..., /* */    comments: # and // at a line's beginning or after a space, and before one
    \{ \} \| \${ \__ \#     the signs themselves; a bar or a } outside of braces needs no backslash

The grammar is our own. The package dynamicprompts 0.31 (its last release is of March 2024) would take a "#" anywhere
for a comment and has no way to write a brace; it passes over wildcards and files that it cannot read, and draws with
wrong weights where two options are to be drawn of which some weigh the same (`choose_without_replacement` removes the
weight of another option). The tests hold this reader against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from disco.errors import SettingsError

#: How deep braces may stand in one another.
MOST_NESTED = 32

#: How a part is drawn: at random by default, by turns, or all of its options.
RANDOM, BY_TURNS, ALL = "~", "@", "!"

#: The longest prompt with such parts, in letters.
MOST_LETTERS = 20_000

#: More options than any choice has.
MOST_OPTIONS = 10**9

# What a prompt has at least that may not mean itself.
SUSPECT = re.compile(r"[{}\\]|__|#|//|/\*")
COMMENT = re.compile(r"/\*.*?\*/|(?:^|(?<![ \t])[ \t]+)(?:#|//)[ \t]+\S[^\n]*", re.DOTALL | re.MULTILINE)
# What ends a plain text: a run of backslashes before a sign of the syntax, or the sign itself.
SIGN = re.compile(r"(?<!\S)\\(?=(?:#|//)[ \t]+\S)|(?<!\\)\\+(?=[{}|]|\$\{|__)|\$\{|__|[{}|]")
HEAD = re.compile(
    r"\s*(?P<how>[~@!]?)\s*(?:(?P<least>\d{0,9})(?P<to>-?)(?P<most>\d{0,9})\s*\$\$(?:(?P<between>[^{}$]*)\$\$)?)?"
)
OPTION = re.compile(r"\s*(?:(?P<weight>(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}))::)?")
WILDCARD = re.compile(r"__(?P<how>[~@!]?)(?P<name>[^\s{}|$_](?:[^\n{}|$]{0,200}?[^\s{}|$])?)__")
VARIABLE = re.compile(r"\$\{\s*(?P<name>[A-Za-z_][\w-]*)\s*(?:(?P<unless>\??)=(?P<now>!?)\s*|(?P<default>:)\s*|\})")


@dataclass(frozen=True)
class Text:
    """Plain text. source: as it was written, its escapes kept."""

    text: str
    source: str


@dataclass(frozen=True)
class Wildcard:
    """A line of a wildcard file, or of several, where the name has stars."""

    name: str
    how: str
    source: str


@dataclass(frozen=True)
class Option:
    """One of the options of a choice, and how often it is drawn beside the others."""

    parts: Parts
    weight: float = 1.0


@dataclass(frozen=True)
class Choice:
    """least to most of the options, without repetition, joined by `between`."""

    options: tuple[Option, ...]
    least: int
    most: int
    between: str
    how: str
    source: str


@dataclass(frozen=True)
class Assignment:
    """A variable gets its parts; now: they are drawn at once. unless: only where it has none yet."""

    name: str
    parts: Parts
    now: bool
    unless: bool
    source: str


@dataclass(frozen=True)
class Variable:
    """What a variable holds; else its default, else the text as it was written."""

    name: str
    default: Parts | None
    source: str


Part = Text | Wildcard | Choice | Assignment | Variable
Parts = tuple[Part, ...]


def parse_template(text: str, name: str) -> Parts:
    """The parts of a prompt; the text itself where it has nothing of the syntax.

    name: the setting or file that it stands in, for errors.

    Raises SettingsError, one line, for braces that are not closed or nest too deep, options that all have the weight 0,
    and prompts of more than MOST_LETTERS.
    """
    if not SUSPECT.search(text):
        return (Text(text, text),) if text else ()
    reader = _Reader(text, name)
    if len(text) > MOST_LETTERS:
        raise reader.wrong(f"{len(text):,} letters, and parts to choose from or comments: {MOST_LETTERS:,} at most")
    return reader.parts(0, "")


def is_plain(parts: Parts, text: str) -> bool:
    """Whether a prompt means itself."""
    return not parts if not text else len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text == text


def walk(parts: Parts) -> Iterator[Part]:
    """All parts, those inside of others too."""
    for part in parts:
        yield part
        if isinstance(part, Choice):
            for option in part.options:
                yield from walk(option.parts)
        elif isinstance(part, Assignment):
            yield from walk(part.parts)
        elif isinstance(part, Variable):
            yield from walk(part.default or ())


class _Reader:
    """Reads one prompt from left to right."""

    def __init__(self, given: str, name: str) -> None:
        self.text, self.name, self.given, self.at = COMMENT.sub("", given), name, given, 0

    def wrong(self, what: str) -> SettingsError:
        shown = self.given if len(self.given) <= 200 else f"{self.given[:199]}…"
        return SettingsError(f"{self.name} {shown!r} has {what}; a brace itself is written \\{{")

    def parts(self, depth: int, ends: str) -> Parts:
        """The parts up to a sign of `ends`, which stays unread, or the end of the text."""
        found: list[Part] = []
        while (sign := SIGN.search(self.text, self.at)) is not None:
            self._text(found, self.text[self.at : sign.start()])
            self.at = sign.start()
            what = sign[0]
            if what.startswith("\\"):
                self._escape(found, what)
            elif what in ends:
                return tuple(found)
            elif what == "{":
                found.append(self._choice(depth + 1))
            elif what == "__" and (wildcard := WILDCARD.match(self.text, self.at)) is not None:
                found.append(Wildcard(wildcard["name"], wildcard["how"], wildcard[0]))
                self.at = wildcard.end()
            elif what == "${" and (variable := VARIABLE.match(self.text, self.at)) is not None:
                found.append(self._variable(variable, depth + 1))
            else:  # $ before a choice, a bar or } outside of braces, underscores that enclose no name
                plain = "$" if what == "${" else what
                self._text(found, plain)
                self.at += len(plain)
        self._text(found, self.text[self.at :])
        self.at = len(self.text)
        return tuple(found)

    @staticmethod
    def _text(found: list[Part], text: str, source: str | None = None) -> None:
        source = text if source is None else source
        if source and found and isinstance(last := found[-1], Text):
            found[-1] = Text(last.text + text, last.source + source)
        elif source:
            found.append(Text(text, source))

    def _escape(self, found: list[Part], slashes: str) -> None:
        """Backslashes before a sign: two of them are one, and an odd one takes the sign for itself."""
        self.at += len(slashes)
        text, source = "\\" * (len(slashes) // 2), slashes
        if len(slashes) % 2:
            sign = next(sign for sign in ("${", "__", self.text[self.at]) if self.text.startswith(sign, self.at))
            self.at += len(sign)
            text, source = text + sign, source + sign
        self._text(found, text, source)

    def _choice(self, depth: int) -> Choice:
        start = self.at
        self._enter(depth)
        head = HEAD.match(self.text, self.at + 1)
        assert head is not None  # every part of it may be empty
        self.at = head.end()
        options = []
        while True:
            option = OPTION.match(self.text, self.at)
            assert option is not None
            self.at = option.end()
            options.append(Option(self.parts(depth, "|}"), float(option["weight"] or 1)))
            if self.at >= len(self.text):
                raise self.wrong("a { that no } closes")
            self.at += 1
            if self.text[self.at - 1] == "}":
                break
        source = self.text[start : self.at]
        if not any(option.weight for option in options):
            raise self.wrong(f"{source!r}, in which every option has the weight 0")
        least, most = _bounds(head, len(options))
        return Choice(
            tuple(options), least, most, "," if head["between"] is None else head["between"], head["how"], source
        )

    def _variable(self, head: re.Match[str], depth: int) -> Part:
        start, self.at = self.at, head.end()
        if head[0].endswith("}"):
            return Variable(head["name"], None, head[0])
        self._enter(depth)
        parts = self.parts(depth, "}")
        if self.at >= len(self.text):
            raise self.wrong("a { that no } closes")
        self.at += 1
        source = self.text[start : self.at]
        if head["default"]:
            return Variable(head["name"], parts, source)
        return Assignment(head["name"], parts, bool(head["now"]), bool(head["unless"]), source)

    def _enter(self, depth: int) -> None:
        if depth > MOST_NESTED:
            raise self.wrong(f"more than {MOST_NESTED} braces in one another")


def _bounds(head: re.Match[str], count: int) -> tuple[int, int]:
    """How many options are drawn, at least and at most: {2$$, {1-2$$, {-2$$ (from 1 on), {2-$$ (all at most)."""
    if head["least"] is None:
        return 1, 1
    if not head["to"]:
        least = most = int(head["least"] or head["most"] or 1)
    else:
        least, most = int(head["least"] or 1), int(head["most"] or MOST_OPTIONS)
    return min(least, most), max(least, most)

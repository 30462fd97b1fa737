"""The formats of settings files: each from text to plain values, by a library that reads it."""

from __future__ import annotations

import ast
import configparser
import json
import re
import shlex
import sys
import warnings
from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# The most characters of what pure Python reads: a second's worth. JSON may fill the whole of a file.
MOST_YAML = 128 * 1024
MOST_LENIENT = 256 * 1024
MOST_LITERAL = 32 * 1024
#: Integers with more digits are no setting, and Python itself refuses to read them.
MOST_DIGITS = 400

#: A text in quotes or a comment, to be kept, or what JSON does not have outside of them: comments with #, and Python's
#: literals. What is never closed goes on to its line's end, or the text's, so that nothing is read twice.
ODDITIES = re.compile(
    r"""(?P<text>"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?)"""
    r"""|\#(?P<comment>[^\n]*)|(?<![\w.])(?P<word>None|True|False)(?![\w.])""",
    re.DOTALL,
)
WORDS = {"None": "null", "True": "true", "False": "false"}
SECTION = re.compile(r"^[ \t]*\[[^\[\]\n{}\"',]{1,200}\][ \t]*$", re.MULTILINE)
INI_LINE = re.compile(r"^[^\n=:\[\]{}]{1,60}=", re.MULTILINE)
ASSIGNED = re.compile(r"[A-Za-z_]\w{0,60}[ \t]*=(?!=)")
FENCED = re.compile(r"(?P<before>\s*```\w{0,20}[ \t]*\n)(?P<inner>.*)\n[ \t]*```\s*", re.DOTALL)
COMMENTS = re.compile(r"(?:\s+|//[^\n]*|#[^\n]*|/\*.*?\*/)*", re.DOTALL)
ROW = re.compile(r"^[ \t]*[│┃|](?P<name>[^│┃|\n]{0,200})[│┃|](?P<value>[^│┃\n]*)[│┃|][ \t]*$", re.MULTILINE)
TABLE = re.compile(r"^[ \t]*[╭┏┌]", re.MULTILINE)
COMMAND = re.compile(r"(?<!\S)--?(?:prompts?|txts|image_size|timestep_respacing|clip_model|text)[ =]")


class Unreadable(ValueError):
    """What is wrong with a text, and in which line, counted from 1; 0 where that is not known."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


def parsed(text: str, twice: list[str] | None = None) -> tuple[str, Any]:
    """The kind of a text and what it holds. twice: gets the names that have two values. Raises `Unreadable`."""
    if "\0" in text:
        raise Unreadable("it holds zero bytes, and is no text", text.count("\n", 0, text.index("\0")) + 1)
    if fenced := FENCED.fullmatch(text):  # its lines keep their numbers
        text = "\n" * fenced["before"].count("\n") + fenced["inner"]
    rest = COMMENTS.sub("", text, count=1) if text[:1].isspace() or text[:1] in "/#" else text
    if not rest:
        raise Unreadable("it is empty")
    try:
        if rest[0] in "{[" and not SECTION.match(rest):
            return "JSON", plain(json_value(text, twice))
        if TABLE.search(text):
            return "table", table_value(text)
        if SECTION.search(text) and INI_LINE.search(text):
            return sections_value(text)
        if COMMAND.search(text):
            return "command line", command_value(text)
        if ASSIGNED.match(rest):
            return "Python", plain(assigned_value(text))
        return "YAML", plain(yaml_value(text))
    except RecursionError as error:
        raise Unreadable("lists and mappings stand too deep in one another") from error


def json_value(text: str, twice: list[str] | None = None) -> Any:
    """JSON, JSON with what JSON5 and people add to it, or a Python literal. twice: as for `parsed`, of plain JSON."""
    import pyjson5

    def of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if twice is not None and len(found) < len(pairs):
            twice.extend(name for name, value in pairs if found[name] != value)
        return found

    try:
        return json.loads(text, strict=False, object_pairs_hook=of_pairs)
    except (ValueError, RecursionError):
        pass
    if len(text) > MOST_LENIENT:
        raise Unreadable(f"it is no JSON without comments, and has more than {MOST_LENIENT // 1024} KiB")
    usual = ODDITIES.sub(lambda match: match["text"] or _in_json5(match), text)
    try:
        return pyjson5.decode(usual, maxdepth=32)
    except (pyjson5.Json5Exception, ValueError) as error:
        if len(text) <= MOST_LITERAL:
            try:
                return literal(re.sub(r"(?m)^[ \t]*(//|#)[^\n]*$", "", text))
            except Unreadable:
                pass
        said = str(error.args[0]) if error.args else "it is no JSON"
        raise Unreadable(*_where(text, usual, said)) from error


def _in_json5(match: re.Match[str]) -> str:
    return WORDS[match["word"]] if match["word"] else f"//{match['comment']}"


def _where(text: str, usual: str, said: str) -> tuple[str, int]:
    """What pyjson5 says, in words, and its line: comments and literals that were rewritten move no line's end."""
    found = re.search(r"(?:near|starting near) (\d+)", said)
    place = min(int(found[1]), len(usual)) if found else 0
    line = usual.count("\n", 0, max(place - 1, 0)) + 1
    lines = text.splitlines()
    shown = _short(lines[line - 1].strip()) if 0 < line <= len(lines) else ""
    if "nesting" in said:
        return "lists and mappings stand too deep in one another", line
    if "Numeric" in said:
        return f"it holds a number that cannot be read, from {shown} on", line
    if "EOF" in said or "Unclosed" in said or "No JSON" in said:
        return f"it ends, or a bracket or quote is never closed, from {shown} on", line
    return f"it cannot be read as JSON at {shown}; a comma, colon or quote may be missing", line


def literal(text: str) -> Any:
    """A Python literal: numbers, texts, lists, mappings. Code in it is not run. Raises `Unreadable`."""
    if len(text) > MOST_LITERAL:
        raise Unreadable(f"more than {MOST_LITERAL} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes that escape nothing
            return plain(ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise Unreadable(f"{_short(text)} is no value") from error


def assigned_value(text: str) -> dict[str, Any]:
    """The names that lines of Python, such as a notebook's cell, give values to. Nothing is run.

    What is no plain value stays the text that it is written as. Raises `Unreadable` for what is no Python.
    """
    if len(text) > MOST_LITERAL:
        raise Unreadable(f"more than {MOST_LITERAL // 1024} KiB of Python")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 0
        raise Unreadable("neither settings nor lines such as steps = 250", line) from error
    found: dict[str, Any] = {}
    for line in lines:
        if isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            try:
                found[line.targets[0].id] = ast.literal_eval(line.value)
            except (ValueError, TypeError, MemoryError, RecursionError):
                found[line.targets[0].id] = _short(ast.get_source_segment(text, line.value) or "")
    return found


#: The safe loader of libyaml where PyYAML was built with it: ten times as fast.
SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(SAFE):
    """PyYAML's safe loader, without its dates and its numbers of digits by sixty."""


_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":int"))]
    for sign, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(?:[0-9][0-9_]{0,99}|0x[0-9a-fA-F]{1,99})$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    return int(text, 16) if "x" in text else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


def yaml_value(text: str) -> Any:
    """YAML by the safe loader, refused before it is built where it is too deep, too large or contains itself."""
    if len(text) > MOST_YAML:
        raise Unreadable(f"more than {MOST_YAML // 1024} KiB of YAML, which is hardly a settings file")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise Unreadable("it is empty")
        _check_nodes(node)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        tag = re.search(r"constructor for the tag '([^']*)'", error.problem or "")
        if tag:
            raise Unreadable(f"it has the tag {_short(tag[1])}, and nothing is built of tags", line) from error
        raise Unreadable(f"it cannot be read as YAML: {error.problem or error.context}", line) from error
    except yaml.YAMLError as error:
        raise Unreadable(f"it cannot be read as YAML: {' '.join(str(error).split())}") from error
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"it cannot be read as YAML: {error}") from error
    finally:
        loader.dispose()


def _check_nodes(top: yaml.Node) -> None:
    """Refuse aliases that multiply: what they stand for is counted wherever they stand."""
    count, left = 0, [(top, 0)]
    while left:
        node, level = left.pop()
        count += 1
        if count > 20_000 or level > 20:
            raise Unreadable("too many values, or too deep, with its aliases spelt out", node.start_mark.line + 1)
        for item in node.value if isinstance(node, yaml.CollectionNode) else ():
            left += [(inner, level + 1) for inner in (item if isinstance(item, tuple) else (item,))]


class _Parser(configparser.RawConfigParser):
    """Python's reader of INI, names as they stand."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def sections_value(text: str) -> tuple[str, dict[str, Any]]:
    """Sections of name=value: TOML, or else INI as Python's configparser reads it, its values as texts or literals."""
    try:
        return "TOML", plain(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        pass
    parser = _Parser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise Unreadable(f"{_short(error.line.strip())} stands before any [section]", error.lineno) from error
    except configparser.ParsingError as error:
        number, shown = error.errors[0]
        raise Unreadable(f"{_short(shown.strip(chr(34)))} is no line name=value", number) from error
    except configparser.Error as error:
        raise Unreadable(" ".join(str(error).split())) from error
    return "INI", {name: {key: value.strip() for key, value in parser.items(name)} for name in parser.sections()}


def table_value(text: str) -> dict[str, str]:
    """A table that DiscoArt printed: names and values between lines; a value goes on below where no name stands."""
    found: dict[str, str] = {}
    last = ""
    for row in ROW.finditer(text):
        name, value = row["name"].strip(" *"), row["value"].strip()
        if name in ("Argument", "Value"):
            continue
        if name:
            last = name
            found[name] = value
        elif last:
            found[last] += f" {value}"
    if not found:
        raise Unreadable("a table without rows of names and values")
    return found


def command_value(text: str) -> dict[str, Any]:
    """The flags of a command line: --name value, --name=value, or --name alone for true."""
    if len(text) > MOST_LITERAL:
        raise Unreadable(f"a command line of more than {MOST_LITERAL // 1024} KiB")
    try:
        words = shlex.split(re.sub(r"\\\r?\n", " ", text), comments=True)
    except ValueError as error:
        raise Unreadable(f"its quotes are not closed ({error})") from error
    found: dict[str, Any] = {}
    name = ""
    for word in words:
        flag = re.fullmatch(r"--?([A-Za-z][\w-]{0,59})(?:=(.*))?", word, re.DOTALL)
        if flag:
            name = flag[1].replace("-", "_")
            found[name] = True if flag[2] is None else flag[2]
        elif name:
            before = found[name]
            found[name] = word if before is True else [*(before if isinstance(before, list) else [before]), word]
    return found


def plain(value: Any) -> Any:
    """A value in mappings with texts for names, lists, texts, numbers, switches and None. Raises `Unreadable`."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, bool | str | float) or value is None:
        return value
    if isinstance(value, int):
        if abs(value) >= 10**MOST_DIGITS:
            raise Unreadable(f"a number of more than {MOST_DIGITS} digits")
        return value
    if isinstance(value, date):
        return value.isoformat()
    raise Unreadable(f"a value of the kind {type(value).__name__}, which no setting has")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")

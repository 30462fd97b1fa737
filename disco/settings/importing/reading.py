"""The bytes of a settings file of any of the programs -> plain values, and the lines that their names stand in.

Extensions say nothing: what the file holds decides. JSON may have comments of both styles, trailing commas, single
quotes and Python's literals, as people leave them; YAML is read by the safe loader; sections with `name=value` are
TOML or INI; the rest are tables as DiscoArt prints them, and command lines. PNGs carry settings in their text chunks.
Nothing is evaluated, and every limit is checked before it can cost time or memory.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.settings.config_files import MOST_BYTES
from disco.settings.importing import formats
from disco.settings.importing.png import png_tree
from disco.settings.paths import expanded
from disco.settings.text_files import read_text

#: The most values that a file may hold, aliases spelt out, and the deepest nesting of them.
MOST_VALUES = 50_000
MOST_LEVELS = 20

PNG = b"\x89PNG\r\n\x1a\n"
# A name as it stands before its value, bounded so that no text takes longer than its length.
NAME = re.compile(r"""(?<![\w.])["']?(?P<name>[A-Za-z_][\w.]{0,59})["']?[ \t]{0,9}[:=│┃]""")
FLAG = re.compile(r"(?<!\S)--?(?P<name>[A-Za-z][\w-]{0,59})")


@dataclass(frozen=True)
class Document:
    """A settings file, read.

    path: as it was given. kind: JSON, YAML, TOML, INI, a table, a command line, or a PNG of a program. tree: what it
    holds, in mappings, lists, texts, numbers, switches and None. lines: where names stand, in order, counted from 1.
    """

    path: str
    kind: str
    tree: Any
    lines: dict[str, list[int]]

    def place(self, name: str, run: int = 0) -> str:
        """Where a name stands, for people; run: which of the file's runs it is of."""
        lines = self.lines.get(name)
        return f"{self.path}, line {lines[min(run, len(lines) - 1)]}" if lines else self.path

    def wildcard_folder(self, name: str) -> str | None:
        """The folder beside the file, or its folder settings, that has the list of a wildcard, if any."""
        beside = expanded(self.path).absolute().parent
        found = (
            each for each in (beside, beside / "settings", beside / "wildcards") if (each / f"{name}.txt").is_file()
        )
        return next(map(str, found), None)


def read(path: str | Path) -> Document:
    """Read a settings file of one of the programs, or a PNG with settings in it.

    Raises SettingsError, one line with file, line and reason, for what cannot be read or is no settings file.
    """
    file = expanded(path)
    name = str(path)
    try:
        with open(file, "rb") as opened:
            is_png = opened.read(8) == PNG
    except OSError as error:
        raise SettingsError(f"{name!r} cannot be read: {error.strerror or error}") from error
    if is_png:
        document = Document(name, *png_tree(file, name), {})
    else:
        text = read_text(file, MOST_BYTES).replace("\r\n", "\n").replace("\r", "\n")
        try:
            kind, tree = formats.parsed(text)
        except formats.Unreadable as error:
            place = f"{name}, line {error.line}" if error.line else name
            raise SettingsError(f"{place}: {error}") from error
        document = Document(name, kind, tree, lines_of(text))
    check_size(document)
    return document


def lines_of(text: str) -> dict[str, list[int]]:
    """The lines in which names stand, each in order."""
    ends = [match.start() for match in re.finditer("\n", text)]
    found: dict[str, list[int]] = {}
    for pattern in (NAME, FLAG):
        for match in pattern.finditer(text):
            found.setdefault(match["name"], []).append(bisect_right(ends, match.start()) + 1)
    return found


def check_size(document: Document) -> None:
    """Refuse more values, or deeper ones, than a settings file holds."""
    if not isinstance(document.tree, dict | list) or not document.tree:
        raise SettingsError(f"{document.path}: no settings; a settings file holds names and their values")
    count, left = 0, [(document.tree, 0)]
    while left:
        node, level = left.pop()
        count += 1
        if count > MOST_VALUES or level > MOST_LEVELS:
            size = f"{MOST_VALUES} values" if count > MOST_VALUES else f"{MOST_LEVELS} levels of nesting"
            raise SettingsError(f"{document.path}: more than {size}, which is hardly a settings file")
        if isinstance(node, dict):
            left += [(value, level + 1) for value in node.values()]
        elif isinstance(node, list):
            left += [(value, level + 1) for value in node]

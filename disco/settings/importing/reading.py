"""The bytes of a settings file of any of the programs -> plain values, and the lines that their names stand in.

Extensions say nothing: what the file holds decides. JSON may have comments of both styles, trailing commas, single
quotes and Python's literals, as people leave them; YAML is read by the safe loader; sections with `name=value` are
TOML or INI; the rest are tables as DiscoArt prints them, and command lines. PNGs carry settings in their text chunks.
Nothing is evaluated, and every limit is checked before it can cost time or memory.
"""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.settings.config_files import MOST_BYTES
from disco.settings.importing import formats
from disco.settings.importing.png import png_tree
from disco.settings.paths import expanded
from disco.settings.text_files import OTHER_MARKS, decoded_text

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
    twice: names that have two different values, of which the last counts.
    """

    path: str
    kind: str
    tree: Any
    lines: dict[str, list[int]]
    twice: tuple[str, ...] = ()

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
    if is_endless(file):
        raise SettingsError(f"{name!r} is a pipe or a device; save what it gives as a file")
    try:
        with open(file, "rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a name with a zero character is a ValueError
        raise SettingsError(f"{name!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if content.startswith(PNG):
        document = Document(name, *png_tree(file, name), {})
    elif len(content) > MOST_BYTES:
        raise SettingsError(f"{name} is larger than {MOST_BYTES // 2**20} MiB, the most that is read")
    else:
        text = text_of(content, name).replace("\r\n", "\n").replace("\r", "\n")
        twice: list[str] = []
        try:
            kind, tree = formats.parsed(text, twice)
        except formats.Unreadable as error:
            place = f"{name}, line {error.line}" if error.line else name
            raise SettingsError(f"{place}: {error}") from error
        document = Document(name, kind, tree, lines_of(text), tuple(dict.fromkeys(twice)))
    if isinstance(document.tree, dict) and "nbformat" in document.tree:
        raise SettingsError(
            f"{name}: a notebook; take the ..._settings.txt that it wrote beside its pictures, or save the cell with "
            "its settings as a file"
        )
    check_size(document)
    return document


def is_endless(file: Path) -> bool:
    """Whether it is a pipe, which would be waited for, or a device, which may never end."""
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError):  # which opening it says better
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def text_of(content: bytes, name: str) -> str:
    """The text of a file: UTF-8, or UTF-16 and UTF-32, which some editors and shells write. name: for errors."""
    encoding = next((found for mark, found in OTHER_MARKS.items() if content.startswith(mark)), None)
    if encoding is None and len(content) > 1 and 0 in content[:2] and content[:2] != b"\0\0":
        encoding = "utf-16-le" if content[1] == 0 else "utf-16-be"
    if encoding is None:
        return decoded_text(content, name)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name} begins as {encoding.upper()}, but is damaged; save it as UTF-8") from error


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

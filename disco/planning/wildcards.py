"""Wildcards: lists of words in files, which __name__ in a prompt draws from.

    wildcards/colours.txt            a line an option: red; lines that begin with # and empty ones are passed over
    wildcards/animals/cats.txt       __animals/cats__, or __cats__ where no file of the folder itself is called so
    wildcards/more.yaml, .yml, .json the lists in it by their keys: {birds: {small: [wren, tit]}} is __birds/small__;
                                     a file that is one list has the name of the file

`2::red` weighs twice as much as `blue`, in YAML and JSON `{text: red, weight: 2}` too. A star stands for any part of a
name: `__animals/*__` draws from all of those lists.

A name never leads out of the folders, and neither does a symbolic link in them.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from disco.errors import SettingsError
from disco.settings.paths import expanded
from disco.settings.text_files import read_text

#: The most of a wildcard file: bytes, options, and levels of lists and mappings in one another.
MOST_BYTES = 4 * 2**20
MOST_OPTIONS = 100_000
MOST_LEVELS = 16

#: The most files of wildcards in a folder.
MOST_FILES = 10_000

LIST_SUFFIXES = (".yaml", ".yml", ".json")
WEIGHT = re.compile(r"(\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})::")

# The C reader of YAML, where PyYAML has it, is some twenty times as fast.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Entry:
    """One option of a list, a prompt in itself, and how often it is drawn beside the others."""

    text: str
    weight: float = 1.0


class Wildcards:
    """The lists of some folders; where two have a list of one name, the first counts.

    folders: as the setting wildcards has them. They need not exist as long as nothing is looked for.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self.folders = [expanded(folder) for folder in folders]
        self._found: dict[str, tuple[Entry, ...]] = {}

    def entries(self, name: str) -> tuple[Entry, ...]:
        """What a wildcard draws from, in the order of its file; of several files, one after another.

        Raises SettingsError, one line, for a name that leads out of the folders, that no list has, or whose file cannot
        be read.
        """
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def _look_up(self, name: str) -> tuple[Entry, ...]:
        self._check_name(name)
        found = next((entries for folder in self.folders if (entries := _entries_in(folder, name))), ())
        if not found:
            raise self._unknown(name)
        if len(found) > MOST_OPTIONS:
            raise SettingsError(f"the wildcard {name} has {len(found):,} lines, {MOST_OPTIONS:,} at most are read")
        if not any(entry.weight for entry in found):
            raise SettingsError(f"the wildcard {name} has lines of the weight 0 only; give one another weight")
        return found

    def names(self) -> list[str]:
        """The names of all lists, sorted."""
        found: set[str] = set()
        for folder in self.folders:
            for path in _files(folder):
                found |= {_name_of(path, folder)} if path.suffix == ".txt" else set(_lists(path, folder))
        return sorted(found)

    def _check_name(self, name: str) -> None:
        parts = re.split(r"[/\\]", name)
        if "\0" in name or ":" in name or any(part.strip(". ") == "" and part != "**" for part in parts):
            raise SettingsError(
                f"the wildcard {name!r} is no name of a list below {self._said()}: give names and folders, such as "
                "animals/cats, without .., drives or a leading slash"
            )

    def _said(self) -> str:
        return " or ".join(repr(str(folder)) for folder in self.folders) or "a folder"

    def _unknown(self, name: str) -> SettingsError:
        missing = [folder for folder in self.folders if not folder.is_dir()]
        if len(missing) == len(self.folders):
            return SettingsError(
                f"the wildcard {name} is looked for in {self._said()}, which is no folder here; name yours with "
                "wildcards=FOLDER, or write \\__ for underscores"
            )
        names = self.names()
        leaves = {each.rpartition("/")[2].lower(): each for each in names} | {each.lower(): each for each in names}
        near = [leaves[each] for each in difflib.get_close_matches(name.lower()[:200], leaves, n=3, cutoff=0.6)]
        known = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else f"there are {_listed(names)}"
        return SettingsError(
            f"there is no wildcard {name} in {self._said()}; {known if names else 'there are none'} (\\__ writes "
            "underscores)"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _entries_in(folder: Path, name: str) -> tuple[Entry, ...]:
    """What the lists of this name in a folder hold; nothing where there is none."""
    lists = _matching(folder, re.sub(r"[/\\]+", "/", name))
    return tuple(entry for _, entries in sorted(lists.items()) for entry in entries)


def _matching(folder: Path, name: str) -> dict[str, tuple[Entry, ...]]:
    """The lists that a name means: of this very name; else, with stars, all that fit; else below any folder."""
    texts = {_name_of(path, folder): path for path in _files(folder) if path.suffix == ".txt"}
    if name in texts:
        return {name: _text_entries(texts[name])}
    others = {
        each: entries
        for path in _files(folder)
        if path.suffix in LIST_SUFFIXES
        for each, entries in _lists(path, folder).items()
    }
    if name in others:
        return {name: others[name]}
    for pattern in (name, f"*/{name}"):
        fitting = {each for each in (*texts, *others) if fnmatch.fnmatchcase(each, pattern)}
        if fitting:
            return {each: _text_entries(texts[each]) if each in texts else others[each] for each in fitting}
    return {}


def _files(folder: Path) -> list[Path]:
    """The files of lists below a folder, sorted; hidden folders are left out.

    Raises SettingsError for a link that leads out of the folder, and for too many files.
    """
    found: list[Path] = []
    top = os.path.realpath(folder)
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for file in sorted(files):
            path = Path(place, file)
            if path.suffix not in (".txt", *LIST_SUFFIXES):
                continue
            real = os.path.realpath(path)
            if os.path.commonpath([top, real]) != top:
                raise SettingsError(
                    f"{path} is a link to {real}, out of the folder of wildcards; copy the file, or name its folder "
                    "too: wildcards=[...]"
                )
            found.append(path)
            if len(found) > MOST_FILES:
                raise SettingsError(f"{folder} holds more than {MOST_FILES:,} files of wildcards; name another folder")
    return found


def _name_of(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


# Reading


def _text_entries(path: Path) -> tuple[Entry, ...]:
    return _read_lines(path, *_state(path))


def _lists(path: Path, folder: Path) -> dict[str, tuple[Entry, ...]]:
    """The lists of a YAML or JSON file, by name: the folder that the file lies in, then its keys."""
    above = path.parent.relative_to(folder).as_posix()
    return {
        "/".join([*([] if above == "." else [above]), *keys]): entries
        for keys, entries in _read_lists(path, *_state(path)).items()
    }


def _state(path: Path) -> tuple[int, int]:
    """What changes with the content of a file, so that it is read once as long as it stays the same."""
    try:
        state = path.stat()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error
    return state.st_mtime_ns, state.st_size


@lru_cache(256)
def _read_lines(path: Path, changed: int, size: int) -> tuple[Entry, ...]:
    lines = (line.strip() for line in read_text(path, MOST_BYTES).splitlines())
    return tuple(_entry(line) for line in lines if line and not line.startswith("#"))


def _entry(text: str) -> Entry:
    weight = WEIGHT.match(text)
    return Entry(text) if weight is None else Entry(text[weight.end() :], float(weight[1]))


@lru_cache(256)
def _read_lists(path: Path, changed: int, size: int) -> dict[tuple[str, ...], tuple[Entry, ...]]:
    text = read_text(path, MOST_BYTES)
    tree = _json_of(path, text) if path.suffix == ".json" else _yaml_of(path, text)
    if isinstance(tree, list):
        return {(path.stem,): tuple(_entries_of(path, tree, path.stem))}
    return dict(_named_lists(path, tree, ())) if isinstance(tree, dict) else {}


def _named_lists(
    path: Path, tree: dict[str, Any], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[Entry, ...]]]:
    for key, value in tree.items():
        name = (*above, key)
        if isinstance(value, dict):
            yield from _named_lists(path, value, name)
        elif value not in (None, "", []):
            items = value if isinstance(value, list) else [value]
            yield name, tuple(_entries_of(path, items, "/".join(name)))


def _entries_of(path: Path, items: Sequence[Any], name: str) -> Iterator[Entry]:
    for item in items:
        if isinstance(item, dict):
            text, weight = item.get("text", item.get("content")), str(item.get("weight", 1))
            if not isinstance(text, str) or not WEIGHT.fullmatch(f"{weight}::"):
                raise SettingsError(
                    f"{path}: {name} holds {str(item)[:80]}, which is no option; write a text, or text and weight"
                )
            yield Entry(text, float(weight))
        elif isinstance(item, list):
            raise SettingsError(f"{path}: {name} holds a list in a list; write one text a line")
        elif item not in (None, ""):
            yield _entry(str(item))


def _json_of(path: Path, text: str) -> Any:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} cannot be read as JSON: {error}") from error
    _check_levels(path, tree, 0)
    return tree


def _check_levels(path: Path, tree: Any, level: int) -> None:
    if level > MOST_LEVELS:
        raise SettingsError(f"{path} has more than {MOST_LEVELS} lists or mappings in one another")
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        _check_levels(path, inner, level + 1)


def _yaml_of(path: Path, text: str) -> Any:
    """The texts of a YAML file in lists and mappings; a word such as `on` or `1.0` stays as it is written."""
    try:
        level = 0
        for event in yaml.parse(text, Loader=LOADER):  # before anything is built, which is done by recursion
            if isinstance(event, yaml.AliasEvent):
                raise SettingsError(
                    f"{path}, line {event.start_mark.line + 1}: wildcards take no aliases; write the list out"
                )
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if level > MOST_LEVELS:
                raise SettingsError(f"{path} has more than {MOST_LEVELS} lists or mappings in one another")
        return _texts_of(yaml.compose(text, Loader=LOADER))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SettingsError(f"{path}{line} cannot be read as YAML ({problem}); put texts in quotes") from error


def _texts_of(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _texts_of(value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    if isinstance(node, yaml.SequenceNode):
        return [_texts_of(item) for item in node.value]
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return None
    return node.value

"""A command line, taken apart into flags, words and prompts."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from disco.cli.prompt_file import read_prompts
from disco.errors import SettingsError
from disco.settings.config import own_files
from disco.settings.overrides import quoted
from disco.settings.paths import USER_FOLDER, expanded

# Hydra's flags that show something instead of rendering, and those of them that take a word.
SHOWING = {"--cfg", "-c", "--info", "-i", "--hydra-help", "--resolve", "--package", "-p"}
TAKING_A_WORD = {"--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--config-name", "-cn", "--prompt-file"}
FLAG = re.compile(r"--?[A-Za-z][\w-]*(=.*)?", re.DOTALL)
# A study is a multirun by itself.
STUDY_CHOICE = re.compile(r"\+?study=")


@dataclass
class Line:
    """A command line, taken apart.

    words: overrides and prompts. texts: what follows `--`, prompts all. from_file: prompts to be rendered one after
    another, of a file. notes: what the user should know of it. hydra_flags: handed on as they are.
    shows: whether Hydra is to show something instead of rendering. dry: whether to say what would be rendered, and
    render nothing. searchpath: overrides that add config folders.
    """

    words: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    from_file: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hydra_flags: list[str] = field(default_factory=list)
    searchpath: list[str] = field(default_factory=list)
    config_name: str = "config"
    multirun: bool = False
    shows: bool = False
    dry: bool = False


def read_line(arguments: Sequence[str]) -> Line:
    """Take the flags out of a command line. Raises `SettingsError` for an unknown one."""
    own = before_texts(arguments)
    line = Line(texts=list(arguments[len(own) + 1 :]))
    for text in arguments:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SettingsError(f"{text!r} is not valid UTF-8") from error
    rest = iter(own)
    folders: list[str] = []
    for argument in rest:
        if not FLAG.fullmatch(argument):
            line.words.append(argument)
            line.multirun |= STUDY_CHOICE.match(argument) is not None
            continue
        flag, equals, value = argument.partition("=")
        if flag in TAKING_A_WORD and not equals:
            value = next(rest, "")
        if flag in ("-m", "--multirun"):
            line.multirun = True
        elif flag == "--dry-run":
            line.dry = True
        elif flag in ("--config-dir", "-cd"):
            folders.append(_folder_of_configs(flag, value))
        elif flag in ("--config-name", "-cn"):
            line.config_name = value.removesuffix(".yaml")
            line.hydra_flags += ["--config-name", line.config_name]
        elif flag == "--prompt-file":
            if line.from_file:
                raise SettingsError("--prompt-file is given twice; put all prompts into one file")
            line.from_file, line.notes = read_prompts(value)
            line.multirun |= len(line.from_file) > 1
        elif flag in SHOWING:
            line.shows = True
            # Left alone, --info would take the first override for its word.
            line.hydra_flags.append(f"{flag}={value or 'all'}" if value or flag in ("--info", "-i") else flag)
        else:
            raise SettingsError(
                f"there is no flag {flag}; settings are written name=value, and disco --help lists them"
            )
    if line.shows:  # where Hydra's own command line composes
        folders += own_files()
    if folders:
        line.searchpath = [f"hydra.searchpath={quoted(folders, '--config-dir')}"]
    return line


def before_texts(arguments: Sequence[str]) -> list[str]:
    """The arguments before `--`."""
    return list(arguments[: arguments.index("--")] if "--" in arguments else arguments)


def own_words(words: Sequence[str], names: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """What a verb takes for itself of its words, name=value before `--`, by name, and all others in their order.

    Raises SettingsError for one that is given twice.
    """
    before = before_texts(words)
    own: dict[str, str] = {}
    others = []
    for word in before:
        name, equals, value = word.partition("=")
        if not equals or name not in names:
            others.append(word)
        elif name in own:
            raise SettingsError(f"{name} is given twice; give it once")
        else:
            own[name] = value
    return own, [*others, *words[len(before) :]]


def verb_of(command: str, words: Sequence[str], verbs: Sequence[str], usage: str) -> tuple[str, list[str]] | None:
    """The verb of a command that has its own, list where none is given, and the words after it; None for help, printed.

    Raises SettingsError, with the nearest, for a verb that it has not.
    """
    verb, *rest = words or ["list"]
    if verb in ("help", "--help", "-h"):
        print(usage, end="")
        return None
    if verb not in verbs:
        near = difflib.get_close_matches(verb, verbs, n=1)
        known = (" and " if len(verbs) == 2 else ", ").join(verbs)
        meant = f"; do you mean {near[0]}?" if near else f", which are {known}"
        raise SettingsError(f"disco {command} has no {verb!r} among its verbs{meant}")
    return verb, rest


def _folder_of_configs(flag: str, value: str) -> str:
    """A folder of the user's configs as Hydra's search path has it."""
    folder = os.path.abspath(expanded(value))
    if not os.path.isdir(folder):
        raise SettingsError(f"{flag} is {value!r}, which is no folder")
    return f"{USER_FOLDER}{folder}"

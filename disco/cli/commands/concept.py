"""disco concept learn NAME FOLDER [name=value ...]: a word for the pictures in a folder, for use in prompts as <NAME>.

disco concept learn pretzel ~/pictures/pretzels
disco "a <pretzel> by the sea at dusk"

From 3 to 30 pictures are enough; what they have in common is learned, so let them differ in all else. Nothing but the
word is learned: the perceptors (clip_models) stay as they are, and so does all that they know. For each of them the
word becomes some numbers; all of them lie in one file, in the folder that `concepts` names.

kind=style is for the manner of pictures instead of what they show: disco "a cat by the sea, <mine>". tokens=2 is how
many tokens the word takes, updates=100 how often it is improved, learning_rate=0.4 by how much, prior=1 how much what
stands around the word counts. Of the settings clip_models (or preset=disco57), device, seed and concepts count.

The same command with other clip_models adds those. disco concept list says which concepts there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from disco.cli.line import own_words, verb_of
from disco.errors import SettingsError
from disco.models.concepts import names_there, read_concept
from disco.planning.concepts import folders_of
from disco.settings.config import Settings, load
from disco.settings.overrides import ASSIGNMENT, from_arguments, is_sweep
from disco.settings.paths import expanded

USAGE = """\
disco concept learn NAME FOLDER [kind=subject|style] [tokens=N] [updates=N] [learning_rate=X] [prior=X] [name=value ...]
disco concept list [concepts=FOLDER]
"""
#: What is the verb's own among its words; all others are settings.
OWN = ("kind", "tokens", "updates", "learning_rate", "prior")


def run(words: list[str]) -> int:
    """Do what the first word says. Raises `SettingsError` for words that say nothing."""
    found = verb_of("concept", words, list(VERBS), USAGE)
    if found is None:
        return 0
    verb, rest = found
    return VERBS[verb](rest)


def learn(words: Sequence[str]) -> int:
    """Learn a concept, and print where it is and how near it came."""
    given = [word for word in words if ASSIGNMENT.fullmatch(word)]
    names = [word for word in words if word not in given]
    if len(names) != 2 or any(name.startswith("-") for name in names):
        raise SettingsError(f"concept learn takes a name and a folder: {USAGE.splitlines()[0]}")
    own, settings = own_words(given, OWN)
    from disco.cli.render import say
    from disco.concepts.api import Asked, figures_in_words, learn_settings

    numbers: dict[str, Any] = {name: value if name == "kind" else number(value) for name, value in own.items()}
    asked = Asked(names[0], expanded(names[1]), **numbers)
    learned = learn_settings(asked, settings_of(settings), say=say)
    for name in learned.new:
        print(figures_in_words(name, learned.figures[name]))
    if not learned.new:
        say(f"<{learned.name}> was learned already, from these pictures and for these perceptors")
    print(learned.path)
    return 0


def list_concepts(words: Sequence[str]) -> int:
    """Print a table: name, tokens, pictures, perceptors."""
    if others := [word for word in words if not ASSIGNMENT.fullmatch(word)]:
        raise SettingsError(f"concept list takes settings, not {others[0]!r}: {USAGE.splitlines()[1]}")
    folders = folders_of(settings_of(words).concepts)
    there = names_there(folders)
    if not there:
        print(f"there are no concepts in {' or '.join(map(str, folders))}; disco concept learn NAME FOLDER learns one")
    for name, path in there.items():
        print(row(name, path, max(map(len, there))))
    return 0


def row(name: str, path: Path, width: int) -> str:
    """A concept's line; one that cannot be used says why."""
    try:
        concept = read_concept(path)
    except SettingsError as error:
        return f"<{name}>{'':{width - len(name)}}  {error}"
    pictures = len(concept.metadata.get("pictures", ()))
    tokens = f"{concept.tokens} token{'s' * (concept.tokens > 1)}"
    return f"<{name}>{'':{width - len(name)}}  {tokens:9}  {pictures:4} pictures  {', '.join(concept.perceptors)}"


def number(text: str) -> int | float | str:
    """A number as it is typed; what is none stays a text."""
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return int(text)
    return float(text) if re.fullmatch(r"\d{0,9}\.?\d{1,9}(e-?\d{1,2})?", text, re.ASCII) else text


def settings_of(words: Sequence[str]) -> Settings:
    """The settings that are given. Raises SettingsError for several values of one."""
    given = from_arguments(list(words))
    if several := [each for each in given if is_sweep(each)]:
        raise SettingsError(f"{several[0]} holds several values, but one concept is learned; give one")
    return load(given)


VERBS: dict[str, Callable[[Sequence[str]], int]] = {"learn": learn, "list": list_concepts}

"""The prompts of settings, with what is to be chosen in them chosen: by the seed of each picture, once and for all.

What was drawn becomes the setting expanded_prompts, so that a record, a picture and a cell of a study hold it and are
rendered again from it, whatever becomes of the files; prompt and prompts stay as they were typed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from disco.errors import SettingsError
from disco.planning.draw import Draw, has_parts, spread
from disco.planning.wildcards import Wildcards
from disco.settings.config import Settings

#: The most pictures of a run whose prompts are drawn.
MOST_PICTURES = 10_000


def given_prompts(settings: Settings) -> tuple[str, Any]:
    """The setting that the prompts of a run stand in, prompt or prompts, and its value as it was typed, or None."""
    return ("prompts", settings.prompts) if settings.prompt is None else ("prompt", settings.prompt)


def with_expanded_prompts(settings: Settings) -> Settings:
    """The settings with what the prompts of each picture become; the same ones where there is nothing to choose.

    settings: their seed is a number. expanded_prompts that are there already stay.

    Raises SettingsError, one line, for a prompt that cannot be read, a wildcard that is not there, and too many.
    """
    name, given = given_prompts(settings)
    folders = folders_of(settings)
    if folders is None or settings.expanded_prompts is not None:
        return settings
    if not any(has_parts(text, name) for text in texts_in(given)):
        return settings
    count = settings.n_batches * settings.batch_size
    if count > MOST_PICTURES:
        raise SettingsError(
            f"{name} is drawn for every picture, but {count:,} pictures (n_batches times batch_size) are more than "
            f"{MOST_PICTURES:,}; render fewer at a time"
        )
    wildcards = Wildcards(folders)
    drawn = []
    for seed in range(settings.seed, settings.seed + count):
        draw = Draw(seed, wildcards)
        drawn.append(with_texts(given, lambda text, draw=draw: draw.text(text, name)))  # type: ignore[misc]
    alike = all(each == drawn[0] for each in drawn)
    return dataclasses.replace(settings, expanded_prompts=tuple(drawn[:1] if alike else drawn))


def folders_of(settings: Settings) -> tuple[str, ...] | None:
    """Where wildcards lie; None where prompts are to be taken as they stand."""
    given = settings.wildcards
    if given is None:
        return None
    folders = (given,) if isinstance(given, str) else given
    if not isinstance(folders, tuple) or not all(isinstance(folder, str) and folder for folder in folders):
        raise SettingsError(
            f"wildcards is {given!r}, but must be a folder, a list of folders, or null to take prompts as they stand"
        )
    return folders


def expanded_of(settings: Settings) -> tuple[Any, ...]:
    """What the prompts are: one value for all pictures, or one for each, in their order; each as `prompts` takes it.

    Raises SettingsError for expanded_prompts of another number.
    """
    name, given = given_prompts(settings)
    found = settings.expanded_prompts
    if found is None or given is None:
        return ([given] if name == "prompt" else given,)
    count = settings.n_batches * settings.batch_size
    if not isinstance(found, tuple) or len(found) not in (1, count):
        many = len(found) if isinstance(found, tuple) else repr(found)
        raise SettingsError(
            f"expanded_prompts holds {many}, but takes one for each of the {count} pictures, or one for all; "
            "expanded_prompts=null draws them from the prompt"
        )
    return tuple([each] if isinstance(each, str) else each for each in found)


def note_on_expansion(settings: Settings) -> str | None:
    """What the prompts became, for the user; None where nothing was drawn."""
    found = settings.expanded_prompts
    if found is None:
        return None
    if len(found) == 1:
        return f"the prompt is {_told(found[0])}"
    some = ", ".join(f"{_told(each)} for seed {settings.seed + place}" for place, each in enumerate(found[:4]))
    return f"the prompt is {some}{f', and {len(found) - 4} more' if len(found) > 4 else ''}"


def _told(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:159]}…"


def texts_in(given: Any) -> Iterator[str]:
    """All texts of prompt, prompts, or what a study's axis holds of them."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        yield from (text for value in given.values() for text in texts_in(value))
    elif isinstance(given, list | tuple):
        yield from (text for value in given for text in texts_in(value))


def with_texts(given: Any, change: Callable[[str], str]) -> Any:
    """The same with every text changed, in their order."""
    if isinstance(given, str):
        return change(given)
    if isinstance(given, Mapping):
        return {key: with_texts(value, change) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return tuple(with_texts(value, change) for value in given)
    return given


def spread_prompts(given: Any, name: str, folders: Sequence[str]) -> list[Any]:
    """All values of prompt or prompts that the parts marked ! in one make, the first part slowest.

    Raises SettingsError as `disco.planning.draw.spread` does.
    """
    from itertools import product
    from math import prod

    from disco.planning.draw import MOST_SPREAD

    wildcards = Wildcards(folders)
    each = [spread(text, name, wildcards) for text in texts_in(given)]
    if prod(map(len, each)) > MOST_SPREAD:
        raise SettingsError(f"the parts of {name} that are marked ! make more than {MOST_SPREAD:,} cells; mark fewer")
    found = []
    for texts in product(*each):
        left = iter(texts)
        found.append(with_texts(given, lambda _, left=left: next(left)))  # type: ignore[misc]
    return found

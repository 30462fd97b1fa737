"""The settings of a record as overrides, to be rendered again with some of them changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from disco.errors import SettingsError
from disco.planning.recorded import found_again, retrained
from disco.run.folder.reading import read_record, read_settings
from disco.settings.config import by_path, compose, from_dict, groups, without_hydra
from disco.settings.overrides import ASSIGNMENT, from_python
from disco.settings.paths import expanded
from disco.version import SAME_PICTURES_SINCE, draws_as_now


def overrides_again(
    path: str,
    words: Sequence[str],
    read: Callable[[Sequence[str]], list[str]],
    *,
    verb: str,
    say: Callable[[str], object],
    changed: Mapping[str, Any] | None = None,
    config_name: str = "config",
) -> list[str]:
    """The overrides that make a picture's or run's settings again, those of the words in place of its own.

    read: the record's clip_models -> the overrides of the words. verb: for errors. say: told what has to be known.
    changed: values by full name that take the place of the record's. Raises SettingsError for what cannot be read.
    """
    record = read_record(path)
    keys = [match["key"] for match in map(ASSIGNMENT.fullmatch, words) if match]
    for key in keys:
        if key in groups() or key == "preset":
            raise SettingsError(f"{verb} has its settings from {path!r}; change single ones instead of {key}=...")
    recorded = by_path(from_dict(read_settings(path))) | dict(changed or {})
    typed = read(recorded["perceptors.clip_models"])
    given = {override.partition("=")[0].lstrip("+").rpartition(".")[2] for override in typed}
    if {"prompt", "prompts"} & given:
        given |= {"prompt", "prompts", "expanded_prompts"}
        given |= {name for name in ("wildcards", "concepts") if recorded[name] is None}
    recorded, notes = found_again(recorded, record, expanded(path), given)
    if not draws_as_now(record.get("version")):
        notes = [
            *notes,
            f"{path!r} is of disco {record['version']}; since {SAME_PICTURES_SINCE} random numbers are drawn "
            "otherwise, so this will be another picture of the same settings",
        ]
    elif others := _retrained(path, record):
        notes = [
            *notes,
            f"{path!r} was made with other weights of {', '.join(others)} than there are here, so the same "
            "settings give another picture",
        ]
    for note in notes:
        say(note)
    usual = by_path(without_hydra(compose(config_name=config_name)))
    values = {
        full_name: value
        for full_name, value in recorded.items()
        if full_name.rpartition(".")[2] not in given and value != usual[full_name]
    }
    return from_python(values) + typed


def _retrained(path: str, record: Mapping[str, Any]) -> list[str]:
    """The networks of a record whose weights are others by now."""
    weights = record.get("weights")
    try:
        return list(retrained(from_dict(read_settings(path)), weights)) if isinstance(weights, Mapping) else []
    except SettingsError:  # of a network that is not known any more, which the plan will say
        return []

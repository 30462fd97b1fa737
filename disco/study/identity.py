"""What tells runs, and values of settings, from one another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING

from disco.planning.inputs import Hashes
from disco.planning.recorded import by_content
from disco.settings.config import spec_of
from disco.study.results import Value

#: Settings that the key of a cell does not hold, for they say where a run goes and how it is followed: runs that differ
#: in nothing else are the same cell.
#: Where wildcards and concepts lie does not count: what was drawn from those does, as expanded_prompts, and the content
#: of these, which prompts name.
NOT_IN_KEY = (
    *(
        f"output.{name}"
        for name in ("folder", "batch_name", "display_rate", "metrics", "track", "keep_inputs", "state_rate")
    ),
    "wildcards",
    "concepts",
)

#: Of these the ones that can be an axis all the same: values that lead to other contents make other cells.
BY_CONTENT = ("concepts",)


def identity(value: Value) -> str:
    """A text that is equal for equal values, lists and mappings included; 1 and 1.0 are equal, 1 and true are not."""
    return json.dumps(_canonical(value), sort_keys=True)


def _canonical(value: Value) -> Value:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    return value


def known_by(settings: Mapping[str, Value], inputs: Hashes) -> dict[str, Value]:
    """What tells a run from others: its settings by full name, but for those that change nothing of it.

    inputs: the pictures that it takes in, which count by content. A setting that came later does not count at the value
    that leaves all as it was, so that runs of older versions are still known.
    """
    values = by_content(settings, inputs)
    return {
        name: value for name, value in values.items() if name not in NOT_IN_KEY and not _changes_nothing(name, value)
    }


def hashed_name(name: str) -> str:
    """The full name that a setting has in the keys of cells and the names of studies: the first that it had."""
    spec = spec_of(name)
    return name if spec is None else spec.older_path


def present_name(name: str) -> str:
    """The full name that a setting has by now, of one that study.json has of any version."""
    spec = spec_of(name)
    return name if spec is None else spec.path


def _changes_nothing(name: str, value: Value) -> bool:
    spec = spec_of(name)
    return spec is not None and spec.before is not MISSING and identity(value) == identity(spec.before)

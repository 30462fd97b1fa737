"""A study in words: short names and values, what was held fixed, and the command that renders a cell again."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from disco.errors import SettingsError
from disco.graphemes import cut_at
from disco.models.concepts import names_in
from disco.planning.expansion import texts_in
from disco.planning.recorded import PROMPTING
from disco.settings.config import spec_of
from disco.settings.defaults import defaults
from disco.settings.overrides import from_arguments, quoted
from disco.study.identity import NOT_IN_KEY
from disco.study.results import Study

#: Said of every study, even where they are the defaults.
ALWAYS_SAID = (
    *("prompt", "model.diffusion_model", "perceptors.clip_models", "model.width", "model.height"),
    *("sampler.diffusion_sampling_mode", "sampler.steps", "seed"),
)


def label(setting: str) -> str:
    """guidance.clamp_max -> clamp_max; leaf names are unique."""
    return setting.rpartition(".")[2]


def format_value(value: Any) -> str:
    """A setting's value as one would write it down, on one line: [a, b] for lists, {a: 1} for mappings."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(format_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {format_value(item)}' for key, item in value.items())}}}"
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"\s+", " ", text).strip() or '""'


def short_labels(values: Sequence[Any], length: int = 40) -> list[str]:
    """The values in at most `length` signs each, and still told apart.

    Values that begin alike are cut at the front, so that what differs is seen; alike all the same, they are numbered.
    """
    texts = [format_value(value) for value in values]
    labels = [_end_cut(text, length) for text in texts]
    doubled = {text for text, count in Counter(labels).items() if count > 1}
    for double in doubled:
        same = [index for index, text in enumerate(labels) if text == double]
        start = _common_start([texts[index] for index in same])
        for index in same:
            kept = texts[index][max(0, start - length // 4) :]
            labels[index] = _end_cut("…" + kept, length)
    counts = Counter(labels)
    seen: dict[str, int] = defaultdict(int)
    for index, text in enumerate(labels):
        if counts[text] > 1:
            seen[text] += 1
            labels[index] = f"{_end_cut(text, length - 4)} #{seen[text]}"
    return labels


def _end_cut(text: str, length: int) -> str:
    return text if len(text) <= length else cut_at(text, length - 1).rstrip() + "…"


def _common_start(texts: Sequence[str]) -> int:
    first, last = min(texts), max(texts)
    return next((index for index, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))


# What was held, and what makes a cell again


def held_facts(study: Study) -> list[tuple[str, str]]:
    """What all cells share and a reader should know, as (name, value): the main settings, and all that is not usual."""
    said = [name for name in ALWAYS_SAID if study.held.get(name) is not None]
    unusual = [
        name for name, value in study.held.items() if name not in NOT_IN_KEY and defaults().get(name, value) != value
    ]
    return [(label(name), format_value(study.held[name])) for name in dict.fromkeys([*said, *unusual])]


def replay_command(settings: Mapping[str, Any]) -> str | None:
    """The command line, quoted for a POSIX shell, that renders these settings (by full name) again.

    It names every setting that is not this version's default, but for where the run goes and how it is watched. None
    where the settings hold something that this version does not have.
    """
    words = ["disco"]
    for name, value in settings.items():
        # What the prompt means without wildcards, wherever they lie, and where the concepts lie that it names.
        needed = value is None if name == "wildcards" else name == "concepts" and names_concepts(settings)
        if (name in NOT_IN_KEY and not needed) or (name in defaults() and defaults()[name] == value):
            continue
        spec = spec_of(name)
        if spec is None or spec.path != name:
            return None
        try:
            words.append(_argument(spec.name, json.dumps(value)))
        except SettingsError:
            return None
    return shlex.join(words)


def names_concepts(settings: Mapping[str, Any]) -> bool:
    """Whether prompts, of settings by full name, hold anything that reads as the name of a concept."""
    return bool(names_in(text for name in PROMPTING for text in texts_in(settings.get(name))))


@cache
def _argument(name: str, value: str) -> str:
    """A setting and its value (as JSON) as they are typed: plainly where that says the same, else in Hydra's quotes."""
    given = json.loads(value)
    if name == "prompt" and isinstance(given, str):
        return f"prompt={given}"  # taken as it stands
    exact = f"{name}={quoted(given, name)}"
    if isinstance(given, str) and given:
        plain = f"{name}={given}"
        try:
            if from_arguments([plain]) == from_arguments([exact]):
                return plain
        except SettingsError:
            pass  # it needs its quotes
    return exact

"""A settings file of any of the programs -> runs of disco, axes that they vary along, and what became of every key."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from disco.errors import SettingsError
from disco.settings.convert import from_dict, regrouped, to_dict
from disco.settings.importing.keys.animation import finish_film
from disco.settings.importing.programs import PROGROCK, Program, digits, flattened, program_of
from disco.settings.importing.reading import Document, read
from disco.settings.importing.translation import CHANGED, MAPPED, REFUSED, Entry, Translation, mode_of, translate
from disco.settings.importing.values import Refused, is_nothing, number, short, whole
from disco.settings.specs import groups, specs

#: More runs than this in one file are hardly meant.
MOST_RUNS = 500


@dataclass(frozen=True)
class Imported:
    """What a settings file comes to.

    path: as it was given. program: who wrote it. base: the preset that the runs build upon. runs: the settings of each
    by bare name; most files have one. axes: what a study varies, by bare name. entries: what became of every key; of
    several runs, each key once. assumed: what is not in the file and was taken from the program's own defaults. notes:
    what else people should know.
    """

    path: str
    program: str
    base: str
    runs: tuple[dict[str, Any], ...]
    axes: dict[str, list[Any]]
    entries: tuple[Entry, ...]
    assumed: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_study(self) -> bool:
        return len(self.runs) > 1 or bool(self.axes)


def is_film(run: Mapping[str, Any]) -> bool:
    """Whether the settings of a run, by bare name, ask for a film."""
    return run.get("animation_mode", "none") != "none"


def import_settings(
    path: str | Path, unets: Mapping[str, int], typed: Mapping[str, Any] = MappingProxyType({})
) -> Imported:
    """Read a settings file, or a PNG with settings in it, and translate it.

    unets: the catalog's diffusion models, with the size that each was trained on. typed: keys of the file's program,
    to be taken as if the file had them, in place of its own.

    Raises SettingsError, one line with file, line and reason, for what cannot be read or is of another kind.
    """
    document = read(path)
    if isinstance(document.tree, dict) and (own := _own_settings(document)) is not None:
        return own
    shared, listed = _parts(document)
    shared |= typed
    program = program_of(shared | (listed[0] if listed else {}), document.path)
    variants, axes, notes = _variants(program, document, shared, listed, unets)
    if len(variants) > MOST_RUNS:
        raise SettingsError(f"{document.path}: {len(variants)} runs, more than {MOST_RUNS}; give fewer in a file")
    done = [
        _translated(program, document, {**given, **typed}, number_, unets) for number_, given in enumerate(variants)
    ]
    entries = _once(done)
    for key in ("multipliers", "modifiers", "settings"):
        if key in shared and (axes or len(done) > 1):
            said = f"a study over {', '.join(axes)}" if axes else f"a study of {len(done)} runs"
            entries[key] = Entry(key, CHANGED, said)
    _check_readable(document, list(entries.values()))
    batches = done[0].batches
    if len(done) == 1 and batches and "prompts" not in axes:
        axes = {"prompts": batches} | axes
    runs = [each.settings for each in done]
    if document.twice:
        stand = "stands" if len(document.twice) == 1 else "stand"
        notes.append(f"{', '.join(document.twice)} {stand} twice in the file with different values; the last counts")
    notes += dict.fromkeys(note for each in done for note in each.notes)
    if len(runs) > 1 or axes:
        notes += _with_seeds(runs)
    own_keys = done[0].own
    assumed = tuple(key for key in program.assumed if key not in own_keys)
    return Imported(
        document.path, program.name, program.base, tuple(runs), axes, tuple(entries.values()), assumed, tuple(notes)
    )


def _parts(document: Document) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What all runs of a file share, and what each has of its own where it lists several: keys and values."""
    tree = document.tree
    shared, listed = flattened(tree) if isinstance(tree, dict) else ({}, tree)
    if listed and all(isinstance(each, str) and re.match(r"[\w.+~@/]+=", each) for each in listed):
        raise SettingsError(
            f"{document.path}: overrides of a command line; type them, or take the config.yaml beside it: "
            "disco preset=PATH"
        )
    if not all(isinstance(each, dict) for each in listed):
        raise SettingsError(f"{document.path}: a list of values; a settings file holds names and their values")
    pairs = [flattened(each) for each in listed]
    if any(more for _, more in pairs):
        raise SettingsError(f"{document.path}: lists of runs stand in one another; give one of them")
    return shared, [flat for flat, _ in pairs]


def _once(done: list[Translation]) -> dict[str, Entry]:
    """What became of every key, each once: where one run refuses it, that."""
    entries: dict[str, Entry] = {}
    for each in done:
        for key, entry in each.entries.items():
            if key not in entries or entry.verdict == REFUSED:
                entries[key] = entry
    return entries


def _check_readable(document: Document, entries: list[Entry]) -> None:
    """Refuse a file of which less can be read than cannot: it describes settings, or is damaged."""
    unread = [entry for entry in entries if entry.verdict == REFUSED]
    read_ = [entry for entry in entries if entry.verdict in (MAPPED, CHANGED)]
    if len(unread) > max(len(read_), 9):
        raise SettingsError(f"{unread[0].said}; so are {len(unread) - 1} other keys, more than can be read")


def _translated(
    program: Program, document: Document, given: Mapping[str, Any], run: int, unets: Mapping[str, int]
) -> Translation:
    # What a program assumes comes first: the file may say it by another name.
    assumed = {key: value for key, value in program.assumed.items() if key not in given}
    said = {key: program.assumed.get(key) if value is None else value for key, value in given.items()}
    translation = Translation(
        given={**assumed, **said},
        own=frozenset(given),
        place=lambda key: document.place(key, run),
        unets=unets,
        wildcard_folder=document.wildcard_folder,
    )
    translate(translation, program.table)
    program.finish(translation)
    finish_film(translation)
    return translation


def _with_seeds(runs: list[dict[str, Any]]) -> list[str]:
    """Give the cells of a study a seed that is a number: they share it."""
    random = [run for run in runs if run.get("seed") == "random"]
    for run in random:
        run["seed"] = 0
    return ["seed is drawn at random there; the cells of a study share theirs, 0"] if random else []


# Several runs in a file


def _variants(
    program: Program, document: Document, shared: dict[str, Any], listed: list[dict[str, Any]], unets: Mapping[str, int]
) -> tuple[list[dict[str, Any]], dict[str, list[Any]], list[str]]:
    """The runs of a file by their keys, the axes that they vary along, and what to say of them."""
    if listed:
        return [shared | run for run in listed[: MOST_RUNS + 1]], {}, []
    ranges = shared.get("settings")
    if program is PROGROCK and isinstance(ranges, list):
        rest = {key: value for key, value in shared.items() if key != "settings"}
        parts = _interpolated(ranges, document)
        if len(parts) == 1 and len(parts[0][0]) == 1:
            (key,) = parts[0][0]
            axes = _axes(program, document, rest, {key: [each[key] for each in parts[0]]}, unets)
            if axes is not None:
                return [rest], axes, []
        note = f"{len(parts)} ranges one after the other, as it takes them; its option -x would cross them"
        return [rest | values for part in parts for values in part], {}, [note] if len(parts) > 1 else []
    if isinstance(shared.get("modifiers"), dict) and shared["modifiers"]:
        return _modified(shared, document), {}, []
    multipliers = shared.get("multipliers")
    if isinstance(multipliers, dict) and multipliers:
        axes = _axes(program, document, shared, multipliers, unets)
        if axes is not None:
            return [shared], axes, []
        return _multiplied(shared, multipliers, document), {}, []
    return [shared], {}, []


def _modified(shared: dict[str, Any], document: Document) -> list[dict[str, Any]]:
    """entmike's modifiers: a run for each, its keys over those of the file."""
    rest = {key: value for key, value in shared.items() if key not in ("modifiers", "multipliers")}
    runs = []
    for name, change in sorted(shared["modifiers"].items(), key=lambda pair: digits(pair[0])):
        if not isinstance(change, dict):
            raise SettingsError(f"{document.place('modifiers')}: modifier {short(name)} holds no settings")
        multipliers = change.get("multipliers") or shared.get("multipliers") or {}
        changed = rest | {key: value for key, value in change.items() if key not in ("modifiers", "multipliers")}
        runs += _multiplied(changed, multipliers if isinstance(multipliers, dict) else {}, document)
    return runs[: MOST_RUNS + 1]


def _multiplied(shared: dict[str, Any], multipliers: dict[str, Any], document: Document) -> list[dict[str, Any]]:
    rest = {key: value for key, value in shared.items() if key != "multipliers"}
    values = [each if isinstance(each, list) else [each] for each in multipliers.values()]
    count = 1
    for each in values:
        count *= max(len(each), 1)
        if count > MOST_RUNS:
            raise SettingsError(f"{document.place('multipliers')}: they make more than {MOST_RUNS} runs; give fewer")
    return [rest | dict(zip(multipliers, chosen, strict=True)) for chosen in itertools.product(*values)]


def _axes(
    program: Program,
    document: Document,
    shared: dict[str, Any],
    multipliers: dict[str, Any],
    unets: Mapping[str, int],
) -> dict[str, list[Any]] | None:
    """Each multiplier as the values of one setting; None where one sets several at once."""
    axes: dict[str, list[Any]] = {}
    for key, values in multipliers.items():
        if key not in program.table or not isinstance(values, list) or not values:
            raise SettingsError(f"{document.place(key)}: {short(key)} must be a setting with a list of values")
        found = [_one(program, document, shared, key, value, unets) for value in values[: MOST_RUNS + 1]]
        names = {name for each in found for name in each}
        if len(names) != 1 or any(len(each) != 1 for each in found):
            return None
        (name,) = names
        if name == "prompts" and mode_of(shared) != "none":  # beside which a film has prompts by frame
            return None
        distinct = {json.dumps(each[name], sort_keys=True): each[name] for each in found}
        if len(distinct) > 1:
            axes[name] = list(distinct.values())
        else:
            shared[key] = values[0]
    return axes


def _one(
    program: Program, document: Document, shared: dict[str, Any], key: str, value: Any, unets: Mapping[str, int]
) -> dict[str, Any]:
    """What one value of a multiplier sets. Raises SettingsError for one that cannot be read."""
    given = {**program.assumed, **shared, key: value}
    translation = Translation(given, frozenset([key]), document.place, unets)
    translate(translation, {**dict.fromkeys(given, lambda *_: None), key: program.table[key]})
    for entry in translation.entries.values():
        if entry.verdict == REFUSED:
            raise SettingsError(entry.said)
    return translation.settings


def _interpolated(ranges: list[Any], document: Document) -> list[list[dict[str, Any]]]:
    """progrockdiffusion's explorer: ranges from start to end, each in so many steps."""
    parts = []
    for each in ranges[: MOST_RUNS + 1]:
        place = document.place("interpolation_steps")
        try:
            start, end, count = each["start"], each["end"], whole(each["interpolation_steps"])
            keys = list(start)
        except (TypeError, KeyError, Refused) as error:
            raise SettingsError(f"{place}: a range needs start, end and interpolation_steps") from error
        if not isinstance(start, dict) or not isinstance(end, dict) or not 1 <= count <= MOST_RUNS or not keys:
            raise SettingsError(f"{place}: a range needs start, end and 1 to {MOST_RUNS} interpolation_steps")
        if any(key not in end for key in keys):
            raise SettingsError(f"{place}: the start of a range has keys that its end does not have")
        parts.append([{key: _between(start[key], end[key], place_, count) for key in keys} for place_ in range(count)])
    if not parts:
        raise SettingsError(f"{document.place('settings')}: no range in it")
    return parts


def _between(start: Any, end: Any, place: int, count: int) -> Any:
    """A value on the line from start to end; switches change in the middle, anything else stays."""
    share = place / (count - 1) if count > 1 else 0.0
    if isinstance(start, bool):
        return start if share <= 0.5 else end
    try:
        value = (1 - share) * number(start) + share * number(end)
    except Refused:
        return start if share <= 0.5 else end
    return round(value) if isinstance(start, int) else float(f"{value:.9g}")


# Those of disco itself


def _own_settings(document: Document) -> Imported | None:
    """The settings of a picture or run.json of disco's own; None for any other file."""
    own = {name: value for name, value in document.tree.items() if name in groups() and isinstance(value, dict)}
    if own and all(name in specs() and specs()[name].group == group for group in own for name in own[group]):
        raise SettingsError(f"{document.path}: a file of disco's own settings already; disco preset=PATH.yaml takes it")
    settings = document.tree.get("settings")
    if not isinstance(settings, dict) or not isinstance(settings.get("model"), dict):
        return None
    try:
        tree = to_dict(from_dict(regrouped(settings)))
    except SettingsError as error:
        raise SettingsError(f"{document.path}: settings of disco, of another version or changed: {error}") from error
    flat: dict[str, Any] = {}
    for name, spec in specs().items():
        flat[name] = tree[spec.group][name] if spec.group else tree[name]
    if isinstance(document.tree.get("seed"), int):
        flat |= {"seed": document.tree["seed"], "n_batches": 1, "batch_size": 1}
    flat = {name: value for name, value in flat.items() if not (is_nothing(value) and name in ("prompt", "prompts"))}
    entries = tuple(Entry(name, MAPPED, "", (name,)) for name in flat)
    return Imported(document.path, "disco", "default", (flat,), {}, entries, (), ())

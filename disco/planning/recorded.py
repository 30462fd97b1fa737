"""Inputs as settings and records name them: known by their content, and found again where a record is rendered.

What a run took in is told by settings' names and SHA-256 (`disco.planning.inputs`, `disco.planning.concepts`). A study
compares its cells by these, and a run that is rendered again looks for the same files wherever they lie by now.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.catalog.custom import is_path
from disco.models.concepts import REFERENCE
from disco.models.files import store
from disco.planning.concepts import InputConcept, entries_in, folders_again
from disco.planning.expansion import with_texts
from disco.planning.images import read_file
from disco.planning.inputs import (
    ALPHA,
    KEPT,
    SINGLE,
    Hashes,
    InputPicture,
    fetched,
    is_address,
    remember_fetched,
    sha256_of,
)
from disco.planning.prompts import ImagePrompt, image_prompt_text, parse_image_prompt
from disco.settings.config import Settings

#: What of a hash is shown.
SHOWN = 12

#: The settings that name a file each, by full name.
NAMING = (
    *(f"init.{name}" for name in SINGLE),
    *("model.diffusion_model", "animation.depth", "animation.video_init_path", "animation.flow_model"),
)

#: The settings that hold prompts, which name concepts, by full name.
PROMPTING = ("prompt", "prompts", "expanded_prompts", "animation.animation_prompts")


def hashes_of(inputs: Sequence[InputPicture | InputConcept]) -> dict[tuple[str, str], str]:
    """Which pictures and concepts these are."""
    return {(each.setting, each.given): each.sha256 for each in inputs}


def hashes_in(record: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Which files a run took in, by its record: pictures, and a diffusion model that was named by its path.

    Nothing of what an older version did not write.
    """
    pictures = {(entry["setting"], entry["given"]): entry["sha256"] for entry in _entries(record)}
    return pictures | _unet_in(record)


def _unet_in(record: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    try:
        given = record["settings"]["model"]["diffusion_model"]
        sha256 = record["weights"][given]
    except (LookupError, TypeError):  # a record that anyone may have changed, or an older one
        return {}
    named = isinstance(given, str) and is_path(given) and re.fullmatch("[0-9a-f]{64}", str(sha256))
    return {("diffusion_model", given): sha256} if named else {}


def _entries(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    given = record.get("inputs")
    for entry in given if isinstance(given, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("setting"), str) and isinstance(entry.get("given"), str):
            if re.fullmatch("[0-9a-f]{64}", str(entry.get("sha256"))):
                yield entry


def retrained(settings: Settings, hashes: Mapping[str, str]) -> Iterator[str]:
    """The networks of a run whose files are others by now: trained further, or of another version of disco.

    hashes: SHA-256 of each when it was rendered. A file that is not here tells nothing.
    """
    # They are loaded where they pull, and a CLIP under its own name.
    critics = [name for name in settings.guidance.critics if name in hashes or catalog.critic(name).perceptor in hashes]
    for spec in catalog.networks_of(settings.model, settings.perceptors.clip_models, critics):
        path = store.find(spec.weights)
        if path is not None and spec.name in hashes and store.known_hash(spec, path) != hashes[spec.name]:
            yield spec.name


def by_content(values: Mapping[str, Any], hashes: Hashes) -> dict[str, Any]:
    """Settings by full name, the pictures among them called by their content, as far as it is known."""
    return called(values, {given: f"sha256:{sha256}" for given, sha256 in hashes.items()})


def with_content(values: Mapping[str, Any], hashes: Hashes) -> dict[str, Any]:
    """The same for people, who know a picture by its path."""
    return called(values, {given: f"{given[1]} (SHA-256 {sha256[:SHOWN]})" for given, sha256 in hashes.items()})


def called(values: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Settings by full name, the files among them called as `names` has them; they may be anything."""
    found = dict(values)
    prompts = values.get("image_prompts")
    for name in NAMING:
        given = values.get(name)
        if isinstance(given, str):
            found[name] = names.get((name.rpartition(".")[2], given), given)
    if isinstance(prompts, list | tuple):
        found["image_prompts"] = [_prompt_called(text, names) for text in prompts]
    by_frame = values.get("animation.by_frame")
    if isinstance(by_frame, Mapping) and isinstance(by_frame.get("image_prompts"), Mapping):
        pictures = {
            frame: [_prompt_called(text, names) for text in texts] if isinstance(texts, list | tuple) else texts
            for frame, texts in by_frame["image_prompts"].items()
        }
        found["animation.by_frame"] = {**by_frame, "image_prompts": pictures}
    concepts = {given: name for (setting, given), name in names.items() if setting == "concepts"}
    for name in PROMPTING if concepts else ():
        found[name] = with_texts(values.get(name), lambda text: _concepts_called(text, concepts))
    return found


def _concepts_called(text: str, names: Mapping[str, str]) -> str:
    """A text with each concept of `names` called as that has it."""
    return REFERENCE.sub(lambda match: f"<{names.get(match[1].lower(), match[1])}>", text)


def _prompt_called(text: Any, names: Mapping[tuple[str, str], str]) -> Any:
    prompt = _prompt_in(text)
    name = None if prompt is None else names.get(("image_prompts", prompt.path))
    return text if prompt is None or name is None else image_prompt_text(name, prompt.weight)


def _prompt_in(text: Any) -> ImagePrompt | None:
    """The image prompt in a setting; None where it holds none."""
    try:
        return parse_image_prompt(text) if isinstance(text, str) else None
    except SettingsError:
        return None


def pictures_in(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pictures that settings, by full name, refer to: setting and path."""
    prompts = values.get("image_prompts")
    found = map(_prompt_in, prompts if isinstance(prompts, list | tuple) else ())
    singles = [(name, values.get(f"init.{name}")) for name in SINGLE]
    named = [
        (name, path) for name, path in singles if path and isinstance(path, str) and (name, path) != ("mask", ALPHA)
    ]
    return named + [("image_prompts", prompt.path) for prompt in found if prompt is not None]


# A record rendered again


def found_again(
    values: Mapping[str, Any], record: Mapping[str, Any], file: Path, replaced: Container[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """The settings of a record, by full name, with the pictures where they lie now; and notes.

    A picture is looked for at its path as it was given, seen from the current folder; where it lay; seen from the
    folder of `file`, which holds the record; and among what the run folder keeps. Concepts are looked for likewise (see
    `disco.planning.concepts.folders_again`). replaced: the bare names of settings
    that are given anew.

    Raises SettingsError, one line, where none of them has the recorded content.
    """
    named = [given for given in pictures_in(values) if given[0] not in replaced]
    if entries_in(record) and not any(name in replaced for name in ("concepts", "prompt", "prompts")):
        values = {**values, "concepts": folders_again(values, record, file)}
    if "inputs" not in record:  # written by an older version
        notes = [
            f"{file} does not say which picture {name}={path!r} was; what lies there now is taken"
            for name, path in named
        ]
        return dict(values), notes
    recorded = {(entry["setting"], entry["given"]): entry for entry in _entries(record)}
    places = {given: _found(recorded[given], file) for given in named if given in recorded}  # else named, and not used
    return called(values, {given: place for given, place in places.items() if place != given[1]}), []


def files_of(record: Mapping[str, Any], file: Path) -> dict[str, bytes]:
    """The pictures that a run took in, by the names that its settings have for them, wherever they lie now.

    file: holds the record. Raises SettingsError, as `found_again` does, for one that is not found.
    """
    pictures = [entry for entry in _entries(record) if entry["setting"] != "concepts"]
    places = {entry["given"]: (entry["setting"], _found(entry, file)) for entry in pictures}
    return {
        given: read_file(fetched(setting, place) if is_address(place) else place, setting)
        for given, (setting, place) in places.items()
    }


def _found(entry: Mapping[str, Any], file: Path) -> str:
    """The path of a recorded picture, here and now."""
    setting, sha256 = entry["setting"], entry["sha256"]
    remember_fetched({(setting, entry["given"]): sha256})
    others: dict[str, str] = {}
    for path in dict.fromkeys(_places(entry, file)):
        try:
            found = sha256_of(read_file(fetched(setting, path) if is_address(path) else path, setting))
        except SettingsError:
            continue
        if found == sha256:
            return path
        others[path] = found
    was = f"{setting}={entry['given']!r} was a picture of SHA-256 {sha256[:SHOWN]} when {file} was made"
    anew = f"{setting}={'...' if setting in SINGLE else '[...]'}"
    if others:
        path = entry["path"] if entry.get("path") in others else next(iter(others))
        raise SettingsError(
            f"{was}, and {path} is another, of {others[path][:SHOWN]}; bring the first back, or take any by {anew}"
        )
    raise SettingsError(f"{was}, and is found neither there nor beside it; say where it is, or take another, by {anew}")


def _places(entry: Mapping[str, Any], file: Path) -> Iterator[str]:
    """Where a recorded picture may lie."""
    yield entry["given"]
    if isinstance(entry.get("path"), str):
        yield entry["path"]
    for folder in (file.parent, file.parent.parent):  # the second for a picture in partials/
        yield str(folder / entry["given"])
        yield from map(str, sorted((folder / KEPT).glob(f"{entry['sha256'][:16]}.*")))

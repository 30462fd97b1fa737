"""disco models: the networks' files on this machine, listed, fetched, verified, found and taken in."""

from __future__ import annotations

import re
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from disco.cli.line import verb_of
from disco.errors import SettingsError
from disco.losses import CRITIC, LOSSES
from disco.models import catalog
from disco.models.catalog.cards import SUFFIXES
from disco.models.catalog.custom import command_for, custom_names, custom_unet, in_flags, is_path
from disco.models.catalog.flags import assumed
from disco.models.files import store
from disco.models.files.fetch import fetch as fetch_file
from disco.models.files.fetch import verify as verify_file
from disco.models.files.reach import Reach
from disco.models.folder import listed, models_folder, why_unreadable
from disco.models.specs import (
    BackboneSpec,
    CriticSpec,
    NetworkSpec,
    PerceptorSpec,
    SecondarySpec,
    UNetSpec,
    WeightsFile,
)
from disco.settings.config import Settings, load, value_of
from disco.settings.overrides import ASSIGNMENT, from_arguments
from disco.units import format_file_size

USAGE = """\
disco models list [WORD ...]                 the models, or those whose names hold a word, open_clip's among them
disco models fetch NAME ... | preset=disco57 bring models here: by their names, or all that settings need
disco models verify [NAME ...]               read files anew and hold them against their hashes
disco models path [NAME]                     where a model's file is, or the folder of all
disco models import FILE [NAME] [flag=value ...]
                                             take a file of yours into that folder; see docs/models.md for flags
"""
KINDS = {
    UNetSpec: "diffusion model",
    SecondarySpec: "secondary model",
    PerceptorSpec: "perceptor",
    BackboneSpec: "beneath LPIPS",
    CriticSpec: "critic",
}


def run(words: list[str]) -> int:
    """Do what the first word says. Raises `disco.errors.SettingsError` for words that say nothing."""
    found = verb_of("models", words, list(VERBS), USAGE)
    if found is None:
        return 0
    verb, rest = found
    for word in rest:
        if word.startswith("-"):
            raise SettingsError(f"disco models {verb} has no flag {word}")
    return VERBS[verb](rest)


# list


def list_models(words: Sequence[str]) -> int:
    """Print a table: name, kind, size, whether and where it is here, licence."""
    specs = catalog.networks() + [spec for name in custom_names() if (spec := usable_card(name))]
    if words:
        from disco.models.catalog.perceptors import open_clip_names

        specs += [catalog.perceptor(name) for name in open_clip_names() if contains(name, words)]
        specs = [spec for spec in dict.fromkeys(specs) if contains(f"{spec.name} {KINDS[type(spec)]}", words)]
        if not specs:
            raise SettingsError(f"no model has {' and '.join(map(repr, words))} in its name; see disco models list")
    table(["name", "kind", "size", "here", "licence", "where"], map(row, specs))
    if not words:
        print(f"\nFiles are kept in {models_folder()}{why_unreadable()}.", end=" ")
        print("Every ARCHITECTURE:TAG of open_clip is a name too:")
        print("disco models list laion shows those with the word in their name.")
    return 0


def usable_card(name: str) -> UNetSpec | None:
    """The custom model of a card; None, and a line that says why, if it cannot be used."""
    try:
        return custom_unet(name)
    except SettingsError as error:
        print(f"disco: note: {error}", file=sys.stderr)
        return None


def contains(text: str, words: Iterable[str]) -> bool:
    """Whether all words are in the text, whatever their case and punctuation."""
    bare = re.sub(r"\W", "", text).casefold()
    return all(re.sub(r"\W", "", word).casefold() in bare for word in words)


def row(spec: NetworkSpec) -> list[str]:
    """A model's line of the table."""
    path = store.find(spec.weights)
    file = spec.weights if path is None else spec.weights.form_at(path)
    size = file.size if path is None else path.stat().st_size
    if path is not None:
        where = "in the package" if file.shipped else str(path)
    else:
        where = host(file.addresses[0]) if file.addresses else ""
    here = "no" if path is None else "yes"
    return [spec.name, KINDS[type(spec)], "" if size is None else format_file_size(size), here, file.licence, where]


def host(address: str) -> str:
    return "huggingface.co" if address.startswith("hf://") else urllib.parse.urlsplit(address).netloc


def table(head: list[str], rows: Iterable[list[str]]) -> None:
    """Print rows in columns as wide as they need."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


# fetch, verify, path


def fetch(words: Sequence[str]) -> int:
    """Bring models here, one after the other; 2 if one could not be had."""
    if not words:
        raise SettingsError("disco models fetch needs names, or settings such as preset=disco57; see disco models list")
    settings = [word for word in words if ASSIGNMENT.fullmatch(word)]
    names = [word for word in words if word not in settings]
    if settings:
        names += needed(load(from_arguments(settings)))
    failed, reach = False, Reach()
    for spec in dict.fromkeys(map(catalog.network, names)):
        try:
            print(f"{spec.name}: {fetch_file(spec.weights, reach=reach)}", flush=True)
        except SettingsError as error:  # the others may be had all the same
            print(f"disco: error: {spec.name}: {error}", file=sys.stderr)
            failed = True
    return 2 if failed else 0


def needed(settings: Settings) -> list[str]:
    """The names of all models that a run with these settings may load."""
    model = settings.model
    own = [] if is_path(model.diffusion_model) else [model.diffusion_model]  # a file is where it is
    names = [*own, *settings.perceptors.clip_models]
    if model.use_secondary_model:
        names.append(model.secondary_model)
    if value_of(settings, CRITIC.scale):
        beneath = [catalog.critic(name).perceptor for name in settings.guidance.critics]
        names += [name for name in beneath if name]
    if any(loss.uses_lpips(settings) and value_of(settings, loss.scale) for loss in LOSSES):
        names += [spec.name for spec in catalog.BACKBONES]
    return names


def verify(words: Sequence[str]) -> int:
    """Read files anew, those of the names or all that are here; 2 if one is not what it should be."""
    failed = False
    for name, form, path in files_of(words) if words else files_here():
        try:
            print(f"{name}: {verify_file(form, path)}", flush=True)
        except SettingsError as error:
            print(f"disco: error: {name}: {error}", file=sys.stderr)
            failed = True
    return 2 if failed else 0


def files_of(names: Iterable[str]) -> list[tuple[str, WeightsFile, Path]]:
    """The names' files that are here. Raises `SettingsError` for one that is not."""
    places = [(spec, store.weights_path(spec)) for spec in map(catalog.network, names)]
    return [(spec.name, spec.weights.form_at(path), path) for spec, path in places]


def files_here() -> list[tuple[str, WeightsFile, Path]]:
    """All files of the catalog that are here, then all others in the models folder: custom models, conversions."""
    specs = catalog.networks()
    found = [(spec.name, spec.weights.form_at(path), path) for spec in specs if (path := store.find(spec.weights))]
    known = {path for *_, path in found}
    others = sorted(set(listed("*")) - known)
    return found + [(path.name, WeightsFile(path.name), path) for path in others if path.suffix in SUFFIXES]


def path(words: Sequence[str]) -> int:
    """Print where the models' files are, or the folder."""
    for place in [path for *_, path in files_of(words)] if words else [models_folder()]:
        print(place)
    return 0


# import


def import_file(words: Sequence[str]) -> int:
    """Take a file into the models folder."""
    if not words:
        raise SettingsError("disco models import needs a file: disco models import FILE [NAME] [flag=value ...]")
    file, *rest = words
    flags = [word for word in rest if "=" in word]
    names = [word for word in rest if "=" not in word]
    if len(names) > 1:
        raise SettingsError(f"a file is imported under one name, and {', '.join(map(repr, names))} are {len(names)}")

    from disco.models.adopt import adopt  # which loads torch
    from disco.models.files.weights import average_in

    given = dict(map(flag, flags))
    spec, place = adopt(Path(file).expanduser(), names[0] if names else None, given)
    print(f"{spec.name}: {place}")
    if average := average_in(place):
        print(f"disco: of the states in the file the averaged one is taken, {average}", file=sys.stderr)
    if isinstance(spec, UNetSpec) and spec.name in custom_names():
        card = models_folder() / f"{spec.name}.json"
        print(
            f"disco: no shape tells, so it is assumed: {in_flags(assumed(spec, given))}; where it was trained "
            f"otherwise, import it again with the flags that differ, or change them in {card}",
            file=sys.stderr,
        )
        if spec.num_classes is not None:
            print(f"disco: it draws {spec.num_classes} classes, by number: their names are in no file", file=sys.stderr)
        print(f"disco: render with it: {command_for(spec, spec.name)}", file=sys.stderr)
    return 0


def flag(word: str) -> tuple[str, Any]:
    """flag=value, the value a switch, a whole number, or a text."""
    name, _, value = word.partition("=")
    if value.lower() in ("true", "false"):
        return name, value.lower() == "true"
    return name, int(value) if re.fullmatch(r"-?\d+", value) else value


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": list_models,
    "fetch": fetch,
    "verify": verify,
    "path": path,
    "import": import_file,
}

"""The concepts that prompts name: found, held against the perceptors, and known by their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disco.errors import SettingsError
from disco.models import catalog
from disco.models.concepts import SUFFIX, Concept, concepts_folder, find_concept, names_in, read_concept
from disco.models.files import store
from disco.models.folder import is_there
from disco.planning.expansion import expanded_of, texts_in
from disco.settings.config import Settings
from disco.settings.paths import expanded

#: The folder below a run's own that keeps them.
KEPT = "concepts"
#: What of a hash is shown.
SHOWN = 12


@dataclass(frozen=True)
class InputConcept:
    """A concept that a run reads, as it was when the run was planned.

    perceptors: those of the run, by the names of the catalog. sha256: of the vectors that they read.
    """

    concept: Concept
    perceptors: tuple[str, ...]
    sha256: str
    setting: str = "concepts"

    @property
    def given(self) -> str:
        """What prompts call it."""
        return self.concept.name

    @property
    def data(self) -> bytes:
        """The bytes of its file."""
        return self.concept.data

    @property
    def kept_as(self) -> str:
        """Where a run folder keeps it, seen from there."""
        return f"{KEPT}/{self.concept.name}{SUFFIX}"

    def is_kept(self, asked: bool) -> bool:
        return asked

    def record(self, kept: bool) -> dict[str, Any]:
        """What a run's record says of it. kept: whether the run folder is asked to keep a copy."""
        said = {name: getattr(self, name) for name in ("setting", "given", "sha256")}
        return said | {"path": self.concept.path, "kept": self.kept_as if kept else None}


def folders_of(given: Any) -> tuple[Path, ...]:
    """Where the setting concepts looks for them; none where it is null.

    Raises SettingsError for what is no folder's name.
    """
    if given is None:
        return ()
    named = (given,) if isinstance(given, str) else given
    if not isinstance(named, list | tuple) or not all(isinstance(each, str) and each for each in named):
        raise SettingsError(
            f"concepts is {given!r}, but must be auto, a folder, a list of folders, or null to take <name> in prompts "
            "for plain text"
        )
    return tuple(concepts_folder() if each == "auto" else expanded(each) for each in named)


def concepts_of(settings: Settings) -> tuple[InputConcept, ...]:
    """The concepts that the prompts name, in their order; those of a film's too.

    Raises SettingsError for one that is not there, is damaged, or does not fit a perceptor that is to read it.
    """
    folders = folders_of(settings.concepts)
    film = settings.animation
    given = [*expanded_of(settings), *([] if film.animation_mode == "none" else [film.animation_prompts])]
    names = names_in(text for each in given for text in texts_in(each)) if folders else []
    guidance = settings.guidance
    perceptors = (
        perceptors_that_read(settings.perceptors.clip_models, guidance.critics, guidance.critic_scale) if names else ()
    )
    return tuple(_input(find_concept(name, folders), perceptors) for name in names)


def perceptors_that_read(clip_models: Sequence[str], critics: Sequence[str], critic_scale: Any) -> tuple[str, ...]:
    """The perceptors that read the prompts of a run, by the names of the catalog; those of critics if they may pull."""
    beneath = [catalog.critic(name) for name in critics] if critic_scale else []
    names = [*clip_models, *(spec.perceptor for spec in beneath if spec.perceptor and spec.reads)]
    return tuple(dict.fromkeys(catalog.perceptor(name).name for name in names))


def _input(concept: Concept, perceptors: Sequence[str]) -> InputConcept:
    for name in perceptors:
        check_learned_for(concept, name)
    return InputConcept(concept, tuple(perceptors), concept.sha256_for(perceptors))


def check_learned_for(concept: Concept, perceptor: str) -> None:
    """Raise SettingsError unless the concept was learned for the perceptor, and for the weights that are here."""
    again = f"disco concept learn {concept.name} FOLDER 'clip_models=[{perceptor}]'"
    known = concept.perceptors.get(perceptor)
    if known is None and catalog.perceptor(perceptor).hub_tokenizer is not None:
        raise SettingsError(
            f"{perceptor} reads prompts by a tokenizer of the hub, which takes no concepts, and the prompts name "
            f"<{concept.name}>; leave it out of clip_models and critics"
        )
    if known is None:
        raise SettingsError(
            f"<{concept.name}> was learned for {', '.join(concept.perceptors)}, not for {perceptor}: {again}, with the "
            "folder that it was learned from, adds that; or choose other clip_models"
        )
    spec = catalog.perceptor(perceptor)
    path = store.find(spec.weights)  # where there are none, that is said when they are to be loaded
    if path is not None and (found := store.known_hash(spec, path)) != known:
        raise SettingsError(
            f"<{concept.name}> was learned for other weights of {perceptor}, of SHA-256 {known[:SHOWN]} and not "
            f"{found[:SHOWN]}: remove {concept.path} and learn it again, or bring those weights back"
        )


# A record rendered again


def entries_in(record: Mapping[str, Any]) -> dict[str, str]:
    """The concepts that a run read, by its record: the SHA-256 of what its perceptors read, by name."""
    given = record.get("inputs")
    entries = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return {str(each.get("given")): str(each.get("sha256")) for each in entries if each.get("setting") == "concepts"}


def folders_again(values: Mapping[str, Any], record: Mapping[str, Any], file: Path) -> Any:
    """The setting concepts with which the settings of a record, by full name, read what they read then.

    Looked for where the record says, and among what the run folder keeps. file: holds the record.

    Raises SettingsError, one line, where a concept is another by now, or gone.
    """
    given = values.get("concepts")
    entries = entries_in(record)
    if not entries:
        return given
    critics, scale = values.get("guidance.critics", ()), values.get("guidance.critic_scale", 0)
    perceptors = perceptors_that_read(values["perceptors.clip_models"], critics, scale)
    for name, sha256 in entries.items():
        there = _sha256_in(folders_of(given), name, perceptors)
        if there == sha256:
            continue
        for beside in (file.parent / KEPT, file.parent.parent / KEPT):  # the second for a picture in partials/
            if _sha256_in([beside], name, perceptors) == sha256:
                given = [str(beside), *([given] if isinstance(given, str) else given or ())]
                break
        else:
            now = f"now another, of {there[:SHOWN]}" if there else "not there any more"
            raise SettingsError(
                f"<{name}> was a concept of SHA-256 {sha256[:SHOWN]} when {file} was made, and is {now}; bring the "
                "first back, or take what is there by concepts=auto, or another folder"
            )
    return given


def _sha256_in(folders: Iterable[Path], name: str, perceptors: Sequence[str]) -> str | None:
    """The hash of the concept of that name that lies first in folders; None without one that these can read."""
    for folder in folders:
        path = folder / f"{name}{SUFFIX}"
        if is_there(path):
            try:
                return read_concept(path).sha256_for(perceptors)
            except (SettingsError, KeyError):
                return None
    return None

"""A claim and its study file: conf/study/claims holds one for each, and a user's own files may too.

    # @package _global_
    hydra:
      sweeper:
        name: cut_ic_pow
        params: {cut_ic_pow: [0.5, 1, 5], prompt: [...], seed: "0,1,2,3"}
        claim:
          number: 1
          says: Higher cut_ic_pow gives more detail.
          source: chapters 3 and 5
          means: In small cuts a perceptor sees texture, ...
          predictions:
            - {kind: trend, metric: detail, over: cut_ic_pow, direction: rises}

The study is one like any other (`disco study=claims/01_detail_by_cut_ic_pow`). Two claims whose studies have the same
name, axes and fixed settings share one folder, and so its pictures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from disco.claims.predictions import Computed, prediction_of
from disco.claims.questions import Prediction
from disco.errors import SettingsError

#: The names that a claim has in its file.
NAMES = ("number", "says", "source", "means", "predictions", "variants", "sizes")

#: How many prompts, and how many seeds, a size takes of a study, where the claim does not say otherwise.
SIZES = {"smoke": (2, 2), "small": (8, 4), "full": (16, 8)}
FILE = re.compile(r"(?P<number>\d{2})_\w+\.yaml")


@dataclass(frozen=True)
class Claim:
    """What is claimed, and what follows from it.

    number: of the list of claims. slug: the name of its file. says: the claim in a sentence. source: where it stands.
    means: what the verdict means for somebody who renders. variants: see `disco.claims.units.Units`. sizes: prompts and
    seeds, by the name of the size.
    """

    number: int
    slug: str
    says: str
    source: str
    means: str
    predictions: tuple[Prediction, ...]
    variants: tuple[str, ...] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=lambda: SIZES)

    @property
    def is_computed(self) -> bool:
        """Whether no picture is needed."""
        return all(isinstance(prediction, Computed) for prediction in self.predictions)


def claims() -> dict[int, Claim]:
    """All claims that come along, by number."""
    found = [read_claim(name, text) for name, text in _files()]
    return {claim.number: claim for claim in sorted(found, key=lambda claim: claim.number)}


def _files() -> list[tuple[str, str]]:
    folder = files("disco.conf") / "study" / "claims"
    named = [(entry.name, entry) for entry in folder.iterdir() if FILE.fullmatch(entry.name)]
    return [(Path(name).stem, entry.read_text(encoding="utf-8")) for name, entry in sorted(named)]


def read_claim(slug: str, text: str) -> Claim:
    """The claim in a study file. Raises SettingsError for a file without one, and for what one cannot have."""
    try:
        given: Any = yaml.safe_load(text)["hydra"]["sweeper"]["claim"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise SettingsError(f"{slug} holds no hydra.sweeper.claim: {' '.join(str(error).split())}") from error
    return claim_of(slug, given)


def claim_of(slug: str, given: Any) -> Claim:
    """A claim as a file has it. Raises SettingsError for what one cannot have."""
    if not isinstance(given, Mapping):
        raise SettingsError(f"{slug}: claim is {given!r}, but must be a mapping of {', '.join(NAMES)}")
    for name in given:
        if name not in NAMES:
            raise SettingsError(f"{slug}: a claim has {name!r}, but can have {', '.join(NAMES)}")
    for name in ("number", "says", "predictions"):
        if not given.get(name):
            raise SettingsError(f"{slug}: the claim has no {name}")
    if not isinstance(given["predictions"], Sequence):
        raise SettingsError(f"{slug}: predictions is {given['predictions']!r}, but must be a list")
    try:
        predictions = tuple(map(prediction_of, given["predictions"]))
    except SettingsError as error:
        raise SettingsError(f"{slug}: {error}") from error
    says, source, means = (" ".join(str(given.get(name, "")).split()) for name in ("says", "source", "means"))
    sizes = SIZES | {name: (int(size[0]), int(size[1])) for name, size in (given.get("sizes") or {}).items()}
    variants = tuple(given.get("variants", ()))
    return Claim(int(given["number"]), slug, says, source, means, predictions, variants, sizes)

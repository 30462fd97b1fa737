"""What trackers are told, and what each of them does with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from disco.run.folder.reading import STUDY_FILE

#: What of a step's line is no schedule value.
NO_SCHEDULE = (
    "pictures",
    "number",
    "share",
    "index",
    "sampler",
    "losses",
    "loss",
    "gradient_rms",
    "skipped",
    "finite",
    "measures",
    "guard",
    "seconds",
)


@dataclass(frozen=True)
class Tracked:
    """The run that is tracked.

    folder: the run's. settings: every value by its full name. started: when, as run.json says. pictures: how many it
    makes. batch_name: as in the settings. going_on: of the pictures that an earlier part of the run has told of, the
    step that they go on at.
    """

    folder: Path
    settings: Mapping[str, Any]
    started: str
    pictures: int
    batch_name: str
    going_on: Mapping[int, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the run is called: its folder's name."""
        return self.folder.name

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell of a study."""
        return (self.folder.parent / STUDY_FILE).is_file()

    @property
    def group(self) -> str:
        """What runs of a kind have in common: the name of their study, else batch_name."""
        return self.folder.parent.name if self.is_cell else self.batch_name

    @property
    def identity(self) -> str:
        """32 hexadecimal digits that are the run's alone, and the same when it goes on."""
        return sha256(f"{self.started} {self.group}/{self.name}".encode()).hexdigest()[:32]

    def store(self, tracker: str) -> Path:
        """The folder of a store that holds many runs: one for all cells of a study."""
        return (self.folder.parent if self.is_cell else self.folder) / tracker


class Tracker(Protocol):
    """A tracker at work on one run. It is used by one thread; whatever it raises ends the tracker, not the run.

    last: of pictures that it was told of when the run began before, the last step that it has; none later is missing.
    """

    last: dict[int, int]

    def step(self, picture: int, number: int, values: Mapping[str, float], image: Image.Image | None) -> None:
        """A picture's step, by number from 0: its values by name, and the picture as it stands where it is shown."""

    def measured(self, picture: int, number: int, values: Mapping[str, float]) -> None:
        """A picture is finished after `number` steps: its metrics by name."""

    def go_back(self, pictures: Sequence[int], done: int) -> None:
        """The steps of these pictures after the first `done` ones are computed anew, and told again."""
        for picture in pictures:
            self.last[picture] = done - 1

    def finish(self, status: str) -> None:
        """The run has ended: "finished", "interrupted" or "failed"."""


def values_of(line: Mapping[str, Any], place: int, perceptors: tuple[str, ...]) -> dict[str, float]:
    """What a line of steps.jsonl says of one of its pictures, by name.

    place: of the picture among those of the line. perceptors: names, in the order of the line's weights.
    """
    schedules = {name: value for name, value in line.items() if name not in NO_SCHEDULE}
    schedules["perceptor_weights"] = dict(zip(perceptors, line["perceptor_weights"], strict=True))
    if not line.get("critic_scale"):
        schedules.pop("critic_weights", None)
    return {
        **dict(scalars("losses", {name: losses[place] for name, losses in line["losses"].items()})),
        "gradient/rms": float(line["gradient_rms"][place]),
        **dict(scalars("measures", {name: values[place] for name, values in line.get("measures", {}).items()})),
        **dict(scalars("schedules", schedules)),
        "time/seconds": float(line["seconds"]),
    }


def scalars(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
    """The numbers and switches in nested mappings and lists, by their path; texts and what is None are left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from scalars(f"{prefix}/{name}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from scalars(f"{prefix}/{place}", inner)
    elif isinstance(value, int | float):
        yield prefix, float(value)


def named(picture: int, values: Mapping[str, float]) -> dict[str, float]:
    """Values under names that say which picture they are of, for trackers that know one row of names a run."""
    return {f"image_{picture}/{name}": value for name, value in values.items()}


def preset_environment(**values: str) -> None:
    """Set environment variables of a library, before it is imported, that nobody has set: what it would send unasked,
    what it prints, how long it waits.
    """
    for name, value in values.items():
        os.environ.setdefault(name, value)

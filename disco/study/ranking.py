"""The pictures of a study in the order of what was measured of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from disco.errors import SettingsError
from disco.settings.config import METRIC_NAMES
from disco.study.results import CellPicture, Study

T = TypeVar("T")


def check_rank(rank: str, known: Iterable[str] = METRIC_NAMES) -> str:
    """A rank as it was given: a metric, the greatest value first, or after a minus the smallest.

    Raises SettingsError for one that is not known.
    """
    names = list(dict.fromkeys(known))
    if rank.removeprefix("-") not in names:
        allowed = ", ".join(names) or "nothing, for nothing was measured"
        raise SettingsError(f"rank is {rank!r}, but must be one of {allowed}; -NAME has the smallest value first")
    return rank


def measured_in(study: Study) -> list[str]:
    """The metrics that have a number for any picture of the study."""
    pictures = [picture for cell in study.cells for picture in cell.pictures]
    return [
        name for name in dict.fromkeys(name for each in pictures for name in each.metrics) if _known(pictures, name)
    ]


def _known(pictures: Iterable[CellPicture], name: str) -> bool:
    return any(value_of(picture, name) is not None for picture in pictures)


def value_of(picture: CellPicture | None, rank: str) -> float | None:
    """What the metric of a rank says of a picture; None where it says nothing, or no number."""
    value = None if picture is None else picture.metrics.get(rank.removeprefix("-"))
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return value


def in_rank(items: Iterable[T], rank: str, picture_of: Callable[[T], CellPicture | None]) -> list[T]:
    """The items by the value of the rank's metric, those without one at the end; in their own order for no rank."""
    sign = 1 if rank.startswith("-") else -1

    def place(item: T) -> tuple[bool, float]:
        value = value_of(picture_of(item), rank)
        return value is None, 0 if value is None else sign * value

    return sorted(items, key=place) if rank else list(items)

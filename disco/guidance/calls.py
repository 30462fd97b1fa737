"""Functions that do not need one another, called one by one or side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

#: Calls functions that do not need one another, and returns what they returned, in their order.
CallAll = Callable[[Iterable[Callable[[], Any]]], list[Any]]


def one_by_one(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Call functions in turn; `disco.resources.threads.side_by_side` calls them at once."""
    return [call() for call in calls]

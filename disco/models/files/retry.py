"""How patiently a file is fetched: what is waited for, and what is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """How patiently a file is fetched.

    timeout: seconds without a byte after which a server is given up. slowest: the bytes that a minute has to bring.
    pauses: seconds between the rounds over all addresses; one round more than there are pauses. enough: a connection
    that brought so many new bytes before it broke is followed by another at once. overlap: so many bytes that are here
    already are asked for once more, and compared: the rest of another file begins otherwise. block: bytes that are read
    at once. sleep, clock: wait for seconds, and tell them.
    """

    timeout: float = 30.0
    slowest: int = 60 << 10
    pauses: tuple[float, ...] = (1.0, 3.0, 9.0)
    enough: int = 1 << 20
    overlap: int = 64 << 10
    block: int = 1 << 20
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


#: Of all that is fetched, unless a caller says otherwise.
DEFAULT = RetryPolicy()

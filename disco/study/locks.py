"""Locks between everything that works in one study's folder: workers, commands, reports.

The system lets go of a lock when its process dies, however it dies. (On a network file system this takes one that
locks over the network, as NFS 4 does.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

#: The folder of locks and marks inside a study's.
WORK = ".work"

#: Seconds in which those that only look at a cell, or write its metrics, let go of it. A worker keeps it for longer.
GLANCE = 0.5

#: For `held`: wait as long as it takes.
FOREVER = -1


def lock_of(folder: Path, name: str) -> FileLock:
    """A lock of a study, which one process holds at a time: a cell's by its key, or "declaration", "report"."""
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    return FileLock(folder / WORK / f"{name}.lock")


@contextmanager
def held(folder: Path, key: str, patience: float = 0) -> Iterator[bool]:
    """Keep a cell of a study to this process meanwhile; False where another has it for longer than `patience` (s)."""
    lock = lock_of(folder, key)
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()

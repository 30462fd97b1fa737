"""A study's sheet and page while it is rendered: written again by the command, as cells come in.

The workers know nothing of it. A thread looks at the folder every few seconds, and takes a small share of a core's
time, however large the study: the longer the writing, the longer the wait for the next time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from disco.errors import SettingsError
from disco.run.folder.reading import FILM_RECORD, RUN_RECORD
from disco.study.locks import lock_of

#: Seconds from one writing to the next, at least; and how much of the time may go into it.
EVERY = 3.0
SHARE = 0.03


@contextmanager
def kept_up(folder: Path, every: float = EVERY) -> Iterator[None]:
    """Keep the report of a study up with what is there of it meanwhile. It is written for the first time at once."""
    done = threading.Event()
    thread = threading.Thread(target=_write_again, args=(folder, done, every), name="report", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _write_again(folder: Path, done: threading.Event, every: float) -> None:
    shown, wait = None, 0.0
    while not done.wait(wait):
        began = time.thread_time()
        there = _standing(folder)
        if there != shown and _write(folder):
            shown = there
        wait = max(every, (time.thread_time() - began) / SHARE)


def _standing(folder: Path) -> list[tuple[str, int]]:
    """What tells whether there is anything new: when each cell's record was written."""
    found = []
    for record in [*folder.glob(f"*/{RUN_RECORD}"), *folder.glob(f"*/{FILM_RECORD}")]:
        try:
            found.append((record.parent.name, record.stat().st_mtime_ns))
        except OSError:  # it is being cleared away
            continue
    return sorted(found)


def _write(folder: Path) -> bool:
    """Write the report, unless another command does; whether it was written."""
    from disco.study.report import write_live_report

    try:
        with lock_of(folder, "report").acquire(timeout=0):
            write_live_report(folder)
    except Timeout:
        return False
    except (OSError, SettingsError):  # the report at the end says what is wrong
        pass
    return True

"""A study's sheet and page while it is rendered: written again by the command, as cells come in.

The workers know nothing of it. A thread looks at the folder every few seconds, and takes a small share of a core's
time, however large the study: the longer the writing, the longer the wait for the next time. `disco report --watch`
does the same for a study that others render, on this machine or elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from disco.errors import SettingsError
from disco.run.folder.reading import FILM_RECORD, RUN_RECORD, STUDY_FILE
from disco.study.locks import lock_of

#: Seconds from one writing to the next, at least; and how much of the time may go into it.
EVERY = 3.0
SHARE = 0.03


@contextmanager
def kept_up(folder: Path, every: float = EVERY) -> Iterator[None]:
    """Keep the report of a study up with what is there of it meanwhile. It is written for the first time at once."""
    done = threading.Event()
    thread = threading.Thread(target=keep_up, args=(folder, done, every), name="report", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def keep_up(
    folder: Path, done: threading.Event, every: float = EVERY, enough: Callable[[Path], bool] = lambda folder: False
) -> None:
    """Write the report of a study again whenever there is something new, until `done`.

    every: seconds from one look to the next, at least. enough: whether all is there after a writing, by the folder.
    """
    shown, wait = None, 0.0
    while not done.wait(wait):
        began = time.thread_time()
        there = _standing(folder)
        if there != shown and _write(folder):
            shown = there
            if enough(folder):
                return
        wait = max(every, (time.thread_time() - began) / SHARE)


def is_over(folder: Path) -> bool:
    """Whether a study says which cells it has, and each of them was rendered, or failed."""
    from disco.study.read import read_study

    if not (folder / STUDY_FILE).exists():
        return False
    return all(cell.status in ("finished", "failed", "damaged") for cell in read_study(folder).cells)


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
